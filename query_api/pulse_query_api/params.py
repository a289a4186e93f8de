"""Parse query strings to filters, pages and analytics queries; one error lists all invalid parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar, get_args
from urllib.parse import parse_qsl

from pulse_query_api.errors import Detail, InvalidRequest
from pulse_query_api.times import unix_ns
from pulse_storage.queries.facets import FACET_FIELDS, FacetField, FacetQuery
from pulse_storage.queries.filters import (
    ALL_OPERATIONS,
    MODEL_CALLS,
    AnalyticsQuery,
    CostFilter,
    GroupBy,
    Order,
    Page,
    Sort,
    TraceFilter,
)
from pulse_storage.rows import PREVIEW_CHARS, Status
from pulse_storage.trace_json import NANO_USD_PER_CENT

MAX_LIMIT = 1000
MAX_OFFSET = 10_000
MAX_BUCKETS = 10_000
DEFAULT_ROWS = 50
DEFAULT_GROUPS = 100

#: Length of a bucket in nanoseconds for groups by time.
BUCKET_NS: Mapping[GroupBy, int] = {"day": 86_400_000_000_000, "hour": 3_600_000_000_000}

FILTERS = (
    *("session_id", "user_id", "provider", "model", "status", "operation", "counted", "service"),
    *("environment", "release", "tag", "date_from", "date_to", "min_latency_ms", "max_latency_ms"),
    *("min_cost_cents", "cost", "finish_reason", "error_type", "otel_trace_id", "q"),
)
PAGING = ("limit", "offset", "cursor", "order")
LIST = (*PAGING, "sort", *FILTERS, "search_in")
FACETS = ("fields", *FILTERS)
TREES = ("limit", "cursor", "order", *FILTERS)
ANALYTICS = ("group_by", "limit", *FILTERS)

#: Operations of model calls; a test compares them with the collector's.
MODEL_OPERATIONS = frozenset(
    {"chat", "text_completion", "generate_content", "embeddings", "rerank", "image_generation", "image_edit"}
    | {"speech", "transcription", "translation", "moderation"}
)

_STATUS: Mapping[str, Status] = {"success": "success", "error": "error"}
_COUNTED: Mapping[str, bool | None] = {"true": True, "false": False, "all": None}
_COST: Mapping[str, CostFilter] = {name: name for name in get_args(CostFilter)}
_ORDER: Mapping[str, Order] = {"asc": "asc", "desc": "desc"}
_SORT: Mapping[str, Sort] = {name: name for name in get_args(Sort)}
_GROUP_BY: Mapping[str, GroupBy] = {name: name for name in get_args(GroupBy)}
_FACET_FIELDS: Mapping[str, FacetField] = {name: name for name in FACET_FIELDS}
_SEARCH_IN = {"previews": False, "bodies": True}
_BOOLEAN: Mapping[str, bool] = {"true": True, "false": False}

_MAX_PARAMETERS = 100
_MAX_SHOWN_CHARS = 100
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
#: A decimal number below 10^11, also in the notation of JSON for small numbers (1e-7).
_NUMBER = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,20})?(?:[eE]-[0-9]{1,3})?")
_OTEL_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The parsed parameters of a list."""

    where: TraceFilter
    page: Page
    #: Text to search for in request and response bodies; None for no search in bodies.
    text_in_bodies: str | None = None


def list_query(query_string: bytes) -> ListQuery:
    """Parse the query string of `GET /v1/traces`. Raises InvalidRequest."""
    query = QueryString(query_string, LIST)
    where = trace_filter(query)
    page = Page(
        limit=query.whole_number("limit", DEFAULT_ROWS, low=1, high=MAX_LIMIT),
        offset=query.whole_number(
            "offset", 0, high=MAX_OFFSET, hint="; for later rows use the cursor of the Link header"
        ),
        cursor=query.text("cursor"),
        sort=query.choice("sort", _SORT, "time"),
        order=query.choice("order", _ORDER, "desc"),
    )
    if page.cursor is not None and page.offset:
        query.add_conflict("cursor", "cannot be combined with offset")
    in_bodies = query.choice("search_in", _SEARCH_IN, False)
    if in_bodies and page.offset:
        query.add_conflict("offset", "cannot be combined with search_in=bodies; use the Link header instead")
    if page.sort != "time":
        _check_sorted(query, where, page, in_bodies=in_bodies)
    query.finish()
    return ListQuery(replace(where, text=None), page, where.text) if in_bodies else ListQuery(where, page)


