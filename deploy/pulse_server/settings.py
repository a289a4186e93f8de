"""The settings of the server: what each is called, what it means, and the environment read once.

`SETTINGS` is the one table; `--help` and docs/settings.md say what it says.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

import platformdirs

from pulse_storage.retention import MAX_DAYS, RetentionPolicy

KeepSpans = Literal["genai", "all"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "text", "json"]

_KEEP_SPANS: tuple[KeepSpans, ...] = get_args(KeepSpans)
_LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
_LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)

T = TypeVar("T")

#: Read by pulse_instrumentation alone; a server that sees them must start all the same.
CLIENT_NAMES = frozenset({"PULSE_API_URL"})
#: And these by the tests.
_TEST_PREFIX = "PULSE_TEST_"

_ADMIN_KEY_MIN_CHARS = 32
_MAX_MINUTES = 7 * 24 * 60
API_KEY = re.compile(r"pulse_sk_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATABASE_KINDS = ("sqlite", "postgresql", "postgres")
_DATABASE_MEND = "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"


class SettingError(Exception):
    """A setting cannot be used; the message names it and says what would do."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    #: As a person reads it; what is used is in `Settings`.
    default: str
    meaning: str
    #: The option of `pulse serve` that says the same.
    option: str | None = None


SETTINGS = (
    Setting(
        "DATABASE_URL",
        "a SQLite file in the data directory",
        "where spans are kept: sqlite:///PATH (an absolute path has four slashes), or "
        "postgresql://USER:PASSWORD@HOST/DATABASE",
        "--database-url",
    ),
    Setting("PORT", "3000", "query API, batch ingest and OTLP/HTTP; 0 takes any free port", "--port"),
    Setting(
        "ADMIN_KEY",
        "unset: admin routes are disabled",
        f"what X-Admin-Key must say on /admin routes; at least {_ADMIN_KEY_MIN_CHARS} characters",
    ),
    Setting("PULSE_HOST", "127.0.0.1", "address that every listener binds", "--host"),
    Setting("PULSE_OTLP_HTTP_PORT", "4318", "OTLP over HTTP; 0 turns it off", "--otlp-http-port"),
    Setting("PULSE_OTLP_GRPC_PORT", "4317", "OTLP over gRPC; 0 turns it off", "--otlp-grpc-port"),
    Setting(
        "PULSE_DATA_DIR",
        "the user's data directory for pulse",
        "directory of the SQLite file and of default.key; made with mode 0700",
        "--data-dir",
    ),
    Setting(
        "PULSE_API_KEY",
        "generated",
        "with an empty store: the key of its first project, default; pulse_sk_<uuid>",
    ),
    Setting("PULSE_MAX_BODY_MIB", "20", "largest request after decompression, in MiB"),
    Setting(
        "PULSE_MAX_INFLIGHT_MIB",
        "128",
        "all requests together that are not answered yet, decoded, in MiB",
    ),
    Setting(
        "PULSE_MAX_SPANS_PER_REQUEST",
        "50000",
        "spans or log records in one request; more are rejected and counted in partial_success",
    ),
    Setting(
        "PULSE_KEEP_SPANS",
        "genai",
        "genai keeps gen-ai spans, the other spans of their traces, and spans that name a session, user or "
        "tags; all keeps every span",
    ),
    Setting(
        "PULSE_PRICES_FILE",
        "unset: the published prices",
        "file of custom prices (TOML), which stand above the published ones; see pricing.md",
    ),
    Setting(
        "PULSE_RETENTION_CONTENT_DAYS",
        "unset: no limit",
        "content of older calls is dropped, in projects without a retention policy of their own",
    ),
    Setting(
        "PULSE_RETENTION_ROWS_DAYS",
        "unset: no limit",
        "rows of older calls are dropped, in projects without a retention policy of their own",
    ),
    Setting(
        "PULSE_RETENTION_EVERY_MINUTES",
        "60",
        "how often a server applies retention by itself; 0: only when pulse retention run says so",
    ),
    Setting("PULSE_LOG_LEVEL", "info", "debug, info, warning or error"),
    Setting("PULSE_LOG_FORMAT", "auto", "text, json, or auto: text on a terminal, else json"),
)

