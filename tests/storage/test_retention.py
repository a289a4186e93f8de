"""Retention against a naive model: what goes, what stays, and which numbers may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.corpus import corpus
from tests.storage.model import EVERYTHING, everything, matching, snapshot
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, SECOND_NS, project, span
from tests.support.sql_steps import steps_of

from pulse_storage import IngestResult, SpanRow, Store, TraceRecord
from pulse_storage.content.bodies import pack
from pulse_storage.maintenance import MAINTENANCE_LEASE, MaintenanceLeaseHeld, RetentionReport
from pulse_storage.queries.filters import AnalyticsQuery, TraceFilter
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project

pytestmark = pytest.mark.anyio

P = Project("p", "project p", NOON_NS)
#: Everything that retention may leave or take of a row that stays.
_CONTENT = ("input_preview", "output_preview", "output_text", "request_body", "response_body")

_POLICIES = st.builds(
    RetentionPolicy,
    content_days=st.sampled_from([None, 1, 2, 3]),
    rows_days=st.sampled_from([None, 1, 2, 3]),
    keep_errors=st.booleans(),
    keep_tags=st.sampled_from([(), ("beta",), ("x%y", "beta")]),
)


@pytest.mark.parametrize("seed", range(4))
async def test_rows_and_content_go_by_age_and_all_else_stays(
    backend: SqlBackend, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    @given(policy=_POLICIES, now_ns=st.integers(NOON_NS + DAY_NS, NOON_NS + 4 * DAY_NS))
    @settings(max_examples=3, deadline=None)
    def examples(policy: RetentionPolicy, now_ns: int) -> None:
        chosen.append((policy, now_ns))

    chosen: list[tuple[RetentionPolicy, int]] = []
    examples()
    for policy, now_ns in chosen:
        storage = backend.open(folder := tmp_path_factory.mktemp("store"))
        await storage.create_project(*project("p"))
        await storage.create_project(*project("q"))
        rows = corpus(seed)
        await storage.ingest([*rows, *corpus(seed, project_id="q")], keep_all=True)
        await _check_run(storage, policy, now_ns, rows)
        await storage.close()
        backend.check(folder)


async def _check_run(storage: Store, policy: RetentionPolicy, now_ns: int, rows: Sequence[SpanRow]) -> None:
    before, others = await _rows(storage, "p"), await _rows(storage, "q")
    sums = await _sums(storage, "p")
    await storage.set_retention_policy("p", policy)
    (would,) = await storage.maintenance.preview([P], KEEP_EVERYTHING, now_ns)
    assert await _rows(storage, "p") == before
    (report,) = await storage.maintenance.apply([P], KEEP_EVERYTHING, now_ns)
    after = await _rows(storage, "p")
    content_ns, rows_ns = _limit(policy.content_days, now_ns), _limit(policy.rows_days, now_ns)
    content_ns = max(content_ns, rows_ns)
    for row in before:
        left = next((found for found in after if found.trace_id == row.trace_id), None)
        if row.start_ns >= content_ns:
            assert left is not None
            _assert_same_but_for_references(row, left)
        elif _is_kept(row, policy):
            assert left == row
        elif row.start_ns >= rows_ns:
            assert left == row._replace(**dict.fromkeys(_CONTENT))
        else:
            assert left is None
    assert report.rows == len(before) - len(after)
    assert (would.rows, would.contents, would.size_bytes) == (report.rows, report.contents, report.size_bytes)
    assert await _rows(storage, "q") == others
    assert await _sums(storage, "p") == sums
    await _check_counts(storage, after)
    # Once more changes nothing, and neither does sending everything again.
    (again,) = await storage.maintenance.apply([P], KEEP_EVERYTHING, now_ns)
    assert (again.rows, again.contents, again.size_bytes) == (0, 0, 0)
    result = await storage.ingest(rows, keep_all=True)
    assert result.stored == 0
    assert len(result.rejected) == sum(row.start_ns < rows_ns for row in rows) - sum(
        row.start_ns < rows_ns for row in after
    )
    assert await _rows(storage, "p") == after
    assert await _sums(storage, "p") == sums


async def test_late_spans_are_refused_with_a_reason_or_stored_without_old_content(
    storage: Store,
) -> None:
    await storage.set_retention_policy("p", RetentionPolicy(content_days=1, rows_days=3, keep_tags=("gold",)))
    await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS)
    too_old, old, kept, young = (
        span(n, start_ns=NOON_NS - age_ns, input_preview="in", output_preview="out", request_body=pack(b"{}"))
        for n, age_ns in ((1, 4 * DAY_NS), (2, 2 * DAY_NS), (3, 2 * DAY_NS), (4, HOUR_NS))
    )
    kept = kept._replace(tags=("gold",))
    result = await storage.ingest([too_old, old, kept, young])
    assert result == IngestResult(
        stored=3,
        rejected=(
            (
                0,
                "it began before 2025-06-12T13:00:00.000000Z,"
                " and this project no longer keeps rows of that time (retention)",
            ),
        ),
    )
    found = {row.otel_span_id[-1]: row for row in await _rows(storage, "p")}
    assert {number: row.input_preview for number, row in found.items()} == {2: None, 3: "in", 4: "in"}
    assert {number: row.request_body for number, row in found.items()} == {2: None, 3: b"{}", 4: b"{}"}
    assert (await storage.ingest([old, kept, young])).duplicates == 3


async def test_a_call_that_the_horizon_cuts_through_counts_once(storage: Store) -> None:
    """The counted row is deleted, the other record of the call stays, and its trace continues."""
    day_ns = NOON_NS - NOON_NS % DAY_NS
    counted = span(1, trace=9, provider_request_id="r", scope="a", start_ns=day_ns - SECOND_NS // 100)
    same = span(2, trace=9, provider_request_id="r", scope="b", start_ns=day_ns, input_tokens=None)
    await storage.ingest([counted, same._replace(output_tokens=None, cost_nano_usd=None)])
    whole = AnalyticsQuery(from_ns=day_ns - DAY_NS, before_ns=day_ns + 2 * DAY_NS)
    before = await storage.analytics("p", whole)
    assert before.total.calls == 1
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=1))
    await storage.maintenance.apply([P], KEEP_EVERYTHING, day_ns + DAY_NS)
    assert [row.counted for row in await _rows(storage, "p")] == [False]
    later = span(3, trace=9, parent=2, scope="c", start_ns=day_ns + 2 * HOUR_NS, session_id="s")
    await storage.ingest([later])
    after = await storage.analytics("p", whole)
    assert after.total.calls == 2
    assert after.total.input_tokens == before.total.input_tokens + 100
    assert [(row.counted, row.session_id) for row in await _rows(storage, "p")] == [
        (True, "s"),
        (False, None),
    ]


async def test_row_near_the_horizon_takes_nothing_from_later_spans(storage: Store) -> None:
    day_ns = NOON_NS - NOON_NS % DAY_NS
    await storage.ingest([span(1, trace=9, start_ns=day_ns, session_id=None)])
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=1))
    await storage.maintenance.apply([P], KEEP_EVERYTHING, day_ns + DAY_NS)
    await storage.ingest([span(2, trace=9, start_ns=day_ns + 2 * HOUR_NS, session_id="s")])
    await storage.ingest([span(3, trace=9, start_ns=day_ns + 3 * HOUR_NS, session_id=None)])
    assert [row.session_id for row in await _rows(storage, "p")] == ["s", "s", None]


async def test_exempt_row_keeps_the_content_that_it_references(storage: Store) -> None:
    source = span(
        1,
        trace=9,
        provider_request_id="r",
        scope="a",
        start_ns=NOON_NS - SECOND_NS // 10,
        input_tokens=None,
        output_tokens=None,
        cost_nano_usd=None,
        input_preview="question",
        output_preview="answer",
        output_text=pack(b"answer and more"),
        request_body=pack(b'{"q": 1}'),
        response_body=pack(b'{"a": 1}'),
    )
    referring = span(2, trace=9, provider_request_id="r", scope="b", start_ns=NOON_NS, tags=("gold",))
    await storage.ingest([source._replace(tags=("dust",)), referring])
    before = {row.otel_span_id[-1]: row for row in await _rows(storage, "p")}
    assert (before[2].request_body, before[2].output_text) == (b'{"q": 1}', "answer and more")
    await storage.set_retention_policy("p", RetentionPolicy(content_days=1, rows_days=2, keep_tags=("gold",)))
    for days in (2, 4):
        await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS + days * DAY_NS)
        after = {row.otel_span_id[-1]: row for row in await _rows(storage, "p")}
        assert after[2] == before[2]
    assert after.keys() == {2}


async def test_a_cap_takes_the_oldest_content_then_the_oldest_rows(storage: Store) -> None:
    body = pack(bytes(range(256)) * 4)
    rows = [
        span(n, start_ns=NOON_NS - n * HOUR_NS, request_body=body, metadata='{"pad": "' + "x" * 20_000 + '"}')
        for n in range(1, 121)
    ]
    await storage.ingest(rows)
    await storage.set_retention_policy("p", RetentionPolicy(max_mib=1))
    reports: list[RetentionReport] = []
    (would,) = await storage.maintenance.preview([P], KEEP_EVERYTHING, NOON_NS)
    (report,) = await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS, note=reports.append)
    assert (would.rows, would.size_bytes) == (report.rows, report.size_bytes)
    left = await _rows(storage, "p")
    sizes = await steps_of(storage).sizes("p", None, KEEP_EVERYTHING, None)
    assert report.plan.over_bytes == 0
    assert 1 << 19 < sum(hour.size_bytes for hour in sizes.values()) <= 1 << 20
    assert [row.start_ns for row in left] == [NOON_NS - n * HOUR_NS for n in range(1, len(left) + 1)]
    assert len(rows) == len(left) + report.rows
    # A cap that only the last day's rows break cannot be kept; it says so.
    (report,) = await storage.maintenance.apply([P], RetentionPolicy(), NOON_NS - 6 * DAY_NS)
    assert report.rows == 0
    assert report.plan.over_bytes == 0


async def test_writers_wait_for_at_most_one_step(storage: Store) -> None:
    await storage.ingest([span(n, start_ns=NOON_NS + n) for n in range(1, 5_000)])
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=1))
    steps = 0

    def note(_: RetentionReport) -> None:
        nonlocal steps
        # What was submitted after the step before is committed before this one ends.
        assert all(future.done() for future in submitted)
        submitted.append(storage.submit([span(100_000 + steps, start_ns=NOON_NS + 2 * DAY_NS)]))
        steps += 1

    submitted = [storage.submit([span(99_999, start_ns=NOON_NS + 2 * DAY_NS)])]
    (report,) = await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS + 2 * DAY_NS, note=note)
    # Five steps for the rows, and one each to see that no log event is left of rows or content.
    assert (report.rows, steps) == (4_999, 7)
    numbers = {int.from_bytes(row.otel_span_id, "big") for row in await everything(storage, "p")}
    assert numbers == {100_000 + n for n in range(-1, steps)}


async def test_a_run_that_is_cut_short_goes_on_where_it_was(storage: Store) -> None:
    await storage.ingest([span(n, start_ns=NOON_NS + n, input_preview="x") for n in range(1, 3_000)])
    sums = await _sums(storage, "p")
    await storage.set_retention_policy("p", RetentionPolicy(rows_days=1))

    class Cut(Exception):
        pass

    def cut(_: RetentionReport) -> None:
        raise Cut

    dropped = 0
    for _ in range(3):
        with pytest.raises(Cut):
            await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS + 2 * DAY_NS, note=cut)
        left = len(await everything(storage, "p"))
        assert left < 3_000
        assert (await storage.count_traces("p", TraceFilter())).rows == left
        assert await _sums(storage, "p") == sums
    (report,) = await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS + 2 * DAY_NS)
    dropped += report.rows
    assert await everything(storage, "p") == []
    assert dropped < 3_000
    assert await _sums(storage, "p") == sums


async def test_rows_that_an_earlier_policy_exempted_are_deleted(storage: Store) -> None:
    failed = [
        span(
            n,
            input_preview="in",
            status="error" if n % 2 else "success",
            tags=("gold",) if n % 3 else (),
        )
        for n in range(12)
    ]
    await storage.ingest(failed)
    left: list[int] = []
    for policy in (
        RetentionPolicy(rows_days=1, keep_errors=True, keep_tags=("gold",)),
        RetentionPolicy(rows_days=1, keep_errors=True),
        RetentionPolicy(rows_days=5),
        RetentionPolicy(content_days=1, rows_days=5),
        RetentionPolicy(rows_days=1),
    ):
        await storage.set_retention_policy("p", policy)
        for again in (False, True):
            (would,) = await storage.maintenance.preview([P], KEEP_EVERYTHING, NOON_NS + 3 * DAY_NS)
            (report,) = await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS + 3 * DAY_NS)
            done = (report.rows, report.contents, report.size_bytes)
            assert (would.rows, would.contents, would.size_bytes) == done
            assert (done == (0, 0, 0)) is (again or policy == RetentionPolicy(rows_days=5))
        rows = await _rows(storage, "p")
        await _check_counts(storage, rows)
        left.append(sum(row.input_preview is not None for row in rows))
    assert left == [10, 6, 6, 0, 0]
    # What had gone once is still refused.
    result = await storage.ingest(failed)
    assert (result.stored, len(result.rejected)) == (0, 12)


async def test_two_do_not_work_at_once(storage: Store) -> None:
    assert await storage.hold_lease(MAINTENANCE_LEASE, "another", 60)
    with pytest.raises(MaintenanceLeaseHeld, match="another process runs retention"):
        await storage.maintenance.apply([P], RetentionPolicy(rows_days=1), NOON_NS, wait_s=0)
    await storage.release_lease(MAINTENANCE_LEASE, "another")
    await storage.maintenance.apply([P], RetentionPolicy(rows_days=1), NOON_NS, wait_s=0)


@pytest.mark.slow
async def test_a_clock_that_leaps_ahead_drops_nothing_by_itself(storage: Store) -> None:
    await storage.ingest([span(1)])
    policy = RetentionPolicy(rows_days=30)
    (report,) = await storage.maintenance.apply([P], policy, NOON_NS + 3650 * DAY_NS, unattended=True)
    assert report.refused is not None
    assert report.refused.startswith("the clock is days ahead of everything in the store")
    (report,) = await storage.maintenance.apply([P], policy, NOON_NS + DAY_NS, unattended=True)
    assert (report.refused, report.rows) == (None, 0)
    # Without `unattended` the clock is trusted.
    (report,) = await storage.maintenance.apply([P], policy, NOON_NS + 3650 * DAY_NS)
    assert (report.refused, report.rows) == (None, 1)


async def test_policies_are_kept_per_project_and_can_be_given_back(storage: Store) -> None:
    policy = RetentionPolicy(content_days=7, rows_days=90, max_mib=5, keep_errors=True, keep_tags=("a", "b"))
    await storage.set_retention_policy("p", policy)
    assert (await storage.retention_policy("p"), await storage.retention_policy("q")) == (policy, None)
    await storage.set_retention_policy("p", None)
    assert await storage.retention_policy("p") is None
    with pytest.raises(KeyError):
        await storage.set_retention_policy("none", policy)
    with pytest.raises(KeyError):
        await storage.retention_policy("none")


def _limit(days: int | None, now_ns: int) -> int:
    return -(1 << 63) if days is None else (now_ns - days * DAY_NS) // HOUR_NS * HOUR_NS


def _is_kept(row: TraceRecord, policy: RetentionPolicy) -> bool:
    return (policy.keep_errors and row.status == "error") or bool(set(policy.keep_tags) & set(row.tags))


def _assert_same_but_for_references(row: TraceRecord, left: TraceRecord) -> None:
    """Assert that two records are equal, or that the second lacks content that the row only referenced."""
    for name, had, has in zip(TraceRecord._fields, row, left, strict=True):
        assert has == had or (has is None and name in ("output_text", "request_body", "response_body")), name


async def _rows(storage: Store, project_id: str) -> list[TraceRecord]:
    return [row for row in await snapshot(storage, project_id) if row is not None]


async def _sums(storage: Store, project_id: str) -> object:
    """Sums over whole hours of all days, by day and by model."""
    query = AnalyticsQuery(
        from_ns=NOON_NS - 12 * HOUR_NS - 5 * DAY_NS, before_ns=NOON_NS + 12 * HOUR_NS + 5 * DAY_NS
    )
    found = [await storage.analytics(project_id, replace(query, group_by=by)) for by in ("day", "model")]
    return [(answer.total, sorted(answer.groups, key=lambda group: str(group.key))) for answer in found]


async def _check_counts(storage: Store, rows: Sequence[TraceRecord]) -> None:
    """Totals of lists are those of the rows that are there."""
    for hours in (-60, -24, -13, 0, 7, 24, 100):
        for where in (
            TraceFilter(),
            TraceFilter(from_ns=NOON_NS + hours * HOUR_NS + 17),
            TraceFilter(before_ns=NOON_NS + hours * HOUR_NS, provider="openai"),
            TraceFilter(
                from_ns=NOON_NS - 3 * DAY_NS, before_ns=NOON_NS + hours * HOUR_NS + 99, status="error"
            ),
        ):
            count = await storage.count_traces("p", where)
            assert (count.rows, count.exact) == (len(matching(rows, where)), True)
    assert (await storage.count_traces("p", EVERYTHING)).rows == len(rows)
