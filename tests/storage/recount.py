"""Computes sums and counters again from the rows, in SQL that every engine understands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from tests.support.rows import DAY_NS, HOUR_NS

from pulse_storage.ids import time_of

#: Runs a query and answers its rows.
Query = Callable[[str], Sequence[tuple[object, ...]]]


def recount(query: Query) -> None:
    """Fail unless sums and counters agree with the rows."""
    for kept, recounted in _RECOUNTS:
        assert query(kept) == query(recounted)
    dropped_ns = _dropped_before_ns(query)
    deleted = {project for (project,) in query(_DELETED)}
    for unit_ns, kept, recounted in _RECOUNTED_SUMS:

        def is_complete(row: tuple[object, ...], unit_ns: int = unit_ns) -> bool:
            if row[0] in deleted:
                return False
            start_ns = cast("int", row[1]) * unit_ns
            return start_ns >= dropped_ns.get(row[0], start_ns)

        assert list(filter(is_complete, query(kept))) == list(filter(is_complete, query(recounted)))


def _dropped_before_ns(query: Query) -> dict[object, int]:
    """By project, the time from which on retention has left every row."""
    marks = query("SELECT project, rows_from FROM retention WHERE length(rows_from) = 16")
    return {project: time_of(cast("bytes", mark)) + 245 for project, mark in marks}


#: Projects whose deletion may not be finished: rows go before sums.
_DELETED = "SELECT key FROM projects WHERE deleted_ns IS NOT NULL"

_RECOUNTED_SUMS = (
    (
        HOUR_NS,
        "SELECT * FROM rollup_hour ORDER BY 1, 2, 3",
        """SELECT project,
            start_ns / 3600000000000 - CASE WHEN start_ns % 3600000000000 < 0 THEN 1 ELSE 0 END,
            usage_key, count(*), count(latency_ms),
            CAST(coalesce(sum(floor(latency_ms * 1000 + 0.5)), 0) AS bigint),
            CAST(coalesce(sum(input_tokens), 0) AS bigint), CAST(coalesce(sum(output_tokens), 0) AS bigint),
            CAST(coalesce(sum(cost_nano_usd), 0) AS bigint), count(*) FILTER (
                WHERE cost_nano_usd IS NULL AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0
            ),
            count(*) FILTER (WHERE input_tokens IS NULL AND output_tokens IS NULL AND status <> 'error')
        FROM spans WHERE usage_key IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    ),
    (
        DAY_NS,
        "SELECT * FROM latency_day ORDER BY 1, 2, 3, 4",
        """SELECT project,
            start_ns / 86400000000000 - CASE WHEN start_ns % 86400000000000 < 0 THEN 1 ELSE 0 END,
            latency_bucket, usage_key, count(*)
        FROM spans WHERE usage_key IS NOT NULL AND latency_bucket IS NOT NULL
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    ),
)

_RECOUNTS = (
    (
        f"SELECT key, calls FROM usage_keys WHERE calls > 0 AND project NOT IN ({_DELETED}) ORDER BY 1",
        "SELECT usage_key, count(*) FROM spans WHERE usage_key IS NOT NULL"
        f" AND project NOT IN ({_DELETED}) GROUP BY 1 ORDER BY 1",
    ),
    (
        """SELECT spans.id FROM spans INNER JOIN usage_keys ON key = usage_key
        WHERE spans.project <> usage_keys.project OR spans.provider IS DISTINCT FROM usage_keys.provider
            OR spans.model_requested IS DISTINCT FROM usage_keys.model_requested
            OR spans.model_used IS DISTINCT FROM usage_keys.model_used
            OR spans.operation IS DISTINCT FROM usage_keys.operation OR spans.status <> usage_keys.status""",
        "SELECT id FROM spans WHERE FALSE",
    ),
    (
        "SELECT 1 FROM usage_keys GROUP BY project, provider, model_requested, model_used, operation, status"
        " HAVING count(*) > 1",
        "SELECT 1 FROM spans WHERE FALSE",
    ),
    (
        "SELECT 1 FROM spans GROUP BY project, otel_trace_id, otel_span_id HAVING count(*) > 1",
        "SELECT 1 FROM spans WHERE FALSE",
    ),
    (
        "SELECT digest FROM content_parts ORDER BY digest",
        """SELECT digest FROM content_parts INNER JOIN content_blocks ON id = block
        WHERE content_parts.project = content_blocks.project AND content_parts.week = content_blocks.week
        ORDER BY digest""",
    ),
)
