"""The checks of `pulse doctor`; each returns findings and changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from google.protobuf.internal import api_implementation

from pulse_collector.pricing.price_list import PRICE_VERSION
from pulse_server.banner import store_location, url
from pulse_server.listen import check_free
from pulse_server.prices_file import file_prices
from pulse_server.settings import SettingError, Settings
from pulse_server.unknown_usage import unknown_usage_calls
from pulse_server.unpriced import unpriced_calls
from pulse_server.unread_attributes import unread_attributes
from pulse_storage.engines import engine_of
from pulse_storage.errors import StorageError
from pulse_storage.runtime.writer import ROW_BYTES

_FREE_MIB_WARNING = 1024
#: Unix time of this version's release: an earlier clock is wrong.
_RELEASED_S = 1_790_000_000
_PROBE_TIMEOUT_S = 2.0
#: Without the environment's proxies: the request is to this machine.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; the text of a warning or problem ends with the fix."""

    about: str
    level: Literal["ok", "warning", "problem"]
    text: str

    def as_json(self) -> dict[str, str]:
        """Return the JSON object that `pulse doctor --json` prints."""
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Run all checks and return their findings, in the order in which a server's start depends on them."""
    ports = (
        ("PORT", settings.port),
        ("PULSE_OTLP_HTTP_PORT", settings.otlp_http_port),
        ("PULSE_OTLP_GRPC_PORT", settings.otlp_grpc_port),
    )
    running = _is_pulse_running(settings)
    return [
        Finding("settings", "ok", "all settings are valid"),
        _limits(settings),
        _admin(settings),
        _data_dir(settings.data_dir),
        _disk(settings.data_dir),
        _store(settings),
        *_free_space(settings),
        _prices(settings),
        *_stored_calls(settings),
        *(_port(name, settings.host, port, running=running) for name, port in ports),
        _clock(),
        _protobuf(),
    ]


def _admin(settings: Settings) -> Finding:
    if settings.admin_key is None:
        return Finding("admin", "ok", "admin routes are disabled; set ADMIN_KEY to enable them")
    return Finding("admin", "ok", "admin routes are enabled")


def _limits(settings: Settings) -> Finding:
    """Check that the largest allowed request fits into PULSE_MAX_INFLIGHT_MIB."""
    spans = settings.max_spans_per_request
    rows_mib = -(-spans * ROW_BYTES // 2**20)
    # The body counts twice: as received, which may be as large as decompressed, and decompressed.
    needed_mib = 2 * settings.max_body_mib + rows_mib
    if needed_mib > settings.max_inflight_mib:
        return Finding(
            "limits",
            "warning",
            f"a request of {settings.max_body_mib} MiB and {spans} spans may need {needed_mib} MiB and be"
            f" refused; set PULSE_MAX_INFLIGHT_MIB to {needed_mib} or more, or lower"
            " PULSE_MAX_SPANS_PER_REQUEST",
        )
    return Finding(
        "limits",
        "ok",
        f"one request may have {settings.max_body_mib} MiB and {spans} spans; all requests in progress"
        f" {settings.max_inflight_mib} MiB",
    )


def _data_dir(data_dir: Path) -> Finding:
    nearest = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(
            "data", "problem", f"cannot write to {data_dir}; set PULSE_DATA_DIR to a writable directory"
        )
    if data_dir.exists() and data_dir.stat().st_mode & 0o077:
        return Finding("data", "warning", f"other users can access {data_dir}; run: chmod 700 {data_dir}")
    return Finding("data", "ok", f"{data_dir} is writable")


def _disk(data_dir: Path) -> Finding:
    nearest = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free_mib = shutil.disk_usage(nearest).free // (1024 * 1024)
    if free_mib < _FREE_MIB_WARNING:
        return Finding(
            "disk",
            "warning",
            f"only {free_mib} MiB are free at {nearest}; free some space or move PULSE_DATA_DIR",
        )
    return Finding("disk", "ok", f"{free_mib} MiB are free at {nearest}")


def _store(settings: Settings) -> Finding:
    place = store_location(settings.database_url)
    try:
        engine = engine_of(settings.database_url)
        pending = engine.pending(settings.database_url)
        warnings = engine.durability_warnings(settings.database_url)
    except StorageError as error:
        return Finding("store", "problem", str(error))
    if warnings:
        return Finding("store", "warning", "; ".join(warnings))
    if pending:
        names = ", ".join(pending)
        return Finding("store", "ok", f"{place}: `pulse serve` will apply {names}")
    return Finding("store", "ok", f"{place}: the schema is up to date")


def _free_space(settings: Settings) -> list[Finding]:
    """Report a store that does not release the space of deleted data."""
    url = settings.database_url
    return [Finding("space", "warning", text) for text in engine_of(url).space_warnings(url)]


def _prices(settings: Settings) -> Finding:
    try:
        prices = file_prices(settings)
    except SettingError as error:
        return Finding("prices", "problem", str(error))
    if prices is None:
        return Finding("prices", "ok", f"{PRICE_VERSION}; set PULSE_PRICES_FILE for custom prices")
    return Finding(
        "prices",
        "ok",
        f"{prices.version}: {len(prices.document.prices)} custom prices take precedence over {PRICE_VERSION}",
    )


def _stored_calls(settings: Settings) -> list[Finding]:
    """Report stored calls without cost or tokens, and unread attributes; nothing if there is no store."""
    try:
        if engine_of(settings.database_url).pending(settings.database_url):
            return []
        return [
            *(Finding("prices", "warning", text) for text in asyncio.run(unpriced_calls(settings))),
            *(Finding("usage", "warning", text) for text in asyncio.run(unknown_usage_calls(settings))),
            *(Finding("dialects", "warning", text) for text in asyncio.run(unread_attributes(settings))),
        ]
    except (SettingError, StorageError):
        return []  # the findings "settings" and "store" report the error


def _port(name: str, host: str, port: int, *, running: bool) -> Finding:
    if port == 0:
        return Finding("port", "ok", f"{name}: {'any free port' if name == 'PORT' else 'off'}")
    try:
        check_free(name, host, port)
    except SettingError as error:
        if running:
            return Finding("port", "ok", f"{name}: {port} is in use, and Pulse is running on this machine")
        return Finding("port", "problem", str(error))
    return Finding("port", "ok", f"{name}: {port} is free")


def _is_pulse_running(settings: Settings) -> bool:
    if settings.port == 0:
        return False
    try:
        with _http.open(f"{url(settings.host, settings.port)}/health", timeout=_PROBE_TIMEOUT_S) as answer:
            return json.load(answer).get("service") == "pulse"
    except (OSError, ValueError, AttributeError):
        return False


def _clock() -> Finding:
    if time.time() < _RELEASED_S:
        text = (
            f"the clock is at {time.strftime('%Y-%m-%d', time.gmtime())}, before this release; set the clock"
        )
        return Finding("clock", "problem", text)
    return Finding("clock", "ok", f"the clock is at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}")


def _protobuf() -> Finding:
    kind = api_implementation.Type()
    if kind != "upb":
        text = f"protobuf uses its slow backend '{kind}' on {sys.platform}; reinstall the protobuf wheel"
        return Finding("protobuf", "warning", text)
    return Finding("protobuf", "ok", "protobuf uses its fast backend, upb")
