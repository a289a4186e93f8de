"""Checks the newest traces for spans whose parent was not received."""

from __future__ import annotations

from pulse_storage.queries.received import Received, ReceivedQuery
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.steps import Deadline, row_batches

_MIN_NS, _MAX_NS = -(1 << 63), (1 << 63) - 1
_MAX_PARENTS = 1_000
#: Traces that are checked in one statement.
_TRACES = 20


def received(connection: Connection, project: int, query: ReceivedQuery) -> Received:
    """Return the newest span of a project, and the number of its newest traces that lack spans."""
    deadline = Deadline.after(query.seconds)
    newest_ns = connection.execute(
        f"SELECT start_ns FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        " WHERE project = ? ORDER BY id DESC LIMIT 1",
        (project,),
    ).get
    traces = _newest_traces(connection, project, query, deadline)
    incomplete = checked = 0
    while checked < len(traces) and not (checked and deadline.is_over):
        some = traces[checked : checked + _TRACES]
        incomplete += _count_incomplete(connection, project, some)
        checked += len(some)
    return Received(
        newest_ns=newest_ns,
        traces=checked,
        incomplete=incomplete,
        complete=checked == len(traces) and deadline.read_from_ns is None,
    )


def _newest_traces(
    connection: Connection, project: int, query: ReceivedQuery, deadline: Deadline
) -> list[bytes]:
    """Return the different trace ids of the newest matching rows, at most as many as the query allows."""
    where = query.filter
    span = (
        _MIN_NS if where.from_ns is None else where.from_ns,
        _MAX_NS if where.before_ns is None else where.before_ns,
    )
    traces: dict[bytes, None] = {}
    for rows, conditions in row_batches(connection, project, where, [span], deadline):
        found = connection.execute(
            f"SELECT otel_trace_id FROM {rows} WHERE {conditions.sql()} ORDER BY id DESC",
            conditions.bindings,
        )
        for (trace_id,) in found:
            traces[trace_id] = None
            if len(traces) == query.traces:
                # The further rows do not matter, whether they could be read in time or not.
                return list(traces)
    return list(traces)


def _count_incomplete(connection: Connection, project: int, traces: list[bytes]) -> int:
    dialect = connection.dialect
    parents = (
        "SELECT parent_span_id FROM spans AS child"
        f"{dialect.indexed_by('spans_by_parent')}"
        " WHERE child.project = ? AND child.otel_trace_id = wanted.value AND child.parent_span_id IS NOT NULL"
        f" LIMIT {_MAX_PARENTS:d}"
    )
    is_received = (
        "SELECT 1 FROM spans AS parent WHERE parent.project = ? AND parent.otel_trace_id = wanted.value"
        " AND parent.otel_span_id = named.parent_span_id"
    )
    return connection.execute(
        f"SELECT count(*) FROM {dialect.unnest_bytes('wanted')} WHERE EXISTS"
        f" (SELECT 1 FROM ({parents}) AS named WHERE NOT EXISTS ({is_received}))",
        (dialect.bytes_array(traces), project, project),
    ).get
