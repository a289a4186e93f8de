"""OpenRouter's own export of the calls that it served, with the charged cost."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import as_content, content_of
from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.span_facts import SpanFacts

_METADATA = "trace.metadata."
_INPUTS = ("gen_ai.prompt", "span.input", "trace.input")
_OUTPUTS = ("gen_ai.completion", "span.output", "trace.output")


def read(facts: SpanFacts) -> None:
    """Set content, and OpenRouter as the provider: the attribute names the company that OpenRouter called."""
    named = facts.texts.get("provider")
    if named is not None:
        facts.rest["gen_ai.provider.name"] = named
    facts.texts["provider"] = "openrouter"
    attributes = facts.attributes
    request = next((found for key in _INPUTS if (found := content_of(attributes.get(key)))), None)
    response = next((found for key in _OUTPUTS if (found := content_of(attributes.get(key)))), None)
    messages: Json = request.value if request is not None else None
    if isinstance(messages, dict):
        messages = messages.get("messages", messages.get("input", messages.get("prompt")))
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    answer = _answer(response.value) if response is not None else None
    set_messages(
        facts,
        messages=as_content(messages) if isinstance(messages, list) else None,
        answers=as_content([answer]) if answer else None,
    )
    read_content(facts)


def _answer(value: Json) -> JsonObject | None:
    """Return `{"completion": …, "reasoning": …, "tool_calls": […]}` as a message."""
    if isinstance(value, str):
        return {"role": "assistant", "content": value}
    if not isinstance(value, dict):
        return None
    answer: JsonObject = {"role": "assistant", "content": value.get("completion", value.get("content"))}
    for name in ("reasoning", "tool_calls", "reasoning_details"):
        if value.get(name):
            answer[name] = value[name]
    return answer


DIALECT = Dialect(
    name="openrouter",
    scopes=("openrouter", "broadcast"),
    markers=("trace.metadata.openrouter.", "openrouter."),
    counts={
        "cache_read": ("gen_ai.usage.input_tokens.cached",),
        "cache_write": ("gen_ai.usage.input_tokens.cache_write",),
        "reasoning": ("gen_ai.usage.output_tokens.reasoning",),
    },
    cost_usd=("gen_ai.usage.total_cost",),
    content=(*_INPUTS, *_OUTPUTS),
    noise=("span.type", "span.level"),
    custom_prefixes=(_METADATA,),
    read=read,
    extends=OTEL_GENAI,
)
