"""Explains a request of spans and log events: how each is read, and which rows count. Stores nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pulse_collector.dialects import recognised_by
from pulse_collector.explain.attribution import Attribution, Budget, Facts, attribute, facts_of
from pulse_collector.explain.counting import Counting, explain_counting
from pulse_collector.explain.inputs import alone, span_of
from pulse_collector.explain.log_events import ExplainedLog, contents_of, explain_logs
from pulse_collector.explain.reasons import cost_reason, unused_reason, usage_reason
from pulse_collector.facts.attributes import AttributeValue, read_attributes
from pulse_collector.facts.json_text import to_json
from pulse_collector.mapping.event_calls import call_spans
from pulse_collector.mapping.spans import map_spans
from pulse_collector.mapping.unread import unread_names
from pulse_collector.pricing import LIST_PRICES, Prices
from pulse_storage.ids import row_id
from pulse_storage.reconciliation.keep import stored_unconditionally
from pulse_storage.reconciliation.skeletons import SpanKey, skeleton
from pulse_storage.rows import SpanRow

#: Values are cut to this length: it suffices to recognise them.
_SHOWN_CHARS = 200
#: The names of columns in responses of the API.
_SHOWN_AS = {"start_ns": "timestamp", "cost_nano_usd": "cost_cents"}
_LEFT_OUT = "it does not describe a model call, and the request has no gen-ai span of its trace"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a span with its value, or with the reason why it is not used."""

    part: str
    value: object = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a row: its value, the parts that fill it, and the parts that they overrule."""

    value: object
    sources: Sequence[str] = ()
    overruled: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class ExplainedSpan:
    """The explanation of one span."""

    otel_trace_id: str
    otel_span_id: str
    parent_span_id: str | None
    name: str
    #: Why the span is rejected; no other field is then set.
    refused: str | None = None
    dialect: str | None = None
    recognised_by: str | None = None
    operation: str | None = None
    model_call: bool = False
    #: False if the request has too many spans for a search for sources.
    attributed: bool = False
    columns: Mapping[str, Column] = field(default_factory=dict[str, Column])
    #: Members of the row's metadata, with the parts of the span that fill them.
    metadata: Mapping[str, Sequence[str]] = field(default_factory=dict[str, "Sequence[str]"])
    ignored: Sequence[Part] = ()
    #: Names of attributes that look like usage or messages and that no dialect reads.
    unread: Sequence[str] = ()
    usage: str | None = None
    cost: str | None = None
    #: Why the span is not stored; None if it is stored.
    left_out: str | None = None
    counting: Counting | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of a request."""

    spans: Sequence[ExplainedSpan]
    logs: Sequence[ExplainedLog] = ()
    #: What was not explained because the request is too large.
    notes: Sequence[str] = ()


def explain(
    spans: ExportTraceServiceRequest | None,
    logs: ExportLogsServiceRequest | None,
    *,
    received_ns: int,
    budget: Budget,
    prices: Prices = LIST_PRICES,
) -> Explanation:
    """Explain each span and log event of a request as if the request came alone.

    `budget` bounds the work; the notes name what it does not cover.
    """
    pieces = list(_pieces(spans)) if spans is not None else []
    if logs is not None:
        pieces += _pieces(call_spans(logs)[0])
    rows: list[SpanRow | None] = []
    refusals: list[str] = []
    for piece in pieces:
        mapped = map_spans("", piece, received_ns, prices)
        rows.append(mapped.rows[0] if mapped.rows else None)
        refusals.append("" if mapped.rows else mapped.rejected[0])
    counting = _counting([row for row in rows if row is not None], logs)
    left_out = _left_out(rows)
    explained: list[ExplainedSpan] = []
    for index, (piece, row) in enumerate(zip(pieces, rows, strict=True)):
        if row is None:
            span = span_of(piece)
            ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex() or None)
            explained.append(ExplainedSpan(*ids, span.name, refused=refusals[index]))
            continue
        attribution = attribute(piece, received_ns, prices, budget)
        key = (row.otel_trace_id, row.otel_span_id)
        explained.append(_span(piece, row, attribution, counting[key], left_out[index]))
    passed = sum(not span.attributed and span.refused is None for span in explained)
    notes = [] if not passed else [_too_much(passed, len(explained))]
    return Explanation(explained, explain_logs(logs) if logs is not None else (), notes)


