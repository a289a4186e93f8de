"""Response bodies and stream chunks in the format of the OpenAI API, and of OpenRouter with its additions."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from pulse_server.demo.answers import Answer, pieces

Body = dict[str, Any]

#: The dated snapshot that a response has as its model, by requested model.
_SNAPSHOTS = {"gpt-5-mini": "gpt-5-mini-2025-08-07", "gpt-4.1": "gpt-4.1-2025-04-14"}
_EMBEDDING_SIZE = 16


def usage(prompt_tokens: int, answer: Answer) -> Body:
    """Return the `usage` object; reasoning tokens are included in the completion tokens."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": prompt_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens, "audio_tokens": 0},
    }


def completion(request: Body, answer: Answer, used: Body, number: int, *, openrouter: bool) -> Body:
    """Return the body of a response that is not streamed; OpenRouter's has the name of the provider."""
    message: Body = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.tool_call is not None:
        message["tool_calls"] = [_tool_call(answer, number)]
    body: Body = {
        "id": f"gen-{number:010d}" if openrouter else f"chatcmpl-{number:010d}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": _SNAPSHOTS.get(request["model"], request["model"]),
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(answer)}
        ],
        "usage": used,
    }
    if openrouter:
        body["provider"] = "Mistral"
    return body


def chunks(request: Body, answer: Answer, used: Body, number: int) -> list[Body]:
    """Return the chunks of a streamed response; with `include_usage` the last one has the usage only."""
    base: Body = {
        "id": f"chatcmpl-{number:010d}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": _SNAPSHOTS.get(request["model"], request["model"]),
    }

    def chunk(delta: Body, finish_reason: str | None = None) -> Body:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    stream = [chunk({"role": "assistant", "content": ""})]
    stream += [chunk({"content": piece}) for piece in pieces(answer.text)]
    stream.append(chunk({}, _finish_reason(answer)))
    options: Body = request.get("stream_options") or {}
    if options.get("include_usage"):
        stream.append({**base, "choices": [], "usage": used})
    return stream


def embeddings(request: Body, texts: list[str], prompt_tokens: int) -> Body:
    """Return the body of an embeddings response with one short, arbitrary vector for each text."""
    vectors = [[round(math.sin(len(text) + place), 6) for place in range(_EMBEDDING_SIZE)] for text in texts]
    return {
        "object": "list",
        "model": request["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens},
    }


def rate_limited(request: Body) -> Body:
    """Return the body of a 429 response."""
    return {
        "error": {
            "message": f"Rate limit reached for {request['model']} on tokens per min. Try again in 1s.",
            "type": "tokens",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


def _tool_call(answer: Answer, number: int) -> Body:
    assert answer.tool_call is not None
    function = {"name": answer.tool_call.name, "arguments": json.dumps(answer.tool_call.arguments)}
    return {"id": f"call_{number:010d}", "type": "function", "function": function}


def _finish_reason(answer: Answer) -> str:
    return "stop" if answer.tool_call is None else "tool_calls"