#: The options of `pulse serve` by the name of their setting: an error names what the user wrote.
_OPTIONS = {setting.name: setting.option for setting in SETTINGS if setting.option is not None}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked."""

    database_url: str
    port: int
    admin_key: str | None
    host: str
    otlp_http_port: int
    otlp_grpc_port: int
    data_dir: Path
    api_key: str | None
    max_body_mib: int
    max_inflight_mib: int
    max_spans_per_request: int
    keep_spans: KeepSpans
    prices_file: Path | None
    #: What applies to projects without a policy of their own.
    retention: RetentionPolicy
    retention_every_minutes: int
    log_level: LogLevel
    log_format: LogFormat


def read_settings(environ: Mapping[str, str], options: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment gives, each replaced by its command-line option if there is one.

    `options` has the same names as the environment. An empty value counts as unset. Raises SettingError for
    a value that cannot be used, and for a `PULSE_*` name that nothing knows.
    """
    _refuse_unknown_names(environ)
    options = options or {}
    given = {name: value for name, value in {**environ, **options}.items() if value}

    def read(name: str, default: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(given.get(name, default))
        except ValueError as error:
            raise SettingError(_OPTIONS[name] if options.get(name) else name, str(error)) from None

    data_dir = read("PULSE_DATA_DIR", platformdirs.user_data_dir("pulse", appauthor=False), _directory)
    settings = Settings(
        database_url=read("DATABASE_URL", f"sqlite:///{data_dir / 'pulse.db'}", _database_url),
        port=read("PORT", "3000", _port),
        admin_key=read("ADMIN_KEY", "", _admin_key),
        host=read("PULSE_HOST", "127.0.0.1", str.strip),
        otlp_http_port=read("PULSE_OTLP_HTTP_PORT", "4318", _port),
        otlp_grpc_port=read("PULSE_OTLP_GRPC_PORT", "4317", _port),
        data_dir=data_dir,
        api_key=read("PULSE_API_KEY", "", _api_key),
        max_body_mib=read("PULSE_MAX_BODY_MIB", "20", _mebibytes),
        max_inflight_mib=read("PULSE_MAX_INFLIGHT_MIB", "128", _mebibytes),
        max_spans_per_request=read("PULSE_MAX_SPANS_PER_REQUEST", "50000", _count),
        keep_spans=read("PULSE_KEEP_SPANS", "genai", _one_of(_KEEP_SPANS)),
        prices_file=read("PULSE_PRICES_FILE", "", _file),
        retention=RetentionPolicy(
            content_days=read("PULSE_RETENTION_CONTENT_DAYS", "", _days),
            rows_days=read("PULSE_RETENTION_ROWS_DAYS", "", _days),
        ),
        retention_every_minutes=read("PULSE_RETENTION_EVERY_MINUTES", "60", _minutes),
        log_level=read("PULSE_LOG_LEVEL", "info", _one_of(_LOG_LEVELS)),
        log_format=read("PULSE_LOG_FORMAT", "auto", _one_of(_LOG_FORMATS)),
    )
    _refuse_equal_ports(settings)
    if settings.max_inflight_mib < settings.max_body_mib:
        raise SettingError(
            "PULSE_MAX_INFLIGHT_MIB",
            f"{settings.max_inflight_mib} is less than one request may have; set at least "
            f"{settings.max_body_mib}, or lower PULSE_MAX_BODY_MIB",
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
            raise SettingError(name, f"{port} is the value of {taken[port]} too; give each its own, or 0")
        taken[port] = name


def without_secrets(settings: Settings) -> dict[str, str | int]:
    """What may be shown of the settings, by name; of secrets only whether they are set."""
    return {
        "DATABASE_URL": hide_password(settings.database_url),
        "PORT": settings.port,
        "ADMIN_KEY": "set" if settings.admin_key else "unset",
        "PULSE_HOST": settings.host,
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
    """A database URL as it may be printed."""
    if url.startswith("sqlite:"):
        return url
    # To the last @: what is not escaped as it should be is hidden too.
    without = re.sub(r"(?<=//)([^/@:]*):.*@", r"\1:***@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", without)


def _refuse_unknown_names(environ: Mapping[str, str]) -> None:
    known = {name.removeprefix("PULSE_"): name for name in (*(row.name for row in SETTINGS), *CLIENT_NAMES)}
    for name in sorted(environ):
        if name.startswith("PULSE_") and not name.startswith(_TEST_PREFIX) and name not in known.values():
            # Without the prefix, so that PULSE_PORT is near PORT.
            nearest = difflib.get_close_matches(name.removeprefix("PULSE_"), known, n=1, cutoff=0.5)
            mend = (
                f"did you mean {known[nearest[0]]}?"
                if nearest
                else "unset it; `pulse serve --help` lists all"
            )
            raise SettingError(name, f"no such setting; {mend}")


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65_535:
        raise ValueError(f"'{text}' is not a port; give a number from 0 to 65535")
    return int(text)


def _mebibytes(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) == 0:
        raise ValueError(f"'{text}' is not a size; give whole MiB from 1 to 99999")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) == 0:
        raise ValueError(f"'{text}' is not a number of spans; give 1 to 9999999")
    return int(text)


def _days(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= MAX_DAYS:
        raise ValueError(f"'{text}' is not a number of days; give 1 to {MAX_DAYS}, or leave it unset")
    return int(text)


def _minutes(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _MAX_MINUTES:
        raise ValueError(f"'{text}' is not a number of minutes; give 0 to {_MAX_MINUTES}")
    return int(text)


def _directory(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _file(text: str) -> Path | None:
    return _directory(text) if text else None


def _database_url(text: str) -> str:
    kind, separator, place = text.partition("://")
    if not separator or kind not in _DATABASE_KINDS:
        raise ValueError(f"'{kind}' is not a store that Pulse knows; {_DATABASE_MEND}")
    if kind == "sqlite" and (not place.startswith("/") or place == "/"):
        raise ValueError(f"'{text}' names no file; {_DATABASE_MEND}")
    return text


def _admin_key(text: str) -> str | None:
    if not text:
        return None
    if len(text) < _ADMIN_KEY_MIN_CHARS:
        raise ValueError(
            f"too short with {len(text)}; use at least {_ADMIN_KEY_MIN_CHARS} characters, "
            "for example from `openssl rand -hex 32`"
        )
    return text


def _api_key(text: str) -> str | None:
    if not text:
        return None
    if not API_KEY.fullmatch(text):
        raise ValueError("not a key; use the form pulse_sk_<uuid>, in lower case, or leave it unset")
    return text


def _one_of(allowed: tuple[T, ...]) -> Callable[[str], T]:
    def parse(text: str) -> T:
        for choice in allowed:
            if choice == text.lower():
                return choice
        raise ValueError(f"'{text}' is not one of {', '.join(map(str, allowed))}")

    return parse
