"""The settings of the application, from arguments and the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from pulse_instrumentation.content import DEFAULT_PART_LIMIT, ContentMode, Redact
from pulse_instrumentation.failures import logger

CAPTURE_CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
DEFAULT_API_URL = "http://127.0.0.1:4318"
DEFAULT_BATCH_SIZE = 512
DEFAULT_FLUSH_INTERVAL_MS = 5000

_KEY_IN_HEADERS = re.compile(r"(?i:authorization\s*=\s*bearer(?:%20|\s)+)(pulse_sk_[0-9a-f-]{36})")
_URL = re.compile(r"(?i)https?://[^/\s]+")

# The values of OpenTelemetry's variable, its older boolean values, and Pulse's own values.
_CONTENT_MODES: dict[str, ContentMode] = {
    "no_content": "off",
    "false": "off",
    "off": "off",
    "0": "off",
    "event_only": "off",
    "span_only": "full",
    "span_and_event": "full",
    "true": "full",
    "full": "full",
    "1": "full",
    "metadata": "metadata",
}


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Settings for recording calls, of the process or of one client."""

    content: ContentMode = "off"
    provider: str | None = None
    redact: Redact | None = None
    part_limit: int = DEFAULT_PART_LIMIT


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """Settings for sending spans to Pulse."""

    api_key: str | None
    api_url: str
    batch_size: int
    flush_interval_ms: int
    service_name: str | None
    environment: str | None
    release: str | None


def content_mode(chosen: object, default: ContentMode) -> ContentMode:
    """Return the content mode from an argument (a bool or a name), else the environment, else `default`.

    An unknown name is logged, and turns content off.
    """
    if isinstance(chosen, bool):
        return "full" if chosen else "off"
    source = "capture_content" if chosen is not None else CAPTURE_CONTENT_VARIABLE
    name = str(chosen if chosen is not None else os.environ.get(source, "")).strip().lower()
    if not name:
        return default
    mode = _CONTENT_MODES.get(name)
    if mode is None:
        logger.warning(
            "%s=%r is not known, so no content is captured; use 'off', 'metadata' or 'full'.",
            source,
            name,
        )
        return "off"
    return mode


def export_settings(
    api_key: str | None = None,
    api_url: str | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    flush_interval_ms: int = DEFAULT_FLUSH_INTERVAL_MS,
    service_name: str | None = None,
    environment: str | None = None,
    release: str | None = None,
) -> ExportSettings:
    """Return the arguments of `init()`, completed from the environment.

    PULSE_API_KEY and PULSE_API_URL take precedence. Without a key, a key of Pulse in
    OTEL_EXPORTER_OTLP_HEADERS is used, together with OTEL_EXPORTER_OTLP_ENDPOINT as the URL: `pulse serve`
    prints these two variables for every exporter.
    """
    api_key = api_key or os.environ.get("PULSE_API_KEY") or None
    api_url = api_url or os.environ.get("PULSE_API_URL") or None
    if api_key is None and (api_key := _key_in_headers()) is not None:
        api_url = api_url or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None
    return ExportSettings(
        api_key=api_key,
        api_url=_checked_url(api_url or DEFAULT_API_URL),
        batch_size=_at_least_one("batch_size", batch_size, DEFAULT_BATCH_SIZE),
        flush_interval_ms=_at_least_one("flush_interval_ms", flush_interval_ms, DEFAULT_FLUSH_INTERVAL_MS),
        service_name=service_name,
        environment=environment,
        release=release,
    )


def _key_in_headers() -> str | None:
    """Return the key of Pulse in OTEL_EXPORTER_OTLP_HEADERS; None if it contains none."""
    found = _KEY_IN_HEADERS.search(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
    return None if found is None else found[1]


def _checked_url(url: str) -> str:
    url = url.strip().rstrip("/")
    if not _URL.match(url):
        logger.error("api_url (or PULSE_API_URL) %r is not a URL; use http://HOST:PORT.", url)
    return url


def sdk_disabled() -> bool:
    """Return whether OTEL_SDK_DISABLED is true, which turns telemetry off for the process."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _at_least_one(name: str, value: object, default: int) -> int:
    if type(value) is int and value >= 1:
        return value
    logger.warning("%s must be a whole number of at least 1; %d is used.", name, default)
    return default
