"""OpenAPI operations of the collector's routes on the same port: OTLP over HTTP and the batch route."""

from __future__ import annotations

from pulse_query_api.openapi.operations import Operation, operation
from pulse_query_api.openapi.vocabulary import COUNT, DOCUMENT, NAME, TEXT, Schema, fields, list_of, nullable

#: A list of resources in OTLP/JSON; in protobuf's JSON mapping null means absent.
RESOURCES: Schema = {"type": ["array", "null"], "items": {"type": "object"}}
_TOKENS: Schema = nullable({"type": "integer", "minimum": 0, "maximum": 10_000_000_000})
_NAME: Schema = {**NAME, "maxLength": 1024}
#: A blank id is stored as null.
_ID: Schema = {"type": ["string", "null"], "maxLength": 1024}
_MONTH_AND_DAY = "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
_TIME_OF_DAY = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_OFFSET = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#: A time from 1800 to 2199. Not the format date-time, of which generators of test data use all years.
_TIMESTAMP = f"^(1[89]|2[01])[0-9]{{2}}-{_MONTH_AND_DAY}[Tt]{_TIME_OF_DAY}{_OFFSET}$"
#: Not the nil UUID.
_UUID = "^(?![0-]+$)[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def otlp_operation(content: str, resources_field: str) -> Operation:
    """Return the operation of an OTLP export of `content`, such as "spans".

    `resources_field` is the field of the request's JSON with the list of resources.
    """
    return operation(
        f"Export {content} over OTLP/HTTP; also on port 4318",
        fields({"partialSuccess": {"type": "object"}}),
        body={"type": "object", "properties": {resources_field: RESOURCES}},
        body_types=("application/json", "application/x-protobuf"),
        security="key",
        errors=(400, 408, 413, 415),
    )


def batch_operation() -> Operation:
    """Return the operation of `POST /v1/traces/batch`; a test compares its schema with the collector's."""
    return operation(
        "Store 1 to 100 traces, all or none; sending a batch again stores nothing new",
        fields(count=COUNT, traces=list_of("TraceRow")),
        body={"type": "array", "minItems": 1, "maxItems": 100, "items": BATCH_TRACE},
        status=202,
        security="key",
        errors=(400, 408, 409, 413, 415),
    )


#: Schema of one trace of a batch. Additional fields are stored in `metadata`.
BATCH_TRACE: Schema = {
    "type": "object",
    "properties": {
        "trace_id": {"type": "string", "pattern": _UUID},
        "timestamp": {"type": "string", "description": "Date-time of RFC 3339", "pattern": _TIMESTAMP},
        "provider": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"},
        "model_requested": _NAME,
        "request_body": {"type": "object"},
        "status": {"enum": ["success", "error"]},
        "latency_ms": {"type": "number", "minimum": 0, "maximum": 1e12},
        "response_body": DOCUMENT,
        "error": DOCUMENT,
        "input_tokens": _TOKENS,
        "output_tokens": _TOKENS,
        "output_text": nullable(TEXT),
        "finish_reason": nullable(TEXT),
        "cost_cents": nullable({"type": "number", "minimum": 0, "maximum": 1e9}),
        "session_id": _ID,
        "metadata": DOCUMENT,
        "model_used": _ID,
        "provider_request_id": _ID,
    },
    "required": [
        "trace_id", "timestamp", "provider", "model_requested", "request_body", "status", "latency_ms",
    ],
}  # fmt: skip
