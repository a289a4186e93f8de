"""Finds what retention kept and need not keep any more: rows before the mark of which no policy says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.executor import MaintenanceExecutor
from pulse_storage.sql.maintenance.expiry import HAS_CONTENT
from pulse_storage.sql.maintenance.row_ranges import dropped_between, next_end
from pulse_storage.sql.tables.watermarks import read_watermarks

_READ_ROWS = 20_000


class FormerlyExempt(NamedTuple):
    """The ids where rows begin that an earlier policy kept, and where content; empty if there are none."""

    rows_from: bytes
    content_from: bytes


async def find_formerly_exempt(
    engine: MaintenanceExecutor,
    project: int,
    policy: RetentionPolicy,
    before: FormerlyExempt,
    between: Callable[[], Awaitable[None]],
) -> FormerlyExempt:
    """What a policy that keeps less than an earlier one has left to be dropped, of rows below some ids.

    Reads every row before the marks, so it is for once a policy, not for every run; `between` is called
    before each piece.
    """
    marks = await engine.read(lambda connection: read_watermarks(connection, project))

    async def first_left(end: bytes, condition: str) -> bytes:
        after = b""
        while after < end:
            await between()
            read = partial(_read, project=project, policy=policy, first=after, end=end, condition=condition)
            found, after = await engine.read(read)
            if found is not None:
                return found
        return b""

    return FormerlyExempt(
        await first_left(min(marks.rows_from, before.rows_from), "TRUE"),
        await first_left(min(marks.content_from, before.content_from), HAS_CONTENT),
    )


def _read(
    connection: Connection, project: int, policy: RetentionPolicy, first: bytes, end: bytes, condition: str
) -> tuple[bytes | None, bytes]:
    """The first row of some that may go, and from which id to read on."""
    after = next_end(connection, project, first, end, _READ_ROWS)
    rows = dropped_between(connection.dialect, project, first, after, policy)
    found = connection.execute(
        f"SELECT id FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        f" WHERE {rows.sql} AND {condition} ORDER BY id LIMIT 1",
        rows.bindings,
    ).get
    return found, after
