"""Combinations of facts that nothing refers to are deleted, and no process uses their numbers again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import DAY_NS, NOON_NS, project, span

from pulse_storage import SpanRow, Store
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project

pytestmark = pytest.mark.anyio

_PROJECT = Project("p", "project p", NOON_NS)
_KEYS = "SELECT model_used, calls FROM usage_keys ORDER BY 1"


def _models(*names: str, first: int = 1, user_id: str | None = None) -> list[SpanRow]:
    return [span(first + at, model_used=name, user_id=user_id) for at, name in enumerate(names)]


async def _maintain(storage: Store, policy: RetentionPolicy = KEEP_EVERYTHING) -> None:
    await storage.maintenance.apply([_PROJECT], policy, NOON_NS + 9 * DAY_NS)


async def test_keys_go_with_the_last_row_and_sum(backend: SqlBackend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    await storage.ingest(_models("kept", "erased"))
    await storage.ingest(_models("erased too", *[f"m{n}" for n in range(1_500)], first=100, user_id="u"))
    await storage.maintenance.erase(await storage.order_erasure("p", "user_id", "u"))
    await _maintain(storage)
    await storage.close()
    assert backend.query(tmp_path, _KEYS) == [("erased", 1), ("kept", 1)]
    backend.check(tmp_path)


async def test_sums_outlive_their_rows_and_keep_their_keys(backend: SqlBackend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    await storage.ingest(_models("old"))
    await _maintain(storage, RetentionPolicy(rows_days=1))
    await storage.close()
    assert backend.query(tmp_path, _KEYS) == [("old", 0)]
    assert backend.query(tmp_path, "SELECT sum(calls) FROM rollup_hour") == [(1,)]
    backend.check(tmp_path)


async def test_another_process_looks_again_for_keys_that_were_deleted(
    backend: SqlBackend, tmp_path: Path
) -> None:
    remembers, deletes = backend.open(tmp_path), backend.open(tmp_path)
    await remembers.create_project(*project("p"))
    await remembers.ingest(_models("model", user_id="u"))
    await deletes.maintenance.erase(await deletes.order_erasure("p", "user_id", "u"))
    await _maintain(deletes)
    await remembers.ingest(_models("model", first=2))
    await deletes.ingest(_models("model", first=3))
    for storage in (remembers, deletes):
        await storage.close()
    assert backend.query(tmp_path, _KEYS) == [("model", 2)]
    # Rows and sums refer to keys that are there.
    backend.check(tmp_path)
