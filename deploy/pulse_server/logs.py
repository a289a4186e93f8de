"""Logging of the server to stderr: one line per record, as text or JSON."""

from __future__ import annotations

import datetime as dt
import logging
import sys

import orjson

from pulse_server.settings import LogFormat, LogLevel

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "color_message",
    "taskName",
}
#: Escapes of control characters, so that logged text cannot start a new line or change terminal colours.
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
#: Escapes of the control characters that JSON does not escape.
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def configure_logs(level: LogLevel, form: LogFormat) -> None:
    """Send all log records and warnings of the process to stderr; `auto` is text on a terminal, else JSON."""
    handler = logging.StreamHandler(sys.stderr)
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler.setFormatter(TextFormatter() if text else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # uvicorn logs its start and stop at level info, which `serve` logs already.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """Format a record as one JSON object: time, level, logger, message, extra fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return (
            orjson.dumps(line, default=repr, option=orjson.OPT_NON_STR_KEYS).decode().translate(_JSON_ESCAPES)
        )


class TextFormatter(logging.Formatter):
    """Format a record as one line, with extra fields as name=value; an exception follows in more lines."""

    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f" {name}={value!r}" for name, value in _extra(record).items())
        message = (record.getMessage() + extra).translate(_ESCAPES)
        line = f"{_time(record)} {record.levelname.lower():<7} {record.name}: {message}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def _time(record: logging.LogRecord) -> str:
    at = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
