"""Partner keys of coding agents, which report one call in a span and in a log event."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from pulse_collector.facts.json_text import Json, dump_json
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_names import CountColumn


def usage_key(agent: str, facts: SpanFacts, columns: Sequence[CountColumn]) -> str | None:
    """Return the partner key by which the span and the log event of one call find each other.

    Both have the same counts at the same time, and the log event is often in another trace. A failed call has
    no counts: its session and model are used. Returns None if a call has neither.
    """
    counts = [facts.counts.get(column) for column in columns]
    written: list[Json]
    if counts[0] is not None and counts[1] is not None:
        # One of the two may leave out a count of zero.
        written = [count or 0 for count in counts]
    elif facts.failed and "session_id" in facts.texts:
        written = ["failed", facts.texts["session_id"], facts.texts.get("model_requested")]
    else:
        return None
    return f"{agent}:{blake2b(dump_json(written), digest_size=16).hexdigest()}"
