"""Calls of an invented shop, some with hostile texts, and a server that has stored them."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.server.serving import Serving, serving
from tests.support.spans import Value, span, trace_request
from tests.web.conftest import send

CALLS = 150
#: Seconds between the starts of two calls; the newest starts this long ago.
STEP_S = 300

#: Texts of questions by their index in the list, 0 is the newest.
HOSTILE: dict[int, str] = {
    0: "<img src=x onerror=alert(1)><script>alert(2)</script>",
    1: "\u202eright to left\u202c שלום עולם",
    2: "\x1b[31mred\x1b[0m and \x07 bell",
    3: "[a link](javascript:alert(1)) ![image](https://evil.example/beacon.png) <b>bold</b>",
    4: "__proto__ constructor hasOwnProperty toString",
}

_MODELS = ("gpt-4o-mini", "claude-sonnet-4-5", "in-house-1")
_PROVIDERS = ("openai", "anthropic", "vllm")
_ANSWER = (
    "It **left** on Monday.\n\n1. Fill the tank.\n2. Wait.\n\n| Light | Meaning |\n| --- | --- |\n"
    "| one | warm |\n\n```python\nprint('brew')\n```\n"
)


def question(index: int) -> str:
    """Return the question of a call."""
    return HOSTILE.get(index, f"Where is order {1000 + index}?")


def _messages(index: int) -> list[dict[str, Value]]:
    call = {"type": "tool_call", "id": "call_1", "name": "find_order", "arguments": {"order_id": index}}
    result = {"type": "tool_call_response", "id": "call_1", "response": json.dumps({"state": "shipped"})}
    return [
        {"role": "system", "parts": [{"type": "text", "content": "You help people.\n\nBe brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": question(index)}]},
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "An order."}, call]},
        {"role": "tool", "parts": [result]},
    ]


def call(index: int, now_ns: int) -> Span:
    """Return the span of a call. Each tenth failed and has no usage."""
    failed = index % 10 == 9
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": _ANSWER}], "finish_reason": "stop"}]
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS[index % 3],
        "gen_ai.request.model": _MODELS[index % 3],
        "gen_ai.conversation.id": f"session-{index % 7}",
        "user.id": f"user-{index % 5}",
        "gen_ai.input.messages": json.dumps(_messages(index)),
    }
    if failed:
        attributes["error.type"] = "RateLimitError"
    else:
        attributes |= {
            "gen_ai.usage.input_tokens": 1000 + index,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.output.messages": json.dumps(answer),
            "gen_ai.response.finish_reasons": ["stop"],
        }
    return span(
        attributes,
        name=f"chat {_MODELS[index % 3]}",
        trace_id=(index + 1).to_bytes(16, "big"),
        span_id=index + 1,
        start_ns=now_ns - (index + 1) * STEP_S * 1_000_000_000,
        duration_ms=200.0 + 10 * index,
        status=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET,
        message="429: too many tokens" if failed else "",
    )


@contextmanager
def shop(data_dir: Path) -> Generator[Serving]:
    """Run a server that has stored the calls."""
    with serving(data_dir) as server:
        now_ns = time.time_ns()
        spans = [call(index, now_ns) for index in range(CALLS)]
        send(server, "/v1/traces", trace_request(*spans))
        yield server
