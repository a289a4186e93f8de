"""Deletes all rows of a partition by TRUNCATE, if retention allows it for each row.

Other processes cannot store spans meanwhile, so slow checks come first. The partition is locked at the end
only; if a reader holds a lock for too long, nothing is truncated. The partition remains, for late rows.
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

#: Timeouts of the lock and of each check. After a timeout, the rows are deleted one by one.
_LOCK_MS, _CHECK_MS = 300, 3_000


def droppable_partitions(connection: PostgresConnection, table: Table) -> list[PartitionRange]:
    """Return the partitions with an upper bound that have rows, or files of deleted rows."""
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
    """See `MaintenanceBackend.truncate_partition`. The transaction must exclude all that store spans."""
    connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MS:d}")
    connection.execute(f"SET LOCAL statement_timeout = {_CHECK_MS:d}")
    names = _names_to_truncate(connection, part)
    if not names or any(_stays(connection, part, project, share) for project, share in shares.items()):
        return None
    of_rows = "count(*)" if part.table == "spans" else f"sum({BODY_BYTES})"
    found = connection.execute(f"SELECT project, {of_rows} FROM {names[0]} GROUP BY project").fetchall()
    sizes = {project: size for project, size in found}
    if sizes.keys() != shares.keys():
        return None
    if part.table == "spans" and any(sizes[project] != share.rows for project, share in shares.items()):
        return None
    events = {
        project: _release_content(connection, part, project, share) for project, share in shares.items()
    }
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
    """Return whether an index has more than its first page. A vacuum does not shorten indexes."""
    return bool(
        connection.execute(
            f"SELECT pg_indexes_size('{partition.name}'::regclass)"
            " > current_setting('block_size')::bigint * count(*)"
            f" FROM pg_index WHERE indrelid = '{partition.name}'::regclass"
        ).get
    )


def _names_to_truncate(connection: PostgresConnection, part: PartitionRange) -> list[str]:
    """Return the partitions to truncate, of the table itself first; [] if their bounds differ from `part`."""
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
        # Partitions have no gaps between them, so equal ends mean that they cover `part`.
        if not within or (within[0].from_id or b"", within[-1].before_id) != (from_id, part.before_id):
            return []
        names += [piece.name for piece in within]
    return names


def _stays(connection: PostgresConnection, part: PartitionRange, project: int, share: PartitionShare) -> bool:
    """Return whether rows of the project in or before the partition must be kept or deleted first."""
    marks = read_watermarks(connection, project)
    if part.table == "spans":
        if _any(connection, "spans", project, marks.rows_from, part.from_id):
            return True
        # Rows that remain before the watermark are exempt, possibly by an older policy.
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


def _release_content(
    connection: PostgresConnection, part: PartitionRange, project: int, share: PartitionShare
) -> int:
    """Copy referenced content to rows that are kept, note shared content as garbage, delete log events.

    Return the bytes of the deleted log events.
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
    # A body that was copied from another row may share content of the week before or after.
    for first, before in (
        (part.from_id, time_floor(from_ns + FROZEN_NS)),
        (time_floor(before_ns - FROZEN_NS), part.before_id),
    ):
        note_content_between(connection, project, *rows_between(project, first, before))
    if part.table != "spans":
        return 0
    # Older log events are found by the step that deletes events without a span.
    keys = "SELECT otel_trace_id, otel_span_id FROM spans WHERE project = ? AND id >= ? AND id < ?"
    last = (project, time_floor(before_ns - FROZEN_NS), part.before_id)
    return delete_events(connection, project, Range(keys, last))
