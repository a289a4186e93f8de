"""Every store reprices stored calls as if they had been stored at the new prices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.backends import Backend
from tests.storage.model import anonymous, everything, new_project
from tests.support.examples import examples
from tests.support.rows import HOUR_NS, NOON_NS, SECOND_NS, project, span, step

from pulse_storage import SpanRow, Store, TraceRecord
from pulse_storage.queries.filters import (
    Analytics,
    AnalyticsQuery,
    GroupBy,
    Page,
    TraceFilter,
    UnknownUsageModel,
    UnpricedModel,
)
from pulse_storage.reconciliation.skeletons import Skeleton, skeleton
from pulse_storage.repricing import ModelCosts, PriceSpan, Repriced, RepriceJob, SpanCost, SpanReportedCost

pytestmark = pytest.mark.anyio

ALL = RepriceJob(NOON_NS - 24 * HOUR_NS, NOON_NS + 24 * HOUR_NS, "new")


def prices(version: str, by_model: dict[str | None, int], *, override: bool = False) -> PriceSpan:
    """Return a price function: nano-dollars per token, by response model.

    As in the collector, a cost that the span reports has priority, except with `override`.
    """

    def price(span: Skeleton, own: SpanReportedCost) -> SpanCost:
        if own.reported_nano_usd is not None and not override:
            return SpanCost(own.reported_nano_usd, "reported", None)
        rate = by_model.get(span.model_used)
        if rate is not None and span.input_tokens is not None:
            return SpanCost(rate * (span.input_tokens + (span.output_tokens or 0)), "computed", version)
        own_nano_usd = own.estimated_nano_usd if own.reported_nano_usd is None else own.reported_nano_usd
        return (
            SpanCost(None, None, None) if own_nano_usd is None else SpanCost(own_nano_usd, "reported", None)
        )

    return price


OLD = prices("old", {"m1": 3})
NEW = prices("new", {"m1": 5, "m2": 7})


def at(price: PriceSpan, row: SpanRow) -> SpanRow:
    """Return the row with its cost at these prices."""
    if not row.model_call:
        return row
    cost = price(
        skeleton(row, b""), SpanReportedCost(row.reported_cost_nano_usd, row.estimated_cost_nano_usd)
    )
    return row._replace(**cost._asdict())


def _query(group_by: GroupBy) -> AnalyticsQuery:
    return AnalyticsQuery(from_ns=ALL.from_ns, before_ns=ALL.before_ns, group_by=group_by)


async def reprice(
    storage: Store,
    price: PriceSpan,
    job: RepriceJob = ALL,
    *,
    limit: int = 500,
    dry_run: bool = False,
    project_id: str = "p",
) -> Repriced:
    """Run a whole repricing job; return its final report."""
    found = Repriced()
    while not found.done:
        found = await storage.reprice(project_id, job, price, found, limit=limit, dry_run=dry_run)
    return found


async def state(storage: Store, project_id: str = "p") -> tuple[list[TraceRecord], list[Analytics]]:
    """Return all rows, and the sums of each rollup."""
    groups: tuple[GroupBy, ...] = ("hour", "model", "provider")
    sums = [await storage.analytics(project_id, _query(group_by)) for group_by in groups]
    ordered = [Analytics(one.total, sorted(one.groups, key=lambda group: str(group.key))) for one in sums]
    return await anonymous(storage, project_id), ordered


@st.composite
def calls(draw: st.DrawFn) -> list[SpanRow]:
    """Generate spans of three traces with shared calls; some spans report a cost."""
    keys = draw(st.lists(st.integers(0, 17), min_size=1, max_size=12, unique=True))
    return [_call(draw, key) for key in keys]


def _call(draw: st.DrawFn, key: int) -> SpanRow:
    trace = key // 6
    parent = draw(st.none() | st.integers(0, 5))
    make = draw(st.sampled_from((span, span, span, step)))
    row = make(key + 1, trace=trace + 1, parent=None if parent is None else trace * 6 + parent + 1)
    row = row._replace(
        start_ns=NOON_NS + draw(st.sampled_from((0, 1, 40_000_000, 2 * HOUR_NS))),
        provider_request_id=draw(st.sampled_from((None, "r1", "r2"))),
        partner_key=draw(st.sampled_from((None, None, "anthropic:r1", "stream:x"))),
        scope=draw(st.sampled_from(("client", "framework", "anthropic"))),
        dialect=draw(st.sampled_from(("gen-ai", "anthropic-sdk"))),
        status=draw(st.sampled_from(("success", "success", "error"))),
    )
    if not row.model_call:
        return row
    reported, estimated = draw(st.sampled_from((*[(None, None)] * 3, (11, None), (None, 13))))
    return row._replace(
        input_tokens=draw(st.sampled_from((None, 10, 20))),
        output_tokens=draw(st.sampled_from((None, 5))),
        cache_read_tokens=draw(st.sampled_from((None, 0, 4))),
        model_used=draw(st.sampled_from((None, "m1", "m2", "m3"))),
        reported_cost_nano_usd=reported,
        estimated_cost_nano_usd=estimated,
    )


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=calls(), override=st.booleans(), limit=st.integers(1, 5))
def test_repriced_store_equals_one_filled_at_the_new_prices(
    lasting: Store, rows: list[SpanRow], override: bool, limit: int
) -> None:
    new = prices("new", {"m1": 5, "m2": 7}, override=override)

    async def stored(price: PriceSpan) -> str:
        id = await new_project(lasting)
        await lasting.ingest([at(price, row)._replace(project_id=id) for row in rows], keep_all=True)
        return id

    async def compare() -> None:
        repriced, fresh = await stored(OLD), await stored(new)
        before = await state(lasting, repriced)
        preview = await reprice(lasting, new, limit=limit, dry_run=True, project_id=repriced)
        assert await state(lasting, repriced) == before
        report = await reprice(lasting, new, limit=limit, project_id=repriced)
        expected = await state(lasting, fresh)
        assert await state(lasting, repriced) == expected
        assert report == preview
        _assert_report(report, before[0], expected[0])
        # A second run changes nothing.
        again = await reprice(lasting, new, project_id=repriced)
        assert again.changed == 0
        assert {key: costs.after_nano_usd for key, costs in again.models.items()} == {
            key: costs.after_nano_usd for key, costs in report.models.items()
        }
        # Repricing at the old prices restores the state: costs reported by spans are kept.
        await reprice(lasting, OLD, limit=limit, project_id=repriced)
        assert await state(lasting, repriced) == before

    asyncio.run(compare())


def _assert_report(report: Repriced, before: Sequence[TraceRecord], after: Sequence[TraceRecord]) -> None:
    expected: dict[tuple[str | None, str | None], ModelCosts] = {}
    for old, new in zip(before, after, strict=True):
        if not new.counted:
            continue
        key = new.provider, new.model_used or new.model_requested
        used = (new.input_tokens or 0) + (new.output_tokens or 0) > 0
        expected[key] = expected.get(key, ModelCosts()).plus(
            ModelCosts(
                1,
                old.cost_nano_usd or 0,
                new.cost_nano_usd or 0,
                old.cost_nano_usd is None and new.cost_nano_usd is not None,
                used and new.cost_nano_usd is None,
            )
        )
    assert report.models == expected
    # A span's own cost can change while the effective cost of its row stays, so `changed` may be higher.
    assert report.changed >= sum(old != new for old, new in zip(before, after, strict=True))


async def test_interrupted_job_resumes(storage: Store) -> None:
    rows = [at(OLD, span(number, model_used="m1")) for number in range(1, 1201)]
    await storage.ingest(rows)
    assert await storage.repriced_so_far("p", ALL) is None
    first = await storage.reprice("p", ALL, NEW, Repriced())
    assert (first.done, first.calls, first.changed) == (False, 500, 500)
    # As another process does, which has the job only.
    assert await storage.repriced_so_far("p", ALL) == first
    assert await storage.repriced_so_far("p", RepriceJob(ALL.from_ns, ALL.before_ns, "others")) is None
    assert await storage.repriced_so_far("q", ALL) is None
    found = first
    while not found.done:
        found = await storage.reprice("p", ALL, NEW, found)
    assert (found.calls, found.changed) == (1200, 1200)
    assert found.models == {("openai", "m1"): ModelCosts(1200, 1200 * 360, 1200 * 600)}
    assert await storage.repriced_so_far("p", ALL) is None
    assert {row.price_version for row in await everything(storage, "p")} == {"new"}


async def test_trace_in_two_chunks_is_repriced_once(storage: Store) -> None:
    rows = [at(OLD, span(number, trace=1 + number % 2, model_used="m1")) for number in range(1, 1201)]
    await storage.ingest(rows)
    preview = await reprice(storage, NEW, dry_run=True)
    assert preview.models == {("openai", "m1"): ModelCosts(1200, 1200 * 360, 1200 * 600)}
    assert await reprice(storage, NEW) == preview
    assert (await reprice(storage, NEW)).changed == 0


async def test_large_trace_is_repriced(backend: Backend, tmp_path: Path) -> None:
    # Pairs of a framework's span with a price, and a client's span below it that counts and has none.
    rows = [step(1, trace=1)]
    for number in range(10, 1300, 2):
        outer = span(number, trace=1, parent=1, scope="framework", model_used="m1", cache_read_tokens=9)
        inner = span(number + 1, trace=1, parent=number, model_used="m3" if number % 4 else "m2")
        cost = {"reported_cost_nano_usd": number} if number % 5 == 0 else {}
        rows += [outer._replace(**cost), inner]

    async def stored(name: str, price: PriceSpan) -> Store:
        (tmp_path / name).mkdir()
        storage = backend.open(tmp_path / name)
        await storage.create_project(*project())
        priced = [at(price, row) for row in rows]
        for start in range(0, len(rows), 300):
            await storage.ingest(priced[start : start + 300], keep_all=True)
        return storage

    repriced, fresh = await stored("repriced", OLD), await stored("fresh", NEW)
    preview = await reprice(repriced, NEW, limit=70, dry_run=True)
    report = await reprice(repriced, NEW, limit=70)
    assert await state(repriced) == await state(fresh)
    assert report.models == preview.models
    assert (await reprice(repriced, NEW)).changed == 0
    await repriced.close()
    await fresh.close()
    backend.check(tmp_path / "repriced")


async def test_only_calls_in_the_range_and_the_project_change(storage: Store) -> None:
    rows = [at(OLD, span(number, model_used="m1")) for number in range(1, 7)]
    await storage.ingest([*rows, *(row._replace(project_id="q") for row in rows)])
    job = RepriceJob(NOON_NS + 2 * SECOND_NS, NOON_NS + 4 * SECOND_NS, "new")
    found = await reprice(storage, NEW, job)
    assert (found.calls, found.changed) == (2, 2)
    shown = {row.start_ns: row.price_version for row in await everything(storage, "p")}
    assert [shown[NOON_NS + number * SECOND_NS] for number in range(1, 7)] == [
        *("old", "new", "new", "old", "old", "old"),
    ]
    assert {row.price_version for row in await everything(storage, "q")} == {"old"}
    assert (await storage.reprice("no-such-project", ALL, NEW, Repriced())).done


async def test_reported_cost_of_an_older_version_is_kept(storage: Store) -> None:
    await storage.ingest(
        [span(1, model_used="m1", cost_nano_usd=42, cost_source="reported", price_version=None)]
    )
    await reprice(storage, prices("new", {"m1": 5}, override=True))
    [row] = await everything(storage, "p")
    assert (row.cost_nano_usd, row.cost_source) == (600, "computed")
    await reprice(storage, NEW)
    [row] = await everything(storage, "p")
    assert (row.cost_nano_usd, row.cost_source, row.price_version) == (42, "reported", None)


async def test_span_stored_after_repricing_is_merged_with_new_costs(storage: Store) -> None:
    outer = at(OLD, span(1, trace=1, scope="framework", model_used="m1", provider_request_id="r"))
    inner = span(2, trace=1, parent=1, model_used=None, provider_request_id="r", input_tokens=100)
    await storage.ingest([outer])
    await reprice(storage, NEW)
    await storage.ingest([at(NEW, inner)])
    [counted] = (await storage.list_traces("p", TraceFilter(), Page())).rows
    assert (counted.otel_span_id, counted.cost_nano_usd, counted.price_version) == (
        *(inner.otel_span_id, 600, "new"),
    )


async def test_calls_stored_during_repricing_are_counted_once(
    backend: Backend, storage: Store, tmp_path: Path
) -> None:
    rows = [at(OLD, span(number, trace=number // 3 + 1, model_used="m1")) for number in range(3, 903)]
    await storage.ingest(rows[::2])
    other = backend.open(tmp_path)
    repricing = asyncio.create_task(reprice(other, NEW, limit=50))
    for start in range(1, len(rows), 100):
        await storage.ingest([at(NEW, row) for row in rows[start : start + 100 : 2]])
    await repricing
    await other.close()
    shown = await everything(storage, "p")
    assert len(shown) == 900
    assert {(row.cost_nano_usd, row.price_version) for row in shown} == {(600, "new")}
    total = (await storage.analytics("p", _query("day"))).total
    assert (total.calls, total.cost_nano_usd) == (900, 900 * 600)


async def test_models_of_calls_with_unknown_tokens_are_listed(storage: Store) -> None:
    unknown = {"input_tokens": None, "output_tokens": None, "cost_nano_usd": None}
    rows = [span(number, model_used="m1", **unknown) for number in (1, 2)]
    rows += [span(3, model_used=None, model_requested="m2", **unknown)]
    # Not listed: a failed call, a call with one known side, and a call that used no tokens.
    rows += [
        span(4, model_used="m3", status="error", **unknown),
        span(5, model_used="m3", **{**unknown, "output_tokens": 3}),
        span(6, model_used="m3", input_tokens=0, output_tokens=0),
    ]
    await storage.ingest([*rows, span(9, model_used="m3", project_id="q", **unknown)])
    assert await storage.unknown_usage_models("p", NOON_NS, NOON_NS + HOUR_NS) == [
        UnknownUsageModel("openai", "m1", 2),
        UnknownUsageModel("openai", "m2", 1),
    ]
    assert await storage.unknown_usage_models("p", NOON_NS, NOON_NS + 2 * SECOND_NS) == [
        UnknownUsageModel("openai", "m1", 1)
    ]
    assert await storage.unknown_usage_models("no-such-project", NOON_NS, NOON_NS + HOUR_NS) == []
    groups = (await storage.analytics("p", _query("model"))).groups
    assert {group.key: group.summary.unknown_usage for group in groups} == {"m1": 2, "m2": 1, "m3": 0}
    by_user = (await storage.analytics("p", _query("user"))).total
    assert by_user.unknown_usage == 3


async def test_models_without_a_price_are_listed(storage: Store) -> None:
    nothing = {"cost_nano_usd": None, "cost_source": None, "price_version": None}
    rows = [span(number, model_used="m3", **nothing) for number in (1, 2, 3)]
    rows += [span(4, model_used=None, model_requested="m4", provider=None, **nothing)]
    rows += [
        span(5, model_used="m3"),
        span(6, model_used="m5", input_tokens=None, output_tokens=None, **nothing),
    ]
    await storage.ingest([*rows, span(9, model_used="m3", project_id="q", **nothing)])
    assert await storage.unpriced_models("p", NOON_NS, NOON_NS + HOUR_NS) == [
        UnpricedModel("openai", "m3", 3, 300, 60),
        UnpricedModel(None, "m4", 1, 100, 20),
    ]
    assert await storage.unpriced_models("p", NOON_NS, NOON_NS + 2 * SECOND_NS) == [
        UnpricedModel("openai", "m3", 1, 100, 20)
    ]
    assert await storage.unpriced_models("no-such-project", NOON_NS, NOON_NS + HOUR_NS) == []
    models = (await storage.analytics("p", _query("model"))).groups
    unpriced = {group.key: (group.summary.calls, group.summary.unpriced) for group in models}
    assert unpriced == {"m3": (4, 3), "m4": (1, 1), "m5": (1, 0)}
