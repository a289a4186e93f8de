"""The OpenAPI description of this API; a test holds it to the routes, the parameters and the fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import get_args

from pulse_query_api.params import ANALYTICS, DEFAULT_GROUPS, DEFAULT_ROWS, LIST, MAX_LIMIT, MAX_OFFSET
from pulse_storage.filters import GroupBy
from pulse_storage.price_document import TokenPrices

_Schema = Mapping[str, object]

_TEXT: _Schema = {"type": "string"}
_COUNT: _Schema = {"type": "integer"}
_NUMBER: _Schema = {"type": "number"}
_FLAG: _Schema = {"type": "boolean"}
_MOMENT: _Schema = {"type": "string", "format": "date-time"}
_DOCUMENT: _Schema = {"type": ["object", "null"]}

_PARAMETERS: Mapping[str, tuple[str, _Schema]] = {
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
        {"type": "string", "maxLength": 500},
    ),
    "search_in": (
        "Where q is looked for. A page of a search in bodies ends early, with a link, when its time is up.",
        {"enum": ["previews", "bodies"], "default": "previews"},
    ),
    "group_by": ("What the sums are grouped by.", {"enum": get_args(GroupBy), "default": "day"}),
    "bodies": ("Show request and response bodies.", {"enum": ["true", "false"], "default": "false"}),
}

#: The fields of a row in a list; those of the second group may be null.
_KNOWN_FIELDS: Mapping[str, _Schema] = {
    "trace_id": {"type": "string", "format": "uuid"},
    "project_id": _TEXT,
    "timestamp": _MOMENT,
    "status": {"enum": ["success", "error"]},
    "name": _TEXT,
    "otel_trace_id": _TEXT,
    "otel_span_id": _TEXT,
    "tags": {"type": "array", "items": _TEXT},
    "counted": _FLAG,
}
_TEXT_FIELDS = (
    *("session_id", "provider", "model_requested", "model_used", "provider_request_id", "output_text"),
    *("finish_reason", "operation", "parent_span_id", "user_id", "service", "environment", "release"),
    *("cost_source", "price_version", "usage_source", "input_preview", "output_preview", "dialect"),
)
_COUNT_FIELDS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("cache_write_1h_tokens", "input_audio_tokens", "input_image_tokens"),
    *("output_audio_tokens", "output_image_tokens"),
)
_NUMBER_FIELDS = ("latency_ms", "cost_cents", "time_to_first_token_ms")


def openapi_document() -> dict[str, object]:
    """The whole description, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pulse query API",
            "version": version("pulse-server"),
            "description": "Recorded calls of language models, read back. Spans come in over OTLP.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A project's key."},
                "admin": {"type": "apiKey", "in": "header", "name": "X-Admin-Key"},
            },
            "schemas": _schemas(),
        },
    }


