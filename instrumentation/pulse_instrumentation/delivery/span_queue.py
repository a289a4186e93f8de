"""The queue of finished spans: bounded in bytes, taken from in batches."""

from __future__ import annotations

import threading
from collections import deque

from opentelemetry.sdk.trace import ReadableSpan

from pulse_instrumentation.delivery.encoding import span_size

MAX_QUEUE_BYTES = 32 * 1024 * 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024

Batch = list[tuple[ReadableSpan, int]]
"""Spans with what each takes, in bytes."""


class SpanQueue:
    """Spans in the order in which they ended. What it is full of stays; what comes then is declined."""

    def __init__(self, max_bytes: int, batch_size: int) -> None:
        # An RLock: a signal handler or a destructor may come in while its own thread holds it.
        self.lock = threading.RLock()
        self._max_bytes = max_bytes
        self._batch_size = batch_size
        self._spans: deque[tuple[ReadableSpan, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._spans)

    def offer(self, span: ReadableSpan) -> bool:
        """Take a span; False when there is no room for it."""
        size = span_size(span)
        with self.lock:
            if self._bytes + size > self._max_bytes:
                return False
            self._spans.append((span, size))
            self._bytes += size
        return True

    @property
    def has_full_batch(self) -> bool:
        """Whether there is enough for a request."""
        return len(self._spans) >= self._batch_size or self._bytes >= MAX_BATCH_BYTES

    def batch(self, most: int) -> Batch:
        """The first spans, at least one: as many as one request may have, and at most `most`. They stay."""
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
        """Let go of the batch that was first. Until here it counts, so that it stays within the bound."""
        with self.lock:
            for _, size in batch:
                self._spans.popleft()
                self._bytes -= size
