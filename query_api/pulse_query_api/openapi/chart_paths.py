"""OpenAPI paths of the routes that return sums by step of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pulse_query_api.chart_params import TIMESERIES
from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.parameters import COUNTED_ONLY
from pulse_query_api.openapi.vocabulary import COUNT, DATE_TIME, FLAG, TEXT, Schema, fields, items, nullable
from pulse_query_api.steps import STEPS
from pulse_storage.queries.timeseries import SeriesBy

_COUNT_OR_NULL: Schema = {"type": ["integer", "null"]}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_RANGE = ("date_from", "date_to")
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
    """Return the paths whose answers have values by step of time."""
    steps = {"starts": items(DATE_TIME), "step": {"enum": STEPS}, "tz": TEXT}
    return {
        **path(
            "/v1/timeseries",
            get=operation(
                "Get calls, errors, tokens and cost by step of time, for the largest series and in total",
                fields(
                    {"previous": nullable(_total())},
                    **steps,
                    by={"enum": get_args(SeriesBy)},
                    series=items(_series()),
                    other=nullable(_series()),
                    total=_total(),
                    complete=FLAG,
                ),
                query=TIMESERIES,
                query_overrides=COUNTED_ONLY,
                required=_RANGE,
                security="key",
                errors=(400,),
            ),
        ),
    }


def _series() -> Schema:
    # An item is null if the calls of its step were not read in time.
    columns = {name: items(_COUNT_OR_NULL if schema is COUNT else schema) for name, schema in _SUMS.items()}
    return fields(key=_TEXT_OR_NULL, **columns, total=fields(**_SUMS))


def _total() -> Schema:
    percentiles = ("p50_ms", "p95_ms", "p99_ms")
    return fields(
        **_SUMS,
        reported_cents=_NUMBER_OR_NULL,
        computed_cents=_NUMBER_OR_NULL,
        **dict.fromkeys(percentiles, _NUMBER_OR_NULL),
    )
