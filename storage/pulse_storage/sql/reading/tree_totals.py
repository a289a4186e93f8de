"""Reads the totals of OTel traces, each over its stored spans up to a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from pulse_storage.queries.trees import MAX_TOTALLED_SPANS, TreeSummary
from pulse_storage.sql.connection import Connection, SqlDialect
from pulse_storage.sql.reading.sums import UNKNOWN_USAGE, UNPRICED

#: How many ancestors of a span are followed to the root of a trace with too many spans.
_MAX_DEPTH = 1_000
#: The span that stands for a trace: a root, else the span that starts first.
_HEAD_FIRST = "ORDER BY parent_span_id IS NOT NULL, id"
_COLUMNS = (
    "id, otel_span_id, parent_span_id, start_ns, latency_ms, status, usage_key, input_tokens, output_tokens,"
    " cost_nano_usd, cost_source, session_id, user_id, service,"
    " input_preview IS NOT NULL AS has_input, output_preview IS NOT NULL AS has_output"
)
#: In microseconds, which no start and no latency of a span make larger than a bigint.
_END_US = "start_ns / 1000 + CAST(CASE WHEN latency_ms < 1e15 THEN floor(latency_ms * 1000) END AS bigint)"


class _Totals(NamedTuple):
    """The totals of one trace, as the statement returns them."""

    spans: int
    calls: int
    errors: int
    start_ns: int
    start_us: int
    end_us: int | None
    priced: int
    reported: int
    computed: int
    unpriced: int
    unknown_usage: int
    roots: int
    missing_parents: int
    known_inputs: int
    input_tokens: str | float
    known_outputs: int
    output_tokens: str | float
    cost_nano_usd: str | float
    head: bytes
    input_from: bytes | None
    output_from: bytes | None
    session_id: str | None
    user_id: str | None
    service: str | None


class _Texts(NamedTuple):
    """The values of one row that a summary shows."""

    id: bytes
    otel_span_id: bytes
    parent_span_id: bytes | None
    start_ns: int
    name: str
    input_preview: str | None
    output_preview: str | None


def tree_summaries(
    connection: Connection, project: int, firsts: Sequence[tuple[bytes, bytes]]
) -> list[TreeSummary]:
    """Return the summaries of traces, each given by the id of one of its rows and its trace id.

    A trace without rows is left out: it was deleted meanwhile.
    """
    trace_ids = [trace_id for _, trace_id in firsts]
    totals: dict[int, _Totals] = {}
    for number, *values in connection.dialect.in_each_trace(
        connection, _totals_query(connection.dialect), (project,), (), trace_ids
    ):
        if values[0]:
            totals[number] = _Totals._make(values)
    for number, of_trace in totals.items():
        if of_trace.spans > MAX_TOTALLED_SPANS and not of_trace.roots:
            top = _topmost(connection, project, *firsts[number])
            totals[number] = of_trace if top is None else of_trace._replace(head=top)
    texts = _texts(connection, project, totals.values())
    return [_summary(trace_ids[number], of_trace, texts) for number, of_trace in sorted(totals.items())]


def _totals_query(dialect: SqlDialect) -> str:
    """Return the query of `_Totals`, for `SqlDialect.in_each_trace`."""
    calls = "usage_key IS NOT NULL"

    def total(column: str) -> str:
        return dialect.sum_as_text(dialect.total(f"CASE WHEN {calls} THEN {column} END"))

    def counted(condition: str) -> str:
        return f"count(*) FILTER (WHERE {calls} AND {condition})"

    def first(column: str, condition: str, order: str = _HEAD_FIRST) -> str:
        return f"(SELECT {column} FROM part WHERE {condition} {order} LIMIT 1)"

    selected = ", ".join(
        (
            "count(*), count(usage_key), count(*) FILTER (WHERE status = 'error')",
            f"min(start_ns), min(start_ns / 1000), max({_END_US})",
            counted("cost_nano_usd IS NOT NULL"),
            counted("cost_nano_usd IS NOT NULL AND cost_source = 'reported'"),
            counted("cost_nano_usd IS NOT NULL AND cost_source = 'computed'"),
            counted(UNPRICED),
            counted(UNKNOWN_USAGE),
            "count(*) FILTER (WHERE parent_span_id IS NULL)",
            "count(*) FILTER (WHERE parent_span_id NOT IN (SELECT otel_span_id FROM part))",
            counted("input_tokens IS NOT NULL"),
            total("input_tokens"),
            counted("output_tokens IS NOT NULL"),
            total("output_tokens"),
            total("cost_nano_usd"),
            first("id", "TRUE"),
            first("id", "has_input"),
            first("id", "has_output", f"{_HEAD_FIRST} DESC"),
            *(first(column, f"{column} IS NOT NULL") for column in ("session_id", "user_id", "service")),
        )
    )
    return (
        f"WITH part AS MATERIALIZED (SELECT {_COLUMNS} FROM spans{dialect.indexed_by('spans_by_trace')}"
        f" WHERE project = ? AND {{of_trace}} LIMIT {MAX_TOTALLED_SPANS + 1:d}) SELECT {selected} FROM part"
    )


def _topmost(connection: Connection, project: int, id: bytes, otel_trace_id: bytes) -> bytes | None:
    """Return the row id of the highest stored ancestor of a row; None if the row was deleted."""
    dialect = connection.dialect
    spans = f"spans AS s{dialect.indexed_by('spans_by_trace')}"
    row = f"spans AS s{dialect.indexed_by('spans_by_id')}"
    above = (
        f"WITH RECURSIVE above (id, parent, depth) AS (SELECT s.id, s.parent_span_id, 0 FROM {row}"
        " WHERE s.project = ? AND s.id = ?"
        f" UNION ALL SELECT s.id, s.parent_span_id, depth + 1 FROM above CROSS JOIN {spans}"
        " WHERE s.project = ? AND s.otel_trace_id = ? AND s.otel_span_id = above.parent"
        f" AND depth < {_MAX_DEPTH:d}) SELECT id FROM above ORDER BY depth DESC LIMIT 1"
    )
    return connection.execute(above, (project, id, project, otel_trace_id)).get


def _texts(connection: Connection, project: int, totals: Iterable[_Totals]) -> Mapping[bytes, _Texts]:
    """Return the rows that stand for traces, and those that have their previews, by row id."""
    ids = {id for of in totals for id in (of.head, of.input_from, of.output_from) if id is not None}
    if not ids:
        return {}
    dialect = connection.dialect
    columns = ", ".join(f"s.{column}" for column in _Texts._fields)
    rows = connection.execute(
        f"SELECT {columns} FROM {dialect.unnest_bytes('wanted')}"
        f" CROSS JOIN spans AS s{dialect.indexed_by('spans_by_id')}"
        " WHERE s.project = ? AND s.id = wanted.value",
        (dialect.bytes_array(sorted(ids)), project),
    )
    return {values[0]: _Texts._make(values) for values in rows}


def _summary(otel_trace_id: bytes, of: _Totals, texts: Mapping[bytes, _Texts]) -> TreeSummary:
    head = texts[of.head]
    at_least = of.spans > MAX_TOTALLED_SPANS
    has_root = head.parent_span_id is None
    start_us = min(of.start_us, head.start_ns // 1000)
    return TreeSummary(
        otel_trace_id=otel_trace_id,
        name=head.name,
        root_span_id=head.otel_span_id if has_root else None,
        is_complete=None if at_least else has_root and not of.missing_parents,
        start_ns=min(of.start_ns, head.start_ns),
        duration_ms=None if of.end_us is None else (of.end_us - start_us) / 1000,
        spans=of.spans,
        at_least=at_least,
        calls=of.calls,
        errors=of.errors,
        input_tokens=int(of.input_tokens) if of.known_inputs else None,
        output_tokens=int(of.output_tokens) if of.known_outputs else None,
        cost_nano_usd=int(of.cost_nano_usd) if of.priced else None,
        cost_source=_cost_source(of),
        unpriced=of.unpriced,
        unknown_usage=of.unknown_usage,
        session_id=of.session_id,
        user_id=of.user_id,
        service=of.service,
        input_preview=None if of.input_from is None else texts[of.input_from].input_preview,
        output_preview=None if of.output_from is None else texts[of.output_from].output_preview,
    )


def _cost_source(of: _Totals) -> Literal["reported", "computed", "mixed"] | None:
    if not of.priced:
        return None
    if of.reported == of.priced:
        return "reported"
    return "computed" if of.computed == of.priced else "mixed"
