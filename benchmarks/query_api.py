"""Measures the latency of the query API's routes.

    python -m benchmarks.query_api [--quick] [--rows 100000]

The application runs in this process on a store in a temporary directory. The time is measured from the parsed
request to the last byte of the answer: it excludes the HTTP server.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from starlette.types import ASGIApp, Message
from tests.query_api.support import DAY_NS, call

from benchmarks.quick import add_quick_option
from pulse_query_api.app import create_app
from pulse_storage import open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing, key_record, new_key
from pulse_storage.rows import Project, SpanRow

_PROJECT = "benchmark"
_DAYS = 30
_RANGE_NS = _DAYS * 86_400_000_000_000
_BATCH = 2000
_MODELS = [("openai", "gpt-5-mini"), ("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5"), ("acme", "m-1")]
_BODY = pack(orjson.dumps({"messages": [{"role": "user", "content": "What is a pulse? " * 90}]}))

_ROUTES = {
    "list of 50": "/v1/traces",
    "list of 50, status": "/v1/traces?status=error",
    "list of 50, tag": "/v1/traces?tag=beta",
    "list of 1000": "/v1/traces?limit=1000",
    "list, offset 10 000": "/v1/traces?offset=10000",
    "text in the last day": "/v1/traces?q=beat&date_from=2026-11-22",
    "one trace": "/v1/traces/{trace_id}",
    "one session": "/v1/sessions/session-1",
    "one session, bodies": "/v1/sessions/session-1?bodies=true",
    "30 days by day": "/v1/analytics?date_from=2026-10-24&date_to=2026-11-24",
    "30 days by model": "/v1/analytics?date_from=2026-10-24&date_to=2026-11-24&group_by=model",
    "30 days by day, one user": "/v1/analytics?date_from=2026-10-24&date_to=2026-11-24&user_id=user-7",
}


def main() -> None:
    """Fill a store, request each route, print milliseconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=100)
    add_quick_option(parser, rows=2000, repeat=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(Path(folder), options.rows, options.repeat))


async def _run(folder: Path, rows: int, repeat: int) -> None:
    storage = open_storage(f"sqlite:///{folder / 'pulse.db'}")
    key = new_key()
    await storage.create_project(Project(_PROJECT, "benchmark", 1), key_record(key, _PROJECT, created_ns=1))
    began = time.perf_counter()
    await _fill(storage, rows)
    print(f"{rows} rows stored in {time.perf_counter() - began:.1f} s\n")
    app = create_app(storage, KeyRing(storage), admin_key=None)
    newest = orjson.loads(await _get(app, "/v1/traces?limit=1", key))["traces"][0]["trace_id"]
    print(f"{'route':28}{'p50 ms':>10}{'p99 ms':>10}{'KiB':>10}")
    for name, target in _ROUTES.items():
        path = target.replace("{trace_id}", newest)
        answer = await _get(app, path, key)
        times_ms = [await _timed_ms(app, path, key) for _ in range(repeat)]
        p99 = statistics.quantiles(times_ms, n=100)[98]
        print(f"{name:28}{statistics.median(times_ms):10.2f}{p99:10.2f}{len(answer) / 1024:10.1f}")
    await storage.close()


async def _fill(storage: Store, rows: int) -> None:
    batch: list[SpanRow] = []
    for row in _rows(rows):
        batch.append(row)
        if len(batch) == _BATCH:
            await storage.ingest(batch)
            batch = []
    await storage.ingest(batch)


def _rows(count: int) -> Iterator[SpanRow]:
    """Yield calls spread evenly over the range in time order, 4 % failed, in sessions of ten."""
    dice = random.Random(7)
    for number in range(1, count + 1):
        provider, model = dice.choice(_MODELS)
        failed = dice.random() < 0.04
        yield call(
            number,
            _PROJECT,
            start_ns=DAY_NS - _RANGE_NS + number * _RANGE_NS // count,
            latency_ms=dice.lognormvariate(6.5, 0.8),
            provider=provider,
            model_requested=model,
            model_used=model,
            status="error" if failed else "success",
            error_type="timeout" if failed else None,
            session_id=f"session-{number // 10}",
            user_id=f"user-{number % 500}",
            tags=("beta",) if dice.random() < 0.1 else (),
            request_body=_BODY,
            response_body=_BODY,
        )


async def _timed_ms(app: ASGIApp, path: str, key: str) -> float:
    began_ns = time.perf_counter_ns()
    await _get(app, path, key)
    return (time.perf_counter_ns() - began_ns) / 1e6


async def _get(app: ASGIApp, target: str, key: str) -> bytes:
    """Return the body of a GET, with the ASGI scope of an HTTP server."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {key}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000),
    }
    sent: list[Message] = []
    gone = asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    if sent[0]["status"] != 200:
        raise SystemExit(f"{target} answered {sent[0]['status']}: {body.decode()}")
    return body


if __name__ == "__main__":
    main()
