"""Bodies as the providers write them, built in one line each."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]

USAGE: Body = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def completion(text: str = "Hello", **changes: Any) -> Body:
    """A chat completion with one choice."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-4o-2024-08-06",
        "choices": [choice({"role": "assistant", "content": text})],
        "usage": USAGE,
        **changes,
    }


def choice(message: Body, finish_reason: str = "stop", index: int = 0) -> Body:
    """One choice of a chat completion."""
    return {"index": index, "message": message, "finish_reason": finish_reason, "logprobs": None}


def chunk(*choices: Body, **changes: Any) -> Body:
    """A chunk of a streamed chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "gpt-4o-2024-08-06",
        "choices": list(choices),
        **changes,
    }


def delta(index: int = 0, finish_reason: str | None = None, **fields: Any) -> Body:
    """One choice of a chunk."""
    return {"index": index, "delta": fields, "finish_reason": finish_reason}


def chat_chunks(*words: str, usage: Body | None = USAGE) -> list[Body]:
    """A whole streamed completion with one choice."""
    chunks = [chunk(delta(role="assistant", content=""))]
    chunks += [chunk(delta(content=word)) for word in words]
    chunks.append(chunk(delta(finish_reason="stop")))
    if usage is not None:
        chunks.append(chunk(usage=usage))
    return chunks


def message(*content: Body, **changes: Any) -> Body:
    """An Anthropic message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test-1",
        "content": list(content) or [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 21,
            "cache_read_input_tokens": 1900,
            "cache_creation_input_tokens": 188,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 88},
            "output_tokens": 12,
        },
        **changes,
    }


def message_events(*words: str) -> list[Body]:
    """A whole streamed Anthropic message with one text block."""
    start = message(stop_reason=None)
    start["content"] = []
    start["usage"] = {**start["usage"], "output_tokens": 1}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(text_delta(word) for word in words),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 12},
        },
        {"type": "message_stop"},
    ]


def text_delta(word: str, index: int = 0) -> Body:
    """A piece of text of an Anthropic message."""
    return block_delta(index, type="text_delta", text=word)


def block_delta(index: int, **fields: Any) -> Body:
    """A piece of any block of an Anthropic message."""
    return {"type": "content_block_delta", "index": index, "delta": fields}


def response(text: str = "Hello", **changes: Any) -> Body:
    """A whole answer of the Responses API."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "model": "gpt-4o-2024-08-06",
        "status": "completed",
        "output": [output_message(text)],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 18,
        },
        **changes,
    }


def output_message(text: str) -> Body:
    """The message item of an answer of the Responses API."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def response_events(*words: str, last: Body | None = None) -> list[Body]:
    """A whole streamed answer of the Responses API, ending with the event `last`."""
    opening = response(status="in_progress", output=[], usage=None)
    events: list[Body] = [
        {"type": "response.created", "response": opening},
        {"type": "response.in_progress", "response": opening},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**output_message(""), "content": []},
        },
        {
            "type": "response.content_part.added",
            "item_id": "msg_1",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
    ]
    events += [
        {
            "type": "response.output_text.delta",
            "item_id": "msg_1",
            "output_index": 0,
            "content_index": 0,
            "delta": word,
            "logprobs": [],
        }
        for word in words
    ]
    events.append(last or {"type": "response.completed", "response": response("".join(words))})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def embedding(**changes: Any) -> Body:
    """An answer of the embeddings API."""
    return {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25, 0.125]}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
        **changes,
    }
