"""From telemetry of several dialects to the whole store: neither order, repetition nor batching change it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.storage.backends import BACKENDS, Backend
from tests.storage.model import assert_summary, matching, snapshot
from tests.support.rows import DAY_NS, project
from tests.support.spans import RECEIVED_NS, START_NS
from tests.support.telemetry import Sent, requests, telemetry

from pulse_collector.mapping.events import content_of_parts, event_parts
from pulse_collector.mapping.spans import map_spans
from pulse_storage import TraceRecord
from pulse_storage.filters import Analytics, AnalyticsQuery, TraceFilter

#: All rows as readers see them (with bodies), and the sums.
_State = tuple[list[TraceRecord], Analytics]


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(sent=telemetry(), seed=st.integers(0, 1 << 32))
def test_the_whole_store_depends_on_the_set_of_telemetry_only(
    backend: Backend, sent: list[Sent], seed: int
) -> None:
    at_once = _stored(backend, [sent])
    assert _stored(backend, [[one] for one in sent]) == at_once
    assert _stored(backend, _delivered(sent, Random(seed))) == at_once
    rows, analytics = at_once
    assert_summary(analytics.total, matching(rows, TraceFilter(operation="all")))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=telemetry(), seed=st.integers(0, 1 << 32))
def test_every_call_counts_once_however_many_spans_tell_of_it(
    backend: Backend, sent: list[Sent], seed: int
) -> None:
    rows, _ = _stored(backend, _delivered(sent, Random(seed)))
    # The builder numbers each call's own span from 1 on; all other spans repeat calls or wrap them.
    calls = {one.item.span_id for one in sent if int.from_bytes(one.item.span_id) < 20}
    assert sum(row.counted for row in rows) == len(calls)


def _delivered(sent: Sequence[Sent], random: Random) -> list[list[Sent]]:
    """In another order, some of it twice, cut into other requests."""
    again = [*sent, *random.choices(sent, k=random.randrange(len(sent) + 1))]
    random.shuffle(again)
    batches: list[list[Sent]] = [[]]
    for one in again:
        if random.random() < 0.4:
            batches.append([])
        batches[-1].append(one)
    return batches


def _stored(backend: Backend, batches: Sequence[Sequence[Sent]]) -> _State:
    """What a store holds after these requests; that its sums equal a recount of its rows is checked."""

    async def deliver(folder: Path) -> _State:
        storage = backend.open(folder)
        await storage.create_project(*project())
        for batch in batches:
            for request in requests(batch):
                if isinstance(request, ExportLogsServiceRequest):
                    await storage.ingest_events("p", event_parts(request).parts, content_of_parts)
                else:
                    mapped = map_spans("p", request, RECEIVED_NS)
                    assert not mapped.rejected
                    await storage.ingest(mapped.rows, keep_all=True)
        rows = [row for row in await snapshot(storage, "p") if row is not None]
        query = AnalyticsQuery(
            from_ns=START_NS - DAY_NS, before_ns=START_NS + DAY_NS, group_by="model", filter=TraceFilter()
        )
        analytics = await storage.analytics("p", query)
        await storage.close()
        groups = sorted(analytics.groups, key=lambda group: str(group.key))
        return rows, Analytics(analytics.total, groups)

    with tempfile.TemporaryDirectory() as folder:
        state = asyncio.run(deliver(Path(folder)))
        backend.check(Path(folder))
        return state
