"""Sentry's gen_ai spans: the conventions, with its own names for messages, answers and counts."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.content import as_content, content_of
from pulse_collector.facts.json_text import Json, JsonObject, parse_json, to_json
from pulse_collector.facts.span_facts import SpanFacts

#: Operations by `sentry.op`; spans with other values are not gen-ai spans.
_OPERATIONS = {
    "gen_ai.chat": "chat",
    "gen_ai.request": "chat",
    "gen_ai.messages": "chat",
    "gen_ai.responses": "chat",
    "gen_ai.models": "chat",
    "gen_ai.generate_text": "chat",
    "gen_ai.stream_text": "chat",
    "gen_ai.generate_content": "generate_content",
    "gen_ai.text_completion": "text_completion",
    "gen_ai.embeddings": "embeddings",
    "gen_ai.embed": "embeddings",
    "gen_ai.rerank": "rerank",
    "gen_ai.execute_tool": "execute_tool",
    "gen_ai.invoke_agent": "invoke_agent",
    "gen_ai.create_agent": "create_agent",
    "gen_ai.handoff": "agent_step",
    "gen_ai.pipeline": "invoke_workflow",
    "ai.chat_completions.create.openai": "chat",
    "ai.messages.create.anthropic": "chat",
    "ai.pipeline": "invoke_workflow",
    "ai.run": "chain",
}
_CALLS = frozenset({"chat", "generate_content", "text_completion", "embeddings", "rerank"})
_MESSAGES = ("gen_ai.request.messages", "ai.input_messages", "gen_ai.embeddings.input")
_TOOLS = ("gen_ai.request.available_tools", "ai.tools")
_TEXTS = ("gen_ai.response.text", "ai.responses", "gen_ai.response.object")
_CALLED = ("gen_ai.response.tool_calls", "ai.tool_calls")
_INPUTS = ("gen_ai.tool.input", "ai.function_call", "gen_ai.pipeline.input", *_MESSAGES)
_OUTPUTS = ("gen_ai.tool.output", *_TEXTS)


def read(facts: SpanFacts) -> None:
    """Set the operation, messages and answers."""
    op = facts.attributes.get("sentry.op")
    if isinstance(op, str) and op in _OPERATIONS and "gen_ai.operation.name" not in facts.attributes:
        facts.operation = _OPERATIONS[op]
        facts.model_call = facts.operation in _CALLS
    if facts.operation not in ("execute_tool", "embeddings"):
        _read_messages(facts)
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)


def _read_messages(facts: SpanFacts) -> None:
    attributes = facts.attributes

    def first(keys: tuple[str, ...]) -> AttributeValue:
        return next((value for key in keys if (value := attributes.get(key)) is not None), None)

    messages = content_of(first(_MESSAGES))
    if messages is not None and isinstance(messages.value, str):
        messages = as_content([{"role": "user", "content": messages.value}])
    text = _joined(first(_TEXTS))
    called = first(_CALLED)
    calls = parse_json(called) if isinstance(called, str) else to_json(called)
    answer: JsonObject = {"role": "assistant", "content": text}
    if isinstance(calls, list) and calls:
        answer["tool_calls"] = calls
    set_messages(
        facts,
        messages=messages,
        answers=as_content([answer]) if text or "tool_calls" in answer else None,
        tools=content_of(first(_TOOLS)),
    )


def _joined(value: AttributeValue) -> str | None:
    """Return the text of an answer, which may be a list of texts, also as JSON."""
    document: Json = to_json(value)
    if isinstance(document, str) and document[:1] == "[":
        document = parse_json(document) or document
    if isinstance(document, list):
        return "".join(item for item in document if isinstance(item, str)) or None
    return document if isinstance(document, str) and document else None


DIALECT = Dialect(
    name="sentry",
    scopes=("sentry", "@sentry"),
    markers=(
        "sentry.",
        "gen_ai.request.messages",
        "gen_ai.response.text",
        "gen_ai.response.tool_calls",
        "gen_ai.request.available_tools",
        "gen_ai.tool.input",
        "gen_ai.tool.output",
    ),
    texts={
        "model_requested": ("gen_ai.request.model", "ai.model_id"),
        "environment": ("sentry.environment",),
        "release": ("sentry.release",),
    },
    counts={
        "input": ("ai.prompt_tokens.used",),
        "output": ("ai.completion_tokens.used",),
        "total": ("ai.total_tokens.used",),
        "cache_read": ("gen_ai.usage.input_tokens.cached",),
        "cache_write": ("gen_ai.usage.input_tokens.cache_write",),
        "reasoning": ("gen_ai.usage.output_tokens.reasoning",),
    },
    cost_usd=("gen_ai.cost.total_tokens", "ai.total_cost"),
    content=(*dict.fromkeys((*_INPUTS, *_OUTPUTS)), *_TOOLS, *_CALLED),
    read=read,
    extends=OTEL_GENAI,
)
