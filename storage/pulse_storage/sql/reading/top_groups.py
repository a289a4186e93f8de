"""Groups calls by a dimension in SQL: the top N values by cost, and the sum of all further values."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_storage.queries.filters import Analytics, AnalyticsGroup, AnalyticsQuery, GroupBy
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.conditions import add_usage_keys, index_for, row_conditions
from pulse_storage.sql.reading.sums import Sums, row_sums

NAMES: Mapping[GroupBy, str] = {
    "model": "coalesce(model_used, model_requested)",
    "provider": "provider",
    "user": "user_id",
    "session": "session_id",
    "tag": "tag.value",
    "service": "service",
    "environment": "environment",
}
#: Only the shown groups leave the database, whatever the number of names. It sorts on disk if necessary.
_RANKED = """
WITH by_bucket (
    name, bucket, calls, errors, cost, input, output, unpriced, unknown_usage, latency_calls, latency_us
) AS (
    SELECT {name}, latency_bucket, {sums}
    FROM (SELECT * FROM spans{index} WHERE {conditions}) AS calls{tags} GROUP BY 1, 2
), named AS (
    SELECT *, sum(cost) OVER name AS name_cost, sum(calls) OVER name AS name_calls
    FROM by_bucket WINDOW name AS (PARTITION BY name)
), ranked AS (
    SELECT *, dense_rank() OVER (
        ORDER BY name_cost DESC, name_calls DESC, {binary_collation} NULLS FIRST
    ) AS place FROM named
)
SELECT CASE WHEN place <= {limit:d} THEN place END, min(name), bucket, {sums_as_text}, sum(latency_us)
FROM ranked GROUP BY 1, 3"""
_WHOLE = ("calls", "errors", "cost", "input", "output", "unpriced", "unknown_usage", "latency_calls")


def top_groups(connection: Connection, project: int, query: AnalyticsQuery) -> Analytics:
    """Return the groups of a query by user, session, tag, service or environment, from matching rows.

    The total is the sum of the groups: by tag, a call counts once for each of its tags.
    """
    dialect = connection.dialect
    conditions = row_conditions(dialect, project, query.filter)
    add_usage_keys(conditions, project, query.filter)
    rows = connection.execute(
        _RANKED.format(
            name=NAMES[query.group_by],
            sums=row_sums(dialect),
            index=dialect.indexed_by(index_for(query.filter)),
            tags=dialect.unnest_tags("calls.tags") if query.group_by == "tag" else "",
            binary_collation=dialect.binary_collation("name"),
            conditions=conditions.sql(),
            limit=query.limit,
            sums_as_text=", ".join(dialect.sum_as_text(f"sum({column})") for column in _WHOLE),
        ),
        conditions.bindings,
    )
    total, rest = Sums(), Sums()
    shown: dict[int, tuple[str | None, Sums]] = {}
    for place, name, bucket, *sums in rows:
        group = rest
        if place is not None:
            _, group = shown.setdefault(place, (name, Sums()))
        for each in (group, total):
            each.add(sums, bucket)
    groups = [AnalyticsGroup(name, group.summary()) for name, group in shown.values()]
    return Analytics(total.summary(), groups, rest.summary() if rest.calls else None)
