"""Builds the row of a span from its facts: provider, models, usage, cost and metadata."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects.genai_events import CONTENT_EVENTS
from pulse_collector.facts.attributes import Attributes
from pulse_collector.facts.finish_reasons import finish_reason as normal_finish_reason
from pulse_collector.facts.hosts import provider_by_host
from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.metadata import kept_attributes, metadata_json
from pulse_collector.facts.model_names import bare_model, is_free_model
from pulse_collector.facts.previews import preview
from pulse_collector.facts.providers import provider_name
from pulse_collector.facts.span_facts import SpanFacts, clean_text
from pulse_collector.facts.usage import NO_USAGE, Usage, usage_of
from pulse_collector.mapping.partner_key import partner_key_of
from pulse_collector.mapping.plan import KeyPlan
from pulse_collector.mapping.read_span import Reading
from pulse_collector.mapping.resource import ResourceFacts, ScopeFacts
from pulse_collector.mapping.unread import is_content
from pulse_collector.pricing import (
    NOT_REPORTED,
    UNKNOWN_COST,
    Cost,
    Prices,
    ReportedCost,
    reported_cost,
    unlisted,
)
from pulse_collector.pricing.terms import stated_tier
from pulse_storage.rows import UNLISTED_PREFIX, SpanRow

#: The number of events in the metadata.
_MAX_EVENTS = 32
_MAX_TAGS = 64
_NO_SPAN = bytes(8)
#: Providers whose total includes tokens that senders leave out of input and output.
_GOOGLE = frozenset({"google", "vertex"})


def span_row(
    project_id: str, reading: Reading, resource: ResourceFacts, scope_facts: ScopeFacts, prices: Prices
) -> SpanRow:
    """Return the row of a span with valid ids after all steps of `Reading`."""
    span, facts = reading.span, reading.facts
    texts = facts.texts.get
    parent_id = span.parent_span_id
    gen_ai = facts.operation is not None
    scope = scope_facts.name
    provider, model_requested, model_used = _names(facts, reading.plan) if gen_ai else _no_names(facts)
    usage, reported, cost = NO_USAGE, NOT_REPORTED, UNKNOWN_COST
    partner_key = facts.partner_key
    derived: JsonObject = {}
    service_tier = None if facts.billing is None else stated_tier(facts.billing)
    if facts.model_call:
        usage = _usage(facts, reading.plan, provider)
        reported, cost = _costs(facts, usage, provider, (model_used, model_requested), service_tier, prices)
        if partner_key is None:
            partner_key = partner_key_of(facts, scope, provider, usage)
    elif facts.counts:
        # Sums over child calls: in the columns they would be counted twice.
        derived["usage"] = {**facts.counts}
    output_text, request_body, response_body = reading.bodies
    # By position in the order of its fields: by keyword a row takes 2 us longer, a tenth of mapping a small
    # span. `tests/collector/test_span_row.py` compares the names below with the fields.
    otel_trace_id, otel_span_id = span.trace_id, span.span_id
    parent_span_id = parent_id if len(parent_id) == 8 and parent_id != _NO_SPAN else None
    provider_request_id = texts("provider_request_id")
    dialect = reading.plan.dialect.name if gen_ai else None
    # A span with attributes that no dialect reads is stored as gen-ai: `pulse explain` can then show it.
    gen_ai = gen_ai or bool(facts.unread)
    usage_source = None if usage.input_tokens is None and usage.output_tokens is None else "reported"
    status, error_type, error_message = "success", None, None
    if facts.failed:
        status, error_type, error_message = "error", texts("error_type"), texts("error_message")
    finish_reason = normal_finish_reason(facts.finish_reasons[0]) if facts.finish_reasons else None
    time_to_first_token_ms = facts.numbers.get("time_to_first_token_ms")
    session_id = texts("session_id") or resource.session
    user_id = texts("user_id") or resource.user
    tags = tuple(dict.fromkeys(map(clean_text, facts.tags)))[:_MAX_TAGS] if facts.tags else resource.tags
    service = texts("service") or resource.service
    environment = texts("environment") or resource.environment
    release = texts("release") or resource.release
    input_preview, output_preview = preview(facts.input_text), preview(facts.output_text)
    metadata = _metadata(facts, derived, resource, scope_facts)
    return SpanRow._make(
        (
            project_id,
            otel_trace_id,
            otel_span_id,
            parent_span_id,
            facts.start_ns,
            facts.latency_ms,
            facts.model_call,
            gen_ai,
            facts.operation,
            facts.name,
            provider,
            model_requested,
            model_used,
            provider_request_id,
            dialect,
            scope,
            *usage,
            usage_source,
            service_tier,
            *cost,
            *reported,
            status,
            error_type,
            error_message,
            finish_reason,
            time_to_first_token_ms,
            session_id,
            user_id,
            tags,
            service,
            environment,
            release,
            input_preview,
            output_preview,
            metadata,
            output_text,
            request_body,
            response_body,
            partner_key,
        )
    )


def _names(facts: SpanFacts, plan: KeyPlan) -> tuple[str | None, str | None, str | None]:
    """Return the provider, the requested and the used model of a gen-ai span, normalized."""
    texts = facts.texts.get
    requested, used = texts("model_requested"), texts("model_used")
    provider = provider_name(
        texts("provider"),
        host=_host(facts.attributes, plan.hosts),
        response_id=texts("provider_request_id"),
        model=requested or used,
    )
    if requested is not None and "/" in requested:
        requested = bare_model(requested, provider)
    if used is not None and "/" in used:
        used = bare_model(used, provider)
    return provider, requested, used


def _no_names(facts: SpanFacts) -> tuple[None, str | None, str | None]:
    return None, facts.texts.get("model_requested"), facts.texts.get("model_used")


def _usage(facts: SpanFacts, plan: KeyPlan, provider: str | None) -> Usage:
    excludes_cache = facts.input_excludes_cache
    if excludes_cache is None:
        excludes_cache = provider in plan.dialect.input_excludes_cache
    usage = usage_of(facts.counts, excludes_cache=excludes_cache)
    if facts.operation == "embeddings" and usage.output_tokens is None and usage.input_tokens is not None:
        usage = usage._replace(output_tokens=0)
    return usage


def _costs(
    facts: SpanFacts,
    usage: Usage,
    provider: str | None,
    models: tuple[str | None, str | None],
    service_tier: str | None,
    prices: Prices,
) -> tuple[ReportedCost, Cost]:
    """Return the cost that a model call reports, and the cost of its row.

    `models`: the model that answered, then the requested one.
    """
    reported = NOT_REPORTED
    cost_usd = facts.numbers.get("cost_usd")
    if cost_usd is not None:
        reported = reported_cost(
            cost_usd,
            usage,
            is_estimate=facts.cost_is_estimate,
            is_free=is_free_model(models[0]) or is_free_model(models[1]),
            failed=facts.failed,
        )
    has_list_price = facts.billing is None and provider not in _GOOGLE
    cost = prices.price(
        provider=provider,
        models=models,
        usage=usage,
        start_ns=facts.start_ns,
        reported=reported,
        failed=facts.failed,
        service_tier=service_tier,
        unlisted=None if has_list_price else _unlisted(facts, usage, provider),
    )
    return reported, cost


def _metadata(facts: SpanFacts, derived: JsonObject, resource: ResourceFacts, scope: ScopeFacts) -> str:
    """Return the JSON of `derived` and of all values without a column."""
    if len(facts.finish_reasons) > 1:
        derived["finish_reasons"] = [*facts.finish_reasons]
    if facts.unread:
        derived["unread"] = [*facts.unread]
    return metadata_json(
        custom=facts.custom,
        derived=derived,
        attributes=facts.rest,
        resource=resource.metadata,
        scope=scope.metadata,
        events=_kept_events(facts) if facts.events else [],
        notes=facts.notes,
    )


def _unlisted(facts: SpanFacts, usage: Usage, provider: str | None) -> str | None:
    """Return the reason why the list price does not apply to the call; None if it applies."""
    if facts.billing is not None and (reason := unlisted(facts.billing)) is not None:
        return reason
    total = facts.counts.get("total")
    if total is not None and provider in _GOOGLE:
        # Results of server-side tools, or thoughts. The span does not show which, and their prices differ.
        unexplained = total - (usage.input_tokens or 0) - (usage.output_tokens or 0)
        if unexplained > 0:
            return f"{UNLISTED_PREFIX}{unexplained} tokens of the total are neither input nor output"
    return None


def _host(attributes: Attributes, keys: Sequence[str]) -> str | None:
    """Return the first host of a known provider, else the first host: it may be a proxy."""
    hosts = [host for key in keys if isinstance(host := attributes[key], str) and host]
    if len(hosts) > 1:
        return next((host for host in hosts if provider_by_host(host) is not None), hosts[0])
    return hosts[0] if hosts else None


def _kept_events(facts: SpanFacts) -> list[Json]:
    kept: list[Json] = []
    for event in facts.events:
        if event.name in CONTENT_EVENTS:
            continue
        kept.append(
            {
                "name": event.name,
                "after_ms": (event.time_ns - facts.start_ns) / 1e6,
                "attributes": kept_attributes(
                    {key: value for key, value in event.attributes.items() if not is_content(event.name, key)}
                ),
            }
        )
        if len(kept) == _MAX_EVENTS:
            break
    return kept