def _too_much(passed: int, spans: int) -> str:
    return (
        f"of {passed} of {spans} spans the sources were not searched, since that takes too long; "
        "explain them in a separate request, or with `pulse explain` on a file"
    )


def _pieces(request: ExportTraceServiceRequest) -> Iterator[ExportTraceServiceRequest]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield alone(resource_spans, scope_spans, span)


def _counting(rows: Sequence[SpanRow], logs: ExportLogsServiceRequest | None) -> Mapping[SpanKey, Counting]:
    distinct = {(row.otel_trace_id, row.otel_span_id): row for row in reversed(rows)}
    skeletons = [
        skeleton(row, row_id("", row.otel_trace_id, row.otel_span_id, row.start_ns))
        for row in distinct.values()
    ]
    operations = {key: row.operation for key, row in distinct.items()}
    return explain_counting(skeletons, operations, contents_of(logs) if logs is not None else ())


def _left_out(rows: Sequence[SpanRow | None]) -> list[str | None]:
    kept = iter(stored_unconditionally([row for row in rows if row is not None], keep_all=False))
    return [None if row is None or next(kept) else _LEFT_OUT for row in rows]


def _span(
    piece: ExportTraceServiceRequest,
    row: SpanRow,
    attribution: Attribution | None,
    counting: Counting,
    left_out: str | None,
) -> ExplainedSpan:
    attributes = read_attributes(span_of(piece).attributes)
    facts = facts_of(row)
    found = attribution or Attribution()
    return ExplainedSpan(
        row.otel_trace_id.hex(),
        row.otel_span_id.hex(),
        None if row.parent_span_id is None else row.parent_span_id.hex(),
        row.name,
        dialect=row.dialect,
        recognised_by=recognised_by(row.scope, attributes) if row.dialect is not None else None,
        operation=row.operation,
        model_call=row.model_call,
        attributed=attribution is not None,
        columns=columns_of(facts, found),
        metadata=found.metadata,
        ignored=[
            Part(one.label, shown(one.value), unused_reason(one.key, one.value, row)) for one in found.unused
        ],
        unread=unread_names(row.metadata),
        usage=usage_reason(row, attributes, found),
        cost=cost_reason(row, found.sources.get("cost_nano_usd", ())) if row.model_call else None,
        left_out=left_out,
        counting=counting,
    )


#: Columns that are shown elsewhere or not at all.
_SHOWN_ELSEWHERE = frozenset(
    {
        *("project_id", "otel_trace_id", "otel_span_id", "parent_span_id", "name", "dialect", "model_call"),
        *("gen_ai", "scope", "partner_key", "price_version", "cost_source", "usage_source", "metadata"),
        *("reported_cost_nano_usd", "estimated_cost_nano_usd", "counted", "trace_id", "output_text"),
    }
)


def columns_of(facts: Facts, found: Attribution | None = None) -> dict[str, Column]:
    """Return the columns of a row with a value, by their names in the API, with their sources if `found`."""
    found = found or Attribution()
    columns: dict[str, Column] = {}
    for column, value in facts.items():
        if value in (None, ()) or column in _SHOWN_ELSEWHERE or column.startswith("metadata."):
            continue
        columns[_SHOWN_AS.get(column, column)] = Column(
            _column_value(column, value),
            found.sources.get(column, ()),
            [Part(one.label, shown(one.value)) for one in found.overruled.get(column, ())],
        )
    return columns


def _column_value(column: str, value: object) -> object:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if column == "start_ns" and isinstance(value, int):
        return timestamp(value)
    if column == "cost_nano_usd" and isinstance(value, int):
        return value / 1e7
    return value


def timestamp(time_ns: int) -> str:
    """Return a Unix time in nanoseconds as RFC 3339 in UTC, with microseconds."""
    try:
        moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return str(time_ns)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def shown(value: AttributeValue) -> object:
    """Return a value for the response; long texts are cut."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN_CHARS else value[:_SHOWN_CHARS] + "…"
    if value is None or isinstance(value, bool | int | float):
        return value
    written = str(to_json(value))
    return written if len(written) <= _SHOWN_CHARS else written[:_SHOWN_CHARS] + "…"
