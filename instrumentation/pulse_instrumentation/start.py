"""`init()`, `flush()` and `shutdown()`: Pulse for a whole process."""

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
from pulse_instrumentation.recording.abandoned import end_abandoned, leave_streams
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
    """Record every call of the openai and anthropic clients of this process and send it to Pulse.

    Uses the application's TracerProvider when there is one, else makes one and sets it; so call it
    after your own OpenTelemetry setup. A second call changes nothing. Never raises: what is wrong is
    said in the log, and the application runs on unrecorded.
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
    """What `opentelemetry-instrument` calls last: sends to Pulse when PULSE_API_KEY is set.

    The instrumentors stay as that command has set them: on or off, and without content unless
    OpenTelemetry's variable says otherwise.
    """

    def instrument(provider: TracerProvider) -> None:
        """They are on already, and follow the process's tracer provider."""

    try:
        settings = export_settings()
        if settings.api_key is not None and not sdk_disabled():
            _run(settings, instrument)
    except Exception as error:
        report_failure("opentelemetry-instrument", error)


def _run(settings: ExportSettings, instrument: Callable[[TracerProvider], None]) -> None:
    """Send from now on, unless that has begun before."""
    global _running
    with _lock:
        if _running is not None:
            return
        running = _started(settings)
        if running is None:
            return
        _running = running
    instrument(running.provider)
    atexit.register(shutdown)
    flush_on_termination(flush, leave_streams)
    send_from_workers(_send_soon, shutdown)


def flush(timeout_ms: int = 10_000) -> bool:
    """Send what has been recorded so far. False when Pulse did not take all of it in time."""
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
    """Send what has been recorded, for at most 1.5 seconds, and record nothing more.

    Streams that are still open end here, as streams that were closed early.
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
        leave_streams()
        running.processor.shutdown()
        atexit.unregister(shutdown)
    except Exception as error:
        report_failure("shutdown()", error)


def _started(settings: ExportSettings) -> _Running | None:
    """The processor on a provider; None, with the reason in the log, when there can be none."""
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
    # A provider of another kind stays the application's; ours then serves our spans only.
    if isinstance(provider, trace.ProxyTracerProvider):
        trace.set_tracer_provider(own)
    return own
