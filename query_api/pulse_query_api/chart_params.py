"""Parse the query strings of the routes that return sums by step of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import get_args

from pulse_query_api.params import FILTERS, QueryString, trace_filter
from pulse_query_api.steps import MAX_STARTS, STEPS, Step, Steps, default_step, is_within, steps_of, time_zone
from pulse_storage.queries.error_groups import ErrorQuery
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.queries.latencies import LatencyQuery
from pulse_storage.queries.timeseries import Measure, SeriesBy, TimeseriesQuery

TIMESERIES = ("measure", "by", "step", "tz", "top", "compare", *FILTERS)
LATENCIES = ("step", "tz", *FILTERS)
ERRORS = ("limit", "step", "tz", *FILTERS)
DEFAULT_SERIES = 8
MAX_SERIES = 50
DEFAULT_ERROR_GROUPS = 50
MAX_ERROR_GROUPS = 200

_STEP: Mapping[str, Step] = {step: step for step in STEPS}
_MEASURE: Mapping[str, Measure] = {name: name for name in get_args(Measure)}
_BY: Mapping[str, SeriesBy] = {name: name for name in get_args(SeriesBy)}
_COMPARE = {"previous": True}


@dataclass(frozen=True, slots=True)
class Range:
    """The steps of the requested range, in the requested time zone."""

    steps: Steps
    tz: str


@dataclass(frozen=True, slots=True)
class TimeseriesRequest:
    """The parsed parameters of `GET /v1/timeseries`."""

    range: Range
    by: SeriesBy
    query: TimeseriesQuery
    #: Whether to sum the period of the same length before the range.
    compares: bool


def timeseries_request(query_string: bytes) -> TimeseriesRequest:
    """Parse the query string of `GET /v1/timeseries`. Raises InvalidRequest."""
    query = QueryString(query_string, TIMESERIES)
    where = _counted_filter(query)
    measure: Measure = query.choice("measure", _MEASURE, "cost")
    by: SeriesBy = query.choice("by", _BY, "model")
    top = query.whole_number("top", DEFAULT_SERIES, low=1, high=MAX_SERIES)
    compares = query.choice("compare", _COMPARE, False)
    requested = _range(query, where)
    return TimeseriesRequest(
        requested,
        by,
        TimeseriesQuery(
            edges=requested.steps.edges,
            by=by,
            measure=measure,
            top=top,
            filter=_without_range(where),
        ),
        compares,
    )


def latency_request(query_string: bytes) -> tuple[Range, LatencyQuery]:
    """Parse the query string of `GET /v1/latencies`. Raises InvalidRequest."""
    query = QueryString(query_string, LATENCIES)
    where = _counted_filter(query)
    requested = _range(query, where)
    return requested, LatencyQuery(edges=requested.steps.edges, filter=_without_range(where))


def error_request(query_string: bytes) -> tuple[Range, ErrorQuery]:
    """Parse the query string of `GET /v1/errors`. Raises InvalidRequest."""
    query = QueryString(query_string, ERRORS)
    where = trace_filter(query)
    limit = query.whole_number("limit", DEFAULT_ERROR_GROUPS, low=1, high=MAX_ERROR_GROUPS)
    requested = _range(query, where)
    edges = requested.steps.edges
    return requested, ErrorQuery(edges=edges, limit=limit, filter=_without_range(where))


def trust_filter(query_string: bytes) -> TraceFilter:
    """Parse the query string of `GET /v1/trust` to a filter with a range. Raises InvalidRequest."""
    query = QueryString(query_string, FILTERS)
    where = _counted_filter(query)
    _require_range(query)
    query.finish()
    return replace(where, counted=True)


def _counted_filter(query: QueryString) -> TraceFilter:
    if query.text("counted") not in (None, "true"):
        query.add_problem("counted", "must be true or absent: only counted rows are summed")
    return replace(trace_filter(query), counted=True)


def _without_range(where: TraceFilter) -> TraceFilter:
    return replace(where, from_ns=None, before_ns=None)


def _require_range(query: QueryString) -> None:
    for name in ("date_from", "date_to"):
        query.require(name)


def _range(query: QueryString, where: TraceFilter) -> Range:
    """Return the steps of the required range; raise InvalidRequest if any parameter is invalid."""
    _require_range(query)
    step: Step | None = query.choice("step", _STEP, None)
    name = query.text("tz") or "UTC"
    zone: tzinfo = UTC
    try:
        zone = time_zone(name)
    except ValueError:
        query.add_problem("tz", f"must be an IANA time zone such as Europe/Berlin, not '{name[:100]}'")
    from_ns, before_ns = where.from_ns or 0, where.before_ns or 0
    if where.from_ns is not None and where.before_ns is not None and from_ns <= before_ns:
        step = step or default_step(from_ns, before_ns, zone)
        if not is_within(from_ns, before_ns, step):
            query.add_conflict(
                "date_from",
                f"and date_to span more than {MAX_STARTS} steps of {step}:"
                " use a shorter range or longer steps",
            )
    query.finish()
    return Range(steps_of(from_ns, before_ns, step or STEPS[-1], zone), name)
