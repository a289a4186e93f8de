"""On PostgreSQL too no query walks rows that it does not answer with, and none visits another time's rows."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast, get_args
from uuid import UUID

import pytest
from tests.storage.filter_samples import FILTERS
from tests.storage.model import EVERYTHING
from tests.storage.sql_backends import BACKENDS, PostgresBackend
from tests.support.rows import DAY_NS, HOUR_NS, project, span

from pulse_storage import Store
from pulse_storage.content.bodies import pack
from pulse_storage.ids import encode_cursor, row_id
from pulse_storage.postgres.connection import PostgresConnection, connect
from pulse_storage.queries.error_groups import ErrorQuery
from pulse_storage.queries.facets import FacetQuery
from pulse_storage.queries.filters import AnalyticsQuery, GroupBy, Page, TraceFilter
from pulse_storage.queries.latencies import LatencyQuery
from pulse_storage.queries.received import ReceivedQuery
from pulse_storage.queries.timeseries import SeriesBy, TimeseriesQuery
from pulse_storage.sql.connection import Connection, Cursor, SqlValue
from pulse_storage.sql.reading.analytics import analytics
from pulse_storage.sql.reading.counts import count_rows
from pulse_storage.sql.reading.error_groups import error_groups
from pulse_storage.sql.reading.facets import facets
from pulse_storage.sql.reading.latencies import latencies
from pulse_storage.sql.reading.received import received
from pulse_storage.sql.reading.records import find_record, page_of_records
from pulse_storage.sql.reading.scan import batches
from pulse_storage.sql.reading.sorted_rows import page_of_sorted
from pulse_storage.sql.reading.timeseries import timeseries
from pulse_storage.sql.reading.tree_spans import read_tree
from pulse_storage.sql.reading.trees import page_of_trees
from pulse_storage.sql.tables.projects import project_key

_TODAY_NS = time.time_ns() // DAY_NS * DAY_NS
#: Three thousand calls over fifty days, so that several partitions hold some.
_ROWS = [
    span(
        number,
        start_ns=_TODAY_NS - number * 24 * 60_000_000_000,
        session_id=f"s{number % 200}",
        user_id=f"u{number % 50}",
        status="error" if number % 20 == 0 else "success",
        service="shop" if number % 7 else None,
    )
    for number in range(1, 3_001)
]
_MANY_MODELS = [
    span(
        number,
        start_ns=_TODAY_NS - number * HOUR_NS,
        project_id="q",
        model_used=f"m{number % 50}",
        output_text=pack(b"long"),
    )
    for number in range(1, 201)
]


class _Explained:
    """A connection that remembers the plan of each query."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection
        self.dialect = connection.dialect
        self.plans: list[str] = []

    def execute(self, sql: str, bindings: Sequence[SqlValue] | None = None, /) -> Cursor:
        plan = self._connection.execute(f"EXPLAIN {sql}", bindings).fetchall()
        self.plans.append("\n".join(str(step[0]) for step in plan))
        return self._connection.execute(sql, bindings)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresConnection]:
    [backend] = [backend for backend in BACKENDS if isinstance(backend, PostgresBackend)]
    folder = tmp_path_factory.mktemp("plans")

    async def fill(storage: Store) -> None:
        for project_id in ("p", "q"):
            await storage.create_project(*project(project_id))
        await storage.ingest([*_ROWS, *_MANY_MODELS])
        await storage.close()

    asyncio.run(fill(backend.open_new(folder)))
    connection = connect(backend.url(folder))
    connection.execute("VACUUM ANALYZE")
    # So few rows are read faster one after another; what is asked here is which index would do.
    connection.execute("SET enable_seqscan = off")
    # As the readers of lists do; else it is a matter of statistics which tiny table is read by a bitmap.
    connection.execute("SET enable_bitmapscan = off")
    yield connection
    connection.close()
    backend.check(folder)


def _plans(
    connection: PostgresConnection, read: Callable[[Connection, int], object], *, project_id: str = "p"
) -> list[str]:
    explained = _Explained(connection)
    key = project_key(connection, project_id)
    assert key is not None
    read(cast("Connection", explained), key)
    assert explained.plans
    return explained.plans


