"""`pulse explain`: explain how spans are mapped to rows, and which rows are counted."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid
from pathlib import Path

from pulse_collector.explain.answer import explanation_json
from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import Explanation, explain
from pulse_collector.explain.stored import explain_stored
from pulse_collector.explain.telemetry import Telemetry, read_telemetry
from pulse_collector.explain.text import explanation_text
from pulse_collector.pricing import Prices
from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.find_project import find_project
from pulse_server.prices_file import file_prices
from pulse_server.prices_in_force import prices_in_force
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import ALL_OPERATIONS, Page, TraceFilter
from pulse_storage.rows import TraceRecord

#: Limits of the attribution, which maps a span once for every attribute; they take about a minute.
_MAX_MAPPINGS = 200_000
_MAX_MAPPED_BYTES = 2 * 1024 * 1024 * 1024
#: Maximum number of rows of a stored trace.
_MAX_ROWS = 500
_SUFFIXES = (".pb", ".json")


def configure(parser: Parser) -> None:
    parser.description = (
        "Explains how spans are mapped: the dialect, which attribute sets which column and takes precedence\n"
        "over which other attributes, what is ignored and why, how tokens and cost are computed, and which\n"
        "rows are counted. A file is not stored; it needs neither store nor server. Calls are priced with\n"
        "PULSE_PRICES_FILE and the published prices; with --project, with that project's own prices first."
    )
    parser.epilog = (
        "Examples:\n"
        "  pulse explain spans.json      OTLP/JSON or protobuf; also reads spans.logs.json\n"
        "  pulse explain - < spans.pb\n"
        "  pulse explain spans.json --project shop\n"
        "  pulse explain 0af7651916cd43dd8448eb211c80319c   an OpenTelemetry trace in the store"
    )
    parser.add_argument(
        "target", metavar="FILE|TRACE_ID", help="a file, '-', or the id of a stored trace or row"
    )
    parser.add_argument("--json", action="store_true", help="print JSON as returned by POST /v1/explain")
    parser.add_argument(
        "--project",
        help="id or name of a project; for a file: use its own prices (default: none); for an id: "
        "search only this project (default: all)",
    )
    add_store_settings(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    target = str(arguments.target)
    settings = settings_from(arguments)
    path = _find_file(target)
    if path is None and target != "-":
        explanation = asyncio.run(_stored(settings, target, arguments.project))
    else:
        telemetry = _read(target, path)
        prices = asyncio.run(_prices(settings, arguments.project))
        explanation = explain(
            telemetry.spans,
            telemetry.logs,
            received_ns=time.time_ns(),
            budget=Budget(_MAX_MAPPINGS, _MAX_MAPPED_BYTES),
            prices=prices,
        )
    if arguments.json:
        print(json.dumps(explanation_json(explanation), default=_as_json))
    else:
        print(explanation_text(explanation))
    return 0


async def _prices(settings: Settings, project: str | None) -> Prices:
    """Return the prices of a project; if `project` is None, those of projects without their own prices."""
    file = file_prices(settings)
    if project is None:
        return Prices() if file is None else Prices(file)
    async with existing_store(settings) as storage:
        return await prices_in_force(storage, await find_project(storage, project), file)


async def _stored(settings: Settings, target: str, project: str | None) -> Explanation:
    """Explain a stored trace (32 hexadecimal digits) or row (a UUID) of one project, or of any if None.

    Raises CommandFailed if no project has it.
    """
    try:
        wanted = uuid.UUID(target)
    except ValueError:
        raise CommandFailed(
            f"'{target}' is neither a file, nor a trace id (32 hexadecimal digits), nor a row's id (a UUID)"
        ) from None
    async with existing_store(settings) as storage:
        if project is None:
            projects = await storage.list_projects()
        else:
            projects = [await find_project(storage, project)]
        for each in projects:
            records = [] if "-" in target else await _rows_of_trace(storage, each.id, wanted.bytes)
            if not records and (record := await storage.get_trace(each.id, wanted)) is not None:
                records = [record]
            if records:
                of_span = records[0].otel_span_id if len(records) == 1 else None
                inputs = await storage.reconcile_inputs(each.id, records[0].otel_trace_id, of_span)
                return explain_stored(records, inputs)
    where = "no project of the store has a" if project is None else f"project '{project}' has no"
    raise CommandFailed(f"{where} trace or row with the id {target}")


async def _rows_of_trace(storage: StorageAdapter, project_id: str, trace_id: bytes) -> list[TraceRecord]:
    where = TraceFilter(operation=ALL_OPERATIONS, counted=None, otel_trace_id=trace_id)
    return (await storage.list_traces(project_id, where, Page(limit=_MAX_ROWS, order="asc"))).rows


def _read(target: str, path: Path | None) -> Telemetry:
    """Read spans and log records from a file and its companion `*.logs.*`, or from stdin if `path` is None.

    Raises CommandFailed if they cannot be read.
    """
    if path is None:
        return _telemetry("standard input", sys.stdin.buffer.read())
    telemetry = _telemetry(target, _bytes(path))
    logs = path.with_name(f"{path.stem}.logs{path.suffix}")
    if logs.is_file():
        telemetry.add(_telemetry(str(logs), _bytes(logs)))
    return telemetry


def _find_file(target: str) -> Path | None:
    candidates = (Path(target), *(Path(target + suffix) for suffix in _SUFFIXES))
    return next((path for path in candidates if path.is_file()), None)


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


def _as_json(value: object) -> str:
    """Convert a value that JSON does not support: bytes to hexadecimal, anything else to text."""
    return value.hex() if isinstance(value, bytes) else str(value)