def _check_sorted(query: QueryString, where: TraceFilter, page: Page, *, in_bodies: bool) -> None:
    """Add the problems of a list that is sorted by a value: its rows must be read before they are sorted."""
    if page.offset:
        query.add_conflict("offset", f"cannot be combined with sort={page.sort}; use the Link header instead")
    if in_bodies:
        query.add_conflict("sort", "cannot be combined with search_in=bodies")
    if where.from_ns is None and where.session_id is None and where.otel_trace_id is None:
        query.add_conflict(
            "date_from", f"is required with sort={page.sort}, unless session_id or otel_trace_id is given"
        )


def tree_list_query(query_string: bytes) -> tuple[TraceFilter, Page]:
    """Parse the query string of `GET /v1/trees`. Raises InvalidRequest."""
    query = QueryString(query_string, TREES)
    where = trace_filter(query, all_spans=True)
    page = Page(
        limit=query.whole_number("limit", DEFAULT_ROWS, low=1, high=MAX_LIMIT),
        cursor=query.text("cursor"),
        order=query.choice("order", _ORDER, "desc"),
    )
    query.finish()
    return where, page


def cursor_query(query_string: bytes) -> str | None:
    """Parse a query string with the parameter `cursor` only. Raises InvalidRequest."""
    query = QueryString(query_string, ("cursor",))
    cursor = query.text("cursor")
    query.finish()
    return cursor


def analytics_query(query_string: bytes) -> AnalyticsQuery:
    """Parse the query string of `GET /v1/analytics`. Raises InvalidRequest."""
    query = QueryString(query_string, ANALYTICS)
    where = trace_filter(query)
    for name in ("date_from", "date_to"):
        query.require(name)
    if query.text("counted") not in (None, "true"):
        query.add_problem("counted", "must be true or absent: analytics only sum counted rows")
    group_by: GroupBy = query.choice("group_by", _GROUP_BY, "day")
    limit = query.whole_number("limit", DEFAULT_GROUPS, low=1, high=MAX_LIMIT)
    from_ns, before_ns = where.from_ns or 0, where.before_ns or 0
    has_range = where.from_ns is not None and where.before_ns is not None
    buckets = 0 if not has_range else bucket_count(from_ns, before_ns, group_by)
    if buckets > MAX_BUCKETS:
        query.add_conflict(
            "date_from",
            f"and date_to span {buckets} buckets of one {group_by}, the maximum is {MAX_BUCKETS}: "
            "use a shorter range or a longer group",
        )
    query.finish()
    return AnalyticsQuery(
        from_ns=from_ns,
        before_ns=before_ns,
        group_by=group_by,
        limit=limit,
        filter=replace(where, from_ns=None, before_ns=None, counted=True),
    )


def facet_query(query_string: bytes) -> FacetQuery:
    """Parse the query string of `GET /v1/facets`; without `fields`, all of them. Raises InvalidRequest."""
    query = QueryString(query_string, FACETS)
    where = trace_filter(query)
    fields = query.choices("fields", _FACET_FIELDS) or FACET_FIELDS
    query.finish()
    return FacetQuery(fields=fields, filter=where)


def session_query(query_string: bytes) -> bool:
    """Parse the query string of `GET /v1/sessions/{session_id}`; return the value of `bodies`.

    Raises InvalidRequest.
    """
    query = QueryString(query_string, ("bodies",))
    bodies = query.choice("bodies", _BOOLEAN, False)
    query.finish()
    return bodies


