"""On PostgreSQL a clock that is wrong by years makes few partitions, and leaves none behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from tests.storage.model import snapshot
from tests.support.postgres import Server, execute
from tests.support.rows import DAY_NS, project, span

from pulse_storage import open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.ids import time_floor, time_of
from pulse_storage.postgres.connection import PostgresConnection, connect
from pulse_storage.postgres.partitions import (
    LENGTHS_NS,
    WEEK_NS,
    Partition,
    make_partitions_around,
    partitions,
)

_NOW_NS = time.time_ns()
_YEAR_NS = 365 * DAY_NS
#: Five weeks back and four ahead, both filled up to four weeks, by weeks; two without an end and one between.
_MOST = 16 + 3


@pytest.fixture
def url(server: Server, request: pytest.FixtureRequest) -> str:
    return server.store(f"clock_{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def connection(url: str) -> Iterator[PostgresConnection]:
    connection = connect(url)
    yield connection
    connection.close()


def _all(connection: PostgresConnection) -> dict[str, list[Partition]]:
    found = {table: partitions(connection, table) for table in LENGTHS_NS}
    for ranges in found.values():
        assert (ranges[0].from_id, ranges[-1].before_id) == (None, None)
        assert [one.before_id for one in ranges[:-1]] == [one.from_id for one in ranges[1:]]
    # A partition of spans holds whole ones of bodies: else neither could be emptied at once.
    cuts = {one.from_id for one in found["span_bodies"]}
    last = found["span_bodies"][-1].from_id or b""
    assert {one.from_id for one in found["spans"] if (one.from_id or b"") <= last} <= cuts
    return found


def test_a_clock_years_ahead_makes_few_partitions_and_the_right_one_drops_them(
    connection: PostgresConnection,
) -> None:
    usual = _all(connection)
    make_partitions_around(connection, _NOW_NS + 10 * _YEAR_NS)
    assert all(len(ranges) <= len(usual[table]) + _MOST for table, ranges in _all(connection).items())
    make_partitions_around(connection, _NOW_NS)
    assert _all(connection) == usual
    assert make_partitions_around(connection, _NOW_NS) == 0


def test_a_clock_years_behind_makes_few_partitions(connection: PostgresConnection) -> None:
    usual = _all(connection)
    make_partitions_around(connection, _NOW_NS - 10 * _YEAR_NS)
    assert all(len(ranges) <= len(usual[table]) + _MOST for table, ranges in _all(connection).items())
    make_partitions_around(connection, _NOW_NS)
    assert all(set(ranges[1:]) <= set(_all(connection)[table]) for table, ranges in usual.items())


def test_a_store_that_was_not_used_for_years_gets_the_partitions_of_now(
    connection: PostgresConnection,
) -> None:
    for weeks in (0, 7, 9, 13, 14, 150):
        now_ns = _NOW_NS + weeks * WEEK_NS
        make_partitions_around(connection, now_ns)
        for table, length_ns in LENGTHS_NS.items():
            starts = [time_of(one.from_id or b"") for one in _all(connection)[table][1:]]
            assert all(
                any(start <= at_ns < start + length_ns for start in starts)
                for at_ns in range(now_ns - 5 * WEEK_NS, now_ns + 4 * WEEK_NS, DAY_NS)
            )


@pytest.mark.slow
def test_partitions_of_earlier_versions_are_dropped(connection: PostgresConnection) -> None:
    usual = _all(connection)
    for table, name in (("spans", "spans_future"), ("span_bodies", "span_bodies_future")):
        first_ns = time_of(usual[table][-1].from_id or b"")
        cuts = [time_floor(first_ns + at * LENGTHS_NS[table]).hex() for at in range(131)]
        connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
        for number, (start, end) in enumerate(pairwise(cuts)):
            connection.execute(
                f"CREATE TABLE {table}_ahead{number} PARTITION OF {table}"
                f" FOR VALUES FROM ('\\x{start}') TO ('\\x{end}')"
            )
        connection.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('\\x{cuts[-1]}') TO (MAXVALUE)"
        )
    assert len(_all(connection)["spans"]) > 130
    make_partitions_around(connection, _NOW_NS)
    assert _all(connection) == usual


def test_rows_of_times_to_come_stay_where_partitions_go(connection: PostgresConnection, url: str) -> None:
    usual = _all(connection)
    rows = [
        span(number, start_ns=_NOW_NS + int(years * _YEAR_NS), request_body=pack(b"{}"))
        for number, years in enumerate((0, 0.2, 1, 10, 10.05, 40), 1)
    ]

    async def stored(*, first: bool) -> object:
        storage = open_storage(url)
        if first:
            await storage.create_project(*project())
            await storage.ingest(rows)
        found = await snapshot(storage, "p")
        await storage.close()
        return found

    before = asyncio.run(stored(first=True))
    make_partitions_around(connection, _NOW_NS + 10 * _YEAR_NS)
    assert execute(url, "SELECT count(*) FROM spans_future") == [(1,)]
    make_partitions_around(connection, _NOW_NS)
    assert _all(connection) == usual
    assert asyncio.run(stored(first=False)) == before
    assert execute(url, "SELECT count(*) FROM spans_future") == [(5,)]


def test_partitions_with_many_rows_are_left_alone(connection: PostgresConnection) -> None:
    make_partitions_around(connection, _NOW_NS + 10 * _YEAR_NS)
    ahead = _all(connection)["spans"][-2]
    assert ahead.from_id is not None
    connection.execute(
        "INSERT INTO span_bodies (project, id) SELECT 1, ?::bytea || decode(lpad(to_hex(n), 20, '0'), 'hex')"
        " FROM generate_series(1, 20000) AS n",
        (ahead.from_id[:6],),
    )
    before = _all(connection)["span_bodies"]
    make_partitions_around(connection, _NOW_NS)
    after = _all(connection)["span_bodies"]
    assert ahead.from_id in {one.from_id for one in after}
    assert len(after) < len(before)