def _paths() -> dict[str, object]:
    row, keys = "/v1/traces/{trace_id}", "/admin/projects/{project_id}/keys"
    prices = "/admin/projects/{project_id}/prices"
    whole, listed = _ref("Trace"), {"type": "array", "items": _ref("TraceRow")}
    return {
        "/health": {"get": _operation("Whether the process lives", _object(status=_TEXT, service=_TEXT))},
        "/ready": {"get": _operation("Whether the store takes writes", _object(status=_TEXT), errors=(503,))},
        "/openapi.json": {"get": _operation("This description", {"type": "object"})},
        "/metrics": {"get": _operation("Prometheus metrics", None, security="key")},
        "/v1/explain": {
            "post": _operation(
                "How OTLP spans and log events would be read and counted; nothing is stored",
                _object(
                    spans={"type": "array", "items": {"type": "object"}},
                    logs={"type": "array", "items": {"type": "object"}},
                    notes={"type": "array", "items": _TEXT},
                ),
                body={"type": "object", "description": "OTLP/JSON, or the same in protobuf."},
                security="key",
                errors=(400, 413, 415),
            )
        },
        "/v1/traces": {
            "get": _operation(
                "List traces",
                _object(traces=listed, total=_COUNT, limit=_COUNT, offset=_COUNT),
                query=LIST,
                security="key",
                errors=(400,),
            )
        },
        row: {"get": _operation("One trace with its bodies", whole, path=row, security="key", errors=(404,))},
        "/v1/sessions/{session_id}": {
            "get": _operation(
                "The calls of a session, oldest first",
                _object(sessionId=_TEXT, traces={"type": "array", "items": whole}),
                path="/v1/sessions/{session_id}",
                query=("bodies",),
                security="key",
                errors=(400,),
            )
        },
        "/v1/analytics": {
            "get": _operation(
                "Sums over a range and its groups",
                _ref("Analytics"),
                query=ANALYTICS,
                required=("date_from", "date_to"),
                security="key",
                errors=(400,),
            )
        },
        "/admin/projects": {
            "get": _operation("List projects", _object(projects=_list("Project")), security="admin"),
            "post": _operation(
                "Make a project",
                _object(projectId=_TEXT, apiKey=_TEXT, name=_TEXT),
                body=_object(name=_TEXT),
                status=201,
                security="admin",
                errors=(400,),
            ),
        },
        keys: {
            "get": _operation(
                "List a project's keys",
                _object(keys=_list("Key")),
                path=keys,
                security="admin",
                errors=(404,),
            ),
            "post": _operation(
                "Make a key",
                {"allOf": [_ref("Key"), _object(apiKey=_TEXT)]},
                path=keys,
                body={
                    "type": "object",
                    "properties": {
                        "scopes": {"type": "array", "items": {"enum": ["ingest", "read"]}},
                        "expiresAt": _MOMENT,
                    },
                },
                status=201,
                security="admin",
                errors=(400, 404),
            ),
        },
        prices: {
            "get": _operation(
                "A project's own prices", _ref("Prices"), path=prices, security="admin", errors=(404,)
            ),
            "put": _operation(
                "Set a project's own prices",
                _ref("Prices"),
                path=prices,
                body=_object(prices=_list("Price")),
                security="admin",
                errors=(400, 404, 413),
            ),
            "delete": _operation(
                "Forget a project's own prices",
                None,
                path=prices,
                status=204,
                security="admin",
                errors=(404,),
            ),
        },
        f"{keys}/{{key_id}}": {
            "delete": _operation(
                "Revoke a key", None, path=f"{keys}/{{key_id}}", status=204, security="admin", errors=(404,)
            )
        },
        **_retention_paths(),
    }


def _retention_paths() -> dict[str, object]:
    retention, erase = "/admin/projects/{project_id}/retention", "/admin/projects/{project_id}/erase"
    whom: _Schema = {
        "type": "object",
        "properties": {"userId": _TEXT, "sessionId": _TEXT, "dryRun": _FLAG},
    }
    return {
        retention: {
            "get": _operation(
                "What is kept of a project, and how long",
                _ref("Retention"),
                path=retention,
                security="admin",
                errors=(404,),
            ),
            "put": _operation(
                "Give a project a retention policy of its own",
                _ref("Retention"),
                path=retention,
                body=_ref("RetentionPolicy"),
                security="admin",
                errors=(400, 404),
            ),
            "delete": _operation(
                "Leave retention to the settings",
                None,
                path=retention,
                status=204,
                security="admin",
                errors=(404,),
            ),
        },
        erase: {
            "get": _operation(
                "List a project's erasures",
                _object(erasures=_list("Erasure")),
                path=erase,
                security="admin",
                errors=(404,),
            ),
            "post": _operation(
                "Erase everything of a user or a session; 202 while the server is still at it",
                _ref("Erasure"),
                path=erase,
                body=whom,
                security="admin",
                errors=(400, 404),
            ),
        },
    }


