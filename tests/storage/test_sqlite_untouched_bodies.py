"""Lists, counts and sums look at no request or response: they answer the same when those are damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import get_args

import pytest
from tests.storage.corpus import corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.model import snapshot
from tests.support.rows import DAY_NS, NOON_NS, project

from pulse_storage import Store, open_storage
from pulse_storage.queries.filters import AnalyticsQuery, GroupBy, Page

pytestmark = pytest.mark.anyio


async def test_lists_counts_and_sums_touch_no_bodies(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path / 'pulse.db'}")
    await storage.create_project(*project("p"))
    await storage.ingest(corpus(1), keep_all=True)
    assert [row for row in await snapshot(storage, "p") if row and row.request_body and row.response_body]
    before = await _answers(storage)
    with sqlite3.connect(tmp_path / "pulse.db") as connection:
        connection.execute("UPDATE span_bodies SET request_body = x'00', response_body = x'00'")
    connection.close()
    assert await _answers(storage) == before
    whole = await snapshot(storage, "p")
    assert not [row for row in whole if row and (row.request_body or row.response_body)]
    await storage.close()


async def _answers(storage: Store) -> list[object]:
    answers: list[object] = []
    for where in FILTERS:
        answers.append(await storage.list_traces("p", where, Page(limit=1000)))
        answers.append(await storage.count_traces("p", where))
        for group_by in get_args(GroupBy):
            query = AnalyticsQuery(
                from_ns=NOON_NS - DAY_NS + 1, before_ns=NOON_NS + 1, group_by=group_by, filter=where
            )
            answers.append(await storage.analytics("p", query))
    return answers
