"""Read one page of trace rows with the total count, and single rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from pulse_query_api.errors import ApiError
from pulse_query_api.params import ListQuery
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import Count
from pulse_storage.rows import TraceRecord

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_OTEL_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class TraceList:
    """One page of trace rows without bodies."""

    rows: list[TraceRecord]
    #: Rows on all pages; a lower bound if it is not exact.
    total: Count
    #: Cursor of the next page; None on the last page.
    next_cursor: str | None
    #: False if the rows are sorted within a part of the range only.
    complete: bool


async def list_traces(storage: StorageAdapter, project_id: str, query: ListQuery) -> TraceList:
    """Return one page of matching rows, newest first unless sorted otherwise, with the total.

    Raises InvalidCursor or StoreUnavailable.
    """
    where, page = query.where, query.page
    if query.text_in_bodies is None:
        found = await storage.list_traces(project_id, where, page)
    else:
        found = await storage.search_traces(project_id, where, query.text_in_bodies, page)
    total = Count(page.offset + len(found.rows), exact=True)
    if page.cursor is None and found.next_cursor is None and (found.rows or not page.offset):
        # Last page: the total is known. Counting is the slow part of a list, so skip it.
        pass
    elif query.text_in_bodies is None:
        total = await storage.count_traces(project_id, where)
    else:
        total = Count(total.rows, exact=False)  # an exact count would read the bodies of all rows
    return TraceList(found.rows, total, found.next_cursor, found.complete)


async def find_trace(storage: StorageAdapter, project_id: str, trace_id: str) -> TraceRecord:
    """Return the row with a visible id, with bodies. Raises ApiError 404 if the project has none."""
    found = await storage.get_trace(project_id, _row_id(trace_id))
    if found is None:
        raise _no_trace(trace_id)
    return found


async def find_row(storage: StorageAdapter, project_id: str, trace_id: str) -> TraceRecord:
    """Return the row with a visible id, without bodies. Raises ApiError 404 if the project has none."""
    [found] = await storage.get_traces(project_id, [_row_id(trace_id)])
    if found is None:
        raise _no_trace(trace_id)
    return found


def _row_id(trace_id: str) -> UUID:
    trace_id = trace_id.strip()
    if not _UUID.fullmatch(trace_id):
        raise _no_trace(trace_id)
    return UUID(trace_id)


def _no_trace(trace_id: str) -> ApiError:
    return ApiError(404, f"This project has no trace with this id.{_hint(trace_id.strip())}")


def _hint(trace_id: str) -> str:
    """Return a sentence on how to list the spans of an OpenTelemetry trace id, or "" for another id."""
    if not _OTEL_TRACE_ID.fullmatch(trace_id):
        return ""
    return f" For an OpenTelemetry trace id use GET /v1/traces?otel_trace_id={trace_id}&operation=all."
