"""Scans an index in bounded batches for rows that match a filter, so that a deadline can end the scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pulse_storage.queries.filters import ALL_OPERATIONS, Order, Page, TraceFilter
from pulse_storage.sql.connection import Connection, SqlDialect, Values
from pulse_storage.sql.reading.conditions import (
    Conditions,
    IdBounds,
    index_for,
    is_of_usage_keys,
    names_usage_keys,
    row_conditions,
    seek_conditions,
    usage_key_conditions,
    without_key_facts,
)
from pulse_storage.sql.reading.usage_key_seek import MAX_KEYS, rows_by_id, seek_rows

#: Index entries per statement: at first this many for each row of the page, then four times as many each
#: time, since most pages are full after a few.
_FIRST_BATCH = 4
_LONGER = 4
_BATCH = 20_000
#: The first batch if the caller gives no number; the deadline is checked after each batch.
_SOME = 2_000

_EVERYTHING = TraceFilter(operation=ALL_OPERATIONS, counted=None)
#: Filters that every entry of their index matches.
_WHOLE_INDEXES = (TraceFilter(), _EVERYTHING, replace(_EVERYTHING, status="error"))

#: A range of ids in the order of the scan: after the first, up to and including the last. None is no bound.
Batch = tuple[bytes | None, bytes | None]


def matching_rows(
    connection: Connection, project: int, select: str, where: TraceFilter, page: Page, after: bytes | None
) -> Iterator[tuple[bytes, Values | None]]:
    """Yield the id and the columns of each matching row in order, after the id `after`.

    `select` is a SELECT of columns, the id first. After a batch, yield its last id with None: the scan can be
    resumed there. Statements read one row more than the page has.
    """
    at_once = page.limit + 1
    dialect = connection.dialect
    keys = _matching_keys(connection, project, where)
    if keys == []:
        return
    index = dialect.indexed_by(index_for(where))
    ids_first = False
    if keys is not None and is_of_usage_keys(where):
        # On SQLite, an index of failed calls or of a session serves as well as seeks for each key.
        seeks = dialect.has_lateral_joins or index_for(where) == "spans_counted"
        if seeks and len(keys) <= MAX_KEYS:
            yield from seek_rows(connection, project, select, where, keys, page, after)
            return
        ids_first = dialect.has_lateral_joins
    first = _FIRST_BATCH * at_once
    parts = batches(connection, project, where, page.order, after, first=first, whole=bool(page.offset))
    for begin, end in parts:
        while True:
            conditions = within(dialect, project, where, page.order, (begin, end))
            rows = 0
            found = (
                f"FROM spans{index} WHERE {conditions.sql()}"
                # A literal: SQLite prepares a statement again when a bound limit changes.
                f" ORDER BY id {page.order.upper()} LIMIT {at_once:d} OFFSET {page.offset:d}"
            )
            if ids_first:
                conditions.bindings.append(project)
                found = rows_by_id(select, f"SELECT id {found}", page.order)
            else:
                found = f"{select} {found}"
            for values in connection.execute(found, conditions.bindings):
                rows, begin = rows + 1, values[0]
                yield begin, values
            if rows < at_once:
                break
        if end is not None:
            yield end, None


def batches(
    connection: Connection,
    project: int,
    where: TraceFilter,
    order: Order,
    after: bytes | None = None,
    *,
    first: int = _SOME,
    whole: bool = False,
    splits_all: bool = False,
    until: bytes | None = None,
) -> Iterator[Batch]:
    """Yield batches of the filter's index after an id, up to and including the id `until`.

    `first` is the number of entries in the first batch; later ones are larger. With `splits_all` there are
    several batches even if every entry matches, each of entries whose rows can be read in time.
    """
    if whole or where.otel_trace_id is not None or (not splits_all and _matches_whole_index(where)):
        yield after, until
        return
    index = connection.dialect.indexed_by(index_for(where))
    # The index has usage keys: ten times as many entries are read in the same time.
    factor = 10 if is_of_usage_keys(where) and not splits_all else 1
    rows = first * factor
    while True:
        conditions = seek_conditions(project, where, IdBounds(order, after, until))
        last = connection.execute(
            f"SELECT id FROM spans{index} WHERE {conditions.sql()}"
            f" ORDER BY id {order.upper()} LIMIT 1 OFFSET {rows - 1:d}",
            conditions.bindings,
        ).get
        yield after, until if last is None else last
        if last is None or last == until:
            return
        after, rows = last, min(_LONGER * rows, _BATCH * factor)


def within(dialect: SqlDialect, project: int, where: TraceFilter, order: Order, batch: Batch) -> Conditions:
    """Return conditions on `spans`: the rows of a batch that match the filter."""
    bounds = IdBounds(order, *batch)
    if where.counted is True and names_usage_keys(where):
        # The index has the usage key, so that rows of other keys are not read.
        conditions = row_conditions(dialect, project, without_key_facts(where), bounds)
        keys = usage_key_conditions(project, where)
        of_keys = dialect.in_subquery("usage_key", f"SELECT key FROM usage_keys WHERE {keys.sql()}")
        conditions.add(of_keys, *keys.bindings)
        return conditions
    return row_conditions(dialect, project, where, bounds)


def _matches_whole_index(where: TraceFilter) -> bool:
    """Return whether every entry of the index matches, or the filter selects one trace."""
    if where.from_ns is not None or where.before_ns is not None:
        where = replace(where, from_ns=None, before_ns=None)
    return where.otel_trace_id is not None or where in _WHOLE_INDEXES


def _matching_keys(connection: Connection, project: int, where: TraceFilter) -> list[int] | None:
    """Return up to `MAX_KEYS` + 1 matching usage keys with calls; None if the filter names no key facts."""
    if where.counted is not True or not names_usage_keys(where):
        return None
    keys = usage_key_conditions(project, where)
    found = connection.execute(
        f"SELECT key FROM usage_keys WHERE {keys.sql()} AND calls > 0 LIMIT {MAX_KEYS + 1:d}",
        keys.bindings,
    )
    return [key for (key,) in found]
