"""The query parameters: what each is for, and which values it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pulse_query_api.openapi.vocabulary import Schema
from pulse_query_api.params import DEFAULT_GROUPS, DEFAULT_ROWS, MAX_LIMIT, MAX_OFFSET
from pulse_storage.filters import GroupBy

#: An empty value is refused.
_TEXT: Schema = {"type": "string", "minLength": 1}

PARAMETERS: Mapping[str, tuple[str, Schema]] = {
    "limit": (
        f"Rows a page, {DEFAULT_ROWS} unless asked; or groups by name, {DEFAULT_GROUPS} unless asked.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    "offset": (
        "Rows to skip; beyond the maximum follow the Link header.",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
    ),
    "cursor": ("Where the page begins, from a Link header.", _TEXT),
    "order": ("By start time.", {"enum": ["desc", "asc"], "default": "desc"}),
    "session_id": ("Calls of this session.", _TEXT),
    "user_id": ("Calls of this user.", _TEXT),
    "provider": ("Such as openai or anthropic.", _TEXT),
    "model": ("The requested or the used model.", _TEXT),
    "status": ("How the call ended.", {"enum": ["success", "error"]}),
    "operation": (
        "An operation's name, `model` for every model call, or `all`.",
        {**_TEXT, "default": "model"},
    ),
    "counted": (
        "`false`: rows whose call another row counts. By default `true` for model calls, else `all`.",
        {"enum": ["true", "false", "all"]},
    ),
    "service": ("OpenTelemetry's service.name.", _TEXT),
    "environment": ("The deployment environment.", _TEXT),
    "tag": ("Rows that have this tag.", _TEXT),
    "date_from": ("Started at or after this date or date-time.", _TEXT),
    "date_to": ("Started before this date or date-time.", _TEXT),
    "min_latency_ms": ("Took at least this long.", {"type": "number", "minimum": 0}),
    "min_cost_cents": ("Cost at least this much.", {"type": "number", "minimum": 0}),
    "otel_trace_id": (
        "Spans of this OpenTelemetry trace.",
        {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
    ),
    "q": (
        "Text within the previews, or where search_in says; any case.",
        {**_TEXT, "maxLength": 500},
    ),
    "search_in": (
        "Where q is looked for. A page of a search in bodies ends early, with a link, when its time is up.",
        {"enum": ["previews", "bodies"], "default": "previews"},
    ),
    "group_by": ("What the sums are grouped by.", {"enum": get_args(GroupBy), "default": "day"}),
    "bodies": ("Show request and response bodies.", {"enum": ["true", "false"], "default": "false"}),
}
