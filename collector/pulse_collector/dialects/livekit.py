"""LiveKit Agents: sessions, turns and calls of a voice agent, with content under `lk.*` and `lk.pii.*`."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import as_number
from pulse_collector.facts.content import as_content, content_of
from pulse_collector.facts.json_text import JsonObject, parse_json, parse_object
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import counts_named
from pulse_collector.facts.usage_names import CountColumn

#: Operations by the span's name, for spans without an operation.
_OPERATIONS = {
    "agent_session": "invoke_workflow",
    "agent_turn": "invoke_agent",
    "user_turn": "span",
    "llm_node": "chain",
    "tts_node": "chain",
    "function_tool": "execute_tool",
    "llm_request": "chat",
    "tts_request": "speech",
    "stt_request": "transcription",
    "tts": "speech",
    "stt": "transcription",
}
_CALLS = frozenset({"chat", "speech", "transcription"})


def _both(*names: str) -> tuple[str, ...]:
    """Return the keys of these names, first with the prefix for personal data, then without."""
    return tuple(prefix + name for name in names for prefix in ("lk.pii.", "lk."))


_CHAT_CONTEXT = _both("chat_ctx")
_TOOLS = _both("function_tools")
_CALLED = _both("response.function_calls")
_TEXTS = _both("response.text")
_INPUTS = _both("function_tool.arguments", "user_input", "user_transcript", "input_text", "chat_ctx")
_OUTPUTS = (*_both("function_tool.output"), *_TEXTS)
_METRICS = ("lk.llm_metrics", "lk.realtime_model_metrics", "lk.tts_metrics", "lk.stt_metrics")
_METRIC_NAMES: dict[CountColumn, str] = {
    "input": "prompt_tokens",
    "output": "completion_tokens",
    "total": "total_tokens",
    "cache_read": "prompt_cached_tokens",
    "cache_write": "cache_creation_tokens",
}
_REALTIME_NAMES: dict[CountColumn, str] = {"input": "input_tokens", "output": "output_tokens"}


def read(facts: SpanFacts) -> None:
    """Set the operation from the name, usage from the metrics, and content."""
    attributes = facts.attributes
    operation = _OPERATIONS.get(str(attributes.get("gen_ai.operation.name", facts.name)))
    if facts.operation is None and any(key.startswith("lk.function_tool.") for key in attributes):
        operation = "execute_tool"
    if operation is not None:
        facts.operation = operation
        # A model call always has the model's name or metrics.
        facts.model_call = facts.operation in _CALLS
    if facts.model_call:
        for key in _METRICS:
            _read_metrics(facts, parse_object(attributes.get(key)))
        _read_messages(facts)
    if attributes.get("lk.function_tool.is_error") in (True, "true"):
        facts.failed = True
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)


def _read_metrics(facts: SpanFacts, metrics: JsonObject) -> None:
    """Set tokens and the time to the first one (seconds; -1 means that there was none)."""
    if not metrics:
        return
    facts.fill_counts(counts_named(metrics, _METRIC_NAMES))
    facts.fill_counts(counts_named(metrics, _REALTIME_NAMES))
    facts.fill("provider_request_id", metrics.get("request_id"))
    seconds = metrics.get("ttft", metrics.get("ttfb"))
    number = as_number(seconds) if isinstance(seconds, int | float) else None
    if number is not None:
        facts.numbers.setdefault("time_to_first_token_ms", number * 1000)


def _read_messages(facts: SpanFacts) -> None:
    """Set the conversation, whose messages are in `items`, and the answer with its tool calls."""
    attributes = facts.attributes
    items = next(
        (found.get("items") for key in _CHAT_CONTEXT if (found := parse_object(attributes.get(key)))), None
    )
    tools = next((found for key in _TOOLS if (found := content_of(attributes.get(key)))), None)
    text = next((value for key in _TEXTS if isinstance(value := attributes.get(key), str)), "")
    called = next((found for key in _CALLED if (found := parse_json(attributes.get(key)))), None)
    answer: JsonObject = {"role": "assistant", "content": text}
    if isinstance(called, list):
        answer["tool_calls"] = called
    set_messages(
        facts,
        messages=as_content(items) if isinstance(items, list) else None,
        answers=as_content([answer]) if text or isinstance(called, list) else None,
        tools=tools,
    )


DIALECT = Dialect(
    name="livekit",
    scopes=("livekit-agents", "livekit"),
    markers=("lk.",),
    texts={
        "session_id": (
            "gen_ai.conversation.id",
            "session.id",
            *_both("session_id", "room_name", "room_id", "job_id"),
        ),
        "user_id": _both("participant_identity"),
    },
    first_token_seconds=("lk.response.ttft", "lk.response.ttfb"),
    content=(
        *dict.fromkeys((*_INPUTS, *_OUTPUTS, *_CHAT_CONTEXT, *_TOOLS, *_CALLED)),
        *_both("instructions", "amd.transcript", "response.content", "error_message"),
        *_METRICS,
        "lk.function_tool.is_error",
    ),
    read=read,
    extends=OTEL_GENAI,
)
