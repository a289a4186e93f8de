"""A project can be copied from every store into every other one: raw rows mean the same everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.storage.backends import Backend
from tests.storage.corpus import corpus
from tests.storage.memory.backend import MemoryBackend
from tests.storage.model import snapshot
from tests.storage.test_conformance_events import assemble, part
from tests.support.rows import DAY_NS, NOON_NS

from pulse_storage import ProjectPrices, Store
from pulse_storage.copying import copy
from pulse_storage.queries.filters import AnalyticsQuery
from pulse_storage.retention import RetentionPolicy

pytestmark = pytest.mark.anyio

_ALL = AnalyticsQuery(from_ns=NOON_NS - 30 * DAY_NS, before_ns=NOON_NS + 30 * DAY_NS, group_by="model")


@pytest.fixture
async def memory(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    store = MemoryBackend().open(tmp_path_factory.mktemp("memory"))
    yield store
    await store.close()


async def test_project_copied_there_and_back_is_the_same(
    storage: Store, memory: Store, backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = corpus(12)
    await storage.ingest(rows, keep_all=True)
    await storage.ingest_events("p", [part(number, rows[number % 3]) for number in range(1, 9)], assemble)
    await storage.put_project_prices("p", ProjectPrices("{}", 7))
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=400))
    back = backend.open(folder := tmp_path_factory.mktemp("back"))
    for source, target in ((storage, memory), (memory, back)):
        done = await copy(source, target)
        assert [project.verified for project in done] == [True, True]
        assert await copy(source, target) == [
            type(each)(each.project, 0, each.put_events, 1, each.source, each.target) for each in done
        ]
    for copied in (memory, back):
        assert await snapshot(copied, "p") == await snapshot(storage, "p")
        assert (await copied.analytics("p", _ALL)).total == (await storage.analytics("p", _ALL)).total
        assert await copied.project_settings("p") == await storage.project_settings("p")
    # Further spans and log events join the copied ones.
    for store in (storage, memory, back):
        await store.ingest_events("p", [part(20, rows[5])], assemble)
        assert (await store.ingest(rows, keep_all=True)).stored == 0
    assert await snapshot(back, "p") == await snapshot(storage, "p") == await snapshot(memory, "p")
    await back.close()
    backend.check(folder)
