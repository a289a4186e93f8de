"""The collector's metrics for `GET /metrics`: received spans, and the result of each.

In every scrape, received = stored + duplicate + left out + the sum of rejected over all reasons.
"""

from __future__ import annotations

from collections import Counter as CounterOfNames
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pulse_collector.admission import ByteBudget
from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import IngestResult

_MAX_UNREAD_NAMES = 64
_COMMIT_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class CollectorMetrics:
    """Counters and gauges on one registry. Gauges read the budget and the store at each scrape."""

    def __init__(self, registry: CollectorRegistry, budget: ByteBudget, storage: StorageAdapter) -> None:
        received = Counter(
            "pulse_spans_received", "Spans in requests that could be read", ["transport"], registry=registry
        )
        self._received = {name: received.labels(name) for name in ("http", "grpc", "batch")}
        self._stored = Counter("pulse_spans_stored", "Spans committed as new rows", registry=registry)
        self._duplicate = Counter(
            "pulse_spans_duplicate", "Spans that were stored already", registry=registry
        )
        self._left_out = Counter(
            "pulse_spans_left_out",
            "Spans of traces without a gen-ai span (PULSE_KEEP_SPANS=genai)",
            registry=registry,
        )
        self._rejected = Counter(
            "pulse_spans_rejected", "Spans that were not stored", ["reason"], registry=registry
        )
        self._unread = Counter(
            "pulse_spans_unread",
            "Spans with an attribute that looks like usage or messages and that no dialect reads",
            registry=registry,
        )
        self._unread_attributes = Counter(
            "pulse_unread_attributes",
            "Attributes that look like usage or messages and that no dialect reads, by name",
            ["attribute"],
            registry=registry,
        )
        self._unread_names: set[str] = set()
        self._events = Counter(
            "pulse_log_records", "Log records by what became of them", ["outcome"], registry=registry
        )
        self._requests = Counter(
            "pulse_requests",
            "Export requests by answer",
            ["transport", "signal", "status"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "pulse_commit_seconds",
            "From handing rows to the store until they are committed",
            buckets=_COMMIT_BUCKETS_S,
            registry=registry,
        )
        Gauge("pulse_inflight_bytes", "Bytes held by requests under way", registry=registry).set_function(
            lambda: budget.held_bytes
        )
        Gauge("pulse_queue_rows", "Rows that wait for the writer", registry=registry).set_function(
            lambda: storage.queue_depth()[0]
        )
        Gauge("pulse_queue_bytes", "Bytes that wait for the writer", registry=registry).set_function(
            lambda: storage.queue_depth()[1]
        )

    def request(self, transport: str, signal: str, status: int | str) -> None:
        """Count one answered request."""
        self._requests.labels(transport, signal, str(status)).inc()

    def received(self, transport: str, spans: int) -> None:
        """Count the spans of a request."""
        if spans:
            self._received[transport].inc(spans)

    def rejected(self, reason: str, spans: int) -> None:
        """Count spans that were not stored. `reason` is one of few words: see docs/operations.md."""
        if spans:
            self._rejected.labels(reason).inc(spans)

    def unread(self, spans: Sequence[tuple[str, ...]]) -> None:
        """Count spans with attributes that no dialect reads, and the attributes by name."""
        if not spans:
            return
        self._unread.inc(len(spans))
        for name, times in CounterOfNames(name for names in spans for name in names).items():
            # Senders choose the names: only a bounded number of them become label values.
            if name not in self._unread_names and len(self._unread_names) < _MAX_UNREAD_NAMES:
                self._unread_names.add(name)
            self._unread_attributes.labels(name if name in self._unread_names else "others").inc(times)

    def events(self, result: IngestResult, ignored: int) -> None:
        """Count the log records of a request by their results."""
        outcomes = (
            ("stored", result.stored),
            ("duplicate", result.duplicates),
            ("rejected", len(result.rejected)),
            ("ignored", ignored),
        )
        for outcome, records in outcomes:
            if records:
                self._events.labels(outcome).inc(records)

    def ingested(self, result: IngestResult) -> None:
        """Count spans by the store's result."""
        self._stored.inc(result.stored)
        self._duplicate.inc(result.duplicates)
        self._left_out.inc(result.left_out)
        self.rejected("store", len(result.rejected))
