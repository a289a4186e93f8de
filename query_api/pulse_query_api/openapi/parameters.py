"""Descriptions and schemas of the query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pulse_query_api.chart_params import DEFAULT_SERIES, MAX_SERIES
from pulse_query_api.openapi.vocabulary import DATE_OR_DATE_TIME, ID, TEXT, Schema
from pulse_query_api.params import DEFAULT_GROUPS, DEFAULT_ROWS, MAX_LIMIT, MAX_OFFSET
from pulse_query_api.steps import STEPS
from pulse_storage.queries.facets import FACET_FIELDS
from pulse_storage.queries.filters import CostFilter, GroupBy, Sort
from pulse_storage.queries.timeseries import Measure, SeriesBy

_AMOUNT: Schema = {"type": "number", "minimum": 0, "maximum": 99_999_999_999}

PARAMETERS: Mapping[str, tuple[str, Schema]] = {
    "limit": (
        f"Maximum number of rows per page, {DEFAULT_ROWS} by default.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    "offset": (
        "Number of rows to skip; for rows beyond the maximum use the cursor of the Link header.",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
    ),
    "cursor": (
        "Start of the page, taken from a Link header.",
        # The longer one is of a list that is sorted by a value.
        {"type": "string", "pattern": "^([A-Za-z0-9_-]{22}|[A-Za-z0-9_-]{78})$"},
    ),
    "sort": (
        "Value to sort by. Equal values are newest first, unknown ones last in either order. All but `time`"
        " require date_from, session_id or otel_trace_id.",
        {"enum": get_args(Sort), "default": "time"},
    ),
    "order": ("Descending or ascending.", {"enum": ["desc", "asc"], "default": "desc"}),
    "session_id": ("Rows of this session.", ID),
    "user_id": ("Rows of this user.", ID),
    "provider": ("Rows of this provider, such as openai or anthropic.", ID),
    "model": ("Rows whose requested or used model has this name.", ID),
    "status": ("Rows with this status.", {"enum": ["success", "error"]}),
    "operation": (
        "Rows of this operation; `model`: all model calls; `all`: every operation.",
        {**ID, "default": "model"},
    ),
    "counted": (
        "`true`: counted rows; `false`: rows whose call is counted by another row. Default: `true` for model"
        " calls, else `all`.",
        {"enum": ["true", "false", "all"]},
    ),
    "service": ("Rows of this service (OpenTelemetry's service.name).", ID),
    "environment": ("Rows of this deployment environment.", ID),
    "tag": ("Rows with this tag.", ID),
    "date_from": ("Rows that started at or after this date or date-time.", DATE_OR_DATE_TIME),
    "date_to": ("Rows that started before this date or date-time.", DATE_OR_DATE_TIME),
    "min_latency_ms": ("Rows with at least this latency.", _AMOUNT),
    "max_latency_ms": ("Rows with at most this latency.", _AMOUNT),
    "min_cost_cents": ("Rows with at least this cost.", _AMOUNT),
    "cost": (
        "`reported`, `computed`: rows whose cost has this source; `unpriced`: counted calls that used tokens"
        " and have no cost; `no_usage`: successful counted calls with unknown input and output tokens.",
        {"enum": get_args(CostFilter)},
    ),
    "finish_reason": ("Rows with this finish reason.", ID),
    "error_type": ("Failed rows with this type of error.", ID),
    "release": ("Rows of this release (OpenTelemetry's service.version).", ID),
    "otel_trace_id": (
        "Rows of this OpenTelemetry trace.",
        {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
    ),
    "q": (
        "Rows that contain this text in their previews or bodies (see search_in), ignoring case.",
        {**ID, "maxLength": 500},
    ),
    "search_in": (
        "Where to search for q. A search in bodies has a time limit: then the page is shorter, and its Link"
        " header continues the search.",
        {"enum": ["previews", "bodies"], "default": "previews"},
    ),
    "group_by": ("Dimension of the groups.", {"enum": get_args(GroupBy), "default": "day"}),
    "fields": (
        f"Comma-separated fields to count; all by default. Fields: {', '.join(FACET_FIELDS)}.",
        {
            "type": "string",
            "pattern": f"^({'|'.join(FACET_FIELDS)})(,({'|'.join(FACET_FIELDS)}))*$",
            "examples": ["model,provider"],
        },
    ),
    "measure": ("The sum by which series are ranked.", {"enum": get_args(Measure), "default": "cost"}),
    "by": ("Dimension of the series.", {"enum": get_args(SeriesBy), "default": "model"}),
    "step": (
        "Length of a step. Days, weeks and hours are those of `tz`. Default: the shortest with at most 120"
        " steps.",
        {"enum": STEPS},
    ),
    "tz": (
        "IANA time zone of the steps.",
        {**TEXT, "minLength": 1, "maxLength": 64, "default": "UTC", "examples": ["Europe/Berlin"]},
    ),
    "top": (
        f"Maximum number of series, {DEFAULT_SERIES} by default; all further ones are summed in `other`.",
        {"type": "integer", "minimum": 1, "maximum": MAX_SERIES, "default": DEFAULT_SERIES},
    ),
    "compare": ("Also sum the period of the same length before.", {"enum": ["previous"]}),
    "bodies": ("Include request and response bodies.", {"enum": ["true", "false"], "default": "false"}),
}

#: Replacements of `PARAMETERS` for routes that sum counted rows.
COUNTED_ONLY: Mapping[str, tuple[str, Schema]] = {
    "counted": ("Only `true`: counted rows are summed.", {"enum": ["true"], "default": "true"}),
}
#: Replacements of `PARAMETERS` for `GET /v1/analytics`, which allows fewer values.
ANALYTICS_OVERRIDES: Mapping[str, tuple[str, Schema]] = {
    "counted": ("Only `true`: analytics sum counted rows.", {"enum": ["true"], "default": "true"}),
    "limit": (
        f"Maximum number of groups, {DEFAULT_GROUPS} by default; not allowed with `day` and `hour`.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
}
