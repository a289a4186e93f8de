"""Decide which spans of a request are stored unconditionally."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_storage.rows import SpanRow


def stored_unconditionally(rows: Sequence[SpanRow], *, keep_all: bool) -> list[bool]:
    """Return for each row whether to store it even if the store has no gen-ai span of its trace.

    True for all rows with `keep_all`. Without it, True for rows of traces with a gen-ai span in `rows`, and
    for rows with a session, user or tags: model calls of the trace that arrive later inherit these.
    """
    if keep_all:
        return [True] * len(rows)
    gen_ai = {(row.project_id, row.otel_trace_id) for row in rows if row.gen_ai}
    return [
        (row.project_id, row.otel_trace_id) in gen_ai or bool(row.session_id or row.user_id or row.tags)
        for row in rows
    ]
