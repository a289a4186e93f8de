"""Completes the facts of a span by further dialects, whose attributes a span processor may have added.

Processors translate spans in place: OpenInference's attributes then have the scope of the library that made
the span, in addition to the library's own attributes or instead of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

from pulse_collector.dialects import MODEL_OPERATIONS, kind_of
from pulse_collector.dialects.dialect import Dialect
from pulse_collector.facts.providers import is_framework
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.mapping.fill_columns import fill_from_table
from pulse_collector.mapping.plan import KeyPlan, OtherKeyPlan

_log = logging.getLogger(__name__)

#: Operations that do not name a kind of span.
_NO_KIND = (None, "span", "unknown")
_FAILED = "Pulse failed to read the content"


def run_reader(facts: SpanFacts, dialect: Dialect) -> None:
    """Call a dialect's `read`. If it raises, log it, note it, and keep the facts that its table has set."""
    try:
        dialect.read(facts)
    except MemoryError:
        raise
    except Exception as error:
        # Ids, times, tokens and models are set already: the row is stored without content.
        _log_once(type(error), dialect.name)
        if _FAILED not in facts.notes:
            facts.notes.append(_FAILED)


def read_others(facts: SpanFacts, others: Sequence[OtherKeyPlan]) -> None:
    """Set unset facts by other dialects. Usage is taken from one dialect as a whole."""
    for other in others:
        if other.always or _has_gaps(facts):
            second = _read(facts, other.plan)
            _merge(facts, second)
            # Attributes that the other dialect lists for a column but could not use.
            for key in second.rest.keys() - frozenset(other.plan.rest):
                facts.rest.setdefault(key, second.rest[key])


def _has_gaps(facts: SpanFacts) -> bool:
    if facts.request is None or facts.response is None or facts.operation is None:
        return True
    return facts.model_call and not (
        "input" in facts.counts and "output" in facts.counts and facts.finish_reasons
    )


def _read(facts: SpanFacts, plan: KeyPlan) -> SpanFacts:
    """Return the facts of the same span read by another dialect, with the operation that is known already."""
    operation, model_call = facts.operation, facts.model_call
    if operation in _NO_KIND and (kind := kind_of(facts.attributes, plan.dialect)) is not None:
        operation, model_call = kind, kind in MODEL_OPERATIONS
    second = SpanFacts(
        facts.name,
        facts.scope,
        facts.attributes,
        facts.events,
        facts.start_ns,
        facts.latency_ms,
        operation,
        model_call,
        facts.is_root,
    )
    second.cost_is_estimate = plan.dialect.cost_is_estimate
    fill_from_table(second, plan)
    run_reader(second, plan.dialect)
    return second


def _merge(facts: SpanFacts, second: SpanFacts) -> None:
    if facts.operation in _NO_KIND or (facts.operation, second.operation) == ("chat", "text_completion"):
        facts.operation, facts.model_call = second.operation, second.model_call
    texts = facts.texts
    if "provider" in second.texts and is_framework(texts.get("provider", "")):
        del texts["provider"]
    for column, text in second.texts.items():
        texts.setdefault(column, text)
    _merge_usage(facts, second)
    if "cost_usd" in second.numbers and "cost_usd" not in facts.numbers:
        facts.cost_is_estimate = second.cost_is_estimate
    for column, number in second.numbers.items():
        facts.numbers.setdefault(column, number)
    for term, (value, requested) in (second.billing or {}).items():
        facts.fill_billing(term, value, requested=requested)
    for name, value in second.custom.items():
        facts.custom.setdefault(name, value)
    facts.tags = facts.tags or second.tags
    facts.finish_reasons = facts.finish_reasons or second.finish_reasons
    facts.request = facts.request or second.request
    facts.tools = facts.tools or second.tools
    facts.response = facts.response or second.response
    facts.input_text = facts.input_text or second.input_text
    facts.output_text = facts.output_text or second.output_text
    facts.failed = facts.failed or second.failed
    facts.notes += [note for note in second.notes if note not in facts.notes]
    if facts.partner_key is not None and (second.counts or second.response is not None):
        # The first span of a stream in two spans is recognised by having neither usage nor a response.
        facts.partner_key = None


def _merge_usage(facts: SpanFacts, second: SpanFacts) -> None:
    """Use the other dialect's counts if the facts lack input, or its output; else add missing counts.

    Missing counts are added only if the input and output counts of both are equal.
    Dialects include different parts in their input count, so counts that disagree are never combined.
    """
    ours, theirs = facts.counts, second.counts
    complete = "input" in ours and ("output" in ours or "output" not in theirs)
    if not complete and ("input" in theirs or not ours):
        facts.counts = theirs
        facts.input_excludes_cache = bool(second.input_excludes_cache)
    elif ours.get("input") == theirs.get("input") and ours.get("output") == theirs.get("output"):
        facts.fill_counts(theirs)


@lru_cache(maxsize=256)
def _log_once(error: type[Exception], dialect: str) -> None:
    """Log the current exception once for each type and dialect, since every span may repeat it."""
    _log.exception("%s: content could not be read (%s, logged once)", dialect, error.__name__)
