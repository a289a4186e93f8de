"""The reasons of single decisions about a span, in words: what is not used, usage, and cost."""

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
    """Why nothing in a row depends on a part of its span: an attribute, or (without a key) an event."""
    if key is None:
        return "its content stands elsewhere in the span already"
    if is_secret(key):
        return "its name says that it may be a secret"
    spoken = _spoken(row)
    if any(key in dialect.noise for dialect in spoken.dialect.line()):
        return "it says nothing of the call"
    if key in spoken.table.cost_usd:
        return _unused_cost(value, row)
    if key in KIND_KEYS:
        return "another attribute says what the span is"
    if (other := next(marked((key,), spoken), None)) is not None:
        return f"{other[0].dialect.name} has it, and the row has it from {spoken.dialect.name}"
    if key not in spoken.table.known:
        return "it is too large, or there is more of its kind than is kept"
    if not row.model_call:
        return "only calls of a model have it"
    return "it says nothing that the row does not know already"


def _spoken(row: SpanRow) -> CompiledDialect:
    named = dialect_named(row.dialect) if row.dialect is not None else None
    return named or (dialect_of_scope(row.scope) if row.scope else None) or dialect_of_attributes({})


def _unused_cost(value: AttributeValue, row: SpanRow) -> str:
    if not row.model_call:
        return "only calls of a model cost something"
    if as_number(value) == 0:
        return "a cost of 0 for used tokens is not believed"
    return "the sender's estimate leaves the cache out, so that the computed cost goes before it"


def usage_reason(row: SpanRow, attributes: Attributes, found: Attribution) -> str | None:
    """How the tokens came to their one form, in which the input includes the cache; None without tokens."""
    if row.input_tokens is None:
        return None
    cached = (row.cache_read_tokens or 0) + (row.cache_write_tokens or 0)
    sources = found.sources.get("input_tokens", ())
    sent = [as_number(attributes.get(key)) for key in sources]
    if not cached:
        silent = row.cache_read_tokens is None and row.cache_write_tokens is None
        told = "nothing is told of a cache" if silent else "no token came from or went into a cache"
        return told + _input_from(row.input_tokens, sent, sources)
    if row.input_tokens in sent:
        return f"the input includes the {cached} cached tokens, as it was sent"
    if row.input_tokens - cached in sent:
        return (
            f"the input was sent without the {cached} cached tokens: "
            f"{row.input_tokens - cached} + {cached} = {row.input_tokens}"
        )
    return f"the input includes the {cached} cached tokens; it was read from a document"


def _input_from(input_tokens: int, sent: Sequence[float | None], sources: Sequence[str]) -> str:
    if not sources or input_tokens in sent:
        return ", so the input is as it was sent"
    return f"; the input was worked out from {', '.join(sources)}"


def cost_reason(row: SpanRow | TraceRecord, sources: Sequence[str] = ()) -> str:
    """Where a model call's cost comes from, or why there is none; `sources` are the parts that feed it."""
    if row.cost_source == "reported":
        told = f" in {', '.join(sources)}" if sources else ""
        if isinstance(row, SpanRow) and row.reported_cost_nano_usd is None:
            return f"as the sender estimates it{told}: there is no price to compute a better one"
        return f"as the sender or the provider states it{told}"
    model = row.model_used or row.model_requested
    if row.cost_source == "computed":
        told = f"computed by {row.price_version} for {row.provider or 'any'} {model} at the time of the span"
        if isinstance(row, SpanRow) and row.reported_cost_nano_usd is not None:
            told += (
                f", which overrides the stated {row.reported_cost_nano_usd / NANO_USD_PER_CENT:.10g} cents"
            )
        return told
    if row.price_version is not None and row.price_version.startswith(UNLISTED_PREFIX):
        return f"unknown: {row.price_version.removeprefix(UNLISTED_PREFIX)}"
    if row.input_tokens is None:
        side = "tokens" if row.output_tokens is None else "input tokens"
        return f"unknown: the span does not tell the {side}"
    if not (row.input_tokens or row.output_tokens):
        return "unknown: no tokens were used"
    if row.provider is None:
        return "unknown: the span does not tell the provider"
    if model is None:
        return "unknown: the span does not tell the model"
    if row.output_tokens is None:
        return "unknown: the span does not tell the output tokens"
    return f"unknown: there is no price for {row.provider} {model}"