def _partitions(plan: str) -> set[str]:
    """The partitions of spans that a plan visits."""
    return set(re.findall(r" on (spans_\w+)", plan))


def _conditions(plan: str) -> dict[str, set[str]]:
    """Return, by index, the conditions with which it is scanned in partitions with a week of rows.

    Of one that began yesterday each index would do.
    """
    found: dict[str, set[str]] = {}
    week_ago = f"{datetime.fromtimestamp((_TODAY_NS - 7 * DAY_NS) // 10**9, UTC):%Y%m%d}"
    for monday, index, condition in re.findall(r" using spans_(\d+)_(\w+) on[^\n]*\n\s*([^\n]*)", plan):
        if monday < week_ago:
            found.setdefault(index, set()).add(condition)
    return found


def _by_usage_key_are_seeks(connection: PostgresConnection, plan: str) -> bool:
    """Return whether that index is asked for keys wherever it is used: it has no other order of ids.

    Of a partition whose calls are all wanted, each index would do, at the same cost.
    """
    scans = re.findall(r"_project_usage_key_id_idx on (spans_\w+)[^\n]* rows=(\d+)[^\n]*\n\s*([^\n]*)", plan)
    return all(
        "usage_key = " in condition or int(rows) >= 0.9 * _counted(connection, partition)
        for partition, rows, condition in scans
    )


def _counted(connection: PostgresConnection, partition: str) -> int:
    sql = f"SELECT count(*) FROM {partition} WHERE usage_key IS NOT NULL AND project = ?"
    return int(str(connection.execute(sql, (project_key(cast("Connection", connection), "p"),)).get))


@pytest.mark.parametrize(
    "where",
    [
        TraceFilter(),
        TraceFilter(from_ns=_TODAY_NS - 20 * DAY_NS, before_ns=_TODAY_NS - DAY_NS),
        TraceFilter(status="error", counted=None, operation="all"),
        TraceFilter(counted=None, operation="all"),
    ],
)
def test_lists_follow_an_index_in_its_order(connection: PostgresConnection, where: TraceFilter) -> None:
    [plan] = _plans(connection, lambda c, p: page_of_records(c, p, "p", where, Page()))[-1:]
    assert "Index Scan Backward using" in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("where", FILTERS)
def test_every_scan_is_of_a_part_of_an_index(connection: PostgresConnection, where: TraceFilter) -> None:
    plans = _plans(connection, lambda c, p: page_of_records(c, p, "p", where, Page()))
    plans += _plans(connection, lambda c, p: count_rows(c, p, where, 1.0))
    plans += _plans(connection, lambda c, p: facets(c, p, FacetQuery(filter=where)))
    plans += _plans(connection, lambda c, p: page_of_sorted(c, p, "p", where, Page(sort="latency")))
    for plan in plans:
        assert "Seq Scan on spans" not in plan, plan
        conditions = re.findall(r"Scan[^\n]* on spans_\w+[^\n]*\n\s*([A-Z][\w ]*):", plan)
        assert set(conditions) <= {"Index Cond", "Recheck Cond"}, plan
        assert _by_usage_key_are_seeks(connection, plan), plan
        assert "span_bodies" not in plan


@pytest.mark.parametrize(
    "where",
    [
        TraceFilter(model="gpt-5"),
        TraceFilter(model="gpt-5", status="error", from_ns=_TODAY_NS - 20 * DAY_NS - 7),
        TraceFilter(status="success", before_ns=_TODAY_NS - DAY_NS + 7),
    ],
)
def test_calls_of_few_models_are_sought_by_an_index_of_their_own(
    connection: PostgresConnection, where: TraceFilter
) -> None:
    plans = _plans(connection, lambda c, p: page_of_records(c, p, "p", where, Page()))
    [_, plan] = plans
    # Of each model the nearest calls, then each row in the partition of its id.
    looked_for = _conditions(plan)
    assert looked_for.keys() == {"project_usage_key_id_idx", "pkey"}
    assert all(
        "usage_key = usage_keys.key" in condition for condition in looked_for["project_usage_key_id_idx"]
    )
    assert all("id = " in condition for condition in looked_for["pkey"])


