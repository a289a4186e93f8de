"""No query walks rows that it does not answer with: the plans of everything that readers ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest
from tests.storage.filter_samples import FILTERS
from tests.storage.model import EVERYTHING
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, project, span

from pulse_storage.content.bodies import pack
from pulse_storage.ids import encode_cursor
from pulse_storage.queries.error_groups import ErrorQuery
from pulse_storage.queries.facets import FacetQuery
from pulse_storage.queries.filters import AnalyticsQuery, GroupBy, Page, TraceFilter
from pulse_storage.queries.latencies import LatencyQuery
from pulse_storage.queries.received import ReceivedQuery
from pulse_storage.queries.timeseries import SeriesBy, TimeseriesQuery
from pulse_storage.runtime.writer import WriteRequest
from pulse_storage.sql.connection import Cursor, SqlDialect, SqlValue
from pulse_storage.sql.reading.analytics import analytics
from pulse_storage.sql.reading.counts import count_rows
from pulse_storage.sql.reading.error_groups import error_groups
from pulse_storage.sql.reading.facets import facets
from pulse_storage.sql.reading.latencies import latencies
from pulse_storage.sql.reading.received import received
from pulse_storage.sql.reading.records import find_record, find_span, page_of_records
from pulse_storage.sql.reading.scan import batches
from pulse_storage.sql.reading.sorted_rows import page_of_sorted
from pulse_storage.sql.reading.timeseries import timeseries
from pulse_storage.sql.reading.tree_spans import read_tree
from pulse_storage.sql.reading.trees import page_of_trees
from pulse_storage.sql.tables.partners import (
    has_partner_key,
    read_by_output,
    read_by_partner_key,
    read_by_response,
)
from pulse_storage.sql.tables.projects import insert_project, key_with_digest, keys_of, project_key
from pulse_storage.sql.tables.spans import stored_in_trace, stored_in_traces, stored_span
from pulse_storage.sql.writing.ancestry import descendants, descendants_lacking, has_call_below, nearest_above
from pulse_storage.sql.writing.outlines import read_outlines
from pulse_storage.sqlite import schema
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import open_reader, open_writer
from pulse_storage.sqlite.database import SqliteDatabase

_ID = UUID(int=7)
_FROM_NS, _BEFORE_NS = NOON_NS - 40 * HOUR_NS + 5, NOON_NS + 40 * HOUR_NS + 5


class _Explained:
    """A connection that remembers the plan of each query."""

    def __init__(self, connection: ApswConnection) -> None:
        self._connection = connection
        self.dialect: SqlDialect = connection.dialect
        self.plans: list[str] = []

    def execute(self, sql: str, bindings: Sequence[SqlValue] | None = None, /) -> Cursor:
        plan = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", bindings).fetchall()
        self.plans += [str(step[3]) for step in plan]
        return self._connection.execute(sql, bindings)

    enqueue = execute


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[ApswConnection]:
    path = tmp_path / "pulse.db"
    writer = open_writer(path)
    schema.apply_to(writer, path)
    database = SqliteDatabase(writer, path)
    database.transact(lambda connection: insert_project(connection, *project()))
    call = span(1, provider="p", model_used="m")
    database.store(
        [WriteRequest([call, span(2)._replace(provider="p", model_used="m", status="error")], False, 0)]
    )
    database.close()
    reader = open_reader(path)
    yield reader
    reader.close()


def _plans(connection: ApswConnection, read: Callable[[ApswConnection], object]) -> list[str]:
    explained = _Explained(connection)
    read(explained)  # pyright: ignore[reportArgumentType]
    assert explained.plans
    return explained.plans


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (TraceFilter(), "spans_counted (project=? AND id<?)"),
        (TraceFilter(from_ns=_FROM_NS, before_ns=_BEFORE_NS), "spans_counted (project=? AND id>? AND id<?)"),
        (TraceFilter(service="s", text="t", tag="x"), "spans_counted (project=? AND id<?)"),
        (TraceFilter(user_id="u", status="error"), "spans_by_user (project=? AND user_id=? AND id<?)"),
        (TraceFilter(status="error"), "spans_failed (project=? AND id<?)"),
        (TraceFilter(session_id="s"), "spans_by_session (project=? AND session_id=? AND id<?)"),
        (TraceFilter(counted=None), "spans_by_id (project=? AND id<?)"),
        (TraceFilter(counted=False, operation="all"), "spans_by_id (project=? AND id<?)"),
    ],
)
def test_lists_follow_an_index_in_its_order(
    connection: ApswConnection, where: TraceFilter, expected: str
) -> None:
    cursor = "AAAAAAAAAAAAAAAAAAAAAA"
    plans = _plans(connection, lambda c: page_of_records(c, 1, "p", where, Page(cursor=cursor)))
    assert any(plan.endswith(expected) for plan in plans), plans
    assert not _full_scans(plans)
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


def test_long_answers_of_a_list_are_read_by_one_statement(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "pulse.db")
    schema.apply_to(writer, tmp_path / "pulse.db")
    database = SqliteDatabase(writer, tmp_path / "pulse.db")
    database.transact(lambda connection: insert_project(connection, *project()))
    database.store(
        [WriteRequest([span(number, output_text=pack(b"long")) for number in (1, 2, 3)], False, 0)]
    )
    plans = _plans(writer, lambda c: page_of_records(c, 1, "p", TraceFilter(), Page()))
    database.close()
    [wanted] = [plan for plan in plans if "wanted" in plan]
    assert wanted.startswith("SCAN wanted VIRTUAL TABLE")
    assert plans.count("SEARCH span_bodies USING INTEGER PRIMARY KEY (rowid=?)") == 1
    assert not _full_scans(plans)


@pytest.mark.parametrize("where", [TraceFilter(model="m"), TraceFilter(model="m", from_ns=NOON_NS)])
@pytest.mark.parametrize("page", [Page(), Page(cursor="AAAAAAAAAAAAAAAAAAAAAA"), Page(offset=1)])
def test_list_of_a_model_seeks_its_usage_keys(tmp_path: Path, where: TraceFilter, page: Page) -> None:
    writer = open_writer(tmp_path / "pulse.db")
    schema.apply_to(writer, tmp_path / "pulse.db")
    database = SqliteDatabase(writer, tmp_path / "pulse.db")
    database.transact(lambda connection: insert_project(connection, *project()))
    calls = [span(number, start_ns=NOON_NS + 2 * number * HOUR_NS, model_used="m") for number in (1, 2, 3)]
    database.store([WriteRequest(calls, False, 0)])
    plans = _plans(writer, lambda c: page_of_records(c, 1, "p", where, page))
    database.close()
    spans = {plan.partition(" AND id")[0] for plan in plans if "spans" in plan}
    covering = "" if page.offset and where.from_ns else "COVERING "
    assert f"SEARCH spans USING {covering}INDEX spans_by_usage_key (project=? AND usage_key=?" in {
        plan.rstrip(")") for plan in spans
    }
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


def test_model_filter_is_answered_from_the_index_before_rows_are_read(connection: ApswConnection) -> None:
    [plan] = [
        plan
        for plan in _plans(
            connection,
            lambda c: count_rows(c, 1, TraceFilter(model="m", from_ns=_FROM_NS, before_ns=_BEFORE_NS), 1.0),
        )
        if "spans_counted" in plan and "COVERING" in plan
    ][:1]
    assert "USING COVERING INDEX spans_counted (project=? AND id>? AND id<?)" in plan


@pytest.mark.parametrize("group_by", ["day", "hour", "model", "provider"])
@pytest.mark.parametrize("where", [TraceFilter(), TraceFilter(model="m"), TraceFilter(status="error")])
def test_analytics_look_at_rollups_in_their_range(
    connection: ApswConnection, group_by: GroupBy, where: TraceFilter
) -> None:
    query = AnalyticsQuery(group_by=group_by, filter=where, from_ns=_FROM_NS, before_ns=_BEFORE_NS)
    plans = _plans(connection, lambda c: analytics(c, 1, query))
    searches = "\n".join(plans)
    assert "rollup_hour USING PRIMARY KEY (project=? AND hour>? AND hour<?)" in searches
    if group_by != "hour":
        assert "latency_day USING PRIMARY KEY (project=? AND day>? AND day<?)" in searches
    assert not _full_scans(plans)


_BY_NAME: list[GroupBy] = ["model", "provider", "user", "session", "tag", "service", "environment"]


@pytest.mark.parametrize("group_by", _BY_NAME)
def test_groups_by_name_read_the_counted_rows_of_their_range(
    connection: ApswConnection, group_by: GroupBy
) -> None:
    query = AnalyticsQuery(
        group_by=group_by, filter=TraceFilter(service="s"), from_ns=_FROM_NS, before_ns=_BEFORE_NS
    )
    plans = _plans(connection, lambda c: analytics(c, 1, query))
    assert not _full_scans(plans)
    assert "SEARCH spans USING INDEX spans_counted (project=? AND id>? AND id<?)" in plans


@pytest.mark.parametrize(
    ("where", "index"),
    [
        (TraceFilter(from_ns=_FROM_NS), "spans_counted (project=? AND id>?)"),
        (TraceFilter(from_ns=_FROM_NS, user_id="u"), "spans_by_user (project=? AND user_id=? AND id>?)"),
        (TraceFilter(status="error", tag="t"), "spans_failed (project=?)"),
    ],
)
def test_facets_follow_an_index_in_its_order(
    connection: ApswConnection, where: TraceFilter, index: str
) -> None:
    query = FacetQuery(fields=("service", "tag", "cost"), filter=where)
    plans = _plans(connection, lambda c: facets(c, 1, query))
    assert f"SEARCH spans USING INDEX {index}" in plans, plans
    assert not [plan for plan in plans if "FOR ORDER BY" in plan]


@pytest.mark.parametrize(
    ("where", "index"),
    [
        (TraceFilter(), "spans_counted"),
        (TraceFilter(model="m"), "spans_counted"),
        (TraceFilter(status="error"), "spans_failed"),
        (TraceFilter(operation="all", counted=None), "spans_by_id"),
    ],
)
def test_sorted_list_reads_its_range_of_an_index(
    connection: ApswConnection, where: TraceFilter, index: str
) -> None:
    where = replace(where, from_ns=_FROM_NS, before_ns=_BEFORE_NS)
    plans = _plans(connection, lambda c: page_of_sorted(c, 1, "p", where, Page(sort="cost")))
    assert f"SEARCH spans USING INDEX {index} (project=? AND id>? AND id<?)" in plans, plans
    # Rows of the page are read by their ids.
    assert "SEARCH spans USING INDEX spans_by_id (project=? AND id=?)" in plans


@pytest.mark.parametrize("where", FILTERS)
def test_no_list_count_or_sum_looks_at_bodies(connection: ApswConnection, where: TraceFilter) -> None:
    plans = _plans(connection, lambda c: page_of_records(c, 1, "p", where, Page()))
    plans += _plans(connection, lambda c: count_rows(c, 1, where, 1.0))
    plans += _plans(connection, lambda c: facets(c, 1, FacetQuery(filter=where)))
    plans += _plans(connection, lambda c: page_of_sorted(c, 1, "p", where, Page(sort="tokens")))
    for group_by in get_args(GroupBy):
        query = AnalyticsQuery(group_by=group_by, filter=where, from_ns=_FROM_NS, before_ns=_BEFORE_NS)
        plans += _plans(connection, lambda c, query=query: analytics(c, 1, query))
    assert not _full_scans(plans)
    assert not [plan for plan in plans if "span_bodies" in plan or "content_" in plan]


@pytest.mark.parametrize(
    ("where", "index"),
    [
        (TraceFilter(service="s"), "spans_counted"),
        (TraceFilter(model="m", text="t"), "spans_counted"),
        (TraceFilter(user_id="u", tag="t"), "spans_by_user"),
        (TraceFilter(session_id="s", min_latency_ms=1), "spans_by_session"),
        (TraceFilter(status="error", service="s"), "spans_failed"),
        (TraceFilter(error_type="Timeout"), "spans_failed"),
        (TraceFilter(cost="unpriced", counted=None), "spans_counted"),
        (TraceFilter(counted=False), "spans_by_id"),
    ],
)
def test_batches_are_cut_from_the_index_alone(
    connection: ApswConnection, where: TraceFilter, index: str
) -> None:
    where = replace(where, from_ns=_FROM_NS, before_ns=_BEFORE_NS)
    [plan] = _plans(connection, lambda c: list(batches(c, 1, where, "desc", _ID.bytes)))
    assert plan.startswith(f"SEARCH spans USING COVERING INDEX {index} (project=?")
    assert plan.endswith("id>? AND id<?)")


@pytest.mark.parametrize(
    "where",
    [
        TraceFilter(service="s"),
        TraceFilter(user_id="u"),
        TraceFilter(session_id="s"),
        TraceFilter(status="error", text="t"),
    ],
)
def test_analytics_of_other_filters_stay_within_their_range(
    connection: ApswConnection, where: TraceFilter
) -> None:
    query = AnalyticsQuery(from_ns=NOON_NS, before_ns=NOON_NS + DAY_NS, filter=where)
    plans = _plans(connection, lambda c: analytics(c, 1, query))
    assert not _full_scans(plans)
    assert any("id>? AND id<?" in plan for plan in plans), plans


_STEPS = tuple(range(NOON_NS - 2 * DAY_NS + HOUR_NS // 2, NOON_NS + DAY_NS, 6 * HOUR_NS))


@pytest.mark.parametrize("where", [TraceFilter(), TraceFilter(model="m"), TraceFilter(status="error")])
def test_sums_by_step_look_at_rollups_in_their_range(connection: ApswConnection, where: TraceFilter) -> None:
    query = TimeseriesQuery(edges=_STEPS, by="model", filter=where, max_rows=0)
    plans = _plans(connection, lambda c: timeseries(c, 1, query))
    assert "SEARCH rollup_hour USING PRIMARY KEY (project=? AND hour>? AND hour<?)" in plans
    assert not _full_scans(plans)
    assert not [plan for plan in plans if plan.startswith("SEARCH spans") and "id>? AND id<?" not in plan]


@pytest.mark.parametrize("by", get_args(SeriesBy))
@pytest.mark.parametrize(
    "where", [TraceFilter(service="s"), TraceFilter(user_id="u"), TraceFilter(model="m")]
)
def test_sums_by_step_read_rows_of_their_range(
    connection: ApswConnection, where: TraceFilter, by: SeriesBy
) -> None:
    query = TimeseriesQuery(edges=_STEPS, by=by, filter=where)
    plans = _plans(connection, lambda c: timeseries(c, 1, query))
    assert not _full_scans(plans)
    assert not [plan for plan in plans if "span_bodies" in plan]
    assert not [plan for plan in plans if plan.startswith("SEARCH spans") and "id>? AND id<?" not in plan]


@pytest.mark.parametrize("where", FILTERS)
def test_trees_are_listed_without_a_scan_of_other_traces(
    connection: ApswConnection, where: TraceFilter
) -> None:
    page = Page(cursor=encode_cursor(b"\xff" * 16, b"\xff" * 16))
    plans = _plans(connection, lambda c: page_of_trees(c, 1, where, page))
    assert not _full_scans(plans)
    assert not [plan for plan in plans if "span_bodies" in plan or "content_" in plan]


def test_totals_and_earlier_rows_of_traces_are_sought_by_the_trace_index(connection: ApswConnection) -> None:
    page = Page(cursor=encode_cursor(b"\xff" * 16, b"\xff" * 16))
    plans = _plans(connection, lambda c: page_of_trees(c, 1, EVERYTHING, page))
    sought = "SEARCH spans USING INDEX spans_by_trace (project=? AND otel_trace_id=?)"
    # For each of two traces: the rows on previous pages, and the totals.
    assert plans.count(sought) == 4


def test_pages_of_a_tree_read_one_trace(connection: ApswConnection) -> None:
    trace_id = span(1).otel_trace_id
    for cursor, limit in ((None, 9), (None, 0), (encode_cursor(bytes(16)), 9)):
        plans = _plans(connection, lambda c, at=cursor, n=limit: read_tree(c, 1, trace_id, at, n))
        assert not _full_scans(plans)
        assert any("spans_by_trace (project=? AND otel_trace_id=?" in plan for plan in plans), plans


@pytest.mark.parametrize("where", [TraceFilter(), TraceFilter(model="m")])
def test_latencies_by_step_are_read_from_rollups_and_the_index(
    connection: ApswConnection, where: TraceFilter
) -> None:
    query = LatencyQuery(edges=(NOON_NS - 3 * DAY_NS, NOON_NS - HOUR_NS, NOON_NS), filter=where)
    plans = _plans(connection, lambda c: latencies(c, 1, query))
    assert "SEARCH latency_day USING PRIMARY KEY (project=? AND day>? AND day<?)" in "\n".join(plans)
    scans = [plan for plan in plans if plan.startswith("SEARCH spans")]
    assert set(scans) == {
        "SEARCH spans USING COVERING INDEX spans_counted (project=? AND id>? AND id<?)",
    }


@pytest.mark.parametrize(
    ("where", "index"),
    [
        (TraceFilter(), "spans_failed"),
        (TraceFilter(service="s", operation="all", counted=None), "spans_failed"),
        (TraceFilter(user_id="u"), "spans_by_user"),
    ],
)
def test_error_groups_read_failed_rows_of_their_range(
    connection: ApswConnection, where: TraceFilter, index: str
) -> None:
    plans = _plans(connection, lambda c: error_groups(c, 1, ErrorQuery(edges=_STEPS, filter=where)))
    assert not _full_scans(plans)
    assert not [plan for plan in plans if "TEMP B-TREE" in plan or "span_bodies" in plan]
    searches = [plan for plan in plans if plan.startswith("SEARCH spans")]
    assert searches
    assert all(f"INDEX {index} (project=?" in plan and "id>? AND id<?" in plan for plan in searches)


def test_check_of_traces_seeks_spans_and_parents(connection: ApswConnection) -> None:
    where = TraceFilter(from_ns=_FROM_NS, before_ns=NOON_NS + 365 * DAY_NS)
    plans = _plans(connection, lambda c: received(c, 1, ReceivedQuery(filter=where)))
    assert not _full_scans(plans)
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]
    searches = "\n".join(plans)
    assert "child USING COVERING INDEX spans_by_parent (project=? AND otel_trace_id=?" in searches
    assert "parent USING COVERING INDEX spans_by_trace (project=? AND otel_trace_id=? AND otel" in searches


_LOOK_UPS: list[Callable[[ApswConnection], object]] = [
    lambda c: project_key(c, "p"),
    lambda c: keys_of(c, "p"),
    lambda c: key_with_digest(c, b"x"),
    lambda c: find_record(c, 1, "p", _ID, bodies=True),
    lambda c: find_span(c, 1, "p", _ID.bytes, _ID.bytes[8:]),
    lambda c: count_rows(c, 1, TraceFilter(), 1.0),
    lambda c: count_rows(c, 1, TraceFilter(user_id="u", from_ns=_FROM_NS, before_ns=_BEFORE_NS), 1.0),
    lambda c: c.dialect.trace_sizes(c, 1, [_ID.bytes], 10),
    lambda c: stored_in_traces(c, 1, [_ID.bytes], 500),
    lambda c: read_outlines(c, 1, [_ID.bytes], 10, 0),
    lambda c: stored_span(c, 1, _ID.bytes, _ID.bytes[8:]),
    lambda c: list(read_by_partner_key(c, 1, ["k"], (0, 1))),
    lambda c: list(read_by_response(c, 1, {1: ["abc"]})),
    lambda c: list(read_by_output(c, 1, (1, 2), {3, None})),
    lambda c: has_partner_key(c, 1, ("<1", "<2")),
    lambda c: stored_in_trace(c, 1, _ID.bytes, [_ID.bytes[8:]]),
    lambda c: descendants(c, 1, _ID.bytes, _ID.bytes[8:], 10),
    lambda c: descendants_lacking(c, 1, _ID.bytes, _ID.bytes[8:], "session_id", 10),
    lambda c: has_call_below(c, 1, _ID.bytes, _ID.bytes[8:], 10),
    lambda c: nearest_above(c, 1, _ID.bytes, _ID.bytes[8:], [b"above"], 10),
]


@pytest.mark.parametrize("read", _LOOK_UPS)
def test_look_ups_seek(connection: ApswConnection, read: Callable[[ApswConnection], object]) -> None:
    plans = _plans(connection, read)
    assert not _full_scans(plans)
    assert any(plan.startswith("SEARCH") for plan in plans)
    # Nor is a whole project looked through.
    assert not [plan for plan in plans if plan.startswith("SEARCH spans ") and plan.endswith("(project=?)")]


def _full_scans(plans: Sequence[str]) -> list[str]:
    """Steps that read a whole table; subqueries and values of JSON arrays are not tables."""
    tables = ("spans", "span_bodies", "rollup_hour", "latency_day", "api_keys", "projects")
    return [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] in tables]
