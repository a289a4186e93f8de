"""Every store counts the values of fields as a plain list of rows would."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.storage.corpus import varied_corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.model import everything, facet
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, span

from pulse_storage import Store
from pulse_storage.queries.facets import FACET_FIELDS, Facet, FacetQuery
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project

pytestmark = pytest.mark.anyio


async def test_facets_of_each_filter_agree_with_the_rows(storage: Store) -> None:
    await storage.ingest(varied_corpus(51), keep_all=True)
    await storage.ingest(varied_corpus(52, project_id="q"), keep_all=True)
    rows = await everything(storage, "p")
    for where in FILTERS:
        for query in (FacetQuery(filter=where), FacetQuery(filter=where, newest=40, values=2)):
            found = await storage.facets("p", query)
            assert list(found) == list(FACET_FIELDS)
            for field, counted in found.items():
                assert counted == facet(rows, field, query), (field, where)


async def test_facets_of_a_range_read_hours_from_rollups_and_edges_from_rows(storage: Store) -> None:
    await storage.ingest(varied_corpus(53), keep_all=True)
    rows = await everything(storage, "p")
    for from_ns, before_ns in (
        (NOON_NS - DAY_NS + 17, NOON_NS + DAY_NS - 17),
        (NOON_NS - 2 * HOUR_NS, None),
        (None, NOON_NS + 1),
        (NOON_NS + 1, NOON_NS),
    ):
        query = FacetQuery(
            fields=("operation", "model", "user_id"),
            filter=TraceFilter(from_ns=from_ns, before_ns=before_ns, provider="openai"),
        )
        found = await storage.facets("p", query)
        assert found == {field: facet(rows, field, query) for field in query.fields}


async def test_facets_do_not_count_rows_that_retention_deleted(storage: Store) -> None:
    calls = [span(number, start_ns=NOON_NS + number * 600_000_000_000) for number in range(30)]
    await storage.ingest(calls)
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=1))
    now_ns = NOON_NS + DAY_NS + 2 * HOUR_NS + 1_500_000_000_000
    await storage.maintenance.apply([Project("p", "p", 0)], KEEP_EVERYTHING, now_ns)
    kept = await everything(storage, "p")
    assert 0 < len(kept) < len(calls)
    for from_ns in (None, NOON_NS - DAY_NS, NOON_NS + 2 * HOUR_NS):
        query = FacetQuery(fields=("model",), filter=TraceFilter(from_ns=from_ns))
        assert (await storage.facets("p", query))["model"].values == [("gpt-5-2025", len(kept))]


async def test_facets_after_the_budget_count_the_newest_rows_read_so_far(storage: Store) -> None:
    await storage.ingest([span(number, service=f"s{number % 3}") for number in range(9_000)])
    query = FacetQuery(fields=("release",), filter=TraceFilter(service="s1"), seconds=0)
    found = (await storage.facets("p", query))["release"]
    assert found.newest is None or found.values == [(None, found.newest)]
    unhurried = await storage.facets("p", replace(query, seconds=60))
    assert unhurried == {"release": Facet([(None, 3_000)])}


async def test_facets_of_an_unknown_project_are_empty(storage: Store) -> None:
    query = FacetQuery(fields=("tag", "model"))
    assert await storage.facets("none", query) == {"tag": Facet([]), "model": Facet([])}
