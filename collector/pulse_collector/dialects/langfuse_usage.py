"""Reads Langfuse's `usage_details`: in a provider's format, or with Langfuse's own names."""

from __future__ import annotations

from pulse_collector.facts.json_text import JsonObject
from pulse_collector.facts.usage import Counts
from pulse_collector.facts.usage_documents import count_of, counts_by_name, counts_of_document

#: Anthropic's names of counts that its input excludes.
_ANTHROPIC = frozenset({"cache_read_input_tokens", "cache_creation_input_tokens"})
#: Parts that Langfuse's LangChain callback subtracts from input and output.
_LANGCHAIN = frozenset({"input_cache_read", "input_cache_creation", "output_reasoning"})


def langfuse_counts(usage: JsonObject) -> tuple[Counts, bool]:
    """Return the counts, and whether the input excludes cached tokens."""
    if "input" not in usage and "output" not in usage and (counts := counts_of_document(usage)):
        return counts, False
    counts = counts_by_name(usage)
    whole = counts.get("input", 0) + counts.get("output", 0)
    if counts.get("total") == whole:
        return counts, False
    if not usage.keys().isdisjoint(_ANTHROPIC):
        return counts, True
    _add_parts(counts, usage)
    return counts, False


def _add_parts(counts: Counts, usage: JsonObject) -> None:
    """Add to input and output the parts that Langfuse's clients subtracted from them.

    The total shows whether a client subtracted: the JavaScript client subtracts every part, the LangChain
    callback in Python only some, and also writes overlapping parts (Anthropic's cache writes by lifetime).
    """
    total = counts.get("total")
    inputs, outputs = _parts(usage, "input_"), _parts(usage, "output_")
    entered, left = counts.get("input", 0), counts.get("output", 0)
    if total is not None and total == entered + inputs + left + outputs:
        taken_in, taken_out = inputs, outputs
    elif total is not None and 0 <= total - entered - left - counts.get("reasoning", 0) <= inputs:
        taken_out = counts.get("reasoning", 0)
        taken_in = total - entered - left - taken_out
    elif total is None and not usage.keys().isdisjoint(_LANGCHAIN):
        taken_in = counts.get("cache_read", 0) + counts.get("cache_write", 0)
        taken_out = counts.get("reasoning", 0)
    else:
        return
    if "input" in counts:
        counts["input"] += taken_in
    if "output" in counts:
        counts["output"] += taken_out


def _parts(usage: JsonObject, side: str) -> int:
    return sum(count_of(value) or 0 for name, value in usage.items() if name.startswith(side))
