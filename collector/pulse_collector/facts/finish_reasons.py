"""Maps finish reasons to one vocabulary: stop, length, tool_calls, content_filter, pause, error."""

from __future__ import annotations

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import Json, parse_repr, to_json
from pulse_collector.facts.span_facts import clean_text

_REASONS = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "completed": "stop",
    "complete": "stop",
    "finished": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool-calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "function_calls": "tool_calls",
    "tool_execution": "tool_calls",
    "content_filter": "content_filter",
    "content-filter": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "guardrail_intervened": "content_filter",
    "prohibited_content": "content_filter",
    "blocklist": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
    "error_toxic": "content_filter",
    "pause_turn": "pause",
}

#: Values that senders write when they do not know the reason.
_UNKNOWN = frozenset({"", "unknown", "none", "null", "other", "unspecified", "finish_reason_unspecified"})


def finish_reason(raw: str | None) -> str | None:
    """Return the reason in Pulse's vocabulary, an unmapped one in lower case, and None for "unknown"."""
    if raw is None:
        return None
    reason = _REASONS.get(raw)
    if reason is not None:
        return reason
    lowered = raw.strip().lower()
    # Python writes an enum member as `FinishReason.STOP`.
    lowered = lowered.rpartition(".")[2]
    if lowered in _UNKNOWN:
        return None
    return _REASONS.get(lowered) or clean_text(lowered)


def finish_reasons(value: AttributeValue) -> list[str]:
    """Return the raw reasons of all choices from an array, its JSON text or Python repr, or a single text."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    document: Json = to_json(value)
    if isinstance(document, str) and document[:1] in ("[", "(", '"', "'"):
        document = parse_repr(document) or document
    if isinstance(document, list):
        return [item for item in document if isinstance(item, str)]
    return [document] if isinstance(document, str) and document else []
