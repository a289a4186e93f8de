"""Response bodies and stream events in the format of the Anthropic Messages API."""

from __future__ import annotations

from typing import Any

from pulse_server.demo.answers import Answer, pieces

Body = dict[str, Any]

#: The dated snapshot that a response has as its model, by requested model.
_SNAPSHOTS = {"claude-sonnet-4-5": "claude-sonnet-4-5-20250929"}


def usage(input_tokens: int, answer: Answer) -> Body:
    """Return the `usage` object of a call without prompt caching."""
    return {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": answer.output_tokens,
        "service_tier": "standard",
    }


def billed_input(used: Body) -> int:
    """Return all input tokens; Anthropic's `input_tokens` excludes tokens read from or written to a cache."""
    cached: int = used["cache_creation_input_tokens"] + used["cache_read_input_tokens"]
    return used["input_tokens"] + cached


def message(request: Body, answer: Answer, used: Body, number: int) -> Body:
    """Return the body of a response that is not streamed."""
    return {
        "id": f"msg_{number:010d}",
        "type": "message",
        "role": "assistant",
        "model": _SNAPSHOTS.get(request["model"], request["model"]),
        "content": [{"type": "text", "text": answer.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": used,
    }


def events(request: Body, answer: Answer, used: Body, number: int) -> list[Body]:
    """Return the events of a streamed response; the number of output tokens is in the last but one."""
    start = message(request, answer, {**used, "output_tokens": 1}, number)
    start.update(content=[], stop_reason=None)
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces(answer.text)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": used["output_tokens"]},
        },
        {"type": "message_stop"},
    ]
