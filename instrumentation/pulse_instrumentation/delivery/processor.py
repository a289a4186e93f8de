"""The span processor that sends ended spans to Pulse: a bounded queue and one thread.

It never blocks the application. A batch that Pulse cannot accept now is retried until it is accepted, while
newer spans wait in the queue. Spans that exceed the queue are dropped and counted.
"""

from __future__ import annotations

import os
import queue
import random
import threading
import time
import weakref
from collections import Counter
from multiprocessing import parent_process
from multiprocessing import util as multiprocessing_util
from typing import TypeAlias, cast

from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from pulse_instrumentation.delivery.encoding import SpanEncoder
from pulse_instrumentation.delivery.sender import Outcome, Sender
from pulse_instrumentation.delivery.span_queue import MAX_QUEUE_BYTES, SpanQueue
from pulse_instrumentation.failures import logger, report_failure
from pulse_instrumentation.recording.abandoned import any_abandoned, end_abandoned
from pulse_instrumentation.recording.other_instrumentors import share_session

SEND_TIMEOUT_S = 10.0
FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 15.0
MAX_REASONS = 8
# A process must exit within two seconds, also while Pulse cannot be reached.
SHUTDOWN_TIMEOUT_S = 1.5

Answers: TypeAlias = "queue.SimpleQueue[bool]"
"""The queue of one `force_flush()`, which waits there for its result."""