def no_query(query_string: bytes) -> None:
    """Check that the query string has no parameters. Raises InvalidRequest."""
    QueryString(query_string, ()).finish()


def bucket_count(from_ns: int, before_ns: int, group_by: GroupBy) -> int:
    """Return the number of time buckets that overlap the half-open range of Unix nanoseconds.

    0 for groups other than day and hour, and for an empty range.
    """
    bucket_ns = BUCKET_NS.get(group_by)
    if bucket_ns is None or from_ns >= before_ns:
        return 0
    return (before_ns - 1) // bucket_ns - from_ns // bucket_ns + 1


class QueryString:
    """The parameters of one query string, with typed access; collects problems.

    An invalid value adds a problem and is returned as if the parameter were absent. `finish` raises
    InvalidRequest if there are problems.
    """

    def __init__(self, query_string: bytes, names: Collection[str]) -> None:
        self._problems: list[Detail] = []
        self._conflicts: list[Detail] = []
        self._values: dict[str, str] = {}
        try:
            pairs = parse_qsl(
                query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS
            )
        except ValueError:
            raise InvalidRequest(
                [{"path": "", "message": f"At most {_MAX_PARAMETERS} parameters are allowed"}]
            ) from None
        for name, value in pairs:
            if name not in names:
                allowed = ", ".join(names)
                self.add_problem(
                    name[:_MAX_SHOWN_CHARS],
                    f"is not a parameter of this route; it has {allowed}"
                    if allowed
                    else "is not a parameter: this route has none",
                )
            elif name in self._values:
                self.add_problem(name, "is given more than once")
            elif not value or "\0" in value:
                self.add_problem(name, "must not contain a NUL character" if value else "must not be empty")
            self._values.setdefault(name, value)

    def text(self, name: str, *, max_chars: int | None = None) -> str | None:
        """Return the value unchanged, or None if it is absent or longer than `max_chars`."""
        value = self._values.get(name)
        if value is not None and max_chars is not None and len(value) > max_chars:
            self.add_problem(name, f"must be at most {max_chars} characters long")
            return None
        return value or None

    def name(self, name: str) -> str | None:
        """Return an id or a name, trimmed as the collector trims stored ones; None if it is absent."""
        value = self.text(name)
        trimmed = None if value is None else value.strip()
        if trimmed == "":
            self.add_problem(name, "must not be blank")
        return trimmed or None

    def whole_number(self, name: str, default: int, *, low: int = 0, high: int, hint: str = "") -> int:
        """Return a whole number within [low, high]; `hint` is appended to the message of the problem."""
        value = self.text(name)
        if value is None:
            return default
        if not _WHOLE_NUMBER.fullmatch(value) or not low <= int(value) <= high:
            self._add_invalid(name, f"must be a whole number from {low} to {high}{hint}", value)
            return default
        return int(value)

    def number(self, name: str) -> Decimal | None:
        """Return a decimal number of at least 0 without rounding, or None."""
        value = self.text(name)
        if value is not None and not _NUMBER.fullmatch(value):
            self._add_invalid(name, "must be a number of at least 0 such as 0.25", value)
            return None
        return None if value is None else Decimal(value)

    def choice(self, name: str, choices: Mapping[str, T], default: T) -> T:
        """Return the element of `choices` that the value names."""
        value = self.text(name)
        if value is None:
            return default
        if value not in choices:
            self._add_invalid(name, f"must be one of {', '.join(choices)}", value)
            return default
        return choices[value]

    def choices(self, name: str, choices: Mapping[str, T]) -> Sequence[T]:
        """Return the elements of `choices` that the comma-separated value names, each once; () if absent."""
        value = self.text(name)
        if value is None:
            return ()
        names = list(dict.fromkeys(value.split(",")))
        unknown = [name for name in names if name not in choices]
        if unknown:
            self._add_invalid(name, f"must be a comma-separated list of {', '.join(choices)}", unknown[0])
            return ()
        return [choices[name] for name in names]

    def time_ns(self, name: str) -> int | None:
        """Return a date or date-time as Unix nanoseconds, or None."""
        value = self.text(name)
        try:
            return None if value is None else unix_ns(value)
        except ValueError:
            example = "must be a date or RFC 3339 date-time such as 2026-11-23 or 2026-11-23T08:30:00Z"
            self._add_invalid(name, example, value or "")
            return None

    def trace_id(self, name: str) -> bytes | None:
        """Return an OpenTelemetry trace id (32 hexadecimal digits) as 16 bytes, or None."""
        value = self.name(name)
        if value is not None and not _OTEL_TRACE_ID.fullmatch(value):
            self._add_invalid(name, "must be 32 hexadecimal digits", value)
            return None
        return None if value is None else bytes.fromhex(value)

    def require(self, name: str, condition: str = "") -> None:
        """Add a problem if the parameter is absent; `condition` is appended to its message."""
        if name not in self._values:
            self.add_problem(name, f"is required {condition}".rstrip())

    def add_problem(self, name: str, message: str) -> None:
        """Add a problem: the parameter's name and the rule that it breaks."""
        self._problems.append({"path": name, "message": message})

    def add_conflict(self, name: str, message: str) -> None:
        """Add a problem of values that are valid, but not together."""
        self._conflicts.append({"path": name, "message": message})

    def finish(self) -> None:
        """Raise InvalidRequest with all collected problems and conflicts; return if there are none."""
        if self._problems or self._conflicts:
            raise InvalidRequest([*self._problems, *self._conflicts], conflict=not self._problems)

    def _add_invalid(self, name: str, message: str, value: str) -> None:
        self.add_problem(name, f"{message}, not '{value[:_MAX_SHOWN_CHARS]}'")


