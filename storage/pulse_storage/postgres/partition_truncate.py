"""Empties a partition at once, where every row of it may go: the work of a moment, however many there are.

Others cannot store meanwhile, so what can take long is done before; the partition itself is locked at the
end only, and given up if a reader keeps it. It stays, so that late rows have a place.
"""

from __future__ import annotations

from collections.abc import Mapping

from pulse_storage.content.documents import week_of
from pulse_storage.ids import time_floor, time_of
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.partitions import Partition, partitions
from pulse_storage.retention import FROZEN_NS
from pulse_storage.sql.connection import SqlValue
from pulse_storage.sql.maintenance.expiry import BODY_BYTES
from pulse_storage.sql.maintenance.log_events import delete_events
from pulse_storage.sql.maintenance.materialize import materialize_references
from pulse_storage.sql.maintenance.partitions import PartitionRange, PartitionShare, Table
from pulse_storage.sql.maintenance.row_ranges import Range, exempt_rows, rows_between
from pulse_storage.sql.tables.garbage import note_content_between
from pulse_storage.sql.tables.watermarks import move_watermarks, read_watermarks

#: Readers of the partition are waited for so long, and each check may take so long; then it goes by rows.
_LOCK_MS, _CHECK_MS = 300, 3_000


def droppable_partitions(connection: PostgresConnection, table: Table) -> list[PartitionRange]:
    """The partitions of a table that hold rows, or the files of rows that are gone, and have an end."""
    found: list[PartitionRange] = []
    for partition in partitions(connection, table):
        if partition.before_id is not None:
            projects = _projects(connection, partition)
            if projects or _has_grown(connection, partition):
                found.append(PartitionRange(table, partition.from_id or b"", partition.before_id, projects))
    return found


def truncate_partition(
    connection: PostgresConnection, part: PartitionRange, shares: Mapping[int, PartitionShare]
) -> Mapping[int, int] | None:
    """See `MaintenanceBackend.truncate_partition`; within a transaction during which nobody else stores."""
    connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MS:d}")
    connection.execute(f"SET LOCAL statement_timeout = {_CHECK_MS:d}")
    names = _emptied(connection, part)
    if not names or any(_stays(connection, part, project, share) for project, share in shares.items()):
        return None
    of_rows = "count(*)" if part.table == "spans" else f"sum({BODY_BYTES})"
    found = connection.execute(f"SELECT project, {of_rows} FROM {names[0]} GROUP BY project").fetchall()
    sizes = {project: size for project, size in found}
    if sizes.keys() != shares.keys():
        return None
    if part.table == "spans" and any(sizes[project] != share.rows for project, share in shares.items()):
        return None
    events = {project: _let_go(connection, part, project, share) for project, share in shares.items()}
    if part.table == "spans":
        connection.execute(
            "UPDATE usage_keys SET calls = usage_keys.calls - gone.calls FROM (SELECT usage_key, count(*) AS"
            f" calls FROM {names[0]} WHERE usage_key IS NOT NULL GROUP BY usage_key) AS gone"
            " WHERE key = gone.usage_key"
        )
        for project in shares:
            move_watermarks(connection, project, rows_from=part.before_id, content_from=part.before_id)
    connection.execute(f"TRUNCATE {', '.join(names)}")
    return events if part.table == "spans" else sizes


def _projects(connection: PostgresConnection, partition: Partition) -> tuple[int, ...]:
    rows = connection.execute(
        "SELECT key FROM projects WHERE EXISTS"
        f" (SELECT 1 FROM {partition.name} AS part WHERE part.project = projects.key) ORDER BY key"
    )
    return tuple(key for (key,) in rows)


def _has_grown(connection: PostgresConnection, partition: Partition) -> bool:
    """Whether its indexes hold more than the one page of a new one: a vacuum never makes them smaller."""
    return bool(
        connection.execute(
            f"SELECT pg_indexes_size('{partition.name}'::regclass)"
            " > current_setting('block_size')::bigint * count(*)"
            f" FROM pg_index WHERE indrelid = '{partition.name}'::regclass"
        ).get
    )


def _emptied(connection: PostgresConnection, part: PartitionRange) -> list[str]:
    """The partitions to be emptied, the part's own first; none if it is gone, or bodies lie across."""
    tables: tuple[Table, ...] = ("spans", "span_bodies") if part.table == "spans" else ("span_bodies",)
    names: list[str] = []
    from_id = part.from_id
    for table in tables:
        within = [
            piece
            for piece in partitions(connection, table)
            if piece.before_id is not None
            and part.from_id <= (piece.from_id or b"")
            and piece.before_id <= part.before_id
        ]
        # They follow each other without a gap: both ends tell that they cover the part.
        if not within or (within[0].from_id or b"", within[-1].before_id) != (from_id, part.before_id):
            return []
        names += [piece.name for piece in within]
    return names


def _stays(connection: PostgresConnection, part: PartitionRange, project: int, share: PartitionShare) -> bool:
    """Whether something of the project's must stay, or be dropped first."""
    marks = read_watermarks(connection, project)
    if part.table == "spans":
        if _any(connection, "spans", project, marks.rows_from, part.from_id):
            return True
        # What is left before the mark was kept, if by an older policy.
        passed = marks.rows_from
    else:
        passed = marks.content_from
    if _any(connection, part.table, project, part.from_id, min(passed, part.before_id)):
        return True
    kept = exempt_rows(connection.dialect, share.policy)
    return share.policy.has_exemptions and _any(
        connection, "spans", project, part.from_id, part.before_id, f" AND {kept.sql}", kept.bindings
    )


def _any(
    connection: PostgresConnection,
    table: Table,
    project: int,
    first: bytes,
    before: bytes,
    condition: str = "",
    bindings: tuple[SqlValue, ...] = (),
) -> bool:
    return first < before and bool(
        connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM {table} WHERE project = ? AND id >= ? AND id < ?{condition})",
            (project, first, before, *bindings),
        ).get
    )


def _let_go(connection: PostgresConnection, part: PartitionRange, project: int, share: PartitionShare) -> int:
    """See to what others have of the rows: texts that they lent, content that they share, log events.

    Answers the bytes of log events that were deleted.
    """
    from_ns, before_ns = time_of(part.from_id or bytes(16)), time_of(part.before_id)
    if share.policy.has_exemptions:
        first, ahead = time_floor(from_ns - FROZEN_NS), time_floor(before_ns + FROZEN_NS)
        materialize_references(connection, project, first, ahead, share.policy)
    connection.execute(
        "INSERT INTO content_garbage (project, week, block)"
        " SELECT project, week, id FROM content_blocks WHERE project = ? AND week >= ? AND week < ?"
        " ON CONFLICT (project, week, block) DO NOTHING",
        (project, week_of(from_ns) if part.from_id else -(1 << 62), week_of(before_ns)),
    )
    # A body that was taken over may share content of the week before or after.
    for first, before in (
        (part.from_id, time_floor(from_ns + FROZEN_NS)),
        (time_floor(before_ns - FROZEN_NS), part.before_id),
    ):
        note_content_between(connection, project, *rows_between(project, first, before))
    if part.table != "spans":
        return 0
    # Others are old themselves: the step that looks for log events without a span finds them.
    keys = "SELECT otel_trace_id, otel_span_id FROM spans WHERE project = ? AND id >= ? AND id < ?"
    last = (project, time_floor(before_ns - FROZEN_NS), part.before_id)
    return delete_events(connection, project, Range(keys, last))
