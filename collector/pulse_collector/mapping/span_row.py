"""Makes the row of one span: its dialect reads it, then what all dialects share is worked out."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pulse_collector.dialects import (
    MODEL_OPERATIONS,
    OTHER_OPERATIONS,
    Spoken,
    operation_of,
)
from pulse_collector.dialects.otel_genai import CONTENT_EVENTS
from pulse_collector.mapping.attributes import Attributes, read_attributes
from pulse_collector.mapping.facts_table import fill_from_table
from pulse_collector.mapping.finish_reasons import finish_reason
from pulse_collector.mapping.json_text import Json, JsonObject
from pulse_collector.mapping.metadata import kept_attributes, metadata_json
from pulse_collector.mapping.outcome import read_outcome
from pulse_collector.mapping.plan import Plan, plan_of
from pulse_collector.mapping.previews import preview
from pulse_collector.mapping.providers import provider_name
from pulse_collector.mapping.resource import ResourceFacts, ScopeFacts
from pulse_collector.mapping.span_facts import Event, SpanFacts, clean_text
from pulse_collector.mapping.times import span_time
from pulse_collector.mapping.usage import NO_USAGE, usage_of
from pulse_collector.pricing import NOT_REPORTED, UNKNOWN_COST, price, reported_cost
from pulse_storage.bodies import pack
from pulse_storage.rows import PREVIEW_CHARS, SpanRow

_log = logging.getLogger(__name__)

#: Long streams record an event for each chunk: the first tell when it began, the last how it ended.
_FIRST_EVENTS = 256
_LAST_EVENTS = 32
#: Events kept in metadata.
_MAX_EVENTS = 32
_MAX_TAGS = 64
_REQUEST_ID = re.compile(r"req_\w+")
_NO_SPAN = bytes(8)


def span_row(
    project_id: str,
    span: Span,
    resource: ResourceFacts,
    scope: ScopeFacts,
    spoken: Spoken | None,
    received_ns: int,
) -> SpanRow:
    """The row of a span whose ids are proper. `spoken` is the dialect that its scope tells, if it does."""
    time = span_time(span.start_time_unix_nano, span.end_time_unix_nano, received_ns)
    attributes = read_attributes(span.attributes)
    plan = plan_of(attributes, spoken)
    dialect = plan.dialect
    operation = operation_of(attributes, dialect)
    facts = SpanFacts(
        name=clean_text(span.name),
        scope=scope.name,
        attributes=attributes,
        events=_events(span) if span.events else (),
        start_ns=time.start_ns,
        latency_ms=time.latency_ms,
        operation=operation,
        model_call=operation in MODEL_OPERATIONS,
    )
    facts.cost_is_estimate = dialect.cost_is_estimate
    fill_from_table(facts, plan)
    if _is_unknown_call(facts):
        facts.model_call = True
    notes = list(time.notes)
    try:
        dialect.read(facts)
    except Exception as error:
        # Ids, times, tokens and models are known by now: better a row without content than none.
        _log_once(type(error), dialect.name)
        notes.append("Pulse failed to read the content")
    status = span.status
    read_outcome(facts, status.code, status.message)
    if span.dropped_attributes_count:
        notes.append(f"the sender dropped {span.dropped_attributes_count} attributes")
    return _row(project_id, span, facts, resource, scope, plan, notes)


def _events(span: Span) -> list[Event]:
    events = span.events
    read = (
        events
        if len(events) <= _FIRST_EVENTS + _LAST_EVENTS
        else [*events[:_FIRST_EVENTS], *events[-_LAST_EVENTS:]]
    )
    return [Event(event.name, event.time_unix_nano, read_attributes(event.attributes)) for event in read]


@lru_cache(maxsize=256)
def _log_once(error: type[Exception], dialect: str) -> None:
    """Log the failure at hand, once for each kind and dialect: a sender repeats it with every span."""
    _log.exception("%s: content could not be read (%s, logged once)", dialect, error.__name__)


def _is_unknown_call(facts: SpanFacts) -> bool:
    """An operation that we do not know is a model call if a provider answered it and tokens were used."""
    return (
        facts.operation is not None
        and not facts.model_call
        and facts.operation not in OTHER_OPERATIONS
        and "provider_request_id" in facts.texts
        and bool(facts.counts)
    )


def _row(
    project_id: str,
    span: Span,
    facts: SpanFacts,
    resource: ResourceFacts,
    scope: ScopeFacts,
    plan: Plan,
    notes: list[str],
) -> SpanRow:
    texts = facts.texts.get
    gen_ai = facts.operation is not None
    response_id, model_requested, model_used = (
        texts("provider_request_id"),
        texts("model_requested"),
        texts("model_used"),
    )
    provider = None
    if gen_ai:
        provider = provider_name(
            texts("provider"),
            host=_host(facts.attributes, plan.hosts),
            response_id=response_id,
            model=model_requested or model_used,
        )
    usage, reported, cost = NO_USAGE, NOT_REPORTED, UNKNOWN_COST
    beside: JsonObject = {}
    if facts.model_call:
        excludes_cache = facts.input_excludes_cache or provider in plan.dialect.input_excludes_cache
        usage = usage_of(facts.counts, excludes_cache=excludes_cache)
        if facts.operation == "embeddings" and usage.output_tokens is None and usage.input_tokens is not None:
            usage = usage._replace(output_tokens=0)
        cost_usd = facts.numbers.get("cost_usd")
        if cost_usd is not None:
            reported = reported_cost(cost_usd, usage, is_estimate=facts.cost_is_estimate)
        cost = price(
            provider=provider,
            models=(model_used, model_requested),
            usage=usage,
            start_ns=facts.start_ns,
            reported=reported,
        )
    elif facts.counts:
        # Sums over the calls below, which no column may repeat.
        beside["usage"] = {**facts.counts}
    if len(facts.finish_reasons) > 1:
        beside["finish_reasons"] = [*facts.finish_reasons]
    output_text = facts.output_text
    parent_id = span.parent_span_id
    # In order, not by keyword: that takes a row of this width a third of the time.
    return SpanRow(
        project_id,
        span.trace_id,
        span.span_id,
        parent_id if len(parent_id) == 8 and parent_id != _NO_SPAN else None,
        facts.start_ns,
        facts.latency_ms,
        facts.model_call,
        gen_ai,
        facts.operation,
        facts.name,
        provider,
        model_requested,
        model_used,
        response_id,
        plan.dialect.name if gen_ai else None,
        scope.name,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.cache_write_1h_tokens,
        usage.input_audio_tokens,
        usage.input_image_tokens,
        usage.output_audio_tokens,
        usage.output_image_tokens,
        None if usage.input_tokens is None and usage.output_tokens is None else "reported",
        cost.nano_usd,
        cost.source,
        cost.version,
        reported.nano_usd,
        reported.estimate_nano_usd,
        "error" if facts.failed else "success",
        texts("error_type") if facts.failed else None,
        texts("error_message") if facts.failed else None,
        finish_reason(facts.finish_reasons[0]) if facts.finish_reasons else None,
        facts.numbers.get("time_to_first_token_ms"),
        texts("session_id"),
        texts("user_id"),
        tuple(dict.fromkeys(map(clean_text, facts.tags)))[:_MAX_TAGS] if facts.tags else (),
        texts("service") or resource.service,
        texts("environment") or resource.environment,
        texts("release") or resource.release,
        preview(facts.input_text),
        preview(output_text),
        metadata_json(
            custom=facts.custom,
            beside=beside,
            attributes=facts.rest,
            resource=resource.metadata,
            scope=scope.metadata,
            events=_kept_events(facts) if facts.events else [],
            notes=notes,
        ),
        (
            pack(output_text.encode(errors="replace"))
            if output_text is not None and len(output_text) > PREVIEW_CHARS
            else None
        ),
        None if facts.request is None else pack(facts.request),
        None if facts.response is None else pack(facts.response),
        facts.partner_key or (_partner_key(facts) if provider == "anthropic" else None),
    )


def _host(attributes: Attributes, keys: Sequence[str]) -> str | None:
    for key in keys:
        host = attributes[key]
        if isinstance(host, str) and host:
            return host
    return None


def _partner_key(facts: SpanFacts) -> str | None:
    """Anthropic's client writes spans of its own, often into another trace than the instrumentor's.

    A failed call has no response id; its request id then stands in the error's message.
    """
    if not facts.model_call:
        return None
    response_id = facts.texts.get("provider_request_id")
    if response_id is not None:
        return f"anthropic:{response_id}" if response_id.startswith("msg_") else None
    if not facts.failed:
        return None
    for key in ("anthropic.request.id", "pulse.request_id"):
        request_id = facts.attributes.get(key)
        if isinstance(request_id, str):
            return clean_text(f"anthropic:{request_id}")
    named = _REQUEST_ID.search(facts.texts.get("error_message", ""))
    return f"anthropic:{named[0]}" if named else None


def _kept_events(facts: SpanFacts) -> list[Json]:
    kept: list[Json] = []
    for event in facts.events:
        if event.name in CONTENT_EVENTS:
            continue
        kept.append(
            {
                "name": event.name,
                "after_ms": (event.time_ns - facts.start_ns) / 1e6,
                "attributes": kept_attributes(event.attributes),
            }
        )
        if len(kept) == _MAX_EVENTS:
            break
    return kept