def trace_filter(query: QueryString, *, all_spans: bool = False) -> TraceFilter:
    """Return the filter of the parameters `FILTERS`; problems are added to the query.

    With `all_spans`, `operation` and `counted` are `all` by default.
    """
    operation = query.name("operation") or (ALL_OPERATIONS if all_spans else MODEL_CALLS)
    # Spans of other operations (agents, tools) are never counted; the default would hide all of them.
    selects_calls = not all_spans and (operation == MODEL_CALLS or operation in MODEL_OPERATIONS)
    min_latency_ms, max_latency_ms = query.number("min_latency_ms"), query.number("max_latency_ms")
    min_cost_cents = query.number("min_cost_cents")
    where = TraceFilter(
        session_id=query.name("session_id"),
        user_id=query.name("user_id"),
        provider=query.name("provider"),
        model=query.name("model"),
        status=query.choice("status", _STATUS, None),
        operation=operation,
        counted=query.choice("counted", _COUNTED, True if selects_calls else None),
        service=query.name("service"),
        environment=query.name("environment"),
        tag=query.name("tag"),
        from_ns=query.time_ns("date_from"),
        before_ns=query.time_ns("date_to"),
        min_latency_ms=None if min_latency_ms is None else float(min_latency_ms),
        max_latency_ms=None if max_latency_ms is None else float(max_latency_ms),
        min_cost_nano_usd=None if min_cost_cents is None else math.ceil(min_cost_cents * NANO_USD_PER_CENT),
        cost=query.choice("cost", _COST, None),
        finish_reason=query.name("finish_reason"),
        error_type=query.name("error_type"),
        release=query.name("release"),
        otel_trace_id=query.trace_id("otel_trace_id"),
        # A longer text cannot occur in a preview.
        text=query.text("q", max_chars=PREVIEW_CHARS),
    )
    if where.from_ns is not None and where.before_ns is not None and where.from_ns > where.before_ns:
        query.add_conflict("date_from", "must not be after date_to")
    return where
