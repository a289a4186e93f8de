"""The query parameters: what each is for, and which values it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pulse_query_api.openapi.vocabulary import ID, INSTANT, Schema
from pulse_query_api.params import DEFAULT_GROUPS, DEFAULT_ROWS, MAX_LIMIT, MAX_OFFSET
from pulse_storage.filters import GroupBy

_MAX_NUMBER = 99_999_999_999

PARAMETERS: Mapping[str, tuple[str, Schema]] = {
    "limit": (
        f"Rows a page, {DEFAULT_ROWS} by default.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    "offset": (
        "Rows to skip; beyond the maximum follow the Link header.",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
    ),
    "cursor": ("Where the page begins, from a Link header.", ID),
    "order": ("By start time.", {"enum": ["desc", "asc"], "default": "desc"}),
    "session_id": ("Calls of this session.", ID),
    "user_id": ("Calls of this user.", ID),
    "provider": ("Such as openai or anthropic.", ID),
    "model": ("The requested or the used model.", ID),
    "status": ("How the call ended.", {"enum": ["success", "error"]}),
    "operation": (
        "An operation's name, `model` for every model call, or `all`.",
        {**ID, "default": "model"},
    ),
    "counted": (
        "`false`: rows whose call another row counts. By default `true` for model calls, else `all`.",
        {"enum": ["true", "false", "all"]},
    ),
    "service": ("OpenTelemetry's service.name.", ID),
    "environment": ("The deployment environment.", ID),
    "tag": ("Rows that have this tag.", ID),
    "date_from": ("Started at or after this date or date-time.", INSTANT),
    "date_to": ("Started before this date or date-time.", INSTANT),
    "min_latency_ms": ("Took at least this long.", {"type": "number", "minimum": 0, "maximum": _MAX_NUMBER}),
    "min_cost_cents": ("Cost at least this much.", {"type": "number", "minimum": 0, "maximum": _MAX_NUMBER}),
    "otel_trace_id": (
        "Spans of this OpenTelemetry trace.",
        {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
    ),
    "q": (
        "Text within the previews, or where search_in says; any case.",
        {**ID, "maxLength": 500},
    ),
    "search_in": (
        "Where q is looked for. A page of a search in bodies ends early, with a link, when its time is up.",
        {"enum": ["previews", "bodies"], "default": "previews"},
    ),
    "group_by": ("What the sums are grouped by.", {"enum": get_args(GroupBy), "default": "day"}),
    "bodies": ("Show request and response bodies.", {"enum": ["true", "false"], "default": "false"}),
}

#: Parameters that allow less on one route than elsewhere.
ANALYTICS_ONLY: Mapping[str, tuple[str, Schema]] = {
    "counted": ("Only `true`: analytics never count a call twice.", {"enum": ["true"], "default": "true"}),
    "limit": (
        f"Groups by name, {DEFAULT_GROUPS} by default; not allowed with `day` and `hour`.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
}
