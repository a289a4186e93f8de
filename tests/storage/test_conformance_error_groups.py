"""Every store groups failed rows, and finds traces that lack spans, as a plain list of rows would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.backends import Backend, lasting_store
from tests.storage.corpus import corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.memory.groups import error_groups, received
from tests.storage.model import EVERYTHING, everything
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, project, span, step

from pulse_storage import Store, TraceRecord
from pulse_storage.queries.error_groups import ErrorQuery
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.queries.received import ReceivedQuery

pytestmark = pytest.mark.anyio

_MESSAGES = (
    "529: overloaded",
    "Rate limit: try again in 3 s",
    "Rate limit: try again in 20 s",
    "ärger 7",
    None,
)
_EDGES = (NOON_NS - 2 * DAY_NS, NOON_NS - HOUR_NS, NOON_NS, NOON_NS + 3 * DAY_NS)


@pytest.fixture(scope="module")
def filled(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[TraceRecord]]]:
    """A store that no example changes, and the rows of its project p."""

    async def fill(storage: Store) -> list[TraceRecord]:
        for project_id, seed in (("p", 23), ("q", 24)):
            await storage.create_project(*project(project_id))
            rows = [
                row._replace(
                    status="error" if number % 2 else row.status, error_message=_MESSAGES[number % 5]
                )
                for number, row in enumerate(corpus(seed, project_id=project_id, traces=120))
            ]
            await storage.ingest(rows, keep_all=True)
        return await everything(storage, "p")

    for storage in lasting_store(backend, tmp_path_factory.mktemp("filled")):
        yield storage, asyncio.run(fill(storage))


@given(where=st.sampled_from(FILTERS), limit=st.sampled_from([1, 3, 1000]))
@settings(deadline=None)
def test_error_groups_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]], where: TraceFilter, limit: int
) -> None:
    storage, rows = filled
    query = ErrorQuery(edges=_EDGES, filter=where, limit=limit, seconds=60)
    assert asyncio.run(storage.error_groups("p", query)) == error_groups(rows, query)


@given(where=st.sampled_from(FILTERS), traces=st.sampled_from([1, 25, 1000]))
@settings(deadline=None)
def test_incomplete_traces_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]], where: TraceFilter, traces: int
) -> None:
    storage, rows = filled
    query = ReceivedQuery(filter=where, traces=traces, seconds=60)
    assert asyncio.run(storage.received("p", query)) == received(rows, query)


async def test_trace_without_the_parent_of_a_span_is_incomplete(storage: Store) -> None:
    await storage.ingest(
        [step(1, trace=1), span(2, trace=1, parent=1), span(3, trace=2, parent=9), span(4, trace=3)]
    )
    found = await storage.received("p", ReceivedQuery(filter=EVERYTHING))
    assert (found.traces, found.incomplete, found.complete) == (3, 1, True)
    assert (await storage.received("none", ReceivedQuery())).newest_ns is None


async def test_messages_that_differ_in_values_are_one_group(storage: Store) -> None:
    rows = [
        span(number, start_ns=NOON_NS + number * 1_000_000, status="error")._replace(
            error_type="RateLimitError", error_message=f"try again in {number} s", user_id=f"u{number % 2}"
        )
        for number in range(1, 6)
    ]
    await storage.ingest(rows)
    query = ErrorQuery(edges=(NOON_NS, NOON_NS + 3_000_000, NOON_NS + HOUR_NS))
    [group] = (await storage.error_groups("p", query)).groups
    assert (group.message, group.calls, group.users) == ("try again in # s", 5, 2)
    assert (group.first_ns, group.last_ns, group.steps) == (
        NOON_NS + 1_000_000,
        NOON_NS + 5_000_000,
        {0: 2, 1: 3},
    )
    assert group.sample_message == "try again in 5 s"
    assert group.sample_message == "try again in 5 s"
    assert (
        await storage.error_groups("p", replace(query, filter=TraceFilter(status="success")))
    ).groups == []
