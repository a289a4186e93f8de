"""One recorded model call: its span from the request to the answer, the exception or the last chunk."""

from __future__ import annotations

import sys
from time import time_ns

from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import Attributes
from pulse_instrumentation.readers.operations import Fold, Operation
from pulse_instrumentation.recording import abandoned
from pulse_instrumentation.recording.errors import completion_of, error_attributes, error_words
from pulse_instrumentation.recording.metrics import CallMetrics


class Call:
    """The span of one call. The first method that ends it wins; no method raises."""

    __slots__ = (
        "__weakref__",
        "_attributes",
        "_capture",
        "_first_chunk_ns",
        "_fold",
        "_last_chunk_ns",
        "_metrics",
        "_open",
        "_operation",
        "_span",
        "_start_ns",
        "_streams",
        "awaits_reader",
        "context",
        "rejected",
    )

    def __init__(
        self,
        operation: Operation,
        span: Span,
        context: Context,
        start_ns: int,
        attributes: Attributes,
        capture: Capture,
        metrics: CallMetrics | None,
    ) -> None:
        self.context = context
        """The context in which the HTTP request runs, with the span as the current one."""
        self.rejected: object = None
        """The response whose parsing by the client raised."""
        self.awaits_reader = False
        """Whether only the garbage collector frees the response of this call, and nothing has read it yet."""
        self._operation = operation
        self._span = span
        self._start_ns = start_ns
        self._attributes = attributes
        self._capture = capture
        self._metrics = metrics
        self._fold: Fold | None = None
        self._streams = False
        self._first_chunk_ns = 0
        self._last_chunk_ns = 0
        # Popped by the thread that ends the call: atomic, so that two threads cannot both end it. A forked
        # child has a copy of its parent's call, but must not end it.
        self._open = [abandoned.process]

    @property
    def recording(self) -> bool:
        """Whether the span is recorded or metrics are collected: false for a call that was not sampled."""
        return self._metrics is not None or self._span.is_recording()

    @property
    def streams(self) -> bool:
        """Whether the answer arrives in chunks."""
        return self._streams

    @property
    def is_unread(self) -> bool:
        """Whether the call is open, `awaits_reader` and no chunk has been read."""
        return self.awaits_reader and not self._last_chunk_ns and bool(self._open)

    def start_stream(self) -> None:
        """Prepare for an answer that arrives in chunks."""
        make_fold = self._operation.fold
        self._streams = True
        abandoned.register_stream(self)
        self._fold = None if make_fold is None else make_fold(self._capture.mode != "off")

    def chunk(self, chunk: object) -> None:
        """Observe a chunk that the application is about to receive."""
        self._last_chunk_ns = time_ns()
        try:
            if (self._fold is None or self._fold.add(chunk)) and not self._first_chunk_ns:
                self._first_chunk_ns = self._last_chunk_ns
        except Exception as error:
            # The chunks before this one stay folded. Reported once, so later failures are not logged again.
            report_failure(f"folding a stream of {self._operation.name}", error)

    def succeed(self, response: object) -> None:
        """End the call with its complete response."""
        if self._claim():
            self._end(response=response)

    def end_stream(self) -> None:
        """End the call after the last chunk of its stream."""
        if self._claim():
            self._end()

    def close_stream(self) -> None:
        """End the call because the application closed the stream, before or after the last chunk."""
        if self._claim():
            self._end(closed=True)

    def fail(self, error: BaseException) -> None:
        """End the call with the exception that is raised to the application."""
        if self._claim():
            self._end(error=error)

    def abandon(self, error: BaseException | None = None) -> None:
        """Queue the end of the call, at its last chunk: its stream was dropped, or `error` was raised.

        Safe in destructors.
        """
        if self._claim():
            end_ns = self._last_chunk_ns or time_ns()
            abandoned.end_soon(lambda: self._end(error=error, end_ns=end_ns, closed=error is None))

    def __del__(self) -> None:
        # Only the call of a stream that was never read is still open here.
        if self._open and not sys.is_finalizing():
            self.abandon()

    def _claim(self) -> bool:
        try:
            process = self._open.pop()
        except IndexError:
            return False
        abandoned.unregister_stream(self)
        return process is abandoned.process

    def _fold_response(self) -> object:
        if self._fold is None:
            return None
        try:
            return self._fold.response()
        except Exception as error:
            report_failure(f"folding a stream of {self._operation.name}", error)
            return None

    def _end(
        self,
        *,
        response: object = None,
        error: BaseException | None = None,
        end_ns: int | None = None,
        closed: bool = False,
    ) -> None:
        if end_ns is None:
            end_ns = time_ns()
        try:
            if self.recording:
                self._describe(response, error, end_ns, closed)
        except Exception as failure:
            report_failure(f"recording the end of {self._operation.name}", failure)
        finally:
            # In a `finally`, so that KeyboardInterrupt does not leave the span open.
            try:
                self._span.end(end_ns)
            except Exception as failure:
                report_failure("ending a span", failure)

    def _describe(self, response: object, error: BaseException | None, end_ns: int, closed: bool) -> None:
        attributes: Attributes = {}
        if error is not None:
            # First, as reading the response may fail.
            attributes.update(error_attributes(error))
            self._span.set_status(Status(StatusCode.ERROR, error_words(error, self._capture)))
        if response is None:
            response = self._fold_response() or self.rejected or completion_of(error)
        attributes = {**self._response_attributes(response), **attributes}
        if self._first_chunk_ns:
            waited_ns = max(self._first_chunk_ns - self._start_ns, 0)
            attributes[names.RESPONSE_TIME_TO_FIRST_CHUNK] = waited_ns / 1e9
        reasons = attributes.get(names.RESPONSE_FINISH_REASONS)
        if closed and (not isinstance(reasons, list) or "error" in reasons):
            attributes[names.STREAM_CLOSED_EARLY] = True
        # An error that the response reports is more specific than the exception of the client's parser.
        if response is not None and (error is None or self.rejected is not None):
            self._describe_failure(response, attributes)
        self._span.set_attributes(attributes)
        if self._metrics is not None:
            duration_s = max(end_ns - self._start_ns, 0) / 1e9
            self._metrics.record({**self._attributes, **attributes}, duration_s)

    def _describe_failure(self, response: object, attributes: Attributes) -> None:
        """Set the error that a response reports although its HTTP call succeeded."""
        if (failure := self._operation.failure(response)) is not None:
            attributes[names.ERROR_TYPE] = failure.type
            words = self._capture.error_message(failure.message or "") or None
            self._span.set_status(Status(StatusCode.ERROR, words))

    def _response_attributes(self, response: object) -> Attributes:
        """Return the attributes of a response; without those whose reader raised."""
        if response is None:
            return {}
        try:
            attributes = self._operation.response(response)
        except Exception as error:
            report_failure(f"reading a response of {self._operation.name}", error)
            attributes = {}
        if self._capture.mode != "off":
            try:
                content = self._operation.response_content(response, self._capture)
                attributes.update(content)
            except Exception as error:
                report_failure(f"the content of a response of {self._operation.name}", error)
        return attributes
