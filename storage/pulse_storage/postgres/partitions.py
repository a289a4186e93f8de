"""Cuts the tables of spans and bodies into partitions by time, ahead of the spans.

The partitions of a table cover all ids without a gap: the first has no beginning, the last no end, and new
ones are cut off these two. So every span has a place, whatever its time, and lists walk the partitions in
order. Bodies, which take most of the space and are only ever looked up by id, lie in partitions of a week;
spans in partitions of four, since a search for a trace or session of unknown time visits them all.

The clock may be wrong by years. So what lies between the partitions that are there and those around now is
one partition, however long, and `drop_partitions_ahead` takes back what was made for times to come.
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
#: The first since 1970: partitions begin on Mondays.
_A_MONDAY_NS = 4 * 86_400_000_000_000
_BACK_NS, _AHEAD_NS = 5 * WEEK_NS, 4 * WEEK_NS
#: The length of the partitions of a table.
LENGTHS_NS = {"spans": 4 * WEEK_NS, "span_bodies": WEEK_NS}
_WHOLE_NS = max(LENGTHS_NS.values())
#: Rows of times to come are few, and those of more partitions are not moved while the tables are locked.
_MAX_MOVED_ROWS = 10_000


class Partition(NamedTuple):
    """A partition of a table and its half-open range of ids; None is without an end."""

    name: str
    from_id: bytes | None
    before_id: bytes | None


def make_partitions_around(connection: PostgresConnection, now_ns: int) -> int:
    """Make the partitions around a time, and return how many were made. See `make_partitions`.

    Partitions of later times, made when a clock was ahead, are dropped first.
    """
    drop_partitions_ahead(connection, now_ns)
    return make_partitions(connection, now_ns - _BACK_NS, now_ns + _AHEAD_NS)


def make_partitions(connection: PostgresConnection, from_ns: int, before_ns: int) -> int:
    """Make partitions for a time range, and one for all between it and those that are there.

    Returns how many were made. Within no transaction; nothing is done while another process does it. The
    tables are locked for as long as it takes to move rows that lie there already: raises psycopg.Error if
    they cannot be had within three seconds.
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
    """Drop the partitions that end later than those around a time, and return how many were dropped.

    They are dropped from the last on, as long as few rows are found in them, which go where spans lie whose
    time has no partition yet. Locks as `make_partitions` does.
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
    """Hold a transaction in which only this process changes partitions; False if another one does."""
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
    """The partitions that end after the horizon and may be dropped, in their order."""
    going: list[Partition] = []
    rows = 0
    for partition in reversed(partitions(connection, table)[:-1]):
        if partition.from_id is None or partition.before_id is None or partition.before_id <= horizon:
            break
        if _start_ns(partition.before_id) - _start_ns(partition.from_id) <= LENGTHS_NS[table]:
            # A longer one is there because a clock was ahead, and has taken all rows since: it must go.
            rows += _rows_up_to(connection, partition, _MAX_MOVED_ROWS + 1)
        if rows > _MAX_MOVED_ROWS:
            break
        going.append(partition)
    return going[::-1]


def _rows_up_to(connection: PostgresConnection, partition: Partition, limit: int) -> int:
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {partition.name} LIMIT {limit:d}) AS first"
    return connection.execute(counted).get


def _merge_into_future(connection: PostgresConnection, table: str, going: Sequence[Partition]) -> None:
    """Let the last partition, which has no end, begin where these begin, and drop them."""
    future = partitions(connection, table)[-1]
    for partition in (*going, future):
        connection.execute(f"ALTER TABLE {table} DETACH PARTITION {partition.name}")
    for partition in going:
        connection.execute(f"INSERT INTO {future.name} SELECT * FROM {partition.name}")
        connection.execute(f"DROP TABLE {partition.name}")
    wider = future._replace(from_id=going[0].from_id)
    connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {wider.name} {_bounds(wider)}")


def partitions(connection: PostgresConnection, table: str) -> list[Partition]:
    """The partitions of a table in the order of their ranges."""
    rows = connection.execute(
        "SELECT child.relname::text, pg_get_expr(child.relpartbound, child.oid) FROM pg_inherits"
        " INNER JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = ?::regclass",
        (table,),
    ).fetchall()
    found = [_partition(name, bound) for name, bound in rows]
    return sorted(found, key=lambda partition: partition.from_id or b"")


def _partition(name: str, bound: str) -> Partition:
    """`FOR VALUES FROM ('\\x01…') TO (MAXVALUE)`, as the server writes it."""
    lower, _, upper = bound.removeprefix("FOR VALUES FROM ").partition(" TO ")
    return Partition(name, _id(lower), _id(upper))


def _id(bound: str) -> bytes | None:
    text = bound.strip("()'")
    return bytes.fromhex(text.removeprefix("\\x")) if text.startswith("\\x") else None


def _start_ns(id: bytes) -> int:
    """When a range that begins with this id begins."""
    return int.from_bytes(id[:6], "big") * 1_000_000


def _wanted(
    connection: PostgresConnection, from_ns: int, before_ns: int
) -> Iterator[tuple[str, Partition, list[bytes]]]:
    """Which partitions are to be cut, and where."""
    for table, length_ns in LENGTHS_NS.items():
        for partition in partitions(connection, table):
            if cuts := _cuts(partition, length_ns, from_ns, before_ns):
                yield table, partition, cuts


def _cuts(partition: Partition, length_ns: int, from_ns: int, before_ns: int) -> list[bytes]:
    """Where new partitions are to be cut off one without an end.

    Up to the end that it has, since none may be missing in between. Further away than one whole length, what
    lies in between is not cut: it is one partition.
    """
    if partition.from_id is not None and partition.before_id is not None:
        return []
    first_ns, last_ns = _start_of(from_ns, _WHOLE_NS), _end_ns(before_ns, length_ns)
    starts = list(range(first_ns, last_ns + 1, length_ns))
    if partition.from_id is not None:
        # Bodies fill up the partition of spans that is there: all tables shall be cut at the same places.
        there_ns = _start_ns(partition.from_id)
        starts = [ns for ns in starts if ns > there_ns]
        starts += range(there_ns + length_ns, min(first_ns, _end_ns(there_ns, _WHOLE_NS) + 1), length_ns)
    if partition.before_id is not None:
        there_ns = _start_ns(partition.before_id)
        starts = [ns for ns in starts if ns < there_ns]
        starts += range(last_ns + length_ns, min(there_ns, _end_ns(last_ns, _WHOLE_NS) + 1), length_ns)
    return [time_floor(start_ns) for start_ns in sorted(set(starts))]


def _start_of(time_ns: int, length_ns: int) -> int:
    """When the partition of this length in which a time lies begins.

    All tables begin alike, so that a partition of one holds whole partitions of the others.
    """
    return (max(time_ns, _A_MONDAY_NS) - _A_MONDAY_NS) // length_ns * length_ns + _A_MONDAY_NS


def _end_ns(time_ns: int, length_ns: int) -> int:
    """When the partitions of this length that reach up to a time end."""
    return -(-(time_ns - _A_MONDAY_NS) // length_ns) * length_ns + _A_MONDAY_NS


def _cut(connection: PostgresConnection, table: str, whole: Partition, cuts: list[bytes]) -> None:
    """Replace a partition without an end by several, the last or first without one again; move the rows."""
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
