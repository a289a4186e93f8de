"""LiteLLM: a span for the call, and one for the raw request below it."""

from __future__ import annotations

import re

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.openllmetry import read as read_openllmetry
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.mapping.documents import read_parameters, read_response
from pulse_collector.mapping.json_text import JsonObject, parse_repr, to_json
from pulse_collector.mapping.span_facts import SpanFacts

_CALLS = {
    "completion": "chat",
    "responses": "chat",
    "anthropic_messages": "chat",
    "generate_content": "generate_content",
    "generate_content_stream": "generate_content",
    "text_completion": "text_completion",
    "embedding": "embeddings",
    "rerank": "rerank",
    "image_generation": "image_generation",
    "image_edit": "image_edit",
    "speech": "speech",
    "transcription": "transcription",
    "moderation": "moderation",
}


_RAW_REQUEST = re.compile(r"llm\.([\w-]+)\.(.+)")


def read(facts: SpanFacts) -> None:
    """Read content; of the raw request what the provider said, which the call above it says in part."""
    if facts.name == "raw_gen_ai_request":
        _read_raw(facts)
    else:
        read_openllmetry(facts)


def _read_raw(facts: SpanFacts) -> None:
    """Members of request and response, each in an attribute, as Python writes them: `llm.openai.usage`.

    The response id stays out: of Anthropic's calls the span above has one of LiteLLM's own making.
    """
    facts.operation = "raw_request"
    provider: str | None = None
    document: JsonObject = {}
    for key, value in facts.attributes.items():
        member = _RAW_REQUEST.fullmatch(key)
        if member is not None:
            provider = member[1]
            parsed = parse_repr(value) if isinstance(value, str) and value[:1] in ("{", "[") else None
            document[member[2]] = to_json(value) if parsed is None else parsed
    facts.fill("provider", provider)
    # The span of a call; without an answer it says nothing that the one above it does not.
    facts.model_call = "usage" in document
    if facts.model_call:
        read_parameters(facts, {"model": document.get("model")})
        read_response(
            facts, {name: member for name, member in document.items() if name not in ("id", "model")}
        )


DIALECT = Dialect(
    name="litellm",
    scopes=("litellm",),
    kind_key="llm.request.type",
    # The name of the function that was called; those with an `a` are awaited.
    kinds={prefix + name: operation for name, operation in _CALLS.items() for prefix in ("", "a")},
    kind_wins=True,
    texts={
        "session_id": ("gen_ai.conversation.id", "session.id", "metadata.session_id", "litellm.session_id"),
        "user_id": ("user.id", "enduser.id", "gen_ai.request.user", "llm.user", "metadata.user_id"),
    },
    content_prefixes=("llm.request.functions.",),
    read=read,
    extends=OTEL_GENAI,
)
