"""Decides which spans of one call are worth storing whatever else is stored."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_storage.rows import SpanRow


def stored_unconditionally(rows: Sequence[SpanRow], *, keep_all: bool) -> list[bool]:
    """For each row: True if it is kept in any case, False if only a stored gen-ai span of its trace keeps it.

    Kept are gen-ai spans, those beside one in the same call, and those that name a session, user or tags: the
    calls of their trace, which may all come later, inherit them.
    """
    if keep_all:
        return [True] * len(rows)
    gen_ai = {(row.project_id, row.otel_trace_id) for row in rows if row.gen_ai}
    return [
        (row.project_id, row.otel_trace_id) in gen_ai or bool(row.session_id or row.user_id or row.tags)
        for row in rows
    ]
