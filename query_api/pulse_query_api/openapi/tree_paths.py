"""OpenAPI paths of the routes that list OTel traces and read one as a tree."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.vocabulary import (
    COUNT,
    DATE_TIME,
    FLAG,
    NUMBER,
    TEXT,
    Schema,
    fields,
    items,
    nullable,
    ref,
)
from pulse_query_api.params import TREES

_BITS: Schema = {"type": "string", "pattern": "^[01]*$", "description": "A digit per span."}
_BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
_NUMBERS: Schema = items(COUNT)
_NUMBERS_OR_NULLS: Schema = items(nullable(COUNT))
_PARENTS: Schema = items(
    {
        "type": "array",
        "description": "The index of a span and the id of its parent.",
        "items": {"type": ["integer", "string"]},
        "minItems": 2,
        "maxItems": 2,
    }
)
_CODED: Schema = fields(values=items(nullable(TEXT)), at=_NUMBERS)
_ROW: Schema = nullable(fields(otel_trace_id=TEXT, otel_span_id=TEXT))
_REASON: Mapping[str, Schema] = {
    "reason": {"enum": ["wrapper", "same_call", "unknown"]},
    "why": TEXT,
    "counted_row": _ROW,
}


def tree_paths() -> Mapping[str, object]:
    """Return the paths below `/v1/trees`."""
    return {
        **path(
            "/v1/trees",
            get=operation(
                "List OpenTelemetry traces with matching spans, by their newest matching span",
                fields(trees=items(ref("TreeSummary")), next_cursor=nullable(TEXT), complete=FLAG),
                query=TREES,
                query_overrides=_OVERRIDES,
                security="key",
                errors=(400,),
            ),
        ),
        **path(
            "/v1/trees/{otel_trace_id}",
            get=operation(
                "Get the spans of an OpenTelemetry trace as columns; 304 for the ETag in If-None-Match",
                ref("Tree"),
                query=("cursor",),
                query_overrides={"cursor": _cursor(22)},
                security="key",
                errors=(400, 404),
            ),
        ),
        **path(
            "/v1/trees/{otel_trace_id}/spans/{otel_span_id}",
            get=operation(
                "Get the trace_id of the row of a span, and why it does not count",
                fields(trace_id=TEXT, counted=FLAG, not_counted=nullable(fields(**_REASON))),
                security="key",
                errors=(404,),
            ),
        ),
    }


def _cursor(length: int) -> tuple[str, Schema]:
    """Return the parameter of a cursor with this number of characters."""
    pattern = f"^[A-Za-z0-9_-]{{{length:d}}}$"
    return "Start of the page: `next_cursor` of the page before.", {"type": "string", "pattern": pattern}


#: Replacements of `PARAMETERS`: the filters of trees select spans, not calls.
_OVERRIDES: Mapping[str, tuple[str, Schema]] = {
    "operation": (
        "Spans of this operation; `model`: all model calls; `all`: every operation.",
        {"type": "string", "minLength": 1, "default": "all"},
    ),
    "counted": (
        "`true`: counted rows; `false`: rows whose call is counted by another row.",
        {"enum": ["true", "false", "all"], "default": "all"},
    ),
    "cursor": _cursor(43),
    "order": (
        "`desc`: by the newest matching span; `asc`: by the oldest one.",
        {"enum": ["desc", "asc"], "default": "desc"},
    ),
}


def tree_schemas() -> Mapping[str, Schema]:
    """Return the component schemas of trees by name."""
    return {
        "TreeSummary": fields(
            otel_trace_id=TEXT,
            name=TEXT,
            root=nullable(TEXT),
            complete=nullable(FLAG),
            started_at=DATE_TIME,
            duration_ms=nullable(NUMBER),
            at_least=FLAG,
            **{name: COUNT for name in ("spans", "calls", "errors", "unpriced", "unknown_usage")},
            **{name: nullable(COUNT) for name in ("input_tokens", "output_tokens")},
            cost_cents=nullable(NUMBER),
            cost_source={"enum": ["reported", "computed", "mixed", None]},
            **{
                name: nullable(TEXT)
                for name in ("session_id", "user_id", "service", "input_preview", "output_preview")
            },
        ),
        "Tree": fields(
            otel_trace_id=TEXT,
            spans=COUNT,
            start_ns={"type": "string", "pattern": "^-?[0-9]+$"},
            parent=_NUMBERS,
            start_us=_NUMBERS,
            **{name: _NUMBERS_OR_NULLS for name in ("duration_us", "first_token_us")},
            **{
                name: _CODED
                for name in (
                    *("operation", "name", "provider", "model", "service", "status"),
                    *("error_type", "error_message", "cost_source"),
                )
            },
            **{
                name: _NUMBERS_OR_NULLS
                for name in ("input_tokens", "cache_read_tokens", "output_tokens", "cost_nano_usd")
            },
            model_call=_BITS,
            counted=_BITS,
            not_counted=nullable(items(fields(span=COUNT, counted_by=COUNT, **_REASON))),
            missing_parents=_PARENTS,
            other_parents=_PARENTS,
            session_ids=items(TEXT),
            user_ids=items(TEXT),
            next_cursor=nullable(TEXT),
            ids=_BASE64,
            trace_ids=nullable(_BASE64),
        ),
    }
