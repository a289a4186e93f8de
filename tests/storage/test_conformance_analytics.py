"""Every store sums calls as a plain list of rows would."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from tests.storage.corpus import corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.model import (
    assert_summary,
    everything,
    grouped,
    in_query,
)
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, SECOND_NS, span

from pulse_storage import Store, TraceRecord
from pulse_storage.queries.filters import (
    AnalyticsQuery,
    GroupBy,
    TraceFilter,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("group_by", get_args(GroupBy))
async def test_analytics_agree_with_the_rows(storage: Store, group_by: GroupBy) -> None:
    await storage.ingest(corpus(3), keep_all=True)
    await storage.ingest(corpus(4, project_id="q"), keep_all=True)
    rows = await everything(storage, "p")
    ranges = [
        (NOON_NS - 3 * DAY_NS, NOON_NS + 4 * DAY_NS),
        (NOON_NS, NOON_NS + 1),
        (NOON_NS - DAY_NS + 1, NOON_NS + DAY_NS - 1),
        (NOON_NS - 13 * HOUR_NS + 999_999, NOON_NS - 11 * HOUR_NS + 1),
        (NOON_NS + 5_000_001, NOON_NS + 20 * 60 * SECOND_NS + 3),
        (rows[5].start_ns, rows[0].start_ns),
        (rows[5].start_ns + 1, rows[0].start_ns + 1),
        (0, 10**30),
        (-(10**30), NOON_NS),
        (NOON_NS, NOON_NS),
        (NOON_NS, NOON_NS - 1),
    ]
    # A third of the pairs for each grouping, so that every pair is checked with several groupings.
    pairs = list(product(ranges, FILTERS))
    for (from_ns, before_ns), where in pairs[get_args(GroupBy).index(group_by) % 3 :: 3]:
        query = AnalyticsQuery(from_ns=from_ns, before_ns=before_ns, group_by=group_by, filter=where)
        await _assert_analytics(storage, rows, query)


@pytest.mark.parametrize(
    "group_by", ["model", "provider", "user", "session", "tag", "service", "environment"]
)
async def test_most_expensive_groups_are_listed_and_the_rest_summed(
    storage: Store, group_by: GroupBy
) -> None:
    await storage.ingest(corpus(3), keep_all=True)
    rows = await everything(storage, "p")
    # Equal in cost: ranked by calls, then by name.
    alike = [("", "B"), ("", "B"), ("b", "Ä"), ("ä", "日")]
    for number, (model, name) in enumerate(alike, start=1):
        row = span(5_000 + number, start_ns=NOON_NS + number, cost_nano_usd=None, provider=name)
        named = {
            "user_id": name,
            "session_id": name,
            "service": name,
            "environment": name,
            "tags": (name, "b"),
        }
        await storage.ingest([row._replace(model_used=f"{model}{name}", **named)])
    rows = await everything(storage, "p")
    for limit in (1, 2, 3, 4, 1000):
        for where in (TraceFilter(), TraceFilter(user_id="u1"), TraceFilter(model="gpt-5")):
            query = AnalyticsQuery(
                from_ns=NOON_NS - DAY_NS + 1,
                before_ns=NOON_NS + DAY_NS - 1,
                group_by=group_by,
                limit=limit,
                filter=where,
            )
            await _assert_analytics(storage, rows, query)


async def _assert_analytics(storage: Store, rows: list[TraceRecord], query: AnalyticsQuery) -> None:
    answer = await storage.analytics("p", query)
    expected = in_query(rows, query)
    assert_summary(answer.total, expected)
    groups, rest = grouped(expected, query.group_by, query.limit)
    assert {group.key for group in answer.groups} == set(groups), query
    assert len(answer.groups) == len(groups)
    for group in answer.groups:
        assert_summary(group.summary, groups[group.key])
    if answer.rest is None:
        assert not rest
    else:
        assert_summary(answer.rest, rest)


async def test_huge_counts_are_summed_without_overflow(storage: Store) -> None:
    large = (1 << 62) - 1
    await storage.ingest([span(hour, start_ns=hour * HOUR_NS, input_tokens=large) for hour in range(1, 9)])
    answer = await storage.analytics("p", AnalyticsQuery(from_ns=0, before_ns=DAY_NS))
    assert answer.total.input_tokens == pytest.approx(8 * large)
