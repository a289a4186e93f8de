"""The rows of ten projects in a month, the same in each run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from zlib import crc32

from tests.support.rows import DAY_NS, span, step

from pulse_storage import SpanRow
from pulse_storage.content.bodies import pack

DAYS = 30
PROJECTS = 10
#: The largest project; reads are of it.
PROJECT = "p0"
#: Up to today: PostgreSQL has partitions for that time only.
BEFORE_NS = time.time_ns() // DAY_NS * DAY_NS
FROM_NS = BEFORE_NS - DAYS * DAY_NS
_MODELS = ("gpt-5", "gpt-5-mini", "gpt-4o", "claude-5", "claude-5-mini", "gemini-3", "llama-4", "rare-1")


def month_of_rows(count: int, *, bodies: bool, trace_spans: int) -> Iterator[SpanRow]:
    """Yield this many rows in time order: traces of an agent with its calls, four traces per session."""
    random = Random(7)
    texts = [pack(_text(random, size)) for size in (1_500, 8_000, 50_000)]
    weights = [1 / (rank + 1) for rank in range(PROJECTS)]
    trace, left, session, where = 0, 0, "", ""
    for number in range(1, count + 1):
        if not left:
            trace, left = trace + 1, trace_spans
            where = f"p{random.choices(range(PROJECTS), weights)[0]}"
            session = f"{where}-{trace // 4}"
        left -= 1
        make = step if left == trace_spans - 1 and trace_spans > 1 else span
        parent = None if left == trace_spans - 1 else number - (trace_spans - 1 - left)
        row = make(number, trace=trace, parent=parent, project_id=where)
        start_ns = FROM_NS + number * (BEFORE_NS - FROM_NS) // (count + 1)
        yield _varied(random, row._replace(start_ns=start_ns, session_id=session), texts, bodies)


def _varied(random: Random, row: SpanRow, texts: list[bytes], bodies: bool) -> SpanRow:
    failed = random.random() < 0.04
    model = random.choices(_MODELS, (30, 25, 15, 12, 10, 5, 3, 0.1))[0]
    row = row._replace(
        otel_trace_id=blake2b(row.otel_trace_id, digest_size=16).digest(),
        model_requested=model if row.model_call else None,
        model_used=f"{model}-2025-08-07" if row.model_call else None,
        provider="openai" if model.startswith("gpt") else "other",
        latency_ms=random.lognormvariate(7, 1),
        status="error" if failed else "success",
        user_id=f"u{crc32((row.session_id or '').encode()) % 500}",
        tags=("beta",) if random.random() < 0.1 else (),
        service="shop",
        environment="production",
        input_preview="What would you do with a drunken sailor? " * 4,
        output_preview="Put him in the long boat till he is sober. " * 4,
        metadata='{"resource":{"service.name":"shop","host.name":"web-1"},"gen_ai.request.temperature":0.2}',
    )
    if bodies:
        body = random.choices(texts, (60, 30, 10))[0]
        row = row._replace(request_body=body, response_body=texts[0])
    return row


def _text(random: Random, size: int) -> bytes:
    """Return a JSON document of about this many bytes."""
    words = [f"{random.getrandbits(24):x}" for _ in range(400)]
    return b'{"text":"' + " ".join(random.choices(words, k=size // 6)).encode()[:size] + b'"}'
