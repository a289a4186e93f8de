"""Finds rows that an earlier policy exempted and the current one does not."""

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
    """The smallest ids of expired rows, and of expired content, that an earlier policy exempted; or empty."""

    rows_from: bytes
    content_from: bytes


async def find_formerly_exempt(
    executor: MaintenanceExecutor,
    project: int,
    policy: RetentionPolicy,
    before: FormerlyExempt,
    between: Callable[[], Awaitable[None]],
) -> FormerlyExempt:
    """Return the rows and content below the ids `before` that only an earlier policy exempted.

    Reads every row before the watermarks, so it runs once after a change of policy. `between` is awaited
    before each step.
    """
    marks = await executor.read(lambda connection: read_watermarks(connection, project))

    async def first_left(end: bytes, condition: str) -> bytes:
        after = b""
        while after < end:
            await between()
            read = partial(_read, project=project, policy=policy, first=after, end=end, condition=condition)
            found, after = await executor.read(read)
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
    """Return the first expired row of some, and the id from which to read on."""
    after = next_end(connection, project, first, end, _READ_ROWS)
    rows = dropped_between(connection.dialect, project, first, after, policy)
    found = connection.execute(
        f"SELECT id FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        f" WHERE {rows.sql} AND {condition} ORDER BY id LIMIT 1",
        rows.bindings,
    ).get
    return found, after
