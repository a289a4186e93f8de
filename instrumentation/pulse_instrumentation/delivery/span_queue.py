"""The queue of ended spans: bounded in bytes, read in batches."""

from __future__ import annotations

import threading
from collections import deque

from opentelemetry.sdk.trace import ReadableSpan

from pulse_instrumentation.delivery.encoding import span_size

MAX_QUEUE_BYTES = 32 * 1024 * 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024

Batch = list[tuple[ReadableSpan, int]]
"""Spans with their estimated encoded size in bytes."""


class SpanQueue:
    """Spans in the order in which they ended. A full queue keeps its spans and declines new ones."""

    def __init__(self, max_bytes: int, batch_size: int) -> None:
        # An RLock: a signal handler or destructor may run in the thread that holds it.
        self.lock = threading.RLock()
        self._max_bytes = max_bytes
        self._batch_size = batch_size
        self._spans: deque[tuple[ReadableSpan, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._spans)

    def offer(self, span: ReadableSpan) -> bool:
        """Append a span; return False if it would exceed the bound."""
        size = span_size(span)
        with self.lock:
            if self._bytes + size > self._max_bytes:
                return False
            self._spans.append((span, size))
            self._bytes += size
        return True

    @property
    def has_full_batch(self) -> bool:
        """Whether the queued spans fill a request, by number or by bytes."""
        return len(self._spans) >= self._batch_size or self._bytes >= MAX_BATCH_BYTES

    def batch(self, most: int) -> Batch:
        """Return the first spans, without removing them: as many as fit into one request, at most `most`."""
        batch: Batch = []
        total = 0
        with self.lock:
            for entry in self._spans:
                total += entry[1]
                if batch and (len(batch) >= min(self._batch_size, most) or total > MAX_BATCH_BYTES):
                    break
                batch.append(entry)
        return batch

    def remove(self, batch: Batch) -> None:
        """Remove the first batch after it was sent. Until then its spans count towards the bound."""
        with self.lock:
            for _, size in batch:
                self._spans.popleft()
                self._bytes -= size
