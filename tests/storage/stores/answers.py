"""Collect the answers of a store as JSON values, for comparison between versions of Pulse."""

from __future__ import annotations

import json
from typing import Any, cast, get_args

import orjson
from tests.support.rows import DAY_NS, NOON_NS

from pulse_storage import Store
from pulse_storage.queries.filters import (
    ALL_OPERATIONS,
    AnalyticsQuery,
    GroupBy,
    Page,
    ScanBudget,
    TraceFilter,
)
from pulse_storage.trace_json import trace_object

_FROM_NS, _BEFORE_NS = NOON_NS - 10 * DAY_NS, NOON_NS + 10 * DAY_NS
_ALL = TraceFilter(operation=ALL_OPERATIONS, counted=None)
_FILTERS = (
    _ALL,
    TraceFilter(),
    TraceFilter(model="gpt-5"),
    TraceFilter(session_id="s1", counted=None),
    TraceFilter(user_id="u1", tag="beta"),
    TraceFilter(status="error"),
    TraceFilter(service="shop", environment="prod"),
    TraceFilter(text="world"),
    TraceFilter(min_latency_ms=300, min_cost_nano_usd=1000),
)


async def answers(storage: Store) -> dict[str, Any]:
    """Return projects, keys, prices, and per project all rows, pages, counts, searches and analytics."""
    found: dict[str, Any] = {
        "projects": [list(project) for project in await storage.list_projects()],
        "keys": [[*key, sorted(key.scopes)] for key in await storage.list_keys("p")],
        "prices": await storage.project_prices("p"),
    }
    for project_id in ("p", "q"):
        found[project_id] = await _project_answers(storage, project_id)
    # Not orjson: a stored document may contain a lone surrogate.
    return json.loads(orjson.dumps(found, default=_plain, option=orjson.OPT_NON_STR_KEYS))


async def _project_answers(storage: Store, project_id: str) -> dict[str, Any]:
    rows = (await storage.list_traces(project_id, _ALL, Page(limit=1000))).rows
    whole = [await storage.get_trace(project_id, row.trace_id) for row in rows]
    page = Page(limit=1000, budget=ScanBudget(seconds=60))
    search = await storage.search_traces(project_id, _ALL, "world", page)
    analytics = {
        group_by: await storage.analytics(
            project_id, AnalyticsQuery(from_ns=_FROM_NS, before_ns=_BEFORE_NS, group_by=group_by)
        )
        for group_by in get_args(GroupBy)
    }
    return {
        "rows": [trace_object(row, bodies=True) for row in whole if row is not None],
        "pages": [
            [row.trace_id for row in (await storage.list_traces(project_id, where, Page(limit=20))).rows]
            for where in _FILTERS
        ],
        "counts": [await storage.count_traces(project_id, where, seconds=60) for where in _FILTERS],
        "search": [row.trace_id for row in search.rows],
        "analytics": {
            name: {
                "total": answer.total,
                "groups": sorted(
                    ([group.key, group.summary] for group in answer.groups), key=lambda pair: str(pair[0])
                ),
            }
            for name, answer in analytics.items()
        },
        "unpriced": await storage.unpriced_models(project_id, _FROM_NS, _BEFORE_NS),
        "unknown_usage": await storage.unknown_usage_models(project_id, _FROM_NS, _BEFORE_NS),
    }


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[str]", value))
    if isinstance(value, tuple):
        return list(cast("tuple[object, ...]", value))
    raise TypeError(type(value))
