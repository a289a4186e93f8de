"""Foretells what a run of retention frees beside rows: log events, and content that only they shared."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Container, Mapping
from functools import partial
from typing import NamedTuple, cast

from pulse_storage.ids import time_floor, time_of
from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.content_gc import (
    SWEPT_BLOCKS,
    Use,
    Uses,
    first_id,
    is_swept,
    last_id,
    read_uses,
    swept,
    uses_in,
)
from pulse_storage.sql.maintenance.executor import Engine
from pulse_storage.sql.maintenance.log_events import event_bytes, events_of_old_spans
from pulse_storage.sql.maintenance.row_ranges import Range, kept_rows, rows_between
from pulse_storage.sql.tables.watermarks import SETTLED_NS

#: Which body a row may borrow, and the column that says from whom.
_LOANS = (("request_body", "request_from"), ("response_body", "response_from"))
#: Rows that borrow, and blocks, of which one step reads the content.
_READ = 500


class Going(NamedTuple):
    """A project's rows whose content is to go: those with smaller ids that the policy does not keep."""

    project: int
    before: bytes
    policy: RetentionPolicy


async def freed_beside_rows(engine: Engine, going: Going, sweep_before_ns: int | None) -> int:
    """The bytes of log events and shared content that go with these rows, in a sweep of that reach.

    Reads as much as the sweep would, step by step, and changes nothing.
    """
    freed = await engine.read(lambda connection: _event_bytes(connection, going))
    for week in await engine.read(lambda connection: _weeks(connection, going.project)):
        if is_swept(week, sweep_before_ns):
            freed += await _freed_of_week(engine, going, week)
    return freed


def _event_bytes(connection: Connection, going: Going) -> int:
    project, before, policy = going
    has_any = connection.execute("SELECT 1 FROM span_events WHERE project = ? LIMIT 1", (project,))
    if has_any.fetchone() is None:
        return 0
    old, kept = events_of_old_spans(project, before), kept_rows(connection.dialect, policy)
    spans = (
        f"{old.sql} UNION SELECT otel_trace_id, otel_span_id FROM span_events AS events"
        " WHERE project = ? AND EXISTS (SELECT 1 FROM spans WHERE spans.project = events.project"
        " AND spans.otel_trace_id = events.otel_trace_id AND spans.otel_span_id = events.otel_span_id"
        f" AND id < ? AND NOT {kept.sql})"
    )
    return event_bytes(connection, project, Range(spans, (*old.bindings, project, before, *kept.bindings)))


def _weeks(connection: Connection, project: int) -> list[int]:
    rows = connection.execute(
        "SELECT DISTINCT week FROM content_blocks WHERE project = ? ORDER BY week", (project,)
    )
    return [cast("int", week) for (week,) in rows]


async def _freed_of_week(engine: Engine, going: Going, week: int) -> int:
    if not going.policy.keeps_some and last_id(week) < going.before:
        return await engine.read(lambda connection: _all_bytes(connection, going.project, week))
    freed, after = 0, -1
    while blocks := await engine.read(partial(_blocks, project=going.project, week=week, after=after)):
        after = blocks[-1]
        uses: dict[int, Uses] = {block: set() for block in blocks}
        let_go = await engine.read(partial(_garbage, project=going.project, week=week, blocks=uses))
        async for is_gone, (block, start, end) in _uses(engine, going, week, uses):
            if is_gone:
                let_go.add(block)
            else:
                uses[block].add((start, end))
        freed += await _freed_of_blocks(engine, {block: uses[block] for block in sorted(let_go)})
    return freed


async def _uses(
    engine: Engine, going: Going, week: int, blocks: Container[int]
) -> AsyncGenerator[tuple[bool, Use]]:
    """What rows refer to, with whether they let go of it, and what rows that stay are to take over."""
    after: bytes | None = first_id(week)
    while after is not None:
        rows = partial(_read_uses, going=going, week=week, first=after, blocks=blocks)
        found, after = await engine.read(rows)
        for is_gone, use in found:
            yield is_gone, use
    for column, reference in _LOANS if going.policy.keeps_some else ():
        after = first_id(week)
        while after is not None:
            read = partial(_read_loans, going=going, week=week, first=after, loan=(column, reference))
            loans, after = await engine.read(read)
            for use in loans:
                if use.block in blocks:
                    yield False, use


def _read_uses(
    connection: Connection, going: Going, week: int, first: bytes, blocks: Container[int]
) -> tuple[list[tuple[bool, Use]], bytes | None]:
    kept = kept_rows(connection.dialect, going.policy)
    gone = Range(f"(spans.id < ? AND NOT {kept.sql})", (going.before, *kept.bindings))
    return read_uses(connection, going.project, week, first, blocks, gone)


def _read_loans(
    connection: Connection, going: Going, week: int, first: bytes, loan: tuple[str, str]
) -> tuple[list[Use], bytes | None]:
    """What some kept rows borrow, and from which id to read on; dropping lets them have it first."""
    column, reference = loan
    dialect = connection.dialect
    ahead = time_floor(time_of(going.before) + SETTLED_NS)
    rows = rows_between(going.project, first, min(ahead, last_id(week)))
    kept = kept_rows(dialect, going.policy)
    borrowers = connection.execute(
        f"SELECT id, {reference} FROM spans{dialect.indexed_by('spans_by_id')}"
        f" WHERE {rows.sql} AND {reference} IS NOT NULL AND {kept.sql} ORDER BY id LIMIT {_READ + 1}",
        (*rows.bindings, *kept.bindings),
    ).fetchall()
    row_key = ", ".join(dialect.row_key)
    body_of = (
        f"SELECT {column} FROM span_bodies"
        f" WHERE ({row_key}) = (SELECT {row_key} FROM spans WHERE project = ? AND id = ?)"
    )
    bodies = (connection.execute(body_of, (going.project, lender)).get for _, lender in borrowers[:_READ])
    return list(uses_in(bodies, week)), cast("bytes", borrowers[_READ][0]) if len(borrowers) > _READ else None


async def _freed_of_blocks(engine: Engine, uses: Mapping[int, Uses]) -> int:
    freed, blocks = 0, list(uses)
    for start in range(0, len(blocks), _READ):
        some = {block: uses[block] for block in blocks[start : start + _READ]}
        freed += await engine.read(partial(_freed, uses=some))
    return freed


def _freed(connection: Connection, uses: Mapping[int, Uses]) -> int:
    freed = 0
    for block, used in uses.items():
        packed = connection.execute("SELECT packed FROM content_blocks WHERE id = ?", (block,)).get
        if packed is not None:
            freed += len(cast("bytes", packed)) - len(swept(cast("bytes", packed), used))
    return freed


def _all_bytes(connection: Connection, project: int, week: int) -> int:
    size_bytes = connection.execute(
        f"SELECT {connection.dialect.total('length(packed)')} FROM content_blocks"
        " WHERE project = ? AND week = ?",
        (project, week),
    ).get
    return int(cast("float", size_bytes))


def _blocks(connection: Connection, project: int, week: int, after: int) -> list[int]:
    rows = connection.execute(
        "SELECT id FROM content_blocks WHERE project = ? AND week = ? AND id > ?"
        f" ORDER BY id LIMIT {SWEPT_BLOCKS}",
        (project, week, after),
    )
    return [cast("int", block) for (block,) in rows]


def _garbage(connection: Connection, project: int, week: int, blocks: Container[int]) -> set[int]:
    rows = connection.execute(
        "SELECT block FROM content_garbage WHERE project = ? AND week = ?", (project, week)
    )
    return {block for (block,) in cast("list[tuple[int]]", rows.fetchall()) if block in blocks}
