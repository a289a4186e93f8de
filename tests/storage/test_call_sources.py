"""A project whose calls have one scope and service needs no look-ups until one of another source arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import NOON_NS, project, span, step

from pulse_storage import SpanRow
from pulse_storage.engines import engine_of
from pulse_storage.queries.filters import Page, TraceFilter

CLIENT = span(1, trace=1, provider_request_id="chatcmpl-1", scope="client", service="app", latency_ms=900.0)
GATEWAY = span(2, trace=2, provider_request_id="chatcmpl-1", scope="gateway", start_ns=CLIENT.start_ns + 1)
OTHER = span(3, trace=3, provider_request_id="chatcmpl-3", scope="client", service="app")


def test_partners_of_the_first_source_are_found_by_the_next_process(
    backend: SqlBackend, tmp_path: Path
) -> None:
    assert _stored(backend, tmp_path, [[CLIENT], [OTHER]]) == 2
    assert _source(backend, tmp_path) == "client\napp"
    assert _stored(backend, tmp_path, [[OTHER], [GATEWAY]], is_new=False) == 2
    assert _source(backend, tmp_path) is None
    backend.check(tmp_path)


def test_only_calls_are_sources(backend: SqlBackend, tmp_path: Path) -> None:
    assert _stored(backend, tmp_path, [[step(9, trace=9)], [step(8, trace=8, scope="framework")]]) == 0
    assert not _source(backend, tmp_path)
    assert _stored(backend, tmp_path, [[CLIENT, GATEWAY]], is_new=False) == 1
    assert _source(backend, tmp_path) is None
    backend.check(tmp_path)


@pytest.mark.parametrize(
    ("rows", "source"),
    [([step(9, trace=9)], ""), ([CLIENT, OTHER, step(9, trace=9)], "client\napp"), ([CLIENT, GATEWAY], None)],
)
def test_migration_finds_the_source_of_stored_calls(
    backend: SqlBackend, tmp_path: Path, rows: list[SpanRow], source: str | None
) -> None:
    _stored(backend, tmp_path, [rows])
    for sql in (
        "ALTER TABLE projects DROP COLUMN only_source",
        "DELETE FROM schema_migrations WHERE name LIKE '%only_source'",
    ):
        with contextlib.suppress(AssertionError):  # `execute` expects that rows change.
            backend.execute(tmp_path, sql)
    assert len(engine_of(backend.url(tmp_path)).apply(backend.url(tmp_path))) == 1
    assert _source(backend, tmp_path) == source
    backend.check(tmp_path)


def _stored(
    backend: SqlBackend, folder: Path, batches: Sequence[Sequence[SpanRow]], *, is_new: bool = True
) -> int:
    """Store batches through a new connection; return how many calls count then."""

    async def use() -> int:
        storage = backend.open(folder)
        if is_new:
            await storage.create_project(*project())
        for batch in batches:
            await storage.ingest(batch, keep_all=True)
        counted = await storage.list_traces("p", TraceFilter(from_ns=NOON_NS, counted=True), Page())
        await storage.close()
        return len(counted.rows)

    return asyncio.run(use())


def _source(backend: SqlBackend, folder: Path) -> object:
    [(source,)] = backend.query(folder, "SELECT only_source FROM projects")
    return source
