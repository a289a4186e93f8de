"""`pulse explain`: how a span was or would be read, which part of it fed which column, and what counts."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from pulse_collector.explain.answer import explanation_json
from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import explain
from pulse_collector.explain.telemetry import Telemetry, read_telemetry
from pulse_collector.explain.text import explanation_text
from pulse_server.arguments import CommandFailed, Parser, add_store_settings

#: A person waits for it: a minute, about.
_MAX_MAPPINGS = 200_000
_MAX_MAPPED_BYTES = 2 * 1024 * 1024 * 1024
_SUFFIXES = (".pb", ".json")


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:  # pyright: ignore[reportPrivateUsage]
    parser = commands.add_parser(
        "explain",
        help="explain how spans are read and counted",
        description="Explains how spans are read: their dialect, which attribute feeds which column and\n"
        "which others it overrules, what is ignored and why, how tokens and cost came about, and which\n"
        "row counts. Of a file nothing is stored, and neither store nor server is needed.",
        epilog="Examples:\n"
        "  pulse explain spans.json      OTLP/JSON or protobuf; spans.logs.json is read with it\n"
        "  pulse explain - < spans.pb\n"
        "  pulse explain 0af7651916cd43dd8448eb211c80319c   an OpenTelemetry trace in the store",
    )
    parser.add_argument(
        "target", metavar="FILE|TRACE_ID", help="a file, '-', or the id of a stored trace or row"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, as POST /v1/explain answers it")
    add_store_settings(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    telemetry = _read(str(arguments.target))
    explanation = explain(
        telemetry.spans,
        telemetry.logs,
        received_ns=time.time_ns(),
        budget=Budget(_MAX_MAPPINGS, _MAX_MAPPED_BYTES),
    )
    if arguments.json:
        print(json.dumps(explanation_json(explanation), default=str))
    else:
        print(explanation_text(explanation))
    return 0


def _read(target: str) -> Telemetry:
    """What a file, its companion with log records, or the standard input holds. Raises CommandFailed."""
    if target == "-":
        return _telemetry("standard input", sys.stdin.buffer.read())
    path = _found(target)
    telemetry = _telemetry(target, _bytes(path))
    logs = path.with_name(f"{path.stem}.logs{path.suffix}")
    if logs.is_file():
        telemetry.add(_telemetry(str(logs), _bytes(logs)))
    return telemetry


def _found(target: str) -> Path:
    for path in (Path(target), *(Path(target + suffix) for suffix in _SUFFIXES)):
        if path.is_file():
            return path
    raise CommandFailed(
        f"'{target}' is no file, nor a trace id (32 hexadecimal digits) or the id of a row (a UUID)"
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}") from error


def _telemetry(name: str, body: bytes) -> Telemetry:
    try:
        return read_telemetry(body)
    except ValueError as error:
        raise CommandFailed(f"cannot read {name}: {error}") from error
