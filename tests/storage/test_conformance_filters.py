"""Any filters together, any page size, order and range: every store answers as a plain list of rows would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.backends import Backend, lasting_store
from tests.storage.corpus import varied_corpus
from tests.storage.model import assert_summary, everything, grouped, in_query, matching
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, project

from pulse_storage import Store, TraceRecord
from pulse_storage.queries.filters import AnalyticsQuery, CostFilter, Count, GroupBy, Order, Page, TraceFilter

_TIMES_NS = st.one_of(
    st.integers(-2, 3).map(lambda days: NOON_NS + days * DAY_NS),
    st.integers(-60, 90).map(lambda hours: NOON_NS + hours * HOUR_NS),
    st.integers(NOON_NS - 3 * DAY_NS, NOON_NS + 4 * DAY_NS),
)
#: What each field of a filter may ask for: what many rows have, what few have, and what none has.
_FIELDS: Mapping[str, st.SearchStrategy[object]] = {
    "session_id": st.sampled_from(["s1", "s2", "none"]),
    "user_id": st.sampled_from(["u1", "u2", "none"]),
    "provider": st.sampled_from(["openai", "anthropic", "openrouter", "none"]),
    "model": st.sampled_from(["gpt-5", "gpt-5-2025", "gpt-5-mini", "claude-5", "text-embedding-3", "none"]),
    "status": st.sampled_from(["success", "error"]),
    "operation": st.sampled_from(["model", "all", "chat", "embeddings", "invoke_agent", "none"]),
    "counted": st.sampled_from([True, False, None]),
    "service": st.sampled_from(["shop", "search", "none"]),
    "environment": st.sampled_from(["prod", "dev", "none"]),
    "tag": st.sampled_from(["beta", "x%y", "bet"]),
    "from_ns": _TIMES_NS,
    "before_ns": _TIMES_NS,
    "min_latency_ms": st.sampled_from([0, 0.4, 100, 500, 10_000]),
    "min_cost_nano_usd": st.sampled_from([0, 1, 5 * 10**8, 10**10]),
    "max_latency_ms": st.sampled_from([0, 0.4, 100, 500, 10_000]),
    "cost": st.sampled_from(get_args(CostFilter)),
    "finish_reason": st.sampled_from(["stop", "length", "none"]),
    "error_type": st.sampled_from(["RateLimitError", "Timeout", "none"]),
    "release": st.sampled_from(["1.0", "1.1", "none"]),
    "otel_trace_id": st.integers(1, 100).map(lambda trace: trace.to_bytes(16, "big")),
    "text": st.sampled_from(["hello", "0%", "e_t", "ÄRGER", "\\", "日", "none"]),
}


def _chosen(fields: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field: _FIELDS[field] for field in fields})


_FILTERS = st.lists(st.sampled_from(sorted(_FIELDS)), max_size=5, unique=True).flatmap(_chosen)


@pytest.fixture(scope="module")
def filled(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[TraceRecord]]]:
    """A store that no example changes, and what its project p holds."""

    async def fill(storage: Store) -> list[TraceRecord]:
        for project_id, seed in (("p", 21), ("q", 22)):
            await storage.create_project(*project(project_id))
            await storage.ingest(varied_corpus(seed, project_id=project_id), keep_all=True)
        return await everything(storage, "p")

    for storage in lasting_store(backend, tmp_path_factory.mktemp("filled")):
        yield storage, asyncio.run(fill(storage))


@given(fields=_FILTERS, limit=st.integers(1, 60), order=st.sampled_from(get_args(Order)))
@settings(deadline=None)
def test_lists_and_counts_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]], fields: dict[str, Any], limit: int, order: Order
) -> None:
    storage, rows = filled
    where = TraceFilter(**fields)
    expected = matching(rows, where)[:: 1 if order == "desc" else -1]

    async def paged() -> list[TraceRecord]:
        page = Page(limit=limit, order=order)
        found = await storage.list_traces("p", where, page)
        seen = found.rows
        while found.next_cursor is not None:
            assert len(found.rows) <= limit
            found = await storage.list_traces("p", where, replace(page, cursor=found.next_cursor))
            seen = [*seen, *found.rows]
        return seen

    assert [row.trace_id for row in asyncio.run(paged())] == [row.trace_id for row in expected]
    assert asyncio.run(storage.count_traces("p", where)) == Count(len(expected), exact=True)


@given(
    fields=_FILTERS,
    between=st.tuples(_TIMES_NS, _TIMES_NS),
    group_by=st.sampled_from(get_args(GroupBy)),
    limit=st.sampled_from([1, 2, 1000]),
)
@settings(deadline=None)
def test_analytics_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]],
    fields: dict[str, Any],
    between: tuple[int, int],
    group_by: GroupBy,
    limit: int,
) -> None:
    storage, rows = filled
    fields = {name: value for name, value in fields.items() if name not in ("from_ns", "before_ns")}
    query = AnalyticsQuery(
        from_ns=between[0],
        before_ns=between[1],
        group_by=group_by,
        limit=limit,
        filter=TraceFilter(**fields),
    )
    answer = asyncio.run(storage.analytics("p", query))
    expected = in_query(rows, query)
    assert_summary(answer.total, expected)
    groups, rest = grouped(expected, group_by, limit)
    assert {group.key for group in answer.groups} == set(groups)
    for group in answer.groups:
        assert_summary(group.summary, groups[group.key])
    assert (answer.rest is None) is (not rest)
    if answer.rest is not None:
        assert_summary(answer.rest, rest)