def test_calls_of_many_models_are_found_in_the_index_before_any_row_is_read(
    connection: PostgresConnection,
) -> None:
    where = TraceFilter(status="success")
    plans = _plans(connection, lambda c, p: page_of_records(c, p, "q", where, Page()), project_id="q")
    [plan] = [plan for plan in plans if "usage_key = ANY" in plan]
    assert "Index Only Scan Backward" in plan
    assert all("id = " in condition for condition in _conditions(plan)["pkey"])


@pytest.mark.parametrize("where", [TraceFilter(), TraceFilter(from_ns=_TODAY_NS - 20 * DAY_NS, user_id="u7")])
def test_facets_of_rows_follow_an_index_in_its_order(
    connection: PostgresConnection, where: TraceFilter
) -> None:
    query = FacetQuery(fields=("service", "tag", "cost"), filter=where, newest=30)
    plans = _plans(connection, lambda c, p: facets(c, p, query))
    [plan] = [plan for plan in plans if "CTE newest" in plan]
    assert "Index Scan Backward using" in plan
    assert not re.search(r"Sort Key: [^\n]*id", plan.partition("CTE newest")[2].partition("CTE Scan")[0]), (
        plan
    )


def test_sorted_list_visits_partitions_of_its_range_and_seeks_its_rows(
    connection: PostgresConnection,
) -> None:
    where = TraceFilter(service="shop", from_ns=_TODAY_NS - 2 * DAY_NS, before_ns=_TODAY_NS - HOUR_NS)
    plans = _plans(connection, lambda c, p: page_of_sorted(c, p, "p", where, Page(sort="cost")))
    *scans, rows = plans
    assert all(len(_partitions(plan)) <= 2 for plan in scans), scans
    # Each row in the partition of its id.
    assert _conditions(rows).keys() == {"pkey"}
    assert all("id = " in condition for condition in _conditions(rows)["pkey"]), rows


def test_long_answers_of_a_list_are_read_by_one_statement(connection: PostgresConnection) -> None:
    plans = _plans(connection, lambda c, p: page_of_records(c, p, "q", TraceFilter(), Page()), project_id="q")
    [_, plan] = plans
    assert "Seq Scan" not in plan
    conditions = re.findall(r" on span_bodies_\d+ [^\n]*\n\s*([^\n]*)", plan)
    assert conditions
    assert all("id = " in condition for condition in conditions)


def test_batches_are_cut_from_the_index_alone(connection: PostgresConnection) -> None:
    for where in (
        TraceFilter(service="shop"),
        TraceFilter(user_id="u7", tag="t"),
        TraceFilter(counted=False),
    ):
        plans = _plans(connection, lambda c, p, where=where: list(batches(c, p, where, "desc")))
        for plan in plans:
            assert "Index Only Scan" in plan
            assert not re.search(r"Index Scan|Heap Scan|Seq Scan", plan), plan


@pytest.mark.parametrize("where", [EVERYTHING, TraceFilter(), TraceFilter(user_id="u7", service="shop")])
def test_trees_are_listed_by_indexes_of_rows_and_of_traces(
    connection: PostgresConnection, where: TraceFilter
) -> None:
    newest = row_id("p", bytes(16), bytes(8), _TODAY_NS)
    page = Page(cursor=encode_cursor(newest, newest))
    plans = _plans(connection, lambda c, p: page_of_trees(c, p, where, page))
    by_trace = [plan for plan in plans if "each" in plan]
    # The rows on previous pages, and the totals.
    assert len(by_trace) >= 2
    for plan in plans:
        assert "Seq Scan on spans" not in plan, plan
        assert "span_bodies" not in plan
    for plan in by_trace:
        assert _conditions(plan).keys() == {"project_otel_trace_id_otel_span_id_idx"}, plan


def test_pages_of_a_tree_read_one_trace(connection: PostgresConnection) -> None:
    trace_id = _ROWS[1500].otel_trace_id
    for cursor, limit in ((None, 9), (None, 0), (encode_cursor(bytes(16)), 9)):
        plans = _plans(connection, lambda c, p, at=cursor, n=limit: read_tree(c, p, trace_id, at, n))
        for plan in plans:
            assert "Seq Scan on spans" not in plan, plan
            assert _conditions(plan).keys() <= {"project_otel_trace_id_otel_span_id_idx"}, plan