def _schemas() -> dict[str, object]:
    nullable = {name: {"type": ["string", "null"]} for name in _TEXT_FIELDS}
    nullable |= {name: {"type": ["integer", "null"]} for name in _COUNT_FIELDS}
    nullable |= {name: {"type": ["number", "null"]} for name in _NUMBER_FIELDS}
    error = {"type": ["object", "null"], "properties": {"type": _TEXT, "message": _TEXT}}
    row = _object(**_KNOWN_FIELDS, **nullable, error=error, metadata=_DOCUMENT)
    maybe_ms = {"type": ["number", "null"]}
    group = _object(
        # Of the last one, where there are more groups than were asked for.
        {"other": {"const": True}},
        bucket={"type": ["string", "null"]},
        cost=_NUMBER,
        **{name: _COUNT for name in ("tokens", "inputTokens", "outputTokens", "calls", "errors", "unpriced")},
        **{name: maybe_ms for name in ("avgLatency", "p50Latency", "p95Latency", "p99Latency")},
    )
    moment = {"type": ["string", "null"], "format": "date-time"}
    return {
        "TraceRow": row,
        "Trace": {
            "allOf": [_ref("TraceRow"), _object(request_body=_DOCUMENT, response_body=_DOCUMENT)],
        },
        "Analytics": _object(
            totalCost=_NUMBER,
            totalTokens=_COUNT,
            avgLatency=maybe_ms,
            errorRate=_NUMBER,
            costOverTime={"type": "array", "items": group},
        ),
        "RetentionPolicy": {
            "type": "object",
            "properties": {
                "contentDays": {"type": ["integer", "null"], "minimum": 1},
                "rowsDays": {"type": ["integer", "null"], "minimum": 1},
                "maxMib": {"type": ["integer", "null"], "minimum": 1},
                "keepErrors": _FLAG,
                "keepTags": {"type": "array", "items": _TEXT},
            },
        },
        "Retention": _object(
            projectId=_TEXT,
            policy=_ref("RetentionPolicy"),
            source={"enum": ["project", "settings"]},
            contentFrom=moment,
            rowsFrom=moment,
        ),
        "Erasure": _object(
            erasureId=_TEXT,
            projectId=_TEXT,
            by={"enum": ["user", "session"]},
            requestedAt=_MOMENT,
            finishedAt=moment,
            **{name: _COUNT for name in ("rows", "calls", "logEvents", "tokens")},
            cost=_NUMBER,
        ),
        "Project": _object(projectId=_TEXT, name=_TEXT, createdAt=_MOMENT),
        "Price": _price_schema(),
        "Prices": _object(projectId=_TEXT, version=_TEXT, updatedAt=_MOMENT, prices=_list("Price")),
        "Key": _object(
            keyId=_TEXT,
            projectId=_TEXT,
            hint=_TEXT,
            scopes={"type": "array", "items": _TEXT},
            createdAt=_MOMENT,
            lastUsedAt=moment,
            expiresAt=moment,
            revokedAt=moment,
        ),
    }


def _price_schema() -> dict[str, object]:
    """An entry of custom prices: dollars per million tokens, but for `per_call`."""
    dollars = {name: {"type": "number", "minimum": 0} for name in TokenPrices.NAMES}
    tier = {"type": "object", "properties": {"above": _COUNT, **dollars}, "required": ["above"]}
    return {
        "type": "object",
        "properties": {
            "model": _TEXT,
            "provider": _TEXT,
            **dollars,
            "valid_from": _MOMENT,
            "override_reported": _FLAG,
            "tiers": {"type": "array", "items": tier},
        },
        "required": ["model"],
        "additionalProperties": False,
    }


def _operation(
    summary: str,
    answer: _Schema | None,
    *,
    path: str = "",
    query: Sequence[str] = (),
    required: Sequence[str] = (),
    body: _Schema | None = None,
    status: int = 200,
    security: str | None = None,
    errors: Iterable[int] = (),
) -> dict[str, object]:
    """One method of a path; names in braces within `path` are its path parameters."""
    in_path = [part.split("}")[0] for part in path.split("{")[1:]]
    parameters = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in in_path]
    parameters += [
        {
            "name": name,
            "in": "query",
            "description": _PARAMETERS[name][0],
            "required": name in required,
            "schema": _PARAMETERS[name][1],
        }
        for name in query
    ]
    refused = {*errors, *((401, 403, 503) if security else ())}
    content = {} if answer is None else {"content": {"application/json": {"schema": answer}}}
    operation: dict[str, object] = {
        "summary": summary,
        "security": [{security: []}] if security else [],
        "responses": {
            str(status): {"description": "As asked.", **content},
            **{str(code): {"description": "Refused; the answer says why."} for code in sorted(refused)},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _object(optional: Mapping[str, _Schema] | None = None, /, **properties: _Schema) -> dict[str, object]:
    return {"type": "object", "properties": {**properties, **(optional or {})}, "required": list(properties)}


def _list(name: str) -> dict[str, object]:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> dict[str, object]:
    return {"$ref": f"#/components/schemas/{name}"}
