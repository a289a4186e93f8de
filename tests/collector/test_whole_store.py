"""From telemetry of several dialects to the whole store: order, repetition and batching have no effect."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.storage.backends import lasting_store
from tests.storage.model import anonymous, assert_summary, matching, new_project
from tests.storage.sql_backends import BACKENDS
from tests.support.examples import examples
from tests.support.rows import DAY_NS
from tests.support.spans import RECEIVED_NS, START_NS
from tests.support.telemetry import Sent, requests, telemetry

from pulse_collector.mapping.events import content_of_parts, event_parts
from pulse_collector.mapping.spans import map_spans
from pulse_storage import TraceRecord
from pulse_storage.engines import Store
from pulse_storage.queries.filters import Analytics, AnalyticsQuery, TraceFilter

#: All rows as readers see them (with bodies), and the sums.
_State = tuple[list[TraceRecord], Analytics]


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Open one store for all examples, each in its own projects; its sums are recounted after the last."""
    yield from lasting_store(request.param, tmp_path_factory.mktemp("lasting"))


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(sent=telemetry(), seed=st.integers(0, 1 << 32))
def test_store_depends_only_on_the_set_of_telemetry(lasting: Store, sent: list[Sent], seed: int) -> None:
    at_once = _stored(lasting, [sent])
    assert _stored(lasting, [[one] for one in sent]) == at_once
    assert _stored(lasting, _delivered(sent, Random(seed))) == at_once
    rows, analytics = at_once
    assert_summary(analytics.total, matching(rows, TraceFilter(operation="all")))


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=telemetry(), seed=st.integers(0, 1 << 32))
def test_every_call_counts_once_in_any_number_of_spans(lasting: Store, sent: list[Sent], seed: int) -> None:
    rows, _ = _stored(lasting, _delivered(sent, Random(seed)))
    # The builder numbers each call's own span from 1 on; all other spans repeat calls or wrap them.
    calls = {one.item.span_id for one in sent if int.from_bytes(one.item.span_id) < 20}
    assert sum(row.counted for row in rows) == len(calls)


def _delivered(sent: Sequence[Sent], random: Random) -> list[list[Sent]]:
    """Return the requests reordered, partly repeated, and cut differently."""
    again = [*sent, *random.choices(sent, k=random.randrange(len(sent) + 1))]
    random.shuffle(again)
    batches: list[list[Sent]] = [[]]
    for one in again:
        if random.random() < 0.4:
            batches.append([])
        batches[-1].append(one)
    return batches


def _stored(storage: Store, batches: Sequence[Sequence[Sent]]) -> _State:
    """Return the rows and sums of a new project after these requests."""

    async def deliver() -> _State:
        id = await new_project(storage)
        for batch in batches:
            for request in requests(batch):
                if isinstance(request, ExportLogsServiceRequest):
                    await storage.ingest_events(id, event_parts(request).parts, content_of_parts)
                else:
                    mapped = map_spans(id, request, RECEIVED_NS)
                    assert not mapped.rejected
                    await storage.ingest(mapped.rows, keep_all=True)
        query = AnalyticsQuery(
            from_ns=START_NS - DAY_NS, before_ns=START_NS + DAY_NS, group_by="model", filter=TraceFilter()
        )
        analytics = await storage.analytics(id, query)
        groups = sorted(analytics.groups, key=lambda group: str(group.key))
        return await anonymous(storage, id), Analytics(analytics.total, groups)

    return asyncio.run(deliver())
