"""Replays captured exports of real instrumentors through mapping and a real store.

`tests/captures` contains a selection; `PULSE_TEST_CAPTURES` names a folder with more, in the same layout.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from pulse_collector.mapping.events import content_of_parts, event_parts
from pulse_collector.mapping.spans import map_spans
from pulse_storage import StorageAdapter, TraceRecord
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.trace_json import trace_object

FOLDER = Path(os.environ.get("PULSE_TEST_CAPTURES") or Path(__file__).parent.parent / "captures")

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Capture:
    """One scenario of one dialect, and the expected calls."""

    name: str
    expected: Mapping[str, Json]

    @property
    def request(self) -> ExportTraceServiceRequest:
        """Return one request with all spans."""
        return ExportTraceServiceRequest.FromString((FOLDER / f"{self.name}.pb").read_bytes())

    @property
    def logs(self) -> ExportLogsServiceRequest | None:
        """Return the log records; None if the capture has none."""
        path = FOLDER / f"{self.name}.logs.pb"
        return ExportLogsServiceRequest.FromString(path.read_bytes()) if path.exists() else None

    @property
    def received_ns(self) -> int:
        """Return a time one second after the last span."""
        return int(str(self.expected["last_ns"])) + 1_000_000_000


def captures() -> list[Capture]:
    """Return all captures of the folder, by name."""
    expectations = cast("dict[str, dict[str, Json]]", orjson.loads((FOLDER / "expect.json").read_bytes()))
    return [Capture(name, expected) for name, expected in sorted(expectations.items())]


def record_by_record(request: ExportLogsServiceRequest) -> list[ExportLogsServiceRequest]:
    """Return a request for each log record."""
    return [
        ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])])
        for resource_logs in request.resource_logs
        for scope_logs in resource_logs.scope_logs
        for record in scope_logs.log_records
    ]


def span_by_span(request: ExportTraceServiceRequest) -> list[ExportTraceServiceRequest]:
    """Return a request for each span."""
    return [
        ExportTraceServiceRequest(
            resource_spans=[
                ResourceSpans(
                    resource=resource_spans.resource,
                    scope_spans=[ScopeSpans(scope=scope_spans.scope, spans=[span])],
                )
            ]
        )
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


async def replay(
    storage: StorageAdapter,
    project_id: str,
    capture: Capture,
    requests: Sequence[ExportTraceServiceRequest | ExportLogsServiceRequest],
) -> None:
    """Map the requests and store them, one after the other."""
    for request in requests:
        if isinstance(request, ExportLogsServiceRequest):
            await storage.ingest_events(project_id, event_parts(request).parts, content_of_parts)
            continue
        mapped = map_spans(project_id, request, capture.received_ns)
        assert mapped.rejected == []
        result = await storage.ingest(mapped.rows)
        assert result.rejected == ()


async def stored_calls(storage: StorageAdapter, project_id: str) -> list[dict[str, Json]]:
    """Return the counted model calls as the API's JSON, oldest first, with bodies."""
    page = await storage.list_traces(project_id, TraceFilter(), Page(limit=1000, order="asc"))
    calls: list[dict[str, Json]] = []
    for row in page.rows:
        record = await storage.get_trace(project_id, row.trace_id)
        assert record is not None
        calls.append(shown(record))
    return calls


def shown(record: TraceRecord) -> dict[str, Json]:
    """Return a record as the API's JSON."""
    return cast("dict[str, Json]", orjson.loads(orjson.dumps(trace_object(record, bodies=True))))


def differences(capture: Capture, calls: Sequence[Mapping[str, Json]]) -> list[str]:
    """Return the differences from the expected calls, one line each."""
    expected, found = capture.expected, list[str]()
    if expected.get("optional") and not calls:
        return []
    if not _fits(expected["rows_counted"], len(calls)):
        return [f"{len(calls)} calls, not {expected['rows_counted']}"]
    for column in ("input_tokens", "output_tokens"):
        total = sum(cast("int | None", call[column]) or 0 for call in calls)
        wanted_sum = expected[f"{column}_sum"]
        if wanted_sum is not None and not _fits(wanted_sum, total):
            found.append(f"sum of {column}: {total}, not {wanted_sum}")
    errors = sum(call["status"] == "error" for call in calls)
    if expected["errors"] is not None and not _fits(expected["errors"], errors):
        found.append(f"{errors} errors, not {expected['errors']}")
    expected_calls = cast("list[dict[str, Json]]", expected["calls"])
    return found + [
        f"call {index}: {field} is {str(call[field])[:200]!r}, not {wanted[field]!r}"
        for index, (call, wanted) in enumerate(zip(calls, expected_calls, strict=True))
        for field in sorted(call)
        if field in wanted and not _fits(wanted[field], call[field])
    ]


def _fits(want: Json, got: Json) -> bool:
    """Return whether a value matches `expect.json`: equal, one of several, near, containing, an error."""
    if not isinstance(want, dict):
        return want == got or _same_text(want, got)
    if "any" in want:
        return any(_fits(one, got) for one in cast("list[Json]", want["any"]))
    if "near" in want:
        near, within = cast("list[float]", want["near"]), cast(float, want["tol"])
        return isinstance(got, int | float) and any(abs(got - one) <= within for one in near)
    written = orjson.dumps(got).decode()
    if "contains" in want:
        return str(want["contains"]) in written
    return (got is not None) == want["present"] and str(want.get("message_contains", "")) in written


def _same_text(want: Json, got: Json) -> bool:
    """Compare texts without leading and trailing white space, JSON texts by content."""
    if not (isinstance(want, str) and isinstance(got, str)):
        return False
    if want.strip() == got.strip():
        return True
    try:
        return orjson.loads(want) == orjson.loads(got)
    except ValueError:
        return False
