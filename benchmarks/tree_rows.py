"""One trace with many spans, as an agent that ran for hours leaves it; the same in each run."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from random import Random

from tests.support.rows import SECOND_NS, span, step

from benchmarks.storage_rows import BEFORE_NS, PROJECT
from pulse_storage import SpanRow

#: The id of the trace.
LARGE_TRACE = blake2b(b"large", digest_size=16).digest()
_MODELS = ("gpt-5", "gpt-5-mini", "claude-5")
_STEPS = ("plan", "find_order", "search", "execute_tool read_file", "execute_tool run_tests")


def large_trace(spans: int) -> Iterator[SpanRow]:
    """Yield a root, and turns of a step, its call, the client's span of the same call, and two tools.

    The trace starts three hours before the last row of `month_of_rows` and ends after it.
    """
    random = Random(11)
    start_ns = BEFORE_NS - 3 * 3600 * SECOND_NS
    pace_ns = 4 * 3600 * SECOND_NS // spans
    root = _row(step(1), random, start_ns, None, "invoke_agent support")
    yield root._replace(latency_ms=4 * 3.6e6)
    parent: bytes = root.otel_span_id
    call = root
    for number in range(1, spans):
        at_ns = start_ns + number * pace_ns
        match number % 5:
            case 1:
                row = _row(step(1), random, at_ns, root.otel_span_id, random.choice(_STEPS))
                parent = row.otel_span_id
            case 2:
                row = call = _call(random, at_ns, parent)
            case 3:
                # The client's own span of the same call, below the framework's.
                row = _row(span(1), random, at_ns, call.otel_span_id, call.name)
                row = row._replace(
                    **{name: getattr(call, name) for name in ("provider_request_id", "input_tokens")},
                    output_tokens=call.output_tokens,
                    model_used=call.model_used,
                    scope="client",
                )
            case _:
                row = _row(step(1), random, at_ns, parent, random.choice(_STEPS))
                row = row._replace(operation="execute_tool")
        yield row


def _call(random: Random, start_ns: int, parent: bytes) -> SpanRow:
    model = random.choice(_MODELS)
    row = _row(span(1), random, start_ns, parent, f"chat {model}")
    return row._replace(
        scope="framework",
        model_requested=model,
        model_used=f"{model}-2025-08-07",
        provider_request_id=f"r{random.getrandbits(64):x}",
        input_tokens=random.randrange(200, 90_000),
        output_tokens=random.randrange(10, 4_000),
        cache_read_tokens=random.randrange(200),
        cost_nano_usd=random.randrange(10**5, 10**9),
        time_to_first_token_ms=random.uniform(200, 900),
    )


def _row(row: SpanRow, random: Random, start_ns: int, parent: bytes | None, name: str) -> SpanRow:
    failed = random.random() < 0.01
    return row._replace(
        project_id=PROJECT,
        otel_trace_id=LARGE_TRACE,
        otel_span_id=random.randbytes(8),
        parent_span_id=parent,
        start_ns=start_ns + random.randrange(100_000),
        latency_ms=random.lognormvariate(6, 1),
        name=name,
        status="error" if failed else "success",
        error_type="TimeoutError" if failed else None,
        error_message="no answer within 30 s" if failed else None,
        session_id="p0-large",
        user_id="u1",
        service="shop",
        input_preview="What would you do with a drunken sailor? " * 4,
        output_preview="Put him in the long boat till he is sober. " * 4,
        metadata='{"resource":{"service.name":"shop","host.name":"web-1"},"gen_ai.request.temperature":0.2}',
    )
