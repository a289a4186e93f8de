"""The span of a block or function: started, entered, and ended by return, exception or abandonment."""

from __future__ import annotations

import sys
from contextvars import Token
from dataclasses import dataclass
from time import time_ns
from typing import cast

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, TracerProvider

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture
from pulse_instrumentation.content_override import capture_in
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import Attributes, encodable
from pulse_instrumentation.recording import abandoned
from pulse_instrumentation.recording.active import active_recorder
from pulse_instrumentation.recording.errors import error_attributes, error_words
from pulse_instrumentation.recording.other_instrumentors import is_suppressed
from pulse_instrumentation.recording.recorder import SCOPE
from pulse_instrumentation.session_facts import session_attributes
from pulse_instrumentation.version import __version__
from pulse_instrumentation.work.values import content_value


@dataclass(frozen=True, slots=True)
class Work:
    """The operation and name of a span."""

    operation: str
    """`invoke_workflow` or `execute_tool`."""
    name: str
    call_id: str | None = None
    tracer_provider: TracerProvider | None = None

    @property
    def span_name(self) -> str:
        """The name of the span: `execute_tool {name}` for a tool, the application's name for a trace."""
        if self.operation == "execute_tool":
            return f"execute_tool {self.name}".rstrip()
        return self.name or "trace"

    @property
    def attributes(self) -> Attributes:
        """The attributes at the start of the span, without content."""
        if self.operation != "execute_tool":
            return {names.OPERATION_NAME: self.operation, names.WORKFLOW_NAME: self.name}
        found: Attributes = {
            names.OPERATION_NAME: self.operation,
            names.TOOL_NAME: self.name,
            names.TOOL_TYPE: "function",
        }
        if self.call_id:
            found[names.TOOL_CALL_ID] = encodable(self.call_id)
        return found


class WorkSpan:
    """An open span. The first method that ends it wins; no method raises."""

    __slots__ = ("__weakref__", "_capture", "_open", "_outer", "_span", "_token", "context")

    def __init__(self, span: Span, outer: Context, capture: Capture) -> None:
        recorded = span.get_span_context().is_valid
        self.context = otel_trace.set_span_in_context(span, outer) if recorded else outer
        """The context to enter, with this span as the current one, or a span that the work has opened."""
        self._span = span
        self._outer = outer
        self._capture = capture
        self._token: object = None
        # Only a span that is recorded has to be ended.
        self._open = [abandoned.process] if recorded else []

    def enter(self) -> None:
        """Make the context of the work the current one."""
        self._token = otel_context.attach(self.context)

    def exit(self) -> None:
        """Make the context from before `enter` the current one again."""
        token, self._token = self._token, None
        if token is None:
            return
        if not isinstance(token, Token):
            otel_context.detach(cast("Token[Context]", token))
            return
        known = cast("Token[object]", token)
        try:
            known.var.reset(known)
        except (ValueError, RuntimeError):
            # Exited in another task or thread, where the current context is another one unless it was copied.
            if otel_context.get_current() is self.context:
                otel_context.attach(self._outer)

    def pause(self) -> None:
        """Exit the context of a suspended generator. The next `enter` enters the present context again."""
        self.context = otel_context.get_current()
        self.exit()

    def record(self, name: str, value: object) -> None:
        """Set an attribute to a value as redacted, truncated content; nothing if content is not recorded."""
        try:
            if self._span.is_recording() and (content := content_value(value, self._capture)) is not None:
                self._span.set_attribute(name, content)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # Reading a container or text of an application's class runs its code.
            if isinstance(error, Exception):
                report_failure("the content of a tool", error)

    @property
    def captures(self) -> bool:
        """Whether content is recorded."""
        return self._capture.full and self._span.is_recording()

    def end(self) -> None:
        """End the span."""
        if self._claim():
            self._end(time_ns(), None)

    def fail(self, error: BaseException) -> None:
        """End the span with the exception that is raised to the application."""
        if isinstance(error, GeneratorExit):
            self.abandon()
        elif isinstance(error, SystemExit) and error.code in (None, 0):
            self.end()
        elif self._claim():
            self._end(time_ns(), error)

    def abandon(self) -> None:
        """Queue the end of the span, because a generator was closed or dropped. Safe in destructors."""
        if self._claim():
            end_ns = time_ns()
            abandoned.end_soon(lambda: self._end(end_ns, None))

    def __del__(self) -> None:
        if self._open and not sys.is_finalizing():
            self.abandon()

    def _claim(self) -> bool:
        try:
            process = self._open.pop()
        except IndexError:
            return False
        # A forked child has a copy of its parent's span, but must not end it.
        return process is abandoned.process

    def _end(self, end_ns: int, error: BaseException | None) -> None:
        try:
            if error is not None and self._span.is_recording():
                self._span.set_attributes(error_attributes(error))
                self._span.set_status(Status(StatusCode.ERROR, error_words(error, self._capture)))
        except Exception as failure:
            report_failure("recording the end of a trace", failure)
        finally:
            try:
                self._span.end(end_ns)
            except Exception as failure:
                report_failure("ending a span", failure)


def context_only(context: Context) -> WorkSpan:
    """Return a span that is not recorded. Entering it makes the context the current one."""
    return WorkSpan(INVALID_SPAN, context, Capture())


def start(work: Work) -> WorkSpan | None:
    """Start a span in the current context, without entering it; None if it is suppressed or not recorded."""
    try:
        outer = otel_context.get_current()
        if is_suppressed(outer):
            return None
        recorder = active_recorder()
        if work.tracer_provider is None and recorder is not None:
            tracer = recorder.tracer
        else:
            tracer = otel_trace.get_tracer(SCOPE, __version__, work.tracer_provider, names.SCHEMA_URL)
        capture = capture_in(outer, Capture() if recorder is None else recorder.capture)
        attributes = {**work.attributes, **session_attributes(outer)}
        span = tracer.start_span(encodable(work.span_name), outer, SpanKind.INTERNAL, attributes)
        parent = otel_trace.get_current_span(outer).get_span_context()
        if span.get_span_context().span_id in (0, parent.span_id):
            # The provider records nothing, so the application's span stays the current one.
            return None
        return WorkSpan(span, outer, capture)
    except Exception as error:
        report_failure("starting a trace", error)
        return None
