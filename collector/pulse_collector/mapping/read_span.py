"""Reads a span in steps: attribute values, columns by the dialect's table, content by the dialect's code."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pulse_collector.dialects import MODEL_OPERATIONS, OTHER_OPERATIONS, CompiledDialect, operation_of
from pulse_collector.dialects.operation_names import may_be_call
from pulse_collector.facts.attributes import AttributeValue, read_attributes
from pulse_collector.facts.content import request_body
from pulse_collector.facts.span_facts import Event, SpanFacts, clean_text
from pulse_collector.facts.times import span_time
from pulse_collector.mapping.body_texts import fill_texts
from pulse_collector.mapping.fill_columns import fill_from_table
from pulse_collector.mapping.other_dialects import read_others, run_reader
from pulse_collector.mapping.outcome import read_outcome
from pulse_collector.mapping.plan import KeyPlan, plan_of
from pulse_collector.mapping.unread import read_unread
from pulse_storage.content.bodies import pack
from pulse_storage.content.documents import Packed, pack_document
from pulse_storage.rows import PREVIEW_CHARS

#: Long streams record an event for each chunk. The first events date the first token, the last ones have the
#: end.
_FIRST_EVENTS = 256
_LAST_EVENTS = 32


class Reading:
    """The intermediate state of a span between its steps; each step sets some of the attributes."""

    __slots__ = ("attributes", "bodies", "facts", "plan", "span")

    attributes: dict[str, AttributeValue]
    plan: KeyPlan
    facts: SpanFacts
    #: Packed output text, request body and response body; None where the row has none.
    bodies: tuple[bytes | None, Packed | None, bytes | None]

    def __init__(self, span: Span) -> None:
        self.span = span


def read_values(reading: Reading) -> None:
    """Run step 1: convert the span's attributes to Python values."""
    reading.attributes = read_attributes(reading.span.attributes)


def read_columns(
    reading: Reading, scope: str | None, scope_dialect: CompiledDialect | None, received_ns: int
) -> None:
    """Run step 2: set times, operation and the columns of the dialect's table.

    `scope_dialect` is the dialect of the span's scope; None if the scope is unknown.
    """
    span, attributes = reading.span, reading.attributes
    start_ns, latency_ms, note = span_time(span.start_time_unix_nano, span.end_time_unix_nano, received_ns)
    reading.plan = plan = plan_of(attributes, scope_dialect)
    dialect = plan.dialect
    operation = operation_of(attributes, dialect)
    model_call = operation in MODEL_OPERATIONS
    events = _events(span) if span.events else ()
    # By position: keyword arguments of a class would cost a dictionary.
    reading.facts = facts = SpanFacts(
        clean_text(span.name),
        scope,
        attributes,
        events,
        start_ns,
        latency_ms,
        operation,
        model_call,
        not span.parent_span_id,
    )
    facts.cost_is_estimate = dialect.cost_is_estimate
    if note is not None:
        facts.notes.append(note)
    fill_from_table(facts, plan)
    if not model_call and _is_unknown_call(facts):
        facts.model_call = True


def read_content(reading: Reading) -> None:
    """Run step 3: set content, facts of other dialects, and success or failure."""
    facts, span, plan = reading.facts, reading.span, reading.plan
    run_reader(facts, plan.dialect)
    if plan.others:
        read_others(facts, plan.others)
        if not facts.model_call and _is_unknown_call(facts):
            facts.model_call = True
    if plan.unread:
        read_unread(facts, plan.unread)
    read_outcome(facts, span.status)
    if not facts.model_call:
        fill_texts(facts)
    if facts.tools is not None and facts.request is None:
        # After the texts: definitions of tools are no preview.
        facts.request = request_body(
            model=facts.texts.get("model_requested"),
            messages=None,
            tools=facts.tools,
            parameters=facts.parameters,
        )
    if span.dropped_attributes_count:
        facts.notes.append(f"the sender dropped {span.dropped_attributes_count} attributes")


def pack_content(reading: Reading, project_id: str) -> None:
    """Run step 4: pack the bodies. A step of its own, since zstd displaces other code from the CPU caches."""
    facts = reading.facts
    text, request, response = facts.output_text, facts.request, facts.response
    reading.bodies = (
        pack(text.encode(errors="replace")) if text is not None and len(text) > PREVIEW_CHARS else None,
        None if request is None else pack_document(request, project_id, facts.start_ns),
        None if response is None else pack(response),
    )


def _events(span: Span) -> list[Event]:
    events = span.events
    read = (
        events
        if len(events) <= _FIRST_EVENTS + _LAST_EVENTS
        else [*events[:_FIRST_EVENTS], *events[-_LAST_EVENTS:]]
    )
    return [Event(event.name, event.time_unix_nano, read_attributes(event.attributes)) for event in read]


def _is_unknown_call(facts: SpanFacts) -> bool:
    """Return whether a span with an unknown operation is a model call: it has tokens."""
    operation = facts.operation
    if operation is None or operation in OTHER_OPERATIONS or not facts.counts:
        return False
    return may_be_call(operation, has_response_id="provider_request_id" in facts.texts)
