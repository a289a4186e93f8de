"""Component schemas: trace rows, analytics, projects, API keys, prices, retention and erasures."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.vocabulary import (
    COUNT,
    DATE_OR_DATE_TIME,
    DATE_TIME,
    DOCUMENT,
    FLAG,
    NUMBER,
    TEXT,
    Schema,
    closed_object,
    fields,
    items,
    list_of,
    nullable,
    ref,
)
from pulse_storage.price_document import (
    MAX_ABOVE_TOKENS,
    MAX_DOLLARS,
    MAX_PATTERN_CHARS,
    MAX_TIERS,
    TokenPrices,
)
from pulse_storage.retention import MAX_DAYS, MAX_MIB, MAX_TAG_CHARS, MAX_TAGS
from pulse_storage.rows import Column, TraceRecord, columns_of
from pulse_storage.trace_json import JSON_FIELDS

_PATTERN: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_PATTERN_CHARS}
_TAG: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TAG_CHARS, "pattern": r"^[^\u0000]*$"}

#: Schemas of trace row fields whose JSON type is not that of their column.
_CONVERTED_FIELDS: Mapping[str, Schema] = {
    "trace_id": {"type": "string", "format": "uuid"},
    "timestamp": DATE_TIME,
    "status": {"enum": ["success", "error"]},
    "otel_trace_id": TEXT,
    "otel_span_id": TEXT,
    "parent_span_id": {"type": ["string", "null"]},
    "cost_cents": {"type": ["number", "null"]},
    "error": {"type": ["object", "null"], "properties": dict.fromkeys(("type", "message"), nullable(TEXT))},
    "metadata": DOCUMENT,
}
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", tuple: "array"}


def _row_schema() -> Schema:
    """Return the schema of a trace row without bodies, derived from the columns of `TraceRecord`."""
    columns = columns_of(TraceRecord)
    return fields(**{name: _CONVERTED_FIELDS.get(name) or _field(columns[name]) for name in JSON_FIELDS})


def _field(column: Column) -> Schema:
    if column.type is tuple:
        return items(TEXT)
    name = _JSON_TYPES[column.type]
    return {"type": [name, "null"] if column.nullable else name}


def schemas() -> Mapping[str, object]:
    """Return the component schemas by name."""
    nullable_ms = {"type": ["number", "null"]}
    group = fields(
        # Set only in the last group, which sums the groups beyond `limit`.
        {"other": {"const": True}},
        bucket={"type": ["string", "null"]},
        cost=NUMBER,
        **{name: COUNT for name in ("tokens", "inputTokens", "outputTokens", "calls", "errors")},
        **{name: COUNT for name in ("unpriced", "unknownUsage")},
        **{name: nullable_ms for name in ("avgLatency", "p50Latency", "p95Latency", "p99Latency")},
    )
    moment = {"type": ["string", "null"], "format": "date-time"}
    return {
        "TraceRow": _row_schema(),
        "Trace": {
            "allOf": [ref("TraceRow"), fields(request_body=DOCUMENT, response_body=DOCUMENT)],
        },
        "Analytics": fields(
            totalCost=NUMBER,
            totalTokens=COUNT,
            avgLatency=nullable_ms,
            errorRate=NUMBER,
            costOverTime=items(group),
        ),
        "RetentionPolicy": {
            "type": "object",
            "properties": {
                "contentDays": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_DAYS},
                "rowsDays": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_DAYS},
                "maxMib": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_MIB},
                "keepErrors": FLAG,
                "keepTags": {**items(_TAG), "type": ["array", "null"], "maxItems": MAX_TAGS},
            },
            "additionalProperties": False,
        },
        "Retention": fields(
            projectId=TEXT,
            policy=ref("RetentionPolicy"),
            source={"enum": ["project", "settings"]},
            contentFrom=moment,
            rowsFrom=moment,
        ),
        "Erasure": fields(
            erasureId=TEXT,
            projectId=TEXT,
            by={"enum": ["user", "session", "project"]},
            requestedAt=DATE_TIME,
            finishedAt=moment,
            **{name: COUNT for name in ("rows", "calls", "logEvents", "tokens")},
            cost=NUMBER,
        ),
        "Project": fields(projectId=TEXT, name=TEXT, createdAt=DATE_TIME),
        "Price": _price_schema(),
        "Prices": fields(projectId=TEXT, version=nullable(TEXT), updatedAt=moment, prices=list_of("Price")),
        "Key": fields(
            keyId=TEXT,
            projectId=TEXT,
            hint=TEXT,
            scopes=items(TEXT),
            createdAt=DATE_TIME,
            lastUsedAt=moment,
            expiresAt=moment,
            revokedAt=moment,
        ),
    }


def _price_schema() -> dict[str, object]:
    """Return the schema of a price entry: dollars per million tokens, and dollars per call in `per_call`."""
    dollars = {
        name: nullable({"type": "number", "minimum": 0, "maximum": MAX_DOLLARS}) for name in TokenPrices.NAMES
    }
    above = {"type": "integer", "minimum": 0, "maximum": MAX_ABOVE_TOKENS}
    return {
        **closed_object(
            {
                "model": _PATTERN,
                "provider": nullable(_PATTERN),
                "service_tier": nullable(_PATTERN),
                **dollars,
                "valid_from": nullable(DATE_OR_DATE_TIME),
                "override_reported": FLAG,
                "tiers": {
                    "type": "array",
                    "items": closed_object({"above": above, **dollars}, required=("above",)),
                    "maxItems": MAX_TIERS,
                },
            },
            required=("model",),
        ),
        "anyOf": [
            {"required": ["per_call"], "properties": {"per_call": {"type": "number"}}},
            {
                "required": ["input", "output"],
                "properties": {"input": {"type": "number"}, "output": {"type": "number"}},
            },
        ],
    }
