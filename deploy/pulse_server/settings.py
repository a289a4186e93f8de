"""The settings of the server: their table, and reading them from environment and command-line options.

`--help` and docs/settings.md show the texts of the table `SETTINGS`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

import platformdirs

from pulse_server import setting_values as values
from pulse_server.setting_values import ADMIN_KEY_MIN_CHARS
from pulse_storage.retention import RetentionPolicy

KeepSpans = Literal["genai", "all"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "text", "json"]

_KEEP_SPANS: tuple[KeepSpans, ...] = get_args(KeepSpans)
_LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
_LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)

T = TypeVar("T")

#: Names that only pulse_instrumentation reads; the server ignores them.
CLIENT_NAMES = frozenset({"PULSE_API_URL"})
#: Prefix of names that only the tests read; the server ignores them.
_TEST_PREFIX = "PULSE_TEST_"


class SettingError(Exception):
    """A setting has an invalid value or an unknown name; the message has its name and the fix."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Setting:
    """Name and documentation of one setting."""

    name: str
    #: Text of the default for people; `read_settings` has the value.
    default: str
    meaning: str
    #: The equivalent option of `pulse serve`.
    option: str | None = None


SETTINGS = (
    Setting(
        "DATABASE_URL",
        "a SQLite file in the data directory",
        "the store: sqlite:///PATH (an absolute path has four slashes), or "
        "postgresql://USER:PASSWORD@HOST/DATABASE",
        "--database-url",
    ),
    Setting("PORT", "3000", "query API, batch ingest and OTLP/HTTP; 0 takes any free port", "--port"),
    Setting(
        "ADMIN_KEY",
        "unset: admin routes are disabled",
        f"required in the header X-Admin-Key by /admin routes; at least {ADMIN_KEY_MIN_CHARS} characters",
    ),
    Setting("PULSE_HOST", "127.0.0.1", "bind address of all listeners", "--host"),
    Setting(
        "PULSE_PUBLIC_URL",
        "unset: http://127.0.0.1 with the port",
        "URL of the pages behind a reverse proxy, which removes the path, if there is one, from requests",
    ),
    Setting("PULSE_OTLP_HTTP_PORT", "4318", "OTLP over HTTP; 0 turns it off", "--otlp-http-port"),
    Setting("PULSE_OTLP_GRPC_PORT", "4317", "OTLP over gRPC; 0 turns it off", "--otlp-grpc-port"),
    Setting(
        "PULSE_DATA_DIR",
        "the user's data directory for pulse",
        "directory of the SQLite file and of default.key; created with mode 0700",
        "--data-dir",
    ),
    Setting(
        "PULSE_API_KEY",
        "generated",
        "with an empty store: the API key of its first project, default; pulse_sk_<uuid>",
    ),
    Setting("PULSE_MAX_BODY_MIB", "20", "maximum size of one request after decompression, in MiB"),
    Setting(
        "PULSE_MAX_INFLIGHT_MIB",
        "128",
        "maximum size of all requests in progress, decompressed and decoded, in MiB",
    ),
    Setting(
        "PULSE_MAX_SPANS_PER_REQUEST",
        "50000",
        "maximum number of spans or log records in one request; more are rejected and counted in"
        " partial_success",
    ),
    Setting(
        "PULSE_KEEP_SPANS",
        "genai",
        "genai stores gen-ai spans, the other spans of their traces, and spans with a session, user or "
        "tags; all stores every span",
    ),
    Setting(
        "PULSE_PRICES_FILE",
        "unset: the published prices",
        "file of custom prices (TOML), which take precedence over the published ones; see pricing.md",
    ),
    Setting(
        "PULSE_RETENTION_CONTENT_DAYS",
        "unset: no limit",
        "content of older calls is deleted, in projects without their own retention policy",
    ),
    Setting(
        "PULSE_RETENTION_ROWS_DAYS",
        "unset: no limit",
        "rows of older calls are deleted, in projects without their own retention policy",
    ),
    Setting(
        "PULSE_RETENTION_EVERY_MINUTES",
        "60",
        "interval at which a server applies retention; 0: only pulse retention run applies it",
    ),
    Setting("PULSE_LOG_LEVEL", "info", "debug, info, warning or error"),
    Setting("PULSE_LOG_FORMAT", "auto", "text, json, or auto: text on a terminal, else json"),
)

#: Options of `pulse serve` by setting name, so that an error has the name that the user typed.
_OPTIONS = {setting.name: setting.option for setting in SETTINGS if setting.option is not None}


@dataclass(frozen=True, slots=True)
class Settings:
    """The validated values of all settings."""

    database_url: str
    port: int
    admin_key: str | None
    host: str
    #: Without a slash at the end.
    public_url: str | None
    otlp_http_port: int
    otlp_grpc_port: int
    data_dir: Path
    api_key: str | None
    max_body_mib: int
    max_inflight_mib: int
    max_spans_per_request: int
    keep_spans: KeepSpans
    prices_file: Path | None
    #: The policy of projects without their own.
    retention: RetentionPolicy
    retention_every_minutes: int
    log_level: LogLevel
    log_format: LogFormat


