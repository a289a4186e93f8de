"""Read outlines of stored spans, and update the inherited columns of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import orjson

from pulse_storage.reconciliation.inheritance import INHERITED, InheritedValues, Outline, Overrides
from pulse_storage.reconciliation.skeletons import REFERENCES, OwnValue
from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.tables.spans import own_of_inheriting_row, tags_json, tags_tuple

#: True for rows that need `reconcile`: those with a partner key without a side (halves of streams, keys of
#: older versions), and those that other spans of their call have changed.
_NOT_PLAIN = " OR ".join(
    (
        "substr(partner_key, 1, 1) NOT IN ('<', '>')",
        "model_call <> (usage_key IS NOT NULL)",
        *(f"{column} IS NOT NULL" for column in REFERENCES),
    )
)
_COLUMNS = (
    "otel_trace_id", "otel_span_id", "parent_span_id", "start_ns", "model_call", "gen_ai",
    "provider_request_id", "scope", *INHERITED, "own", _NOT_PLAIN,
)  # fmt: skip
#: The maximum length of `own` in a row that overrides columns of `INHERITED` only.
_MAX_INHERITED_OWN_CHARS = 80
_NOTHING_INHERITED: Overrides = {}


def read_outlines(
    connection: Connection, project: int, trace_ids: Sequence[bytes], limit: int, frozen_before_ns: int
) -> dict[bytes, dict[bytes, Outline]]:
    """Return the outlines of stored spans by trace and span id; about `limit` per trace at most."""
    found: dict[bytes, dict[bytes, Outline]] = {}
    if not trace_ids:
        return found
    dialect = connection.dialect
    columns = ", ".join((*_COLUMNS, dialect.row_key[-1]))
    for (
        trace_id,
        span_id,
        parent_id,
        start_ns,
        call,
        gen_ai,
        response,
        scope,
        *shown,
        own_json,
        closer,
        row,
    ) in dialect.some_of_traces(connection, columns, project, trace_ids, limit):
        session_id, user_id, tags, environment = shown
        own: InheritedValues = (session_id, user_id, tags_tuple(tags) or None, environment)
        overrides: Overrides | None = _NOTHING_INHERITED
        if closer or start_ns < frozen_before_ns:
            overrides = None
        elif own_json is not None:
            own, overrides = _split_inherited(own_json, own)
        outline = Outline(parent_id, call, gen_ai, response, scope, own, overrides, row)
        trace = found.get(trace_id)
        if trace is None:
            found[trace_id] = {span_id: outline}
        else:
            trace[span_id] = outline
    return found


def _split_inherited(own_json: str, effective: InheritedValues) -> tuple[InheritedValues, Overrides | None]:
    """Return the span's own values of `INHERITED`, and its row's overrides.

    The overrides are None if a column outside `INHERITED` is overridden, or one with a value in the span.
    """
    inherited = _inherited_columns(own_json) if len(own_json) <= _MAX_INHERITED_OWN_CHARS else None
    if inherited is None:
        return effective, None
    pairs = list(zip(INHERITED, effective, strict=True))
    own = tuple(None if column in inherited else value for column, value in pairs)
    return own, {column: value for column, value in pairs if column in inherited}


@lru_cache(64)
def _inherited_columns(own_json: str) -> frozenset[str] | None:
    """Return the columns that a row inherited, read from `own`; None if it has other overrides as well."""
    own = orjson.loads(own_json)
    return None if any(own.values()) or not own.keys() <= set(INHERITED) else frozenset(own)


def update_inheriting_rows(
    connection: Connection, project: int, inheriting: Iterable[tuple[Outline, Overrides]]
) -> None:
    """Set the overrides of stored rows to exactly the given ones; write only the columns that change."""
    alike: dict[tuple[tuple[str, ...], Values], list[SqlValue]] = {}
    rows: list[SqlValue] = []
    last: tuple[Overrides | None, Overrides | None] = None, None
    for span, after in inheriting:
        # Inheriting rows of a trace share one dictionary of overrides if these are equal.
        if after is not last[1] or span.overrides is not last[0]:
            last = span.overrides, after
            rows = alike.setdefault(_change(span.overrides or _NOTHING_INHERITED, after), [])
        rows.append(span.row)
    for (columns, values), rows in alike.items():
        connection.dialect.update_rows(connection, (*columns, "own"), values, project, rows)


def _change(before: Overrides, after: Overrides) -> tuple[tuple[str, ...], Values]:
    """Return the columns that change, and the bindings of these columns and of `own`."""
    columns = tuple(column for column in INHERITED if before.get(column) != after.get(column))
    return columns, (*[_bound(after.get(column)) for column in columns], own_of_inheriting_row(tuple(after)))


def _bound(value: OwnValue) -> SqlValue:
    return tags_json(value) if isinstance(value, tuple) else value
