"""LiteLLM: a span for the call, and a child span for the raw request."""

from __future__ import annotations

import re
from base64 import b64decode

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import set_messages
from pulse_collector.dialects.openllmetry import read as read_openllmetry
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import as_content, content_of
from pulse_collector.facts.documents import read_parameters, read_response, read_usage, request_text
from pulse_collector.facts.indexed import indexed_list
from pulse_collector.facts.json_text import JsonObject, dump_json, parse_repr, to_json
from pulse_collector.facts.model_names import provider_by_model
from pulse_collector.facts.span_facts import SpanFacts, clean_text

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


#: `litellm:custom_llm_provider:openai;model_id:None;response_id:resp_1`, in base64.
_HIDDEN_ID = re.compile(r"^litellm:.*;response_id:(\S+)$")
#: Members of raw requests and raw responses that are content.
_REQUEST_MEMBERS = (
    "messages",
    "input",
    "prompt",
    "contents",
    "system",
    "instructions",
    "tools",
    "query",
    "documents",
)
_RESPONSE_MEMBERS = ("choices", "content", "output", "candidates", "message", "results", "text")
_RAW_REQUEST = re.compile(r"llm\.([\w-]+)\.(.+)")


def read(facts: SpanFacts) -> None:
    """Set content; from a raw request, facts that the span of the call lacks."""
    if facts.name == "raw_gen_ai_request":
        _read_raw(facts)
        return
    _read_ids(facts)
    facts.fill("user_id", facts.attributes.get("metadata.user_api_key_user_id"))
    _read_route(facts)
    _read_usage(facts)
    _read_calls(facts)
    read_openllmetry(facts)


def _read_ids(facts: SpanFacts) -> None:
    """Replace LiteLLM's own ids, which it writes without a provider id or around one, by the provider's."""
    response_id = facts.texts.get("provider_request_id")
    if response_id is None:
        return
    if response_id == facts.attributes.get("litellm.call_id"):
        del facts.texts["provider_request_id"]
    elif response_id.startswith("resp_"):
        hidden = _HIDDEN_ID.search(_decoded(response_id.removeprefix("resp_")))
        if hidden is not None:
            facts.texts["provider_request_id"] = clean_text(hidden[1])


def _read_route(facts: SpanFacts) -> None:
    """Set provider and requested model, whose name may be that of a group of deployments."""
    sent = facts.attributes.get("litellm.provider.model")
    if isinstance(sent, str) and sent:
        facts.fill("provider", provider_by_model(sent))
        facts.fill("model_used", sent)


def _decoded(text: str) -> str:
    try:
        return b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return ""


def _read_usage(facts: SpanFacts) -> None:
    """Set usage from the provider's usage object, with its cost and the parts without an attribute."""
    usage = parse_repr(facts.attributes.get("metadata.usage_object"))
    read_usage(facts, usage)


def _read_calls(facts: SpanFacts) -> None:
    """Add the tool calls that the messages lack, from attributes with the older names."""
    answers = content_of(facts.attributes.get("gen_ai.output.messages"))
    called = indexed_list(facts.flattened, "gen_ai.completion.")
    if answers is None or not isinstance(answers.value, list) or not called:
        return
    for message, extra in zip(answers.value, called, strict=False):
        call = extra.get("function_call") if isinstance(extra, dict) else None
        if isinstance(message, dict) and isinstance(call, dict) and message.get("parts") == []:
            message["parts"] = [{"type": "tool_call", **call}]
    set_messages(facts, messages=None, answers=as_content(answers.value))


def _read_raw(facts: SpanFacts) -> None:
    """Set facts from single members of request and response in Python's repr (`llm.openai.usage`).

    The response id is not set: for Anthropic, the span of the call has an id that LiteLLM made.
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
            if member[2] in _REQUEST_MEMBERS or member[2] in _RESPONSE_MEMBERS:
                facts.rest.pop(key, None)
    facts.fill("provider", provider)
    _read_raw_content(facts, document)
    # A raw response without usage adds nothing to the span of the call.
    facts.model_call = "usage" in document
    if facts.model_call:
        read_parameters(facts, {"model": document.get("model")})
        read_response(
            facts, {name: member for name, member in document.items() if name not in ("id", "model")}
        )


def _read_raw_content(facts: SpanFacts, document: JsonObject) -> None:
    request: JsonObject = {name: document[name] for name in _REQUEST_MEMBERS if name in document}
    response: JsonObject = {name: document[name] for name in _RESPONSE_MEMBERS if name in document}
    if request:
        facts.request = dump_json(request)
        facts.input_text = request_text(request)
    if response:
        facts.response = dump_json(response)


DIALECT = Dialect(
    name="litellm",
    scopes=("litellm",),
    kind_key="llm.request.type",
    # The name of the function that was called; asynchronous ones have the prefix `a`.
    kinds={prefix + name: operation for name, operation in _CALLS.items() for prefix in ("", "a")},
    kind_wins=True,
    texts={
        "session_id": ("gen_ai.conversation.id", "session.id", "metadata.session_id", "litellm.session_id"),
        "user_id": (
            "user.id",
            "enduser.id",
            "gen_ai.request.user",
            "llm.user",
            "metadata.user_id",
            "metadata.user_api_key_end_user_id",
        ),
    },
    content=("metadata.usage_object", "litellm.provider.model"),
    content_prefixes=("llm.request.functions.",),
    read=read,
    extends=OTEL_GENAI,
)
