"""Start to record a call: decide whether it is recorded, start its span, read its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time_ns
from typing import cast
from weakref import WeakKeyDictionary

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import SpanKind, TracerProvider

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture
from pulse_instrumentation.content_override import capture_in
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import Attributes, own_fields
from pulse_instrumentation.readers.operations import Body, Operation
from pulse_instrumentation.recording.abandoned import any_abandoned, end_abandoned
from pulse_instrumentation.recording.calls import Call
from pulse_instrumentation.recording.metrics import CallMetrics
from pulse_instrumentation.recording.other_instrumentors import (
    is_suppressed,
    recorded_elsewhere,
    share_session,
)
from pulse_instrumentation.recording.parsing import watch_parsing
from pulse_instrumentation.recording.provider import Server, base_url, server_of
from pulse_instrumentation.session_facts import session_attributes
from pulse_instrumentation.settings import CallSettings
from pulse_instrumentation.version import __version__

SCOPE = "pulse.instrumentation"


@dataclass(frozen=True, slots=True)
class Library:
    """The functions that differ between the two client libraries."""

    name: str
    """The name of the package, and the provider of a client whose class and host are unknown."""
    operation: Callable[[str, str, bool], Operation | None]
    """Return the operation for an HTTP method, a path and whether it streams; None for no model call."""
    readable: Callable[[object, object], object]
    """Return request options of a client with a body that can be read several times."""
    prepare: Callable[[object, object, Context], object]
    """Return the request options of a client to send while the call is recorded in this context."""


class Recorder:
    """Records the calls of all clients with the same settings and tracer provider."""

    def __init__(
        self,
        library: Library,
        settings: CallSettings,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.library = library
        self._provider_name = settings.provider
        self.capture = Capture(settings.content, settings.redact, settings.part_limit)
        self.tracer = trace.get_tracer(SCOPE, __version__, tracer_provider, names.SCHEMA_URL)
        self._metrics = CallMetrics(meter_provider, SCOPE, __version__)
        self._servers: WeakKeyDictionary[object, tuple[object, Server]] = WeakKeyDictionary()

    def start(self, client: object, options: object, *, stream: bool) -> tuple[Call, object] | None:
        """Start a span for a request. Return the call and the request options to send.

        Returns None if the request is no model call, is suppressed, or is recorded by another instrumentor.
        """
        fields = own_fields(options)
        method, path = fields.get("method"), fields.get("url")
        if not isinstance(method, str) or not isinstance(path, str):
            return None
        operation = self.library.operation(method, path, stream)
        if operation is None:
            return None
        if any_abandoned():
            # Without waiting for another thread that is ending calls.
            end_abandoned(timeout_s=0.0)
        context = otel_context.get_current()
        # Most contexts are empty, so their check is skipped.
        if context and (is_suppressed(context) or recorded_elsewhere(context)):
            share_session(trace.get_current_span(context), context)
            return None
        return self._start_call(operation, client, options, context, stream=stream)

    def _start_call(
        self, operation: Operation, client: object, options: object, context: Context, *, stream: bool
    ) -> tuple[Call, object] | None:
        capture = capture_in(context, self.capture)
        if capture.mode != "off":
            options = self.library.readable(client, options)
        call = self._call(operation, client, options, context, capture)
        if call is None:
            return None
        try:
            options = self.library.prepare(client, options, call.context)
            options = watch_parsing(options, call, stream=stream)
        except Exception as error:
            report_failure("preparing a request", error)
        return call, options

    def _call(
        self, operation: Operation, client: object, options: object, context: Context, capture: Capture
    ) -> Call | None:
        body = _body(options)
        session = session_attributes(context)
        attributes: Attributes = {
            # First, as a span with too many attributes drops the first ones; and last, to take precedence.
            **session,
            names.OPERATION_NAME: operation.name,
            **self._server(client).attributes,
            **operation.request(body),
            **session,
        }
        model = attributes.get(names.REQUEST_MODEL)
        start_ns = time_ns()
        span = self.tracer.start_span(
            f"{operation.name} {model}" if model else operation.name,
            context,
            SpanKind.CLIENT,
            attributes,
            start_time=start_ns,
        )
        metrics = self._metrics if self._metrics.collected else None
        if not (metrics or span.is_recording() or span.get_span_context().is_valid):
            return None
        if capture.mode != "off" and span.is_recording():
            try:
                span.set_attributes(operation.request_content(body, capture))
            except Exception as error:
                report_failure(f"the content of a request of {operation.name}", error)
        return Call(
            operation,
            span,
            trace.set_span_in_context(span, context),
            start_ns,
            attributes,
            capture,
            metrics,
        )

    def _server(self, client: object) -> Server:
        url = base_url(client)
        if type(client).__hash__ is None:
            # An application's subclass that defines `__eq__`, so it cannot be a key.
            return server_of(client, self._provider_name, self.library.name)
        known = self._servers.get(client)
        # Setting another base URL replaces the URL object.
        if known is not None and known[0] is url:
            return known[1]
        server = server_of(client, self._provider_name, self.library.name)
        self._servers[client] = (url, server)
        return server


def _body(options: object) -> Body:
    """Return the JSON body as it will be sent: the arguments, updated by `extra_body`."""
    fields = own_fields(options)
    given, extra = fields.get("json_data"), fields.get("extra_json")
    body: Body = cast("Body", given) if isinstance(given, (dict, Mapping)) else {}
    if extra is not None and isinstance(extra, Mapping):
        return {**body, **cast("Body", extra)}
    return body
