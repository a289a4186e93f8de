"""Cuts the tables of spans and bodies into partitions by time, ahead of the spans.

The partitions of a table cover all ids without a gap: the first has no beginning, the last no end, and new
ones are cut off these two. So every span has a place, whatever its time, and lists walk the partitions in
order. Bodies, which take most of the space and are only ever looked up by id, lie in partitions of a week;
spans in partitions of four, since whoever looks for a trace or session of unknown time visits them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple, cast

from pulse_storage.ids import time_floor
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.locks import PARTITIONS

WEEK_NS = 7 * 86_400_000_000_000
#: The first since 1970: partitions begin on Mondays.
_A_MONDAY_NS = 4 * 86_400_000_000_000
_BACK_NS, _AHEAD_NS = 5 * WEEK_NS, 4 * WEEK_NS
#: The length of the partitions of a table.
LENGTHS_NS = {"spans": 4 * WEEK_NS, "span_bodies": WEEK_NS}


class Partition(NamedTuple):
    """A partition of a table and its half-open range of ids; None is without an end."""

    name: str
    from_id: bytes | None
    before_id: bytes | None


def make_partitions_around(connection: PostgresConnection, now_ns: int) -> int:
    """See that the partitions around a time are there; how many were made. See `make_partitions`."""
    return make_partitions(connection, now_ns - _BACK_NS, now_ns + _AHEAD_NS)


def make_partitions(connection: PostgresConnection, from_ns: int, before_ns: int) -> int:
    """See that a time range, and all between it and those that are there, has partitions of its own.

    How many were made. Within no transaction; nothing is done while another process does it. The tables are
    locked for as long as it takes to move rows that lie there already: raises psycopg.Error if they cannot
    be had within three seconds.
    """
    if not any(_wanted(connection, from_ns, before_ns)):
        return 0
    connection.begin("", "lock_timeout = 3000; statement_timeout = 600000")
    made = 0
    try:
        if connection.execute("SELECT pg_try_advisory_xact_lock(?)", (PARTITIONS,)).get:
            connection.execute("LOCK TABLE spans, span_bodies IN ACCESS EXCLUSIVE MODE")
            for table, partition, cuts in list(_wanted(connection, from_ns, before_ns)):
                _cut(connection, table, partition, cuts)
                made += len(cuts)
        connection.execute("COMMIT")
    except BaseException:
        connection.roll_back()
        raise
    return made


def partitions(connection: PostgresConnection, table: str) -> list[Partition]:
    """The partitions of a table in the order of their ranges."""
    rows = connection.execute(
        "SELECT child.relname::text, pg_get_expr(child.relpartbound, child.oid) FROM pg_inherits"
        " INNER JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = ?::regclass",
        (table,),
    ).fetchall()
    found = [_partition(cast("str", name), cast("str", bound)) for name, bound in rows]
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

    Up to the end that it has: none may be missing in between.
    """
    if partition.from_id is not None and partition.before_id is not None:
        return []
    # All tables begin alike, so that a partition of one holds whole partitions of the others.
    whole_ns = max(LENGTHS_NS.values())
    first_ns = (max(from_ns, _A_MONDAY_NS) - _A_MONDAY_NS) // whole_ns * whole_ns + _A_MONDAY_NS
    last_ns = -(-(before_ns - _A_MONDAY_NS) // length_ns) * length_ns + _A_MONDAY_NS
    if partition.from_id is not None:
        first_ns = _start_ns(partition.from_id)
    if partition.before_id is not None:
        last_ns = _start_ns(partition.before_id)
    cuts = [time_floor(start_ns) for start_ns in range(first_ns, last_ns + 1, length_ns)]
    return [cut for cut in cuts if cut not in (partition.from_id, partition.before_id)]


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
