"""Find the models whose calls have no cost although they used tokens, or no known tokens."""

from __future__ import annotations

from pulse_storage.queries.filters import UnknownUsageModel, UnpricedModel
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.conditions import Conditions, add_time
from pulse_storage.sql.reading.sums import UNKNOWN_USAGE, UNPRICED
from pulse_storage.sql.tables.rollups import HOUR_NS


def unpriced_models(
    connection: Connection, project: int, from_ns: int, before_ns: int
) -> list[UnpricedModel]:
    """Return the models with unpriced counted calls in a half-open range of time, the most called first."""
    total = connection.dialect.total
    sums = f", {total('input_tokens')}, {total('output_tokens')}"
    return [
        UnpricedModel(
            provider,
            model,
            calls,
            int(input_tokens),
            int(output_tokens),
        )
        for provider, model, calls, input_tokens, output_tokens in _models(
            connection, project, (from_ns, before_ns), "unpriced", UNPRICED, sums
        )
    ]


def unknown_usage_models(
    connection: Connection, project: int, from_ns: int, before_ns: int
) -> list[UnknownUsageModel]:
    """Return the models with successful calls without known tokens in a range, the most called first."""
    return [
        UnknownUsageModel(provider, model, calls)
        for provider, model, calls in _models(
            connection, project, (from_ns, before_ns), "unknown_usage", UNKNOWN_USAGE
        )
    ]


def _models(
    connection: Connection,
    project: int,
    times: tuple[int, int],
    counter: str,
    condition: str,
    sums: str = "",
) -> list[Values]:
    """Group counted calls that meet a condition by provider and model; `counter` is its rollup column."""
    from_ns, before_ns = times
    hours = (project, from_ns // HOUR_NS, before_ns // HOUR_NS)
    # Only keys whose rollups have such calls are looked up among the rows.
    keys = f"SELECT usage_key FROM rollup_hour WHERE project = ? AND hour BETWEEN ? AND ? AND {counter} > 0"
    if connection.execute(f"{keys} LIMIT 1", hours).fetchone() is None:
        return []
    conditions = Conditions()
    conditions.add("project = ?", project)
    add_time(conditions, from_ns, before_ns)
    conditions.add(f"usage_key IN ({keys})", *hours)
    return connection.execute(
        f"SELECT provider, coalesce(model_used, model_requested), count(*){sums}"
        f" FROM spans{connection.dialect.indexed_by('spans_counted')}"
        f" WHERE {conditions.sql()} AND usage_key IS NOT NULL AND {condition}"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        conditions.bindings,
    ).fetchall()
