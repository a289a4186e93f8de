"""Reads a span in steps: its values, by its dialect's table, by the dialect's own code."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pulse_collector.dialects import MODEL_OPERATIONS, OTHER_OPERATIONS, CompiledDialect, operation_of
from pulse_collector.dialects.operation_names import may_be_call
from pulse_collector.facts.attributes import AttributeValue, read_attributes
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

#: Long streams record an event for each chunk: the first tell when it began, the last how it ended.
_FIRST_EVENTS = 256
_LAST_EVENTS = 32


class Reading:
    """A span that is being read: its steps on the way to a row, each set by the one that makes it."""

    __slots__ = ("attributes", "bodies", "facts", "plan", "span")

    attributes: dict[str, AttributeValue]
    plan: KeyPlan
    facts: SpanFacts
    #: Output text, request and response, packed, as far as a row keeps them.
    bodies: tuple[bytes | None, Packed | None, bytes | None]

    def __init__(self, span: Span) -> None:
        self.span = span


def read_values(reading: Reading) -> None:
    """First step: make Python values of the span's attributes."""
    reading.attributes = read_attributes(reading.span.attributes)


def read_columns(reading: Reading, scope: str | None, spoken: CompiledDialect | None, received_ns: int) -> None:
    """Second step: times, operation and what the dialect's table tells.

    `spoken` is the dialect that the span's scope tells, if it does.
    """
    span, attributes = reading.span, reading.attributes
    start_ns, latency_ms, note = span_time(span.start_time_unix_nano, span.end_time_unix_nano, received_ns)
    reading.plan = plan = plan_of(attributes, spoken)
    dialect = plan.dialect
    operation = operation_of(attributes, dialect)
    model_call = operation in MODEL_OPERATIONS
    events = _events(span) if span.events else ()
    # By position: a class takes keywords at the price of a dictionary.
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
    """Third step: read content, the facts of other dialects, and how the span ended."""
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
    if span.dropped_attributes_count:
        facts.notes.append(f"the sender dropped {span.dropped_attributes_count} attributes")


def pack_content(reading: Reading, project_id: str) -> None:
    """Fourth step: pack what the span says at length. zstd would drive all else out of the caches."""
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
    """Return whether an operation that is not known is one call of a model: it used tokens."""
    operation = facts.operation
    if operation is None or operation in OTHER_OPERATIONS or not facts.counts:
        return False
    return may_be_call(operation, has_response_id="provider_request_id" in facts.texts)
