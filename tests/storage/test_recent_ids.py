"""Response ids that a writer has in memory find the same partners as those that it reads from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import NOON_NS, project, span

from pulse_storage import SpanRow, Store, open_storage
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.reconciliation.partner_keys import SLOT_BITS
from pulse_storage.sql.writing import recent_ids
from pulse_storage.sql.writing.recent_ids import RecentIds
from pulse_storage.sqlite.connection import open_writer
from pulse_storage.sqlite.engine import SqliteEngine

#: A start just before the next slot.
EDGE_NS = ((NOON_NS >> SLOT_BITS) + 1 << SLOT_BITS) - 1_000


def client(number: int, start_ns: int = NOON_NS) -> SpanRow:
    """A client's span, in a trace of its own."""
    return span(
        number,
        trace=number,
        provider_request_id=f"chatcmpl-{number:06d}",
        scope="client",
        start_ns=start_ns,
        latency_ms=900.0,
    )


def gateway(number: int, start_ns: int = NOON_NS) -> SpanRow:
    """A gateway's span of the same call, in another trace."""
    return client(number, start_ns + 2_000)._replace(
        otel_trace_id=(number + 1000).to_bytes(16, "big"),
        otel_span_id=(number + 1000).to_bytes(8, "big"),
        scope="gateway",
        service="gateway",
        latency_ms=800.0,
    )


async def counted(storage: Store) -> int:
    """Return how many calls count."""
    found = await storage.list_traces("p", TraceFilter(from_ns=0, counted=True), Page())
    return len(found.rows)


def run_with_stores(backend: SqlBackend, folder: Path, number: int, test: Callable[..., object]) -> None:
    """Run a test with several stores that are open on one database."""

    async def use() -> None:
        storages = [backend.open(folder)]
        storages += [open_storage(backend.url(folder)) for _ in range(1, number)]
        await storages[0].create_project(*project())
        await test(*storages)  # pyright: ignore[reportGeneralTypeIssues]
        for storage in storages:
            await storage.close()

    asyncio.run(use())
    backend.check(folder)


def test_partners_of_calls_in_memory_are_found(backend: SqlBackend, tmp_path: Path) -> None:
    async def test(storage: Store) -> None:
        for number in range(1, 6):
            await storage.ingest([client(number)])
        await storage.ingest([gateway(9)])
        for number in range(1, 6):
            await storage.ingest([gateway(number)])
        assert await counted(storage) == 6

    run_with_stores(backend, tmp_path, 1, test)


def test_partners_in_neighbouring_slots_are_found(backend: SqlBackend, tmp_path: Path) -> None:
    async def test(storage: Store) -> None:
        await storage.ingest([client(1), gateway(2)])
        await storage.ingest([client(3, EDGE_NS)])
        await storage.ingest([gateway(3, EDGE_NS)])
        await storage.ingest([gateway(4, EDGE_NS)])
        await storage.ingest([client(4, EDGE_NS)])
        assert await counted(storage) == 4

    run_with_stores(backend, tmp_path, 1, test)


def test_partners_that_another_process_stored_are_found(backend: SqlBackend, tmp_path: Path) -> None:
    async def test(one: Store, other: Store) -> None:
        await one.ingest([client(1), gateway(2)])
        await one.ingest([client(3)])
        await one.ingest([client(4)])
        await other.ingest([gateway(3), client(5)])
        await one.ingest([gateway(5)])
        await one.ingest([client(6)])
        await other.ingest([client(7)])
        await other.ingest([gateway(6)])
        await one.ingest([gateway(7)])
        await one.ingest([gateway(4)])
        assert await counted(one) == 7

    run_with_stores(backend, tmp_path, 2, test)


def test_more_stored_ids_than_are_read_are_looked_up(
    backend: SqlBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_ids, "_MAX_READ_IDS", 3)
    monkeypatch.setattr(recent_ids, "_MAX_ENTRIES", 12)

    async def test(storage: Store) -> None:
        await storage.ingest([client(number) for number in range(1, 6)])
        await storage.ingest([gateway(9)])
        for number in range(1, 6):
            await storage.ingest([gateway(number)])
        assert await counted(storage) == 6

    run_with_stores(backend, tmp_path, 1, test)


def test_ids_are_looked_up_only_if_stored_calls_may_have_them(tmp_path: Path) -> None:
    SqliteEngine().apply(f"sqlite:///{tmp_path}/pulse.db")
    connection = open_writer(tmp_path / "pulse.db")
    recent = RecentIds(connection)
    slot = NOON_NS >> SLOT_BITS
    recent.begin(is_only_writer=False)
    assert recent.take(1, [client(1)])[slot] == ["000001"]
    recent.begin(is_only_writer=True)
    assert recent.take(1, [client(1), client(2)]) == {}
    assert recent.take(2, [client(1)]) == {}
    assert recent.take(1, [gateway(1), client(3)])[slot] == ["000001"]
    recent.add(1, "chatcmpl-000004", NOON_NS)
    assert recent.take(1, [client(4)])[slot] == ["000004"]
    recent.forget()
    assert recent.take(1, [client(1)]) == {}
    connection.close()