@pytest.mark.parametrize("group_by", get_args(GroupBy))
@pytest.mark.parametrize("where", [TraceFilter(), TraceFilter(service="shop"), TraceFilter(user_id="u7")])
def test_sums_stay_within_their_range_and_touch_no_bodies(
    connection: PostgresConnection, group_by: GroupBy, where: TraceFilter
) -> None:
    query = AnalyticsQuery(
        from_ns=_TODAY_NS - 2 * DAY_NS - 5, before_ns=_TODAY_NS - HOUR_NS + 5, group_by=group_by, filter=where
    )
    plans = _plans(connection, lambda c, p: analytics(c, p, query))
    for plan in plans:
        assert len(_partitions(plan)) <= 2, plan
        assert _by_usage_key_are_seeks(connection, plan), plan
        assert not re.search(r"Seq Scan on (spans|rollup_hour|latency_day)", plan), plan
        assert "span_bodies" not in plan
    if where == TraceFilter() and group_by in ("day", "hour", "model", "provider"):
        assert any("(hour >= " in plan and "(hour < " in plan for plan in plans)


@pytest.mark.parametrize("by", get_args(SeriesBy))
@pytest.mark.parametrize("max_rows", [0, 10_000])
def test_sums_by_step_stay_within_their_range_and_touch_no_bodies(
    connection: PostgresConnection, by: SeriesBy, max_rows: int
) -> None:
    first_ns = _TODAY_NS - 2 * DAY_NS - HOUR_NS // 2
    edges = tuple(range(first_ns, _TODAY_NS - HOUR_NS, 6 * HOUR_NS))
    for where in (TraceFilter(), TraceFilter(service="shop"), TraceFilter(user_id="u7")):
        query = TimeseriesQuery(edges=edges, by=by, filter=where, max_rows=max_rows)
        for plan in _plans(connection, lambda c, p, query=query: timeseries(c, p, query)):
            assert len(_partitions(plan)) <= 2, plan
            assert _by_usage_key_are_seeks(connection, plan), plan
            assert not re.search(r"Seq Scan on (spans|rollup_hour|latency_day)", plan), plan
            assert "span_bodies" not in plan


def test_latencies_and_errors_by_step_stay_within_their_range(connection: PostgresConnection) -> None:
    edges = tuple(range(_TODAY_NS - 2 * DAY_NS, _TODAY_NS - HOUR_NS, 6 * HOUR_NS))
    for where in (TraceFilter(), TraceFilter(model="gpt-5"), TraceFilter(service="shop")):
        of_latencies, of_errors = (
            LatencyQuery(edges=edges, filter=where),
            ErrorQuery(edges=edges, filter=where),
        )
        plans = _plans(connection, lambda c, p, query=of_latencies: latencies(c, p, query))
        plans += _plans(connection, lambda c, p, query=of_errors: error_groups(c, p, query))
        for plan in plans:
            assert len(_partitions(plan)) <= 2, plan
            assert not re.search(r"Seq Scan on (spans|rollup_hour|latency_day)", plan), plan
            assert "span_bodies" not in plan


def test_check_of_traces_seeks_spans_and_parents(connection: PostgresConnection) -> None:
    where = TraceFilter(from_ns=_TODAY_NS - 2 * DAY_NS)
    *_, plan = _plans(connection, lambda c, p: received(c, p, ReceivedQuery(filter=where)))
    assert not re.search(r"Seq Scan on spans", plan), plan
    conditions = re.findall(r" on spans_\d+[^\n]*\n\s*([^\n]*)", plan)
    assert conditions
    assert all("otel_trace_id = wanted.value" in condition for condition in conditions), plan


def test_one_row_is_looked_for_in_its_partition_only(connection: PostgresConnection) -> None:
    row = _ROWS[1500]
    id = UUID(bytes=row_id("p", row.otel_trace_id, row.otel_span_id, row.start_ns))
    [plan] = _plans(connection, lambda c, p: find_record(c, p, "p", id, bodies=False))
    assert len(_partitions(plan)) == 1
    assert "Index Cond: ((project = " in plan
