"""Stored spans in outline: read for new spans of their traces, and changed in what rows inherit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import cast

import orjson

from pulse_storage.reconciliation.inheritance import Heritage, Outline, Overrides
from pulse_storage.reconciliation.reconcile import INHERITED
from pulse_storage.reconciliation.skeletons import OwnValue
from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.tables.spans import REFERENCES, heir_own, tags_json, tags_tuple

#: What needs `reconcile`: rows with a partner key without a side (halves of streams, keys of older versions),
#: and rows that other spans of their call have changed.
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
#: The columns as they are read, and the last of `SqlDialect.row_key`.
_Row = tuple[
    bytes, bytes, bytes | None, int, bool, bool,
    str | None, str | None, str | None, str | None, str | None, str | None, str | None, bool, int | bytes,
]  # fmt: skip
#: What a span says itself of all that its row inherits is no longer.
_MAX_HEIR_CHARS = 80
_NOTHING_LENT: Overrides = {}


def request_outlines(
    connection: Connection, project: int, trace_ids: Sequence[bytes], limit: int
) -> Iterable[Values]:
    """Ask for the stored spans of some traces; of each trace up to a limit, or a few more.

    `parse_outlines` reads what is answered.
    """
    if not trace_ids:
        return ()
    dialect = connection.dialect
    columns = ", ".join((*_COLUMNS, dialect.row_key[-1]))
    return dialect.some_of_traces(connection, columns, project, trace_ids, limit)


def parse_outlines(answer: Iterable[Values], frozen_before_ns: int) -> dict[bytes, dict[bytes, Outline]]:
    """The outlines that were asked for, by trace and span id."""
    found: dict[bytes, dict[bytes, Outline]] = {}
    rows = cast("Iterable[_Row]", answer)
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
        own,
        closer,
        row,
    ) in rows:
        session_id, user_id, tags, environment = shown
        said: Heritage = (session_id, user_id, tags_tuple(tags) or None, environment)
        overrides: Overrides | None = _NOTHING_LENT
        if closer or start_ns < frozen_before_ns:
            overrides = None
        elif own is not None:
            said, overrides = _without_lent(own, said)
        outline = Outline(parent_id, call, gen_ai, response, scope, said, overrides, row)
        trace = found.get(trace_id)
        if trace is None:
            found[trace_id] = {span_id: outline}
        else:
            trace[span_id] = outline
    return found


def _without_lent(own: str, shown: Heritage) -> tuple[Heritage, Overrides | None]:
    """What a span says itself, and in what its row differs; None if that is not only what it inherited."""
    lent = _lent(own) if len(own) <= _MAX_HEIR_CHARS else None
    if lent is None:
        return shown, None
    said = tuple(None if column in lent else value for column, value in zip(INHERITED, shown, strict=True))
    return said, {column: value for column, value in zip(INHERITED, shown, strict=True) if column in lent}


@lru_cache(64)
def _lent(own: str) -> frozenset[str] | None:
    """The columns that a row inherited, by its `own`; None if others have changed as well."""
    said = cast("dict[str, OwnValue]", orjson.loads(own))
    return None if any(said.values()) or not said.keys() <= set(INHERITED) else frozenset(said)


def update_heirs(connection: Connection, project: int, heirs: Iterable[tuple[Outline, Overrides]]) -> None:
    """Let rows differ from their spans in exactly these overrides; only columns that change are written."""
    alike: dict[tuple[tuple[str, ...], Values], list[SqlValue]] = {}
    rows: list[SqlValue] = []
    last: tuple[Overrides | None, Overrides | None] = None, None
    for span, after in heirs:
        # Rows of a trace that take the same share their overrides.
        if after is not last[1] or span.overrides is not last[0]:
            last = span.overrides, after
            rows = alike.setdefault(_change(span.overrides or _NOTHING_LENT, after), [])
        rows.append(span.row)
    for (columns, values), rows in alike.items():
        connection.dialect.update_rows(connection, (*columns, "own"), values, project, rows)


def _change(before: Overrides, after: Overrides) -> tuple[tuple[str, ...], Values]:
    """The columns that change, and what is written to them and to `own`."""
    columns = tuple(column for column in INHERITED if before.get(column) != after.get(column))
    return columns, (*[_bound(after.get(column)) for column in columns], heir_own(tuple(after)))


def _bound(value: OwnValue) -> SqlValue:
    return tags_json(value) if isinstance(value, tuple) else value
