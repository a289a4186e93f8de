"""Makes the row of a span from what it says: what all dialects share is worked out here."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects.otel_genai import CONTENT_EVENTS
from pulse_collector.facts.attributes import Attributes
from pulse_collector.facts.finish_reasons import finish_reason
from pulse_collector.facts.hosts import provider_by_host
from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.metadata import kept_attributes, metadata_json
from pulse_collector.facts.model_names import bare_model, is_free_model
from pulse_collector.facts.previews import preview
from pulse_collector.facts.providers import provider_name
from pulse_collector.facts.span_facts import SpanFacts, clean_text
from pulse_collector.facts.usage import NO_USAGE, Usage, usage_of
from pulse_collector.mapping.partner_key import partner_key_of
from pulse_collector.mapping.read_span import Reading
from pulse_collector.mapping.resource import ResourceFacts, ScopeFacts
from pulse_collector.mapping.unread import is_content
from pulse_collector.pricing import NOT_REPORTED, UNKNOWN_COST, Prices, reported_cost, unlisted
from pulse_storage.rows import UNLISTED_PREFIX, SpanRow

#: Events kept in metadata.
_MAX_EVENTS = 32
_MAX_TAGS = 64
_NO_SPAN = bytes(8)
#: Providers whose total has tokens that senders leave out of input and output.
_GOOGLE = frozenset({"google", "vertex"})


def span_row(
    project_id: str, reading: Reading, resource: ResourceFacts, scope: ScopeFacts, prices: Prices
) -> SpanRow:
    """The row of a span that was read and whose ids are proper."""
    span, facts, plan = reading.span, reading.facts, reading.plan
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
        if model_requested is not None and "/" in model_requested:
            model_requested = bare_model(model_requested, provider)
        if model_used is not None and "/" in model_used:
            model_used = bare_model(model_used, provider)
    usage, reported, cost = NO_USAGE, NOT_REPORTED, UNKNOWN_COST
    beside: JsonObject = {}
    if facts.model_call:
        excludes_cache = facts.input_excludes_cache
        if excludes_cache is None:
            excludes_cache = provider in plan.dialect.input_excludes_cache
        usage = usage_of(facts.counts, excludes_cache=excludes_cache)
        if facts.operation == "embeddings" and usage.output_tokens is None and usage.input_tokens is not None:
            usage = usage._replace(output_tokens=0)
        cost_usd = facts.numbers.get("cost_usd")
        if cost_usd is not None:
            reported = reported_cost(
                cost_usd,
                usage,
                is_estimate=facts.cost_is_estimate,
                is_free=is_free_model(model_used) or is_free_model(model_requested),
                failed=facts.failed,
            )
        cost = prices.price(
            provider=provider,
            models=(model_used, model_requested),
            usage=usage,
            start_ns=facts.start_ns,
            reported=reported,
            failed=facts.failed,
            unlisted=(
                None
                if facts.billing is None and provider not in _GOOGLE
                else _unlisted(facts, usage, provider)
            ),
        )
    elif facts.counts:
        # Sums over the calls below, which no column may repeat.
        beside["usage"] = {**facts.counts}
    partner_key = facts.partner_key
    if partner_key is None and facts.model_call:
        partner_key = partner_key_of(facts, scope.name, provider, usage)
    if len(facts.finish_reasons) > 1:
        beside["finish_reasons"] = [*facts.finish_reasons]
    if facts.unread:
        beside["unread"] = [*facts.unread]
    parent_id = span.parent_span_id
    output_text, request_body, response_body = reading.bodies
    # In the order of its fields: by keyword a row of this width takes five times as long.
    return SpanRow._make(
        (
            project_id,
            span.trace_id,
            span.span_id,
            parent_id if len(parent_id) == 8 and parent_id != _NO_SPAN else None,
            facts.start_ns,
            facts.latency_ms,
            facts.model_call,
            # A span of an unknown sender is kept: else nothing would show that it is one.
            gen_ai or bool(facts.unread),
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
            texts("session_id") or resource.session,
            texts("user_id") or resource.user,
            tuple(dict.fromkeys(map(clean_text, facts.tags)))[:_MAX_TAGS] if facts.tags else resource.tags,
            texts("service") or resource.service,
            texts("environment") or resource.environment,
            texts("release") or resource.release,
            preview(facts.input_text),
            preview(facts.output_text),
            metadata_json(
                custom=facts.custom,
                beside=beside,
                attributes=facts.rest,
                resource=resource.metadata,
                scope=scope.metadata,
                events=_kept_events(facts) if facts.events else [],
                notes=facts.notes,
            ),
            output_text,
            request_body,
            response_body,
            partner_key,
        )
    )


def _unlisted(facts: SpanFacts, usage: Usage, provider: str | None) -> str | None:
    """Return why the list price does not hold for the call, or cannot be applied; None if it can."""
    if facts.billing is not None and (reason := unlisted(facts.billing)) is not None:
        return reason
    total = facts.counts.get("total")
    if total is not None and provider in _GOOGLE:
        # What server-side tools fed back, or thoughts: nothing shows which, and their prices differ.
        unexplained = total - (usage.input_tokens or 0) - (usage.output_tokens or 0)
        if unexplained > 0:
            return f"{UNLISTED_PREFIX}{unexplained} tokens of the total are neither input nor output"
    return None


def _host(attributes: Attributes, keys: Sequence[str]) -> str | None:
    """Return the host at which a company is known, else the first one: a proxy may stand in between."""
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
                    {key: value for key, value in event.attributes.items() if not is_content(key)}
                ),
            }
        )
        if len(kept) == _MAX_EVENTS:
            break
    return kept
