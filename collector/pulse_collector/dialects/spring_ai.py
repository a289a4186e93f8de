"""Spring AI: Micrometer's observations, all of whose values are texts."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.span_facts import SpanFacts

_CONVERSATION = "spring.ai.chat.client.conversation.id"
_INPUTS = (
    "spring.ai.tool.call.arguments",
    "gen_ai.tool.call.arguments",
    "db.vector.query.content",
    "spring.ai.chat.client.user.text",
    "spring.ai.chat.client.input",
    "spring.ai.model.request.messages",
)
_OUTPUTS = (
    "spring.ai.tool.call.result",
    "gen_ai.tool.call.result",
    "db.vector.query.response.documents",
    "spring.ai.chat.client.output",
    "spring.ai.model.response.messages",
)


def read(facts: SpanFacts) -> None:
    """Set content, also from the attributes of vector stores and tools."""
    if facts.texts.get("session_id") == "default" and facts.attributes.get(_CONVERSATION) == "default":
        # The default conversation id, which all conversations share.
        del facts.texts["session_id"]
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)


DIALECT = Dialect(
    name="spring-ai",
    scopes=("spring-ai", "org.springframework.ai"),
    markers=("spring.ai.",),
    kind_key="spring.ai.kind",
    kinds={
        "chat_client": "chain",
        "advisor": "chain",
        "chat_model": "chat",
        "embedding_model": "embeddings",
        "image_model": "image_generation",
        "moderation_model": "moderation",
        "tool_call": "execute_tool",
        "vector_store": "retrieval",
    },
    # A chat client has the operation `framework`, and repeats the model and the tokens of its calls.
    kind_wins=True,
    texts={"session_id": ("gen_ai.conversation.id", "session.id", _CONVERSATION)},
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "spring.ai.chat.client.system.text",
        "spring.ai.chat.client.system.params",
        "spring.ai.chat.client.user.params",
        "spring.ai.chat.client.user",
        "spring.ai.chat.client.system",
    ),
    read=read,
    extends=OTEL_GENAI,
)