def read_settings(environ: Mapping[str, str], options: Mapping[str, str] | None = None) -> Settings:
    """Read and validate all settings; a value in `options` takes precedence over `environ`.

    `options` has the command-line options by setting name. An empty value counts as unset. Raises
    SettingError for an invalid value and for an unknown `PULSE_*` name.
    """
    _refuse_unknown_names(environ)
    options = options or {}
    given = {name: value for name, value in {**environ, **options}.items() if value}

    def read(name: str, default: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(given.get(name, default))
        except ValueError as error:
            raise SettingError(_OPTIONS[name] if options.get(name) else name, str(error)) from None

    data_dir = read("PULSE_DATA_DIR", platformdirs.user_data_dir("pulse", appauthor=False), values.directory)
    settings = Settings(
        database_url=read("DATABASE_URL", f"sqlite:///{data_dir / 'pulse.db'}", values.database_url),
        port=read("PORT", "3000", values.port),
        admin_key=read("ADMIN_KEY", "", values.admin_key),
        host=read("PULSE_HOST", "127.0.0.1", str.strip),
        public_url=read("PULSE_PUBLIC_URL", "", values.public_url),
        otlp_http_port=read("PULSE_OTLP_HTTP_PORT", "4318", values.port),
        otlp_grpc_port=read("PULSE_OTLP_GRPC_PORT", "4317", values.port),
        data_dir=data_dir,
        api_key=read("PULSE_API_KEY", "", values.api_key),
        max_body_mib=read("PULSE_MAX_BODY_MIB", "20", values.mebibytes),
        max_inflight_mib=read("PULSE_MAX_INFLIGHT_MIB", "128", values.mebibytes),
        max_spans_per_request=read("PULSE_MAX_SPANS_PER_REQUEST", "50000", values.span_count),
        keep_spans=read("PULSE_KEEP_SPANS", "genai", values.one_of(_KEEP_SPANS)),
        prices_file=read("PULSE_PRICES_FILE", "", values.file),
        retention=RetentionPolicy(
            content_days=read("PULSE_RETENTION_CONTENT_DAYS", "", values.days),
            rows_days=read("PULSE_RETENTION_ROWS_DAYS", "", values.days),
        ),
        retention_every_minutes=read("PULSE_RETENTION_EVERY_MINUTES", "60", values.minutes),
        log_level=read("PULSE_LOG_LEVEL", "info", values.one_of(_LOG_LEVELS)),
        log_format=read("PULSE_LOG_FORMAT", "auto", values.one_of(_LOG_FORMATS)),
    )
    _refuse_equal_ports(settings)
    if settings.max_inflight_mib < settings.max_body_mib:
        raise SettingError(
            "PULSE_MAX_INFLIGHT_MIB",
            f"{settings.max_inflight_mib} is less than PULSE_MAX_BODY_MIB, the maximum of one request; set "
            f"at least {settings.max_body_mib}, or lower PULSE_MAX_BODY_MIB",
        )
    return settings


def _refuse_equal_ports(settings: Settings) -> None:
    taken: dict[int, str] = {}
    for name, port in (
        ("PORT", settings.port),
        ("PULSE_OTLP_HTTP_PORT", settings.otlp_http_port),
        ("PULSE_OTLP_GRPC_PORT", settings.otlp_grpc_port),
    ):
        if port and port in taken:
            raise SettingError(name, f"{port} is also the value of {taken[port]}; set different ports, or 0")
        taken[port] = name


def without_secrets(settings: Settings) -> dict[str, str | int]:
    """Return the settings by name for display: passwords hidden, keys as "set" or "unset"."""
    return {
        "DATABASE_URL": hide_password(settings.database_url),
        "PORT": settings.port,
        "ADMIN_KEY": "set" if settings.admin_key else "unset",
        "PULSE_HOST": settings.host,
        "PULSE_PUBLIC_URL": settings.public_url or "unset",
        "PULSE_OTLP_HTTP_PORT": settings.otlp_http_port,
        "PULSE_OTLP_GRPC_PORT": settings.otlp_grpc_port,
        "PULSE_DATA_DIR": str(settings.data_dir),
        "PULSE_API_KEY": "set" if settings.api_key else "unset",
        "PULSE_MAX_BODY_MIB": settings.max_body_mib,
        "PULSE_MAX_INFLIGHT_MIB": settings.max_inflight_mib,
        "PULSE_MAX_SPANS_PER_REQUEST": settings.max_spans_per_request,
        "PULSE_KEEP_SPANS": settings.keep_spans,
        "PULSE_PRICES_FILE": str(settings.prices_file or "unset"),
        "PULSE_RETENTION_CONTENT_DAYS": settings.retention.content_days or "unset",
        "PULSE_RETENTION_ROWS_DAYS": settings.retention.rows_days or "unset",
        "PULSE_RETENTION_EVERY_MINUTES": settings.retention_every_minutes,
        "PULSE_LOG_LEVEL": settings.log_level,
        "PULSE_LOG_FORMAT": settings.log_format,
    }


def hide_password(url: str) -> str:
    """Return a database URL with its password replaced by `***`."""
    if url.startswith("sqlite:"):
        return url
    # Up to the last @, which also hides a password that contains an unescaped @.
    without = re.sub(r"(?<=//)([^/@:]*):.*@", r"\1:***@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", without)


def _refuse_unknown_names(environ: Mapping[str, str]) -> None:
    known = {name.removeprefix("PULSE_"): name for name in (*(row.name for row in SETTINGS), *CLIENT_NAMES)}
    for name in sorted(environ):
        if name.startswith("PULSE_") and not name.startswith(_TEST_PREFIX) and name not in known.values():
            # Compare without the prefix, so that PULSE_PORT is similar to PORT.
            nearest = difflib.get_close_matches(name.removeprefix("PULSE_"), known, n=1, cutoff=0.5)
            hint = (
                f"did you mean {known[nearest[0]]}?"
                if nearest
                else "unset it; `pulse serve --help` lists all settings"
            )
            raise SettingError(name, f"no such setting; {hint}")
