"""Sweeps shared content: of the blocks that rows let go of, what no other row refers to is overwritten.

Nobody counts references. First the week's parts lose their entries, so that no new row can refer to the
blocks in question; then the rows that are left are read, and what they do not refer to is taken out. A sweep
that is cut off leaves nothing wrong: it begins anew.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Container, Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from zstandard import ZstdError

from pulse_storage.content.bodies import pack, unpack
from pulse_storage.content.documents import WEEK_NS, week_start_ns
from pulse_storage.ids import time_floor
from pulse_storage.sql.connection import Connection, SqlValue
from pulse_storage.sql.maintenance.executor import Engine
from pulse_storage.sql.maintenance.row_ranges import Range
from pulse_storage.sql.tables.garbage import references_in, weeks_with_garbage
from pulse_storage.sql.tables.watermarks import SETTLED_NS

#: Blocks whose uses are held in memory, blocks that one step changes, and rows that one step reads.
SWEPT_BLOCKS = 50_000
_CHANGED_BLOCKS = 500
_READ_ROWS = 2_000
#: The entries of a week go in so many steps.
_DIGEST_RANGES = 16
_LAST_HASH = (1 << 62) - 1
_THE_BLOCK = "id = ? AND project = ? AND week = ?"

#: The stretches of a block that some row refers to: start and end.
Uses = set[tuple[int, int]]


class Use(NamedTuple):
    """A stretch of a block to which a row refers."""

    block: int
    start: int
    end: int


async def sweep(engine: Engine, project: int, before_ns: int | None) -> AsyncGenerator[int]:
    """Sweep the weeks that were over at a time, or all; yields after each step how many bytes it freed."""
    for week in await engine.read(lambda connection: weeks_with_garbage(connection, project)):
        if is_swept(week, before_ns):
            async for freed_bytes in _sweep_week(engine, project, week):
                yield freed_bytes


def is_swept(week: int, before_ns: int | None) -> bool:
    """Whether a sweep of what was over at a time, or of all, comes to a week."""
    return before_ns is None or week_start_ns(week) + WEEK_NS + SETTLED_NS <= before_ns


async def _sweep_week(engine: Engine, project: int, week: int) -> AsyncGenerator[int]:
    newest = await engine.read(_newest_block)
    for number in range(_DIGEST_RANGES):
        await engine.write(_forgetting_parts(project, week, newest, number))
        yield 0
    while blocks := await engine.read(lambda connection: _garbage(connection, project, week)):
        uses: dict[int, Uses] = {block: set() for block in blocks}
        after: bytes | None = first_id(week)
        while after is not None:
            found, after = await engine.read(_reading_uses(project, week, after, uses))
            for _, (block, start, end) in found:
                uses[block].add((start, end))
            yield 0
        for start in range(0, len(blocks), _CHANGED_BLOCKS):
            some = {block: uses[block] for block in blocks[start : start + _CHANGED_BLOCKS]}
            yield await engine.write(_taking_out(project, week, some), secure=True)


def blanked(content: bytes, uses: Iterable[tuple[int, int]]) -> bytes:
    """The content with zeros wherever nobody uses it."""
    kept = bytearray(len(content))
    for start, end in uses:
        kept[start:end] = content[start:end]
    return bytes(kept)


def first_id(week: int) -> bytes:
    """The smallest id of a row that may refer to a week's blocks."""
    return time_floor(week_start_ns(week) - SETTLED_NS)


def last_id(week: int) -> bytes:
    """The greatest such id."""
    return time_floor(week_start_ns(week + 1) + SETTLED_NS, _LAST_HASH)


def swept(packed: bytes, uses: Uses) -> bytes:
    """A packed block without what nobody uses; empty if nobody uses any, as it was if it is damaged."""
    if not uses:
        return b""
    try:
        content = unpack(packed)
    except ZstdError:
        return packed  # nobody can read it, and whoever tries is told
    kept = blanked(content, uses)
    return packed if kept == content else pack(kept)


def _newest_block(connection: Connection) -> int:
    return cast("int", connection.execute("SELECT coalesce(max(id), 0) FROM content_blocks").get)


