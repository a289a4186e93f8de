"""Creates partitions of spans and bodies by time, before spans of that time arrive.

The partitions of a table cover all ids without a gap: the first has no lower bound, the last no upper bound,
and new ones are split off these two. So every span has a partition, whatever its time, and lists read the
partitions in order. Bodies use most of the space and are only looked up by id: a partition has one week.
Those of spans have four weeks, because a search for a trace or session of unknown time reads all of them.

The clock may be wrong by years. So there is a single partition between the existing partitions and those
around now, however long, and `drop_partitions_ahead` removes partitions of later times.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from pulse_storage.ids import time_floor
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.locks import PARTITIONS

WEEK_NS = 7 * 86_400_000_000_000
#: The first Monday since 1970: partitions begin on Mondays.
_A_MONDAY_NS = 4 * 86_400_000_000_000
_BACK_NS, _AHEAD_NS = 5 * WEEK_NS, 4 * WEEK_NS
#: The length of the partitions of a table.
LENGTHS_NS = {"spans": 4 * WEEK_NS, "span_bodies": WEEK_NS}
_WHOLE_NS = max(LENGTHS_NS.values())
#: Rows of the future are few. Partitions with more are kept, because the tables are locked during the move.
_MAX_MOVED_ROWS = 10_000


class Partition(NamedTuple):
    """A partition of a table and its half-open range of ids; None is no bound."""

    name: str
    from_id: bytes | None
    before_id: bytes | None


def make_partitions_around(connection: PostgresConnection, now_ns: int) -> int:
    """Create the partitions around a time; return the number of new ones. See `make_partitions`.

    First drop partitions of later times, which were created while a clock was ahead.
    """
    drop_partitions_ahead(connection, now_ns)
    return make_partitions(connection, now_ns - _BACK_NS, now_ns + _AHEAD_NS)


def make_partitions(connection: PostgresConnection, from_ns: int, before_ns: int) -> int:
    """Create partitions for a time range, and one between it and the existing ones; return their number.

    Must not be called in a transaction. Does nothing while another process creates partitions. The tables
    are locked while stored rows are moved: raises psycopg.Error if the locks are not free within 3 s.
    """
    if not any(_wanted(connection, from_ns, before_ns)):
        return 0
    made = 0
    with _tables_locked(connection) as is_locked:
        if is_locked:
            for table, partition, cuts in list(_wanted(connection, from_ns, before_ns)):
                _cut(connection, table, partition, cuts)
                made += len(cuts)
    return made


def drop_partitions_ahead(connection: PostgresConnection, now_ns: int) -> int:
    """Drop the partitions that end after those around a time; return the number of dropped ones.

    Drops from the last one on, as long as they have few rows, which are moved to the partition without an
    upper bound. Locks as `make_partitions` does.
    """
    horizon = {table: time_floor(_end_ns(now_ns + _AHEAD_NS, length)) for table, length in LENGTHS_NS.items()}
    if not any(_ahead(connection, table, before) for table, before in horizon.items()):
        return 0
    dropped = 0
    with _tables_locked(connection) as is_locked:
        if is_locked:
            for table, before in horizon.items():
                going = _ahead(connection, table, before)
                if going:
                    _merge_into_future(connection, table, going)
                    dropped += len(going)
    return dropped


@contextlib.contextmanager
def _tables_locked(connection: PostgresConnection) -> Generator[bool]:
    """Open a transaction with a lock on changes of partitions; yield False if another process has it."""
    connection.begin("", "lock_timeout = 3000; statement_timeout = 600000")
    try:
        is_alone = bool(connection.execute("SELECT pg_try_advisory_xact_lock(?)", (PARTITIONS,)).get)
        if is_alone:
            connection.execute("LOCK TABLE spans, span_bodies IN ACCESS EXCLUSIVE MODE")
        yield is_alone
        connection.commit()
    except BaseException:
        connection.roll_back()
        raise


def _ahead(connection: PostgresConnection, table: str, horizon: bytes) -> list[Partition]:
    """Return the partitions that end after the horizon and may be dropped, in order."""
    going: list[Partition] = []
    rows = 0
    for partition in reversed(partitions(connection, table)[:-1]):
        if partition.from_id is None or partition.before_id is None or partition.before_id <= horizon:
            break
        if _start_ns(partition.before_id) - _start_ns(partition.from_id) <= LENGTHS_NS[table]:
            # A longer one was created while a clock was ahead, and has all rows since: drop it.
            rows += _rows_up_to(connection, partition, _MAX_MOVED_ROWS + 1)
        if rows > _MAX_MOVED_ROWS:
            break
        going.append(partition)
    return going[::-1]


def _rows_up_to(connection: PostgresConnection, partition: Partition, limit: int) -> int:
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {partition.name} LIMIT {limit:d}) AS first"
    return connection.execute(counted).get


def _merge_into_future(connection: PostgresConnection, table: str, going: Sequence[Partition]) -> None:
    """Drop these partitions, and extend the last one, without upper bound, to where they began."""
    future = partitions(connection, table)[-1]
    for partition in (*going, future):
        connection.execute(f"ALTER TABLE {table} DETACH PARTITION {partition.name}")
    for partition in going:
        connection.execute(f"INSERT INTO {future.name} SELECT * FROM {partition.name}")
        connection.execute(f"DROP TABLE {partition.name}")
    wider = future._replace(from_id=going[0].from_id)
    connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {wider.name} {_bounds(wider)}")


def partitions(connection: PostgresConnection, table: str) -> list[Partition]:
    """Return the partitions of a table in the order of their ranges."""
    rows = connection.execute(
        "SELECT child.relname::text, pg_get_expr(child.relpartbound, child.oid) FROM pg_inherits"
        " INNER JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = ?::regclass",
        (table,),
    ).fetchall()
    found = [_partition(name, bound) for name, bound in rows]
    return sorted(found, key=lambda partition: partition.from_id or b"")


def _partition(name: str, bound: str) -> Partition:
    """Parse `FOR VALUES FROM ('\\x01…') TO (MAXVALUE)`, the server's form of bounds."""
    lower, _, upper = bound.removeprefix("FOR VALUES FROM ").partition(" TO ")
    return Partition(name, _id(lower), _id(upper))


