"""What the application chose: read from arguments and the environment once, then passed along."""

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

# The values of OpenTelemetry's variable, its older boolean ones, and Pulse's own.
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
    """How calls are recorded, for the process or for one client."""

    content: ContentMode = "off"
    provider: str | None = None
    redact: Redact | None = None
    part_limit: int = DEFAULT_PART_LIMIT


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """Where and how spans are sent."""

    api_key: str | None
    api_url: str
    batch_size: int
    flush_interval_ms: int
    service_name: str | None
    environment: str | None
    release: str | None


def content_mode(chosen: object, default: ContentMode) -> ContentMode:
    """The content mode: an argument (True, False or a name), else the environment, else `default`."""
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

    PULSE_API_KEY and PULSE_API_URL come first. Without a key of their own, the two lines that `pulse serve`
    prints for every exporter are enough: their header has a key of Pulse, so their endpoint is a Pulse.
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
    """Return the key of Pulse in OTEL_EXPORTER_OTLP_HEADERS; None if they have none."""
    found = _KEY_IN_HEADERS.search(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
    return None if found is None else found[1]


def _checked_url(url: str) -> str:
    url = url.strip().rstrip("/")
    if not _URL.match(url):
        logger.error("api_url (or PULSE_API_URL) %r is not a URL; use http://HOST:PORT.", url)
    return url


def sdk_disabled() -> bool:
    """Whether OTEL_SDK_DISABLED turns telemetry off for the process."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _at_least_one(name: str, value: object, default: int) -> int:
    if type(value) is int and value >= 1:
        return value
    logger.warning("%s must be a whole number of at least 1; %d is used.", name, default)
    return default
