"""OpenAPI paths of the routes that return sums by step of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from pulse_query_api.chart_params import DEFAULT_ERROR_GROUPS, ERRORS, LATENCIES, MAX_ERROR_GROUPS, TIMESERIES
from pulse_query_api.openapi.operations import Operation, operation, path
from pulse_query_api.openapi.parameters import COUNTED_ONLY
from pulse_query_api.openapi.vocabulary import COUNT, DATE_TIME, FLAG, TEXT, Schema, fields, items, nullable
from pulse_query_api.params import FILTERS
from pulse_query_api.steps import STEPS
from pulse_storage.queries.timeseries import SeriesBy

_COUNT_OR_NULL: Schema = {"type": ["integer", "null"]}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
_STEPS: Mapping[str, Schema] = {"starts": items(DATE_TIME), "step": {"enum": STEPS}, "tz": TEXT}
_PERCENTILES: Mapping[str, Schema] = dict.fromkeys(("p50_ms", "p95_ms", "p99_ms"), _NUMBER_OR_NULL)
_LIMIT: Schema = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_ERROR_GROUPS,
    "default": DEFAULT_ERROR_GROUPS,
}
#: Sums that are unknown if no call has a known value.
_SUMS: Mapping[str, Schema] = {
    "calls": COUNT,
    "errors": COUNT,
    "input_tokens": _COUNT_OR_NULL,
    "cache_read_tokens": _COUNT_OR_NULL,
    "output_tokens": _COUNT_OR_NULL,
    "cost_cents": _NUMBER_OR_NULL,
    "unpriced": COUNT,
    "unknown_usage": COUNT,
}


def chart_paths() -> Mapping[str, object]:
    """Return the paths whose answers have values by step of time, and that of what these values lack."""
    return {
        **path(
            "/v1/timeseries",
            get=_operation(
                "Get calls, errors, tokens and cost by step of time, for the largest series and in total",
                fields(
                    {"previous": nullable(_total())},
                    **_STEPS,
                    by={"enum": get_args(SeriesBy)},
                    series=items(_series()),
                    other=nullable(_series()),
                    total=_total(),
                    complete=FLAG,
                ),
                TIMESERIES,
                COUNTED_ONLY,
            ),
        ),
        **path(
            "/v1/latencies",
            get=_operation(
                "Count calls by step of time and octave of latency", _latencies(), LATENCIES, COUNTED_ONLY
            ),
        ),
        **path(
            "/v1/errors",
            get=_operation(
                "Group failed rows by type, provider, model and message without values",
                fields(**_STEPS, groups=items(_error_group()), complete=FLAG),
                ERRORS,
                {"limit": ("Maximum number of groups.", _LIMIT)},
            ),
        ),
        **path(
            "/v1/trust",
            get=_operation(
                "Get what the numbers of a range lack: prices, usage, spans", _trust(), FILTERS, COUNTED_ONLY
            ),
        ),
    }


def _operation(
    summary: str, response: Schema, query: Sequence[str], overrides: Mapping[str, tuple[str, Schema]]
) -> Operation:
    return operation(
        summary,
        response,
        query=query,
        query_overrides=overrides,
        required=("date_from", "date_to"),
        security="key",
        errors=(400,),
    )


def _series() -> Schema:
    # An item is null if the calls of its step were not read in time.
    columns = {name: items(_COUNT_OR_NULL if schema is COUNT else schema) for name, schema in _SUMS.items()}
    return fields(key=_TEXT_OR_NULL, **columns, total=fields(**_SUMS))


def _total() -> Schema:
    return fields(**_SUMS, reported_cents=_NUMBER_OR_NULL, computed_cents=_NUMBER_OR_NULL, **_PERCENTILES)


def _latencies() -> Schema:
    return fields(
        **_STEPS,
        bounds_ms=items(COUNT),
        counts=items(nullable(items(COUNT))),
        unknown=items(_COUNT_OR_NULL),
        **_PERCENTILES,
        complete=FLAG,
    )


def _error_group() -> Schema:
    return fields(
        **dict.fromkeys(("error_type", "provider", "model", "message"), _TEXT_OR_NULL),
        calls=COUNT,
        users=COUNT,
        first_at=DATE_TIME,
        last_at=DATE_TIME,
        counts=items(_COUNT_OR_NULL),
        sample=fields(trace_id={"type": "string", "format": "uuid"}, message=_TEXT_OR_NULL),
    )


def _trust() -> Schema:
    return fields(
        newest_span_at=_TIME_OR_NULL,
        **dict.fromkeys(("calls", "unpriced", "unknown_usage", "traces", "incomplete_traces"), COUNT),
        **dict.fromkeys(("priced", "usage_known", "rejected"), _COUNT_OR_NULL),
        since=_TIME_OR_NULL,
        complete=FLAG,
    )