def _id(bound: str) -> bytes | None:
    text = bound.strip("()'")
    return bytes.fromhex(text.removeprefix("\\x")) if text.startswith("\\x") else None


def _start_ns(id: bytes) -> int:
    """Return the start time (Unix nanoseconds) of a range of ids with this lower bound."""
    return int.from_bytes(id[:6], "big") * 1_000_000


def _wanted(
    connection: PostgresConnection, from_ns: int, before_ns: int
) -> Iterator[tuple[str, Partition, list[bytes]]]:
    """Return the partitions to split, and the bounds of their pieces."""
    for table, length_ns in LENGTHS_NS.items():
        for partition in partitions(connection, table):
            if cuts := _cuts(partition, length_ns, from_ns, before_ns):
                yield table, partition, cuts


def _cuts(partition: Partition, length_ns: int, from_ns: int, before_ns: int) -> list[bytes]:
    """Return the bounds at which to split a partition that has no lower or no upper bound.

    They reach from the bound that it has to the wanted range, since there may be no gap. If the distance is
    more than one length, the piece in between is a single partition.
    """
    if partition.from_id is not None and partition.before_id is not None:
        return []
    first_ns, last_ns = _start_of(from_ns, _WHOLE_NS), _end_ns(before_ns, length_ns)
    starts = list(range(first_ns, last_ns + 1, length_ns))
    if partition.from_id is not None:
        # First fill the existing partition of spans: all tables must be split at the same bounds.
        there_ns = _start_ns(partition.from_id)
        starts = [ns for ns in starts if ns > there_ns]
        starts += range(there_ns + length_ns, min(first_ns, _end_ns(there_ns, _WHOLE_NS) + 1), length_ns)
    if partition.before_id is not None:
        there_ns = _start_ns(partition.before_id)
        starts = [ns for ns in starts if ns < there_ns]
        starts += range(last_ns + length_ns, min(there_ns, _end_ns(last_ns, _WHOLE_NS) + 1), length_ns)
    return [time_floor(start_ns) for start_ns in sorted(set(starts))]


def _start_of(time_ns: int, length_ns: int) -> int:
    """Return the start of the partition of this length that contains a time.

    All tables have common starts, so that a partition of one spans whole partitions of another.
    """
    return (max(time_ns, _A_MONDAY_NS) - _A_MONDAY_NS) // length_ns * length_ns + _A_MONDAY_NS


def _end_ns(time_ns: int, length_ns: int) -> int:
    """Return the end of the last partition of this length that begins before a time."""
    return -(-(time_ns - _A_MONDAY_NS) // length_ns) * length_ns + _A_MONDAY_NS


def _cut(connection: PostgresConnection, table: str, whole: Partition, cuts: list[bytes]) -> None:
    """Replace an unbounded partition by several, of which the last or first is unbounded; move the rows."""
    edges = [whole.from_id, *cuts, whole.before_id]
    pieces = [
        Partition(_name(table, from_id, before_id), from_id, before_id)
        for from_id, before_id in pairwise(edges)
    ]
    connection.execute(f"ALTER TABLE {table} DETACH PARTITION {whole.name}")
    for piece in pieces:
        if piece.name != whole.name:
            connection.execute(f"CREATE TABLE {piece.name} PARTITION OF {table} {_bounds(piece)}")
            connection.execute(
                f"WITH moved AS (DELETE FROM {whole.name} WHERE {_within(piece)} RETURNING *)"
                f" INSERT INTO {piece.name} SELECT * FROM moved"
            )
    [kept] = [piece for piece in pieces if piece.name == whole.name]
    connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {kept.name} {_bounds(kept)}")


def _name(table: str, from_id: bytes | None, before_id: bytes | None) -> str:
    if before_id is None:
        return f"{table}_future"
    if from_id is None:
        return f"{table}_past"
    return f"{table}_{datetime.fromtimestamp(_start_ns(from_id) // 10**9, UTC):%Y%m%d}"


def _bounds(piece: Partition) -> str:
    lower = "MINVALUE" if piece.from_id is None else _literal(piece.from_id)
    upper = "MAXVALUE" if piece.before_id is None else _literal(piece.before_id)
    return f"FOR VALUES FROM ({lower}) TO ({upper})"


def _within(piece: Partition) -> str:
    terms = ["TRUE"]
    if piece.from_id is not None:
        terms.append(f"id >= {_literal(piece.from_id)}")
    if piece.before_id is not None:
        terms.append(f"id < {_literal(piece.before_id)}")
    return " AND ".join(terms)


def _literal(id: bytes) -> str:
    return f"'\\x{id.hex()}'::bytea"
