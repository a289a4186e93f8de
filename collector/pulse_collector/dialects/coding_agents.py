"""What the dialects of coding agents share."""

from __future__ import annotations

from hashlib import blake2b

from pulse_collector.mapping.json_text import dump_json
from pulse_collector.mapping.span_facts import SpanFacts

_COUNTS = ("input", "output", "cache_read", "reasoning")


def usage_key(agent: str, facts: SpanFacts) -> str | None:
    """Return the partner key by which the span and the log event of one call find each other.

    Both have the same counts at the same time, and the log event is often in a trace of its own. A failed
    call has no counts: its request id stands in.
    """
    counts = [facts.counts.get(column) for column in _COUNTS]
    if counts[0] is None or counts[1] is None:
        request_id = facts.texts.get("provider_request_id")
        return None if request_id is None else f"{agent}:{request_id}"
    # A count of nothing is left out by one of the two.
    written = dump_json([count or 0 for count in counts])
    return f"{agent}:{blake2b(written, digest_size=16).hexdigest()}"
