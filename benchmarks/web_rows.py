"""The rows that `benchmarks.web` shows: many calls, one large trace, and calls with large contents."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from tests.query_api.support import call, document
from tests.support.rows import DAY_NS

from benchmarks.servers import KEY
from benchmarks.tree_rows import large_trace
from pulse_storage.content.bodies import pack
from pulse_storage.engines import Store
from pulse_storage.keys import key_record
from pulse_storage.rows import Project, SpanRow

PROJECT = "benchmark"
TURNS = 2_000
LEAVES = 100_000
TEXT_BYTES = 5_000_000
_DAYS = 30
_BATCH = 2_000
_MODELS = [("openai", "gpt-5-mini"), ("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5")]
_BODY = pack(b'{"messages":[{"role":"user","content":"What is a pulse?"}]}')
#: Number of the newest calls with a request and an answer; the others have previews only, to fill faster.
_WITH_BODIES = 10_000


async def fill(storage: Store, rows: int, spans: int, contents: Iterable[SpanRow]) -> None:
    """Store calls, a trace of so many spans, and the given rows in a new project."""
    await storage.create_project(Project(PROJECT, PROJECT, 1), key_record(KEY, PROJECT, created_ns=1))
    trace = (row._replace(project_id=PROJECT) for row in large_trace(spans))
    for source in (_calls(rows), trace, iter(contents)):
        while batch := list(islice(source, _BATCH)):
            await storage.ingest(batch)


def large_contents() -> dict[str, SpanRow]:
    """Return calls by what makes their content large. They began a day ago and have no previews."""
    turns = [{"role": ("user", "assistant")[turn % 2], "content": f"Turn {turn}."} for turn in range(TURNS)]
    tool_call = {
        "type": "tool_use",
        "id": "1",
        "name": "wide",
        "input": {f"key {n}": n for n in range(LEAVES)},
    }
    sentence = "The quick brown fox jumps over the lazy dog. "
    messages = {
        f"a message of {TEXT_BYTES // 1_000_000} MB": [
            {"role": "user", "content": sentence * (TEXT_BYTES // len(sentence))}
        ],
        f"{TURNS:,} messages": turns,
        f"JSON of {LEAVES:,} leaves": [{"role": "assistant", "content": [tool_call]}],
    }
    before_ns = time.time_ns() - DAY_NS
    return {
        name: call(
            2**60 + number,
            PROJECT,
            start_ns=before_ns + number,
            request_body=document({"messages": content}),
            input_preview=None,
            output_preview=None,
        )
        for number, (name, content) in enumerate(messages.items())
    }


def _calls(count: int) -> Iterator[SpanRow]:
    """Yield calls spread evenly over the last days in time order, 4 % failed, in sessions of ten."""
    dice = random.Random(7)
    range_ns = _DAYS * DAY_NS
    start_ns = time.time_ns() - range_ns
    for number in range(1, count + 1):
        provider, model = dice.choice(_MODELS)
        failed = dice.random() < 0.04
        body = _BODY if number > count - _WITH_BODIES else None
        yield call(
            number,
            PROJECT,
            start_ns=start_ns + number * range_ns // (count + 1),
            latency_ms=dice.lognormvariate(6.5, 0.8),
            provider=provider,
            model_requested=model,
            model_used=model,
            status="error" if failed else "success",
            error_type="timeout" if failed else None,
            session_id=f"session-{number // 10}",
            user_id=f"user-{number % 500}",
            request_body=body,
            response_body=body,
        )
