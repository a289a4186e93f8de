"""Every store sums calls by step of time as a plain list of rows would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import astuple, replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.backends import Backend, lasting_store
from tests.storage.corpus import corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.memory.timeseries import call_sums, in_steps, latencies, timeseries
from tests.storage.model import everything
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, project, span

from pulse_storage import Store, TraceRecord
from pulse_storage.queries.error_groups import ErrorQuery
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.queries.latencies import LatencyQuery
from pulse_storage.queries.timeseries import (
    CallSums,
    Measure,
    Series,
    SeriesBy,
    Timeseries,
    TimeseriesQuery,
)
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project

pytestmark = pytest.mark.anyio

_MINUTE_NS = HOUR_NS // 60
_EDGES: dict[str, tuple[int, ...]] = {
    "hours": tuple(range(NOON_NS - 2 * DAY_NS, NOON_NS + 3 * DAY_NS + 1, HOUR_NS)),
    "days": tuple(range(NOON_NS - 3 * DAY_NS, NOON_NS + 4 * DAY_NS + 1, DAY_NS)),
    "off the hour": tuple(range(NOON_NS - 2 * DAY_NS + HOUR_NS // 2, NOON_NS + 2 * DAY_NS, 6 * HOUR_NS)),
    "daylight saving": tuple(NOON_NS + hours * HOUR_NS for hours in (-60, -36, -13, 11, 36, 60)),
    "cut": (NOON_NS - DAY_NS + 1, NOON_NS - HOUR_NS, NOON_NS, NOON_NS + HOUR_NS, NOON_NS + 999_999),
    "minutes": tuple(range(NOON_NS, NOON_NS + HOUR_NS + 1, _MINUTE_NS)),
    "all": (0, 10**30),
    "one": (NOON_NS, NOON_NS + 1),
    "none": (NOON_NS, NOON_NS),
}
_BY: list[SeriesBy | None] = [None, *get_args(SeriesBy)]


@pytest.fixture(scope="module")
def filled(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[TraceRecord]]]:
    """A store that no example changes, and the rows of its project p."""

    async def fill(storage: Store) -> list[TraceRecord]:
        for project_id, seed in (("p", 21), ("q", 22)):
            await storage.create_project(*project(project_id))
            rows = [
                row._replace(
                    cache_read_tokens=(None, 0, 7)[number % 3],
                    cost_source=None if row.cost_nano_usd is None else ("reported", "computed")[number % 2],
                    cost_nano_usd=0 if number % 7 == 0 else row.cost_nano_usd,
                )
                if row.model_call
                else row
                for number, row in enumerate(corpus(seed, project_id=project_id, traces=150))
            ]
            await storage.ingest(rows, keep_all=True)
        return await everything(storage, "p")

    for storage in lasting_store(backend, tmp_path_factory.mktemp("filled")):
        yield storage, asyncio.run(fill(storage))


@given(
    steps=st.sampled_from(sorted(_EDGES)),
    by=st.sampled_from(_BY),
    measure=st.sampled_from(get_args(Measure)),
    top=st.sampled_from([1, 2, 1000]),
    where=st.sampled_from(FILTERS),
    max_rows=st.sampled_from([0, 1_000_000]),
)
@settings(deadline=None)
def test_sums_by_step_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]],
    steps: str,
    by: SeriesBy | None,
    measure: Measure,
    top: int,
    where: TraceFilter,
    max_rows: int,
) -> None:
    storage, rows = filled
    query = TimeseriesQuery(
        edges=_EDGES[steps],
        by=by,
        measure=measure,
        top=top,
        filter=where,
        max_rows=max_rows,
        seconds=60,
    )
    answer = asyncio.run(storage.timeseries("p", query))
    _assert_equal(answer, timeseries(rows, [], query), from_rows=max_rows > 0)


@given(steps=st.sampled_from(sorted(_EDGES)), where=st.sampled_from(FILTERS))
@settings(deadline=None)
def test_latencies_by_step_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]], steps: str, where: TraceFilter
) -> None:
    storage, rows = filled
    query = LatencyQuery(edges=_EDGES[steps], filter=where, seconds=60)
    assert asyncio.run(storage.latencies("p", query)) == latencies(rows, [], query)


def _assert_equal(got: Timeseries, expected: Timeseries, *, from_rows: bool) -> None:
    assert (got.complete, got.complete_from_ns) == (True, None)
    assert [series.key for series in got.series] == [series.key for series in expected.series]
    for series, wanted in zip(
        [*got.series, *filter(None, [got.other])], [*expected.series, *filter(None, [expected.other])],
        strict=True,
    ):  # fmt: skip
        _assert_series(series, wanted, from_rows=from_rows)
    _assert_sums(got.total, expected.total, from_rows=from_rows)
    for name in ("p50_latency_ms", "p95_latency_ms", "p99_latency_ms"):
        assert getattr(got, name) == getattr(expected, name)


def _assert_series(got: Series, expected: Series, *, from_rows: bool) -> None:
    assert got.steps.keys() == expected.steps.keys()
    for number, sums in got.steps.items():
        _assert_sums(sums, expected.steps[number], from_rows=from_rows)
    _assert_sums(got.total, expected.total, from_rows=from_rows)


def _assert_sums(got: CallSums, expected: CallSums, *, from_rows: bool) -> None:
    if from_rows:
        assert got == expected
        return
    # Rollups have no sum of cached tokens and no source of costs, and zero for unknown tokens.
    known: dict[str, Any] = {
        name: None
        for name in (
            *("cache_read_tokens", "reported_nano_usd", "computed_nano_usd", "priced", "known_usage"),
            *(name for name in ("input_tokens", "output_tokens") if getattr(expected, name) == 0),
        )
        if getattr(got, name) is None
    }
    assert got == replace(expected, **known)


@pytest.mark.parametrize("by", _BY)
@pytest.mark.parametrize("max_rows", [0, 1000])
async def test_series_and_other_add_up_to_the_total(
    storage: Store, by: SeriesBy | None, max_rows: int
) -> None:
    await storage.ingest(corpus(3), keep_all=True)
    query = TimeseriesQuery(edges=_EDGES["hours"], by=by, top=2, max_rows=max_rows)
    answer = await storage.timeseries("p", query)
    rows = in_steps(await everything(storage, "p"), query)
    assert answer.total.calls == len(rows)
    assert answer.total.cost_nano_usd == call_sums(rows).cost_nano_usd
    parts = [*answer.series, *([answer.other] if answer.other else [])]
    calls = sum(part.total.calls for part in parts)
    assert calls == len(rows) if by != "tag" else calls >= len(rows)
    for part in parts:
        assert sum(sums.calls for sums in part.steps.values()) == part.total.calls


async def test_step_without_known_cost_has_no_cost(storage: Store) -> None:
    costs: Mapping[int, int | None] = {1: None, 2: 0, 3: 5}
    calls = [span(hour, start_ns=NOON_NS + hour * HOUR_NS) for hour in costs]
    await storage.ingest(
        [
            row._replace(cost_nano_usd=cost, input_tokens=None, output_tokens=None)
            for row, cost in zip(calls, costs.values(), strict=True)
        ]
    )
    for max_rows in (0, 10):
        query = TimeseriesQuery(
            edges=tuple(range(NOON_NS, NOON_NS + 5 * HOUR_NS, HOUR_NS)), by="model", max_rows=max_rows
        )
        [series] = (await storage.timeseries("p", query)).series
        assert {step: sums.cost_nano_usd for step, sums in series.steps.items()} == costs
        assert series.total.cost_nano_usd == 5


async def test_steps_after_the_deadline_are_reported_as_incomplete(storage: Store) -> None:
    # More rows than one batch: a store that reads rows ends after the first one.
    rows = [span(number, start_ns=NOON_NS + number * 1_000_000) for number in range(1, 5_501)]
    await storage.ingest(rows)
    edges = tuple(range(NOON_NS, NOON_NS + 6_000_000_001, 100_000_000))
    query = TimeseriesQuery(edges=edges, by="user", seconds=60)
    whole = await storage.timeseries("p", query)
    assert (whole.total.calls, whole.complete) == (len(rows), True)
    hurried = await storage.timeseries("p", replace(query, seconds=0))
    errors = await storage.error_groups("p", ErrorQuery(edges=edges, seconds=0))
    assert (errors.groups, errors.complete) == ([], True)
    assert hurried.complete is (hurried.complete_from_ns is None)
    complete_from_ns = hurried.complete_from_ns or edges[0]
    assert hurried.complete or NOON_NS < complete_from_ns < NOON_NS + 1_000_000_000
    for step, start_ns in enumerate(edges[:-1]):
        if start_ns >= complete_from_ns:
            assert hurried.series[0].steps.get(step) == whole.series[0].steps.get(step)


async def test_sums_by_hour_keep_calls_that_retention_deleted(storage: Store) -> None:
    day_ns = NOON_NS - NOON_NS % DAY_NS
    calls = [span(hour, start_ns=day_ns + (hour - 3) * HOUR_NS, model_used="m") for hour in (1, 2, 4)]
    await storage.ingest(calls)
    days = TimeseriesQuery(edges=(day_ns - DAY_NS, day_ns, day_ns + DAY_NS), by="model")
    before = await storage.timeseries("p", days)
    of_days = LatencyQuery(edges=days.edges)
    histograms = await storage.latencies("p", of_days)
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=1))
    await storage.maintenance.apply([Project("p", "p", 0)], KEEP_EVERYTHING, day_ns + DAY_NS)
    assert len(await everything(storage, "p")) == 1
    after = await storage.timeseries("p", days)
    for got, expected in ((after.total, before.total), (after.series[0].steps[0], before.series[0].steps[0])):
        assert (got.calls, got.cost_nano_usd) == (expected.calls, expected.cost_nano_usd)
    assert await storage.latencies("p", of_days) == histograms
    from_rows = await storage.timeseries("p", replace(days, by="user"))
    assert from_rows.total.calls == 1


@pytest.mark.parametrize("deleted_hours", [12.5, 23.75, 30])
async def test_total_after_retention_does_not_depend_on_the_time_zone(
    storage: Store, deleted_hours: float
) -> None:
    """In zones such as India's, steps begin at half past the hours of the rollups."""
    day_ns, half_ns = NOON_NS - NOON_NS % DAY_NS, HOUR_NS // 2
    calls = [span(number, start_ns=day_ns + number * half_ns + 1, model_used="m") for number in range(48)]
    await storage.ingest(calls)
    inner = range(day_ns + half_ns, day_ns + DAY_NS, HOUR_NS)
    query = TimeseriesQuery(edges=(day_ns, *inner, day_ns + DAY_NS), by="model")
    before = await storage.timeseries("p", query)
    assert before.total.calls == 48
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=1))
    now_ns = day_ns + DAY_NS + int(deleted_hours * HOUR_NS)
    await storage.maintenance.apply([Project("p", "p", 0)], KEEP_EVERYTHING, now_ns)
    assert len(await everything(storage, "p")) < 26
    after = await storage.timeseries("p", query)
    [series] = after.series
    for got, expected in ((after.total, before.total), (series.total, before.total)):
        assert (got.calls, got.input_tokens) == (expected.calls, expected.input_tokens)
        assert got.cost_nano_usd == expected.cost_nano_usd
    steps = [series.steps[step].calls if step in series.steps else 0 for step in range(25)]
    # Each hour with deleted rows is whole in the step in which it begins; all later steps are exact.
    assert (sum(steps), steps[0]) == (48, 2)
    if deleted_hours < 23:
        assert steps[-3:] == [2, 2, 1]


async def test_unknown_project_has_no_series(storage: Store) -> None:
    answer = await storage.timeseries("none", TimeseriesQuery(edges=(0, NOON_NS)))
    assert (answer.series, answer.other, answer.complete) == ([], None, True)
    assert astuple(answer.total)[:5] == (0, 0, None, None, None)
