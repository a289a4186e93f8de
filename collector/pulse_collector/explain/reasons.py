"""Builds the reasons in an explanation: for unused parts, for the token counts and for the cost."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects import (
    KIND_KEYS,
    CompiledDialect,
    dialect_named,
    dialect_of_attributes,
    dialect_of_scope,
    marked,
)
from pulse_collector.explain.attribution import Attribution
from pulse_collector.facts.attributes import Attributes, AttributeValue, as_number
from pulse_collector.facts.metadata import is_secret
from pulse_storage.rows import UNLISTED_PREFIX, SpanRow, TraceRecord
from pulse_storage.trace_json import NANO_USD_PER_CENT


def unused_reason(key: str | None, value: AttributeValue, row: SpanRow) -> str:
    """Return why a part of a span fills nothing in its row: an attribute or, without a key, an event."""
    if key is None:
        return "its content is already in another part of the span"
    if is_secret(key):
        return "its name suggests a secret"
    compiled = _compiled_dialect(row)
    if any(key in dialect.noise for dialect in compiled.dialect.line()):
        return "it contains nothing about the call"
    if key in compiled.table.cost_usd:
        return _unused_cost(value, row)
    if key in KIND_KEYS:
        return "another attribute has the kind of the span"
    if (other := next(marked((key,), compiled), None)) is not None:
        return f"{other[0].dialect.name} reads it, and the row has the same from {compiled.dialect.name}"
    if key not in compiled.table.known:
        return "it exceeds the size or number of attributes that are stored"
    if not row.model_call:
        return "only model calls have it"
    return "the row already has what it contains"


def _compiled_dialect(row: SpanRow) -> CompiledDialect:
    named = dialect_named(row.dialect) if row.dialect is not None else None
    return named or (dialect_of_scope(row.scope) if row.scope else None) or dialect_of_attributes({})


def _unused_cost(value: AttributeValue, row: SpanRow) -> str:
    if not row.model_call:
        return "only model calls have a cost"
    if as_number(value) == 0:
        return "a cost of 0 for used tokens is ignored"
    return "the sender's estimate ignores cached tokens, so the computed cost takes precedence"


def usage_reason(row: SpanRow, attributes: Attributes, found: Attribution) -> str | None:
    """Return how the input tokens were normalized, cached tokens included; None without tokens."""
    if row.input_tokens is None:
        return None
    cached = (row.cache_read_tokens or 0) + (row.cache_write_tokens or 0)
    sources = found.sources.get("input_tokens", ())
    sent = [as_number(attributes.get(key)) for key in sources]
    if not cached:
        silent = row.cache_read_tokens is None and row.cache_write_tokens is None
        cache = (
            "the span reports no cached tokens"
            if silent
            else "no tokens were read from or written to a cache"
        )
        return cache + _input_from(row.input_tokens, sent, sources)
    if row.input_tokens in sent:
        return f"the input includes the {cached} cached tokens, as sent"
    if row.input_tokens - cached in sent:
        return (
            f"the input was sent without the {cached} cached tokens: "
            f"{row.input_tokens - cached} + {cached} = {row.input_tokens}"
        )
    return f"the input includes the {cached} cached tokens; it was read from a document"


def _input_from(input_tokens: int, sent: Sequence[float | None], sources: Sequence[str]) -> str:
    if not sources or input_tokens in sent:
        return ", so the input is as sent"
    return f"; the input was computed from {', '.join(sources)}"


def cost_reason(row: SpanRow | TraceRecord, sources: Sequence[str] = ()) -> str:
    """Return the origin of a model call's cost, or why it is unknown. `sources`: the parts with the cost."""
    if row.cost_source == "reported":
        where = f" in {', '.join(sources)}" if sources else ""
        if isinstance(row, SpanRow) and row.reported_cost_nano_usd is None:
            return f"the sender's estimate{where}: there is no price to compute a better one"
        return f"as reported by the sender or the provider{where}"
    model = row.model_used or row.model_requested
    if row.cost_source == "computed":
        computed = (
            f"computed by {row.price_version} for {row.provider or 'any'} {model} at the time of the span"
        )
        if isinstance(row, SpanRow) and row.reported_cost_nano_usd is not None:
            computed += (
                f", which overrides the reported {row.reported_cost_nano_usd / NANO_USD_PER_CENT:.10g} cents"
            )
        return computed
    if row.price_version is not None and row.price_version.startswith(UNLISTED_PREFIX):
        return f"unknown: {row.price_version.removeprefix(UNLISTED_PREFIX)}"
    if row.input_tokens is None:
        side = "tokens" if row.output_tokens is None else "input tokens"
        return f"unknown: the span does not report the {side}"
    if not (row.input_tokens or row.output_tokens):
        return "unknown: no tokens were used"
    if row.provider is None:
        return "unknown: the span does not report the provider"
    if model is None:
        return "unknown: the span does not report the model"
    if row.output_tokens is None:
        return "unknown: the span does not report the output tokens"
    return f"unknown: there is no price for {row.provider} {model}"
