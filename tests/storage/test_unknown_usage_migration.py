"""The migration that adds `unknown_usage` fills it for rows that are stored already, on every engine."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.storage.sql_backends import SqlBackend
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, project, span

from pulse_storage.engines import engine_of
from pulse_storage.queries.filters import AnalyticsQuery, TraceFilter

_UNKNOWN = {"input_tokens": None, "output_tokens": None, "cost_nano_usd": None}


def test_hours_of_stored_rows_get_their_number(backend: SqlBackend, tmp_path: Path) -> None:
    before_1970 = span(1, start_ns=-HOUR_NS - 1, **_UNKNOWN)
    rows = [
        before_1970,
        span(2, **_UNKNOWN),
        span(3, **_UNKNOWN),
        span(4),
        span(5, status="error", **_UNKNOWN),
    ]

    async def fill() -> None:
        storage = backend.open(tmp_path)
        await storage.create_project(*project())
        await storage.ingest(rows)
        await storage.close()

    asyncio.run(fill())
    for sql in (
        "ALTER TABLE rollup_hour DROP COLUMN unknown_usage",
        "DELETE FROM schema_migrations WHERE name LIKE '%unknown_usage'",
    ):
        with contextlib.suppress(AssertionError):  # `execute` expects that rows change.
            backend.execute(tmp_path, sql)
    [applied] = engine_of(backend.url(tmp_path)).apply(backend.url(tmp_path))
    assert applied.endswith("unknown_usage")

    async def counted() -> list[int]:
        storage = backend.open(tmp_path)
        found: list[int] = []
        for from_ns, before_ns in ((-DAY_NS, 0), (NOON_NS - DAY_NS, NOON_NS + DAY_NS)):
            query = AnalyticsQuery(from_ns=from_ns, before_ns=before_ns, filter=TraceFilter())
            found.append((await storage.analytics("p", query)).total.unknown_usage)
        await storage.close()
        return found

    assert asyncio.run(counted()) == [1, 2]
    backend.check(tmp_path)
