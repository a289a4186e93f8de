"""Translates filters to SQL terms on rows and on usage keys, and chooses the index of a filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite

from pulse_storage.ids import time_floor
from pulse_storage.latency import latency_bucket
from pulse_storage.queries.filters import ALL_OPERATIONS, MODEL_CALLS, CostFilter, Order, TraceFilter
from pulse_storage.sql.connection import SqlDialect, SqlValue
from pulse_storage.sql.reading.sums import UNKNOWN_USAGE, UNPRICED

_LAST_HASH = (1 << 62) - 1
_MIN_NS = -(1 << 63)
_MAX_NS = (1 << 63) - 1
_NO_FILTER = TraceFilter()
_COLUMNS = ("session_id", "user_id", "service", "environment", "release", "otel_trace_id", "finish_reason")
#: Term of each value of `TraceFilter.cost`.
COST_TERMS: Mapping[CostFilter, str] = {
    "reported": "cost_nano_usd IS NOT NULL AND cost_source = 'reported'",
    "computed": "cost_nano_usd IS NOT NULL AND cost_source = 'computed'",
    "unpriced": f"usage_key IS NOT NULL AND {UNPRICED}",
    "no_usage": f"usage_key IS NOT NULL AND {UNKNOWN_USAGE}",
}
#: The fields of usage keys, with unset values. Rollups can answer filters that set no other fields.
_FREE_KEY_FIELDS = {
    name: getattr(_NO_FILTER, name)
    for name in ("provider", "model", "status", "operation", "counted", "from_ns", "before_ns")
}


@dataclass(slots=True)
class Conditions:
    """SQL terms, joined by AND, and their bindings in order."""

    terms: list[str] = field(default_factory=list[str])
    bindings: list[SqlValue] = field(default_factory=list[SqlValue])

    def add(self, term: str, *bindings: SqlValue) -> None:
        """Add a term and its bindings."""
        self.terms.append(term)
        self.bindings += bindings

    def sql(self) -> str:
        """Return the terms joined by AND; TRUE without terms."""
        return " AND ".join(self.terms) or "TRUE"


@dataclass(frozen=True, slots=True)
class IdBounds:
    """Row ids in the order of a scan: after one id, up to and including another. None is no bound."""

    order: Order = "asc"
    after: bytes | None = None
    end: bytes | None = None


_NO_BOUNDS = IdBounds()


def is_of_usage_keys(where: TraceFilter) -> bool:
    """Return whether the filter uses only fields of usage keys and time, so that rollups can answer it."""
    return where.counted is True and replace(where, **_FREE_KEY_FIELDS) == _NO_FILTER


def usage_key_conditions(project: int, where: TraceFilter) -> Conditions:
    """Return conditions on `usage_keys`: the part of the filter that concerns their fields."""
    conditions = Conditions()
    conditions.add("project = ?", project)
    _add_facts(conditions, where)
    if where.operation not in (MODEL_CALLS, ALL_OPERATIONS):
        conditions.add("operation = ?", where.operation)
    return conditions


def names_usage_keys(where: TraceFilter) -> bool:
    """Return whether the filter excludes some usage keys."""
    return (
        where.provider is not None
        or where.model is not None
        or where.status is not None
        or where.operation not in (MODEL_CALLS, ALL_OPERATIONS)
    )


def without_key_facts(where: TraceFilter) -> TraceFilter:
    """Return a filter of counted rows without the fields of usage keys, except the status of failed rows."""
    status = "error" if where.status == "error" else None
    return replace(where, provider=None, model=None, operation=MODEL_CALLS, status=status)


def add_usage_keys(conditions: Conditions, project: int, where: TraceFilter) -> None:
    """Add a term: the usage key of the row matches the filter. Adds nothing if every key matches."""
    if names_usage_keys(where):
        keys = usage_key_conditions(project, where)
        conditions.add(f"usage_key IN (SELECT key FROM usage_keys WHERE {keys.sql()})", *keys.bindings)


def row_conditions(
    dialect: SqlDialect, project: int, where: TraceFilter, bounds: IdBounds = _NO_BOUNDS
) -> Conditions:
    """Return conditions on `spans`: the rows within bounds that match the filter."""
    conditions = Conditions()
    conditions.add("project = ?", project)
    _add_key_fields(conditions, where)
    for column in _COLUMNS:
        value: str | bytes | None = getattr(where, column)
        if value is not None:
            conditions.add(f"{column} = ?", value)
    if where.error_type is not None:
        conditions.add("status = 'error' AND error_type = ?", where.error_type)
    if where.tag is not None:
        conditions.add(dialect.has_tag(), where.tag)
    add_time(conditions, where.from_ns, where.before_ns, bounds)
    _add_latency(conditions, where.min_latency_ms, ">=", -1)
    _add_latency(conditions, where.max_latency_ms, "<=", 1)
    if where.min_cost_nano_usd is not None:
        conditions.add("cost_nano_usd >= ?", where.min_cost_nano_usd)
    if where.cost is not None:
        conditions.add(COST_TERMS[where.cost])
    if where.text:
        term, bindings = dialect.contains_text(("input_preview", "output_preview"), where.text)
        conditions.add(term, *bindings)
    return conditions


def seek_conditions(project: int, where: TraceFilter, bounds: IdBounds) -> Conditions:
    """Return conditions on `spans`: the part of its index (`index_for`) that a filter has to read."""
    conditions = Conditions()
    conditions.add("project = ?", project)
    for column in ("otel_trace_id", "session_id", "user_id"):
        value: str | bytes | None = getattr(where, column)
        if value is not None:
            conditions.add(f"{column} = ?", value)
            break
    else:
        if selects_failed(where):
            conditions.add("status = 'error'")
        elif selects_counted(where):
            conditions.add("usage_key IS NOT NULL")
    add_ids(conditions, where.from_ns, where.before_ns, bounds)
    return conditions


def add_time(
    conditions: Conditions, from_ns: int | None, before_ns: int | None, bounds: IdBounds = _NO_BOUNDS
) -> None:
    """Add a half-open range of start times, and the range of ids that contains it within the bounds."""
    add_ids(conditions, from_ns, before_ns, bounds)
    if from_ns is not None and from_ns >= _MIN_NS:
        conditions.add("start_ns >= ?", min(from_ns, _MAX_NS))
    if before_ns is not None and before_ns <= _MAX_NS:
        conditions.add("start_ns < ?", max(before_ns, _MIN_NS))


def add_ids(
    conditions: Conditions, from_ns: int | None, before_ns: int | None, bounds: IdBounds = _NO_BOUNDS
) -> None:
    """Add the range of ids of these start times within the bounds; its resolution is 1/4096 ms.

    There is at most one term for each end: SQLite seeks by one only, and filters by another.
    """
    # Ids, and whether the range includes them.
    lower: list[tuple[bytes, bool]] = []
    upper: list[tuple[bytes, bool]] = []
    if from_ns is not None and from_ns >= _MIN_NS:
        lower.append((time_floor(from_ns), True))
    if before_ns is not None and before_ns <= _MAX_NS:
        upper.append((time_floor(before_ns, _LAST_HASH), True))
    near, far = (lower, upper) if bounds.order == "asc" else (upper, lower)
    if bounds.after is not None:
        near.append((bounds.after, False))
    if bounds.end is not None:
        far.append((bounds.end, True))
    if lower:
        first, is_included = max(lower, key=lambda bound: (bound[0], not bound[1]))
        conditions.add("id >= ?" if is_included else "id > ?", first)
    if upper:
        last, is_included = min(upper)
        conditions.add("id <= ?" if is_included else "id < ?", last)


def index_for(where: TraceFilter) -> str:
    """Return the index, in the order of lists, that skips most rows that do not match."""
    if where.otel_trace_id is not None:
        return "spans_by_trace"
    if where.session_id is not None:
        return "spans_by_session"
    if where.user_id is not None:
        return "spans_by_user"
    if selects_failed(where):
        return "spans_failed"
    return "spans_counted" if selects_counted(where) else "spans_by_id"


def selects_failed(where: TraceFilter) -> bool:
    """Return whether only failed rows can match."""
    return where.status == "error" or where.error_type is not None


def selects_counted(where: TraceFilter) -> bool:
    """Return whether only counted rows can match."""
    return where.counted is True or where.cost in ("unpriced", "no_usage")


def _add_latency(conditions: Conditions, latency_ms: float | None, operator: str, slack: int) -> None:
    """Add a bound of the latency; `slack` widens the bound of its bucket."""
    if latency_ms is None:
        return
    if isfinite(latency_ms):
        # The index of calls has this column. The slack: the last digit of a logarithm may be off.
        conditions.add(f"latency_bucket {operator} ?", (latency_bucket(latency_ms) or 0) + slack)
    conditions.add(f"latency_ms {operator} ?", latency_ms)


def _add_key_fields(conditions: Conditions, where: TraceFilter) -> None:
    if where.counted is not None:
        conditions.add("usage_key IS NOT NULL" if where.counted else "usage_key IS NULL")
    if where.operation == MODEL_CALLS:
        # Every counted row is a model call; a term for it would only make the engine read the row.
        if where.counted is not True:
            conditions.add("model_call")
    elif where.operation != ALL_OPERATIONS:
        conditions.add("operation = ?", where.operation)
    _add_facts(conditions, where)


def _add_facts(conditions: Conditions, where: TraceFilter) -> None:
    if where.provider is not None:
        conditions.add("provider = ?", where.provider)
    if where.model is not None:
        conditions.add("(model_requested = ? OR model_used = ?)", where.model, where.model)
    if where.status == "error":
        # A literal: with a binding, SQLite cannot prove that the partial index of failed rows applies.
        conditions.add("status = 'error'")
    elif where.status is not None:
        conditions.add("status = ?", where.status)
