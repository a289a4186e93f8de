"""`init()`, `flush()` and `shutdown()`: record the calls of a whole process and send them to Pulse."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import TracerProvider

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import ContentMode, Redact
from pulse_instrumentation.delivery.celery_workers import send_from_workers
from pulse_instrumentation.delivery.termination import flush_on_termination
from pulse_instrumentation.failures import logger, report_failure
from pulse_instrumentation.instrumentors import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor
from pulse_instrumentation.recording.abandoned import abandon_open_streams, end_abandoned
from pulse_instrumentation.settings import (
    DEFAULT_BATCH_SIZE,
    DEFAULT_FLUSH_INTERVAL_MS,
    ExportSettings,
    content_mode,
    export_settings,
    sdk_disabled,
)

if TYPE_CHECKING:
    from pulse_instrumentation.delivery.processor import PulseSpanProcessor

_lock = threading.Lock()
_running: _Running | None = None


@dataclass(frozen=True, slots=True)
class _Running:
    processor: PulseSpanProcessor
    provider: TracerProvider


def init(
    api_key: str | None = None,
    api_url: str | None = None,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    flush_interval_ms: int = DEFAULT_FLUSH_INTERVAL_MS,
    enabled: bool = True,
    capture_content: bool | ContentMode | None = None,
    service_name: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    redact: Redact | None = None,
) -> None:
    """Record every call of the openai and anthropic clients of this process, and send the spans to Pulse.

    Call it once, after your own OpenTelemetry setup: spans are sent through the application's
    TracerProvider, or through a new global one if there is none. Clients made before the call are recorded
    too. A second call changes nothing. Never raises: problems are logged by the logger
    `pulse_instrumentation`, and the application continues unrecorded.

    Args:
        api_key: The key of the project; by default `PULSE_API_KEY`, else a key of Pulse in
            `OTEL_EXPORTER_OTLP_HEADERS`.
        api_url: The address of Pulse, to which `/v1/traces` is added; by default `PULSE_API_URL`, else
            `http://127.0.0.1:4318`.
        batch_size: The number of spans in one request. A full batch is sent at once.
        flush_interval_ms: The longest time that a span waits to be sent, in milliseconds.
        enabled: False to do nothing, as with `OTEL_SDK_DISABLED=true`.
        capture_content: How much content is recorded: `True` or `"full"`, `"metadata"` (kinds and sizes),
            `False` or `"off"`. By default `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, else full.
        service_name: The resource attribute `service.name`.
        environment: The resource attribute `deployment.environment.name`.
        release: The resource attribute `service.version`.
        redact: A function that is called with every string of content and returns the string to send. If
            it raises, `[redaction failed]` is sent.
    """

    def instrument(provider: TracerProvider) -> None:
        mode = content_mode(capture_content, default="full")
        for instrumentor in (PulseOpenAIInstrumentor(), PulseAnthropicInstrumentor()):
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()
            instrumentor.instrument(tracer_provider=provider, capture_content=mode, redact=redact)

    if not enabled or sdk_disabled():
        return
    try:
        settings = export_settings(
            api_key,
            api_url,
            batch_size,
            flush_interval_ms,
            service_name,
            environment,
            release,
        )
        _run(settings, instrument)
    except Exception as error:
        report_failure("init()", error)


def init_from_environment() -> None:
    """Send spans to Pulse if the environment has a key. The last entry point of `opentelemetry-instrument`.

    Does not change the instrumentors: that command has switched each on or off, without content unless
    OpenTelemetry's variable for content is set.
    """

    def instrument(provider: TracerProvider) -> None:
        """Do nothing: the instrumentors are on, and use the global tracer provider."""

    try:
        settings = export_settings()
        if settings.api_key is not None and not sdk_disabled():
            _run(settings, instrument)
    except Exception as error:
        report_failure("opentelemetry-instrument", error)


def _run(settings: ExportSettings, instrument: Callable[[TracerProvider], None]) -> None:
    """Start the exporter and call `instrument` with its provider, unless an exporter is running."""
    global _running
    with _lock:
        if _running is not None:
            return
        running = _start_processor(settings)
        if running is None:
            return
        _running = running
    instrument(running.provider)
    atexit.register(shutdown)
    flush_on_termination(flush, abandon_open_streams)
    send_from_workers(_send_soon, shutdown)


def flush(timeout_ms: int = 10_000) -> bool:
    """Send all spans that have ended so far, and wait for the answer.

    Args:
        timeout_ms: The longest time to wait, in milliseconds.

    Returns:
        False if Pulse did not accept all spans in time. True without `init()`, when there is nothing to
        send.

    Never raises.
    """
    try:
        running = _running
        if running is not None:
            return running.processor.force_flush(timeout_ms)
        end_abandoned()
        return True
    except Exception as error:
        report_failure("flush()", error)
        return False


def _send_soon() -> None:
    try:
        if (running := _running) is not None:
            running.processor.send_soon()
    except Exception as error:
        report_failure("sending after a task", error)


def shutdown() -> None:
    """Send all spans, for at most 1.5 seconds, and stop recording. Registered to run at exit.

    The spans of open streams are ended with `pulse.stream.closed_early`. `init()` may be called again.
    Never raises.
    """
    global _running
    try:
        with _lock:
            running, _running = _running, None
        if running is None:
            return
        for instrumentor in (PulseOpenAIInstrumentor(), PulseAnthropicInstrumentor()):
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()
        abandon_open_streams()
        running.processor.shutdown()
        atexit.unregister(shutdown)
    except Exception as error:
        report_failure("shutdown()", error)


def _start_processor(settings: ExportSettings) -> _Running | None:
    """Add a span processor to a provider; return both, or None with an error in the log without the SDK."""
    try:
        from pulse_instrumentation.delivery.processor import PulseSpanProcessor
        from pulse_instrumentation.delivery.sender import Sender
    except ImportError as error:
        logger.error(
            "Pulse cannot send anything: %s. Run: pip install opentelemetry-sdk"
            " opentelemetry-exporter-otlp-proto-common",
            error,
        )
        return None
    if settings.api_key is None:
        logger.warning(
            "Pulse has no API key; pass api_key to init() or set PULSE_API_KEY, or the spans will be refused."
        )
    resource = {
        name: value
        for name, value in (
            (names.SERVICE_NAME, settings.service_name),
            (names.DEPLOYMENT_ENVIRONMENT, settings.environment),
            (names.SERVICE_VERSION, settings.release),
        )
        if value
    }
    processor = PulseSpanProcessor(
        Sender(settings.api_url, settings.api_key),
        batch_size=settings.batch_size,
        flush_interval_ms=settings.flush_interval_ms,
        resource=resource,
    )
    return _Running(processor, _provider_with(processor))


def _provider_with(processor: PulseSpanProcessor) -> TracerProvider:
    from pulse_instrumentation.delivery.own_provider import OwnTracerProvider

    provider = trace.get_tracer_provider()
    add = getattr(provider, "add_span_processor", None)
    if callable(add):
        add(processor)
        return provider
    own = OwnTracerProvider()
    own.add_span_processor(processor)
    # A provider that is not the SDK's stays the global one. Then the new one has only Pulse's spans.
    if isinstance(provider, trace.ProxyTracerProvider):
        trace.set_tracer_provider(own)
    return own
