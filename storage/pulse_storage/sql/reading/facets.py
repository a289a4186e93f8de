"""Counts the values of fields: from rollups if these have the field and the filter, else in rows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from pulse_storage.queries.facets import Facet, FacetField, FacetQuery, filter_of_field, most_frequent
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.sql.connection import Connection, SqlDialect
from pulse_storage.sql.reading.conditions import COST_TERMS, index_for, is_of_usage_keys
from pulse_storage.sql.reading.counts import calls_by_key
from pulse_storage.sql.reading.scan import batches, within

_MODEL = "coalesce(model_used, model_requested)"
#: Fields of usage keys.
_KEY_FACTS: Mapping[FacetField, str] = {
    "model": _MODEL,
    "provider": "provider",
    "status": "status",
    "operation": "operation",
}
#: Columns of `spans` that the counts of a field read, if not the column of its name.
_COLUMNS: Mapping[FacetField, Sequence[str]] = {
    "model": ("model_used", "model_requested"),
    "tag": ("tags",),
    "cost": ("cost_nano_usd", "cost_source", "usage_key", "input_tokens", "output_tokens", "status"),
}
_ANY_COST = " OR ".join(f"({term})" for term in COST_TERMS.values())

_Counts = dict[FacetField, Counter[str | None]]


def facets(connection: Connection, project: int, query: FacetQuery) -> dict[FacetField, Facet]:
    """Return the facet of each field of the query."""
    deadline_s = time.monotonic() + query.seconds
    found: dict[FacetField, Facet] = {}
    of_rows: dict[TraceFilter, list[FacetField]] = {}
    for field in query.fields:
        where = filter_of_field(query.filter, field)
        if field in _KEY_FACTS and is_of_usage_keys(where):
            counts = _counts_of_keys(connection, project, where, field)
            found[field] = Facet(most_frequent(counts, query.values))
        else:
            of_rows.setdefault(where, []).append(field)
    # The fields of the whole filter first: they share one scan.
    for where, fields in sorted(of_rows.items(), key=lambda item: -len(item[1])):
        counts, newest = _counts_of_rows(connection, project, where, fields, query.newest, deadline_s)
        for field in fields:
            found[field] = Facet(most_frequent(counts[field], query.values), newest)
    return {field: found[field] for field in query.fields}


def _counts_of_keys(
    connection: Connection, project: int, where: TraceFilter, field: FacetField
) -> Counter[str | None]:
    facts = dict(
        connection.execute(
            f"SELECT key, {_KEY_FACTS[field]} FROM usage_keys WHERE project = ?", (project,)
        ).fetchall()
    )
    counts = Counter[str | None]()
    for key, calls in calls_by_key(connection, project, where).items():
        if calls:
            counts[facts[key]] += calls
    return counts


def _counts_of_rows(
    connection: Connection,
    project: int,
    where: TraceFilter,
    fields: Sequence[FacetField],
    newest: int,
    deadline_s: float,
) -> tuple[_Counts, int | None]:
    """Count the values of fields in the newest matching rows; return also how many, None if in all of them.

    One batch at least is counted, even after the deadline.
    """
    dialect = connection.dialect
    index = dialect.indexed_by(index_for(where))
    columns = ", ".join(dict.fromkeys(column for field in fields for column in _COLUMNS.get(field, (field,))))
    counts: _Counts = {field: Counter() for field in fields}
    rows = 0
    for batch in batches(connection, project, where, "desc"):
        conditions = within(dialect, project, where, "desc", batch)
        found = connection.execute(
            f"WITH newest AS MATERIALIZED (SELECT {columns} FROM spans{index} WHERE {conditions.sql()}"
            f" ORDER BY id DESC LIMIT {newest - rows:d}) {_counted(dialect, fields)}",
            conditions.bindings,
        )
        for number, value, count in found:
            if number < 0:
                rows += count
            elif count:
                counts[fields[number]][value] += count
        if rows >= newest or (batch[1] is not None and time.monotonic() > deadline_s):
            return counts, rows
    return counts, None


def _counted(dialect: SqlDialect, fields: Sequence[FacetField]) -> str:
    """Return a query over `newest`: number of the field, value and count; the number -1 is for all rows."""
    parts = ["SELECT -1, CAST(NULL AS text), count(*) FROM newest"]
    for number, field in enumerate(fields):
        match field:
            case "tag":
                tags = dialect.unnest_tags("newest.tags")
                parts.append(f"SELECT {number:d}, tag.value, count(*) FROM newest{tags} GROUP BY 2")
            case "cost":
                parts += [
                    f"SELECT {number:d}, '{value}', count(*) FROM newest WHERE {term}"
                    for value, term in COST_TERMS.items()
                ]
                parts.append(f"SELECT {number:d}, NULL, count(*) FROM newest WHERE ({_ANY_COST}) IS NOT TRUE")
            case _:
                value = _MODEL if field == "model" else field
                parts.append(f"SELECT {number:d}, {value}, count(*) FROM newest GROUP BY 2")
    return " UNION ALL ".join(parts)
