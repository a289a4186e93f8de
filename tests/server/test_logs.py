"""Log lines: one line per record, for any text."""

from __future__ import annotations

import json
import logging

from pulse_server.logs import JsonFormatter, TextFormatter


def test_json_record_has_its_extra_fields() -> None:
    line = json.loads(JsonFormatter().format(_record("%s done", "all", status=200)))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "logger": "pulse.test", "message": "all done", "status": 200}


def test_control_characters_are_escaped() -> None:
    hostile = "ok\n2026 error pulse: forged\x1b[31m\r\x9b"
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(_record("%s", hostile, route=hostile))
        assert not {"\n", "\r", "\x1b", "\x9b"} & set(line)
        assert "forged" in line


def test_value_that_json_does_not_support_is_logged_as_repr() -> None:
    line = json.loads(JsonFormatter().format(_record("x", route=b"\xff")))
    assert line["route"] == "b'\\xff'"


def test_exception_is_part_of_its_record() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        record = _record("failed")
        record.exc_info = (type(error), error, error.__traceback__)
    assert json.loads(JsonFormatter().format(record))["exception"].endswith("ValueError: broken")
    assert TextFormatter().format(record).endswith("ValueError: broken")


def _record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("pulse.test", logging.INFO, __file__, 1, message, args, None)
    record.__dict__.update(extra)
    return record