def _garbage(connection: Connection, project: int, week: int) -> list[int]:
    rows = connection.execute(
        "SELECT block FROM content_garbage WHERE project = ? AND week = ?"
        f" ORDER BY block LIMIT {SWEPT_BLOCKS}",
        (project, week),
    )
    return [cast("int", block) for (block,) in rows]


def _forgetting_parts(
    project: int, week: int, newest: int, number: int
) -> Callable[[Connection, object], object]:
    """A sixteenth of the week's parts: what comes from now on is stored in new blocks."""
    first, last = bytes([number * 16]), bytes([number * 16 + 15]) + b"\xff" * 16
    return lambda connection, _: connection.execute(
        "DELETE FROM content_parts"
        " WHERE project = ? AND week = ? AND digest >= ? AND digest <= ? AND block <= ?",
        (project, week, first, last, newest),
    )


def read_uses(
    connection: Connection, project: int, week: int, first: bytes, blocks: Container[int], marked: Range
) -> tuple[list[tuple[bool, Use]], bytes | None]:
    """What some rows refer to, each with whether its row is marked; and from which id to read on.

    Rows that took over what they borrowed may have begun a little after the week, or before it.
    """
    shared = ", ".join(
        # Only references travel: packed documents would be many times as large.
        f"CASE WHEN substr({column}, 1, 1) = ? THEN {column} END"
        for column in ("request_body", "response_body")
    )
    dialect = connection.dialect
    joined = " AND ".join(f"span_bodies.{column} = spans.{column}" for column in dialect.row_key)
    rows = connection.execute(
        f"SELECT spans.id, {marked.sql}, {shared} FROM spans{dialect.indexed_by('spans_by_id')}"
        f" INNER JOIN span_bodies ON {joined}"
        " WHERE spans.project = ? AND spans.id >= ? AND spans.id <= ?"
        f" ORDER BY spans.id LIMIT {_READ_ROWS + 1}",
        (*marked.bindings, b"\x01", b"\x01", project, first, last_id(week)),
    ).fetchall()
    found = [
        (bool(is_marked), use)
        for _, is_marked, *bodies in rows[:_READ_ROWS]
        for use in uses_in(bodies, week)
        if use.block in blocks
    ]
    return found, cast("bytes", rows[_READ_ROWS][0]) if len(rows) > _READ_ROWS else None


def uses_in(bodies: Iterable[SqlValue], week: int) -> Iterator[Use]:
    """What stored bodies refer to of a week's blocks."""
    for reference in references_in(bodies):
        if reference.week == week:
            for block, start, length in reference.extents:
                yield Use(block, start, start + length)


def _reading_uses(
    project: int, week: int, first: bytes, blocks: Container[int]
) -> Callable[[Connection], tuple[list[tuple[bool, Use]], bytes | None]]:
    return lambda connection: read_uses(connection, project, week, first, blocks, Range("FALSE", ()))


def _taking_out(project: int, week: int, uses: Mapping[int, Uses]) -> Callable[[Connection, object], int]:
    """Delete blocks that nobody uses, overwrite what nobody uses of others; how many bytes that freed."""

    def write(connection: Connection, _: object) -> int:
        freed_bytes = sum(_take_out(connection, (block, project, week), used) for block, used in uses.items())
        connection.executemany(
            "DELETE FROM content_garbage WHERE project = ? AND week = ? AND block = ?",
            [(project, week, block) for block in uses],
        )
        return freed_bytes

    return write


def _take_out(connection: Connection, block: tuple[int, int, int], uses: Uses) -> int:
    packed = connection.execute(f"SELECT packed FROM content_blocks WHERE {_THE_BLOCK}", block).get
    if packed is None:
        return 0
    left = swept(before := cast("bytes", packed), uses)
    if not left:
        connection.execute(f"DELETE FROM content_blocks WHERE {_THE_BLOCK}", block)
    elif left != before:
        connection.execute(f"UPDATE content_blocks SET packed = ? WHERE {_THE_BLOCK}", (left, *block))
    return len(before) - len(left)