class PulseSpanProcessor(SpanProcessor):
    """Queues spans when they end; a daemon thread sends them.

    `resource` contains the service attributes of `init()`. They replace those of the spans' resource in the
    request, because the application's tracer provider has its own resource.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        batch_size: int,
        flush_interval_ms: int,
        resource: dict[str, str] | None = None,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
    ) -> None:
        self._sender = sender
        self._batch_size = batch_size
        self._interval_s = flush_interval_ms / 1000
        self._encoder = SpanEncoder(resource or {})
        self._max_queue_bytes = max_queue_bytes
        self._closed = False
        self._ending = False
        self._in_child = False
        self._reset()
        reference: weakref.ref[PulseSpanProcessor] = weakref.ref(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _after_fork(reference))
        # A child process of multiprocessing exits without running `atexit` handlers.
        multiprocessing_util.register_after_fork(self, _finalize_in_child)
        if parent_process() is not None:
            _finalize_in_child(self)

    def _reset(self) -> None:
        self._queue = SpanQueue(self._max_queue_bytes, self._batch_size)
        self._lock = self._queue.lock
        self._wake: queue.SimpleQueue[Answers | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._give_up = threading.Event()
        self._dropped: Counter[str] = Counter()
        self._has_warned = False
        self._waking = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set the session of the context on another instrumentor's span, which may record a model call."""
        try:
            share_session(span, parent_context)
        except Exception as error:
            report_failure("setting the session of a span", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span, or count it as dropped when the queue is full."""
        if self._closed or not (span.context and span.context.trace_flags.sampled):
            return
        if not self._queue.offer(span):
            self._drop(1, "the queue is full, as Pulse has not taken spans for a while")
        if self._thread is None:
            self._start_thread()
        # If two threads do so at once, the sending thread wakes once too often.
        if not self._waking and self._queue.has_full_batch:
            self._waking = True
            self._wake.put(None)

    def send_soon(self) -> None:
        """Make the thread send all queued spans now, without the interval. Never blocks."""
        if self._closed or not (self._queue or any_abandoned()):
            return
        if self._thread is None:
            self._start_thread()
        if not self._waking:
            self._waking = True
            self._wake.put(None)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send all queued spans; return False if not all were accepted in time. Safe in signal handlers.

        The thread also ends the spans of abandoned streams first. The caller does not, because a signal
        handler may have interrupted another span processor.
        """
        with self._lock:
            if not self._queue and self._thread is None and not any_abandoned():
                return True
        if self._thread is None:
            self._start_thread()
        done = cast("Answers", type(self._wake)())
        self._wake.put(done)
        try:
            return done.get(timeout=timeout_millis / 1000)
        except queue.Empty:
            return False

    def shutdown(self) -> None:
        """Send all queued spans, for at most 1.5 seconds, then stop the thread."""
        if self._closed:
            return
        self._ending = True
        flushed = self.force_flush(int(SHUTDOWN_TIMEOUT_S * 1000))
        self._closed = True
        self._give_up.set()
        self._wake.put(None)
        if not flushed:
            with self._lock:
                left = len(self._queue)
            self._drop(left, "they were still waiting for Pulse when the process ended")
        if self._dropped:
            reasons = "; ".join(f"{count}: {reason}" for reason, count in self._dropped.most_common())
            logger.warning("Pulse lost %d spans. %s.", self._dropped.total(), reasons)

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is not None or self._closed:
                return
            # Made together, not at import: gevent may have replaced the classes of threads and queues since
            # then, and a thread must not wait on a queue of the other kind.
            self._wake = queue.SimpleQueue()
            self._thread = threading.Thread(target=self._run, name="pulse-delivery", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                # The interpreter is shutting down and starts no new threads.
                self._thread = None

    def _run(self) -> None:
        with suppress_instrumentation():
            orphaned = False
            while not self._closed and not orphaned:
                waiting = self._wait()
                orphaned = self._is_orphaned_child()
                try:
                    # Shorter than a signal handler waits, which may have interrupted a thread that ends them.
                    end_abandoned(timeout_s=0.5)
                    sent = self._send_queued(waiting)
                except Exception as error:
                    report_failure("sending spans", error)
                    sent = False
                for done in waiting:
                    done.put(sent)
            # A new thread is started if another span ends.
            self._thread = None

    def _is_orphaned_child(self) -> bool:
        """Return whether this is a forked child whose main thread has ended.

        Such a process exits when its last thread ends, so the sending thread must end too.
        """
        return self._in_child and not threading.main_thread().is_alive()

    def _wait(self) -> list[Answers]:
        """Wait until the interval is over, a batch is full or a flush is requested."""
        waiting: list[Answers] = []
        with self._lock:
            # A batch may have become full while the last one was sent.
            timeout_s = 0.0 if self._queue.has_full_batch else self._interval_s
        try:
            request = self._wake.get(timeout=timeout_s)
            if request is not None:
                waiting.append(request)
        except queue.Empty:
            pass
        self._waking = False
        return waiting

    def _send_queued(self, waiting: list[Answers]) -> bool:
        """Send all spans that are queued now; return True if all were accepted."""
        with self._lock:
            left = len(self._queue)
        complete = True
        while left > 0 and not self._give_up.is_set():
            batch = self._queue.batch(left)
            left -= len(batch)
            delivered = self._deliver([span for span, _ in batch], waiting)
            if self._give_up.is_set() or (not delivered and self._is_orphaned_child()):
                return False
            complete &= delivered
            self._queue.remove(batch)
        return complete

    def _deliver(self, spans: list[ReadableSpan], waiting: list[Answers]) -> bool:
        """Send a batch, with retries, until it is accepted or rejected permanently. True if accepted."""
        body, good = self._encoder.encode(spans)
        self._drop(len(spans) - len(good), "they cannot be encoded")
        spans = good
        backoff_s = FIRST_BACKOFF_S
        stripped: bytes | None = None
        while spans:
            outcome = self._sender.send(body, SEND_TIMEOUT_S)
            if outcome.verdict == "sent":
                if outcome.rejected:
                    self._drop(outcome.rejected, f"Pulse refused them: {outcome.reason}")
                return outcome.rejected == 0
            if outcome.verdict == "too_large" and len(spans) > 1:
                middle = len(spans) // 2
                first = self._deliver(spans[:middle], waiting)
                return self._deliver(spans[middle:], waiting) and first
            if outcome.verdict == "too_large" and not stripped:
                # Tokens and times are sent without the content, which is the large part.
                stripped = self._encoder.encode_without_content(spans[0])
                if stripped is not None:
                    body = stripped
                    continue
            if outcome.verdict != "retry":
                self._drop(len(spans), outcome.reason)
                return False
            self._warn_of_retries(outcome)
            # A caller of `force_flush()` does not wait until the collector is back. At shutdown it waits for
            # a busy collector, which may accept the spans before the deadline.
            while waiting and not (self._ending and outcome.busy):
                waiting.pop().put(False)
            self._pause(outcome, backoff_s, waiting)
            if self._give_up.is_set() or self._is_orphaned_child():
                return False
            backoff_s = min(backoff_s * 2, LAST_BACKOFF_S)
        return True

    def _warn_of_retries(self, outcome: Outcome) -> None:
        """Log once that Pulse cannot be reached. An answer "busy" is not logged."""
        if not outcome.busy and not self._has_warned:
            self._has_warned = True
            logger.warning("Pulse keeps spans and retries (%s). Logged once.", outcome.reason)

    def _pause(self, outcome: Outcome, backoff_s: float, waiting: list[Answers]) -> None:
        """Wait before the next attempt. Returns at once when a flush is requested."""
        until = time.monotonic() + pause_s(outcome, backoff_s)
        while (left_s := until - time.monotonic()) > 0 and not self._closed:
            try:
                request = self._wake.get(timeout=left_s)
            except queue.Empty:
                return
            self._waking = False
            if request is not None:
                waiting.append(request)
                return

    def _drop(self, count: int, reason: str) -> None:
        if count <= 0:
            return
        with self._lock:
            first = not self._dropped
            # The reason may come from the collector, so the number of different reasons is limited.
            known = reason in self._dropped or len(self._dropped) < MAX_REASONS
            self._dropped[reason if known else "other reasons"] += count
        if first:
            logger.warning("Pulse drops spans (%s). Logged once; the total is logged at the end.", reason)


def pause_s(outcome: Outcome, backoff_s: float) -> float:
    """Return the seconds before the next attempt: `Retry-After` of the answer, else the backoff with jitter.

    At least 0.8 of the first backoff, so that `Retry-After: 0` does not cause a busy loop.
    """
    wait_s = outcome.retry_after_s
    if wait_s is None:
        wait_s = backoff_s * random.uniform(0.8, 1.2)
    return max(wait_s, FIRST_BACKOFF_S * 0.8)


def _after_fork(reference: weakref.ref[PulseSpanProcessor]) -> None:
    """Reset a processor in a forked child: the parent sends the queued spans and has the thread."""
    processor = reference()
    if processor is not None:
        processor._reset()  # pyright: ignore[reportPrivateUsage]
        processor._in_child = True  # pyright: ignore[reportPrivateUsage]


def _finalize_in_child(processor: PulseSpanProcessor) -> None:
    multiprocessing_util.Finalize(None, processor.shutdown, exitpriority=10)
