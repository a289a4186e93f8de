"""Convert the write requests of a commit to incoming rows, and the outcomes to one result per request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pulse_storage.reconciliation.keep import stored_unconditionally
from pulse_storage.rows import IngestResult, Outcome
from pulse_storage.runtime.writer import WriteRequest
from pulse_storage.sql.writing.incoming_rows import IncomingRow


def incoming_rows_of(calls: Iterable[WriteRequest]) -> list[IncomingRow]:
    """Return the rows of all requests, in order."""
    return [
        IncomingRow(row, wanted)
        for call in calls
        for row, wanted in zip(
            call.rows, stored_unconditionally(call.rows, keep_all=call.keep_all), strict=True
        )
    ]


def results_for(calls: Iterable[WriteRequest], outcomes: Sequence[Outcome | str]) -> list[IngestResult]:
    """Return one result per request, from the outcomes of all rows."""
    results: list[IngestResult] = []
    start = 0
    for call in calls:
        end = start + len(call.rows)
        results.append(IngestResult.of(outcomes[start:end]))
        start = end
    return results
