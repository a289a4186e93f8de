"""Filters of every kind, for whatever must hold of each."""

from __future__ import annotations

from tests.storage.model import EVERYTHING
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS

from pulse_storage.queries.filters import TraceFilter

FILTERS = [
    TraceFilter(),
    EVERYTHING,
    TraceFilter(counted=False),
    TraceFilter(counted=None),
    TraceFilter(operation="all"),
    TraceFilter(operation="all", counted=False),
    TraceFilter(operation="embeddings"),
    TraceFilter(operation="invoke_agent", counted=None),
    TraceFilter(session_id="s1"),
    TraceFilter(session_id="s1", status="error"),
    TraceFilter(session_id="none"),
    TraceFilter(user_id="u1"),
    TraceFilter(provider="anthropic"),
    TraceFilter(provider="none"),
    TraceFilter(model="gpt-5"),
    TraceFilter(model="gpt-5-2025"),
    TraceFilter(model="gpt-5", provider="openai", status="error"),
    TraceFilter(model="gpt-5", counted=None, operation="all"),
    TraceFilter(status="error"),
    TraceFilter(status="success"),
    TraceFilter(status="error", counted=None),
    TraceFilter(service="shop"),
    TraceFilter(environment="prod", service="search"),
    TraceFilter(tag="beta"),
    TraceFilter(tag="x%y"),
    TraceFilter(tag="bet"),
    TraceFilter(from_ns=NOON_NS),
    TraceFilter(before_ns=NOON_NS + 17),
    TraceFilter(from_ns=NOON_NS - DAY_NS + 123_456_789, before_ns=NOON_NS + DAY_NS + 987_654_321),
    TraceFilter(from_ns=NOON_NS, before_ns=NOON_NS),
    TraceFilter(from_ns=NOON_NS, before_ns=NOON_NS - DAY_NS),
    TraceFilter(from_ns=-(10**30), before_ns=10**30),
    TraceFilter(from_ns=NOON_NS - DAY_NS, before_ns=NOON_NS + HOUR_NS, model="claude-5"),
    TraceFilter(from_ns=NOON_NS - DAY_NS, session_id="s2"),
    TraceFilter(min_latency_ms=500),
    TraceFilter(min_latency_ms=0),
    TraceFilter(min_cost_nano_usd=5 * 10**8),
    TraceFilter(text="hello"),
    TraceFilter(text="0%"),
    TraceFilter(text="e_t"),
    TraceFilter(text="\\"),
    TraceFilter(text="ÖL"),
    TraceFilter(text="日"),
    TraceFilter(text=""),
    TraceFilter(otel_trace_id=(5).to_bytes(16, "big"), counted=None, operation="all"),
]
