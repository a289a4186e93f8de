"""Build Anthropic messages with given usage and blocks, as a body or as stream events."""

from __future__ import annotations

from typing import Any

from tests.instrumentation.forms import Form
from tests.support.llm_bodies import message

TEXT = {"type": "text", "text": "Hello"}


def counts(
    input: int, output: int, read: int = 0, written: int = 0, long: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "input_tokens": input,
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written - long,
            "ephemeral_1h_input_tokens": long,
        },
        **more,
    }


def answer(form: Form, usage: dict[str, Any], *blocks: dict[str, Any], **changes: Any) -> Any:
    """Return a message with this usage, or stream events whose last one has these counts."""
    blocks = blocks or (TEXT,)
    if form[0] == "plain":
        return message(*blocks, usage=usage, **changes)
    opening = message(stop_reason=None, usage={**usage, "output_tokens": 1}, **changes)
    opening["content"] = []
    opening["usage"].pop("iterations", None)
    events: list[dict[str, Any]] = [{"type": "message_start", "message": opening}]
    for index, block in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    lasting = {"cache_creation", "service_tier", "speed", "inference_geo"}
    final = {name: value for name, value in usage.items() if name not in lasting}
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": final})
    return [*events, {"type": "message_stop"}]
