"""The span processor that brings finished spans to Pulse: a bounded queue and one thread.

It never blocks the application and never grows beyond its bounds. A batch that Pulse cannot take
now is tried again until it can, while newer spans wait; what no longer fits is dropped and counted.
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
# A process must be gone within two seconds of its end, whatever state Pulse is in.
SHUTDOWN_TIMEOUT_S = 1.5

Answers: TypeAlias = "queue.SimpleQueue[bool]"
"""Where whoever asked for a flush waits for whether it succeeded."""


class PulseSpanProcessor(SpanProcessor):
    """Queues spans as they end; a daemon thread sends them.

    `resource` holds attributes to set on the spans' resource on their way out: what `init()` was
    told about the service when the tracer provider, and so the resource, is the application's.
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
        # A child of multiprocessing leaves without the interpreter's exit handlers.
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
        """Set the session in force on spans of other instrumentors, which may record a call instead of us."""
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
        # Two threads may both do so, which wakes the thread once for nothing.
        if not self._waking and self._queue.has_full_batch:
            self._waking = True
            self._wake.put(None)

    def send_soon(self) -> None:
        """Let the thread send what waits without waiting for the interval. Never blocks."""
        if self._closed or not (self._queue or any_abandoned()):
            return
        if self._thread is None:
            self._start_thread()
        if not self._waking:
            self._waking = True
            self._wake.put(None)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued now. False when that did not succeed in time. Safe in signal handlers.

        Spans of abandoned streams are ended by the thread, so that a signal handler, which may have
        interrupted another span processor, ends none.
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
        """Send what is queued, for at most 1.5 seconds, then stop for good."""
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
            # Made here, of the class that belongs to this thread: gevent may have replaced both of them
            # since Pulse was imported, and its threads must not wait in queues that are not its own.
            self._wake = queue.SimpleQueue()
            self._thread = threading.Thread(target=self._run, name="pulse-delivery", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                # The interpreter is ending and takes no new threads.
                self._thread = None

    def _run(self) -> None:
        with suppress_instrumentation():
            left_alone = False
            while not self._closed and not left_alone:
                waiting = self._wait()
                left_alone = self._is_left_alone()
                try:
                    # Less than a signal handler waits, which may have interrupted what ends them.
                    end_abandoned(timeout_s=0.5)
                    sent = self._send_queued(waiting)
                except Exception as error:
                    report_failure("sending spans", error)
                    sent = False
                for done in waiting:
                    done.put(sent)
            # Another one is started if spans should end after all.
            self._thread = None

    def _is_left_alone(self) -> bool:
        """Whether, in a forked child, the thread that forked has ended, and with it what the child was for.

        Such a child ends with its last thread, which must not be this one.
        """
        return self._in_child and not threading.main_thread().is_alive()

    def _wait(self) -> list[Answers]:
        """Sleep until the interval is over, a batch is full or somebody wants a flush."""
        waiting: list[Answers] = []
        with self._lock:
            # It may have filled while the last one was being sent.
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
        """Send all that was queued when we began; True when all of it arrived."""
        with self._lock:
            left = len(self._queue)
        complete = True
        while left > 0 and not self._give_up.is_set():
            batch = self._queue.batch(left)
            left -= len(batch)
            delivered = self._deliver([span for span, _ in batch], waiting)
            if self._give_up.is_set() or (not delivered and self._is_left_alone()):
                return False
            complete &= delivered
            self._queue.remove(batch)
        return complete

    def _deliver(self, spans: list[ReadableSpan], waiting: list[Answers]) -> bool:
        """Send a batch until it is taken or refused for good."""
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
                # The numbers of a call matter more than its words.
                stripped = self._encoder.encode_without_content(spans[0])
                if stripped is not None:
                    body = stripped
                    continue
            if outcome.verdict != "retry":
                self._drop(len(spans), outcome.reason)
                return False
            self._warn_of_retries(outcome)
            # Whoever waits for a flush need not wait for the collector to come back. At the end there is
            # no later time, and one that is there may take the spans before ours is over.
            while waiting and not (self._ending and outcome.busy):
                waiting.pop().put(False)
            self._pause(outcome, backoff_s, waiting)
            if self._give_up.is_set() or self._is_left_alone():
                return False
            backoff_s = min(backoff_s * 2, LAST_BACKOFF_S)
        return True

    def _warn_of_retries(self, outcome: Outcome) -> None:
        """Log once that Pulse cannot be reached; an answer of a busy one is no cause for concern."""
        if not outcome.busy and not self._has_warned:
            self._has_warned = True
            logger.warning("Pulse keeps spans and tries again (%s). Said once.", outcome.reason)

    def _pause(self, outcome: Outcome, backoff_s: float, waiting: list[Answers]) -> None:
        """Wait before the next try; a flush that is asked for meanwhile tries at once."""
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
            # The words may be the collector's, so there may be no end of them.
            known = reason in self._dropped or len(self._dropped) < MAX_REASONS
            self._dropped[reason if known else "other reasons"] += count
        if first:
            logger.warning("Pulse drops spans (%s). Said once; the total is reported at the end.", reason)


def pause_s(outcome: Outcome, backoff_s: float) -> float:
    """How long to wait before a batch is tried again: what the collector says, else the backoff, scattered.

    A collector that says `Retry-After: 0` is not asked without end, at the application's cost.
    """
    wait_s = outcome.retry_after_s
    if wait_s is None:
        wait_s = backoff_s * random.uniform(0.8, 1.2)
    return max(wait_s, FIRST_BACKOFF_S * 0.8)


def _after_fork(reference: weakref.ref[PulseSpanProcessor]) -> None:
    """In the child: what is queued is the parent's to send, and the thread stayed there."""
    processor = reference()
    if processor is not None:
        processor._reset()  # pyright: ignore[reportPrivateUsage]
        processor._in_child = True  # pyright: ignore[reportPrivateUsage]


def _finalize_in_child(processor: PulseSpanProcessor) -> None:
    multiprocessing_util.Finalize(None, processor.shutdown, exitpriority=10)
