"""The models whose calls used tokens and have no cost."""

from __future__ import annotations

from typing import cast

from pulse_storage.filters import UnpricedModel
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.conditions import Conditions, add_time
from pulse_storage.sql.tables.rollups import HOUR_NS


def unpriced_models(
    connection: Connection, project: int, from_ns: int, before_ns: int
) -> list[UnpricedModel]:
    """Those with counted calls in a half-open range of time, the most called first."""
    hours = (project, from_ns // HOUR_NS, before_ns // HOUR_NS)
    # Only keys of which the sums tell that some call has no cost are looked for among the rows.
    keys = "SELECT usage_key FROM rollup_hour WHERE project = ? AND hour BETWEEN ? AND ? AND unpriced > 0"
    if connection.execute(f"{keys} LIMIT 1", hours).fetchone() is None:
        return []
    conditions = Conditions()
    conditions.add("project = ?", project)
    add_time(conditions, from_ns, before_ns)
    conditions.add(f"usage_key IN ({keys})", *hours)
    dialect = connection.dialect
    rows = connection.execute(
        "SELECT provider, coalesce(model_used, model_requested), count(*),"
        f" {dialect.total('input_tokens')}, {dialect.total('output_tokens')}"
        f" FROM spans{dialect.indexed_by('spans_counted')}"
        f" WHERE {conditions.sql()} AND usage_key IS NOT NULL AND cost_nano_usd IS NULL"
        " AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        conditions.bindings,
    )
    return [
        UnpricedModel(
            cast("str | None", provider),
            cast("str | None", model),
            cast("int", calls),
            int(cast("float", input_tokens)),
            int(cast("float", output_tokens)),
        )
        for provider, model, calls, input_tokens, output_tokens in rows
    ]
