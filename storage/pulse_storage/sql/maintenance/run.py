"""Runs retention over projects, step by step beside whatever else the store does."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StorageError
from pulse_storage.ids import time_floor
from pulse_storage.retention import DAY_NS, RetentionPolicy
from pulse_storage.rows import Project
from pulse_storage.sql.maintenance.maintenance import Upkeep
from pulse_storage.sql.maintenance.partition_drop import Horizon
from pulse_storage.sql.maintenance.plan import Plan, plan
from pulse_storage.sql.maintenance.policy_change import Leftovers
from pulse_storage.sql.maintenance.row_ranges import Dropped

_Result = TypeVar("_Result")

#: Retention, erasures and copies let no other of them work at the same time.
LEASE = "upkeep"
_LEASE_S = 10.0
#: Whoever finds the lease held waits so long: its holder may have been killed.
WAIT_S = 45.0
_LONGEST_REST_S = 0.5
#: If the clock is this far from all that the store knows of, it may be wrong.
_SUSPICIOUS_NS = 2 * DAY_NS
_SUSPICIOUS_SHARE = 0.5


class UpkeepBusy(StorageError):
    """Another process is at retention, an erasure or a copy of this store."""


@dataclass(slots=True)
class Report:
    """What retention did to a project, or would do."""

    project: Project
    policy: RetentionPolicy
    plan: Plan = field(default_factory=Plan)
    #: Dropped by now: rows, rows that lost content, and bytes.
    rows: int = 0
    contents: int = 0
    size_bytes: int = 0
    #: Why nothing was dropped, if that is so.
    refused: str | None = None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to be done."""
        return self.policy.keeps_everything or self.refused is not None

    def add(self, dropped: Dropped) -> None:
        """Count what a step has dropped."""
        self.rows += dropped.rows
        self.contents += dropped.contents
        self.size_bytes += dropped.size_bytes


class Held:
    """The lease, while it is held; every step renews it if it is time to."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._holder = str(uuid.uuid4())
        self._renewed_s = 0.0

    async def take(self, wait_s: float) -> None:
        """Take the lease, waiting for it if need be. Raises UpkeepBusy."""
        give_up_s = time.monotonic() + wait_s
        while not await self._upkeep.hold(LEASE, self._holder, _LEASE_S):
            if time.monotonic() >= give_up_s:
                raise UpkeepBusy(
                    "another process is at retention, an erasure or a copy of this store; try again later"
                )
            await asyncio.sleep(0.5)
        self._renewed_s = time.monotonic()

    async def step(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """One piece of work, then a rest as long: half the time, others have the store to themselves."""
        await self.renew()
        started_s = time.monotonic()
        result = await work()
        await asyncio.sleep(min(time.monotonic() - started_s, _LONGEST_REST_S))
        return result

    async def renew(self) -> None:
        """Keep the lease, if it is time to say so."""
        if time.monotonic() - self._renewed_s > _LEASE_S / 3:
            await self.take(0)

    async def release(self) -> None:
        """Let others have it."""
        await self._upkeep.release(LEASE, self._holder)


async def preview(
    storage: StorageAdapter, projects: Sequence[Project], default: RetentionPolicy, now_ns: int
) -> list[Report]:
    """What `run` would drop now; changes nothing."""
    reports: list[Report] = []
    for project in projects:
        policy = await storage.upkeep.policy(project.id) or default
        ages = plan(policy, now_ns, {})
        before_ns = None if policy.max_mib is not None else ages.content_before_ns
        sizes = {} if policy.keeps_everything else await storage.upkeep.sizes(project.id, before_ns, policy)
        found = plan(policy, now_ns, sizes)
        report = Report(project, policy, found, found.rows, found.contents, found.size_bytes)
        if not report.is_idle:
            report.size_bytes += await storage.upkeep.freed_beside_rows(
                project.id, found.content_before_ns, policy, _sweep_before_ns(report)
            )
        reports.append(report)
    return reports


async def run(
    storage: StorageAdapter,
    projects: Sequence[Project],
    default: RetentionPolicy,
    now_ns: int,
    *,
    careful: bool = False,
    wait_s: float = WAIT_S,
    note: Callable[[Report], None] = lambda _: None,
    known: dict[str, RetentionPolicy] | None = None,
) -> list[Report]:
    """Drop what the projects' policies let go, `default` where they have none; resumable at any step.

    `careful` is for runs that nobody looks at: where the clock has leapt, most of a project is not dropped
    on its word. Who runs again and again gives the same `known` each time: what earlier policies kept is
    looked for, row by row, only where a project's policy is another than at the run before.

    Raises UpkeepBusy.
    """
    known = {} if known is None else known
    leapt = careful and await _clock_leapt(storage.upkeep, now_ns)
    held = Held(storage.upkeep)
    await held.take(wait_s)
    try:
        reports: list[Report] = []
        for project in projects:
            with contextlib.suppress(KeyError):  # it was deleted since it was listed
                reports.append(await _planned(storage.upkeep, project, default, now_ns, leapt))
        active = [report for report in reports if not report.is_idle]
        await _drop_whole(storage.upkeep, held, active, note)
        for report in active:
            left = await _leftovers(storage.upkeep, held, report, known)
            await _drop(storage.upkeep, held, report, left, note)
            before_ns = _sweep_before_ns(report)
            report.size_bytes += await sweep_content(storage.upkeep, held, report.project.id, before_ns)
            known[report.project.id] = report.policy
        for project in projects:
            await _drop_unused_keys(storage.upkeep, held, project.id)
        while await held.step(storage.upkeep.give_back):
            pass
    finally:
        if not leapt:
            await held.release()
    return reports


async def sweep_content(
    upkeep: Upkeep,
    held: Held,
    project_id: str,
    before_ns: int | None,
    is_over: Callable[[], bool] = lambda: False,
) -> int:
    """`Upkeep.sweep` to its end, or until it is over; how many bytes it freed."""
    freed_bytes = 0
    async with aclosing(upkeep.sweep(project_id, before_ns)) as steps:
        while not is_over() and (freed := await held.step(lambda: anext(steps, None))) is not None:
            freed_bytes += freed
    return freed_bytes


async def _drop_unused_keys(upkeep: Upkeep, held: Held, project_id: str) -> None:
    while await held.step(lambda: upkeep.drop_unused_keys(project_id)):
        pass


def _sweep_before_ns(report: Report) -> int | None:
    """A cap must see space come back at once; what ages goes week by week."""
    return None if report.policy.max_mib is not None else report.plan.content_before_ns


async def _leftovers(
    upkeep: Upkeep, held: Held, report: Report, known: Mapping[str, RetentionPolicy]
) -> Leftovers:
    if known.get(report.project.id) == report.policy:
        return Leftovers(b"", b"")
    before = Leftovers(_floor(report.plan.rows_before_ns), _floor(report.plan.content_before_ns))
    return await upkeep.leftovers(report.project.id, report.policy, before, held.renew)


async def _planned(
    upkeep: Upkeep, project: Project, default: RetentionPolicy, now_ns: int, leapt: bool
) -> Report:
    report = Report(project, await upkeep.policy(project.id) or default)
    if report.policy.keeps_everything:
        return report
    sizes = {} if report.policy.max_mib is None else await upkeep.sizes(project.id, None, report.policy)
    report.plan = plan(report.policy, now_ns, sizes)
    if leapt and await _takes_most(upkeep, project, report.plan):
        report.refused = (
            "the clock is days ahead of everything in the store, and most of the project would go; "
            f"if the clock is right, run: pulse retention run --project {project.id}"
        )
    return report


async def _drop_whole(
    upkeep: Upkeep, held: Held, reports: Sequence[Report], note: Callable[[Report], None]
) -> None:
    by_project = {report.project.id: report for report in reports}
    horizons = {
        report.project.id: Horizon(
            report.policy, _floor(report.plan.rows_before_ns), _floor(report.plan.content_before_ns)
        )
        for report in reports
    }
    async with aclosing(upkeep.drop_whole(horizons)) as steps:
        while (dropped := await held.step(lambda: anext(steps, None))) is not None:
            for project_id, of_project in dropped:
                by_project[project_id].add(of_project)
                note(replace(by_project[project_id]))


def _floor(before_ns: int | None) -> bytes:
    return b"" if before_ns is None else time_floor(before_ns)


async def _drop(
    upkeep: Upkeep, held: Held, report: Report, left: Leftovers, note: Callable[[Report], None]
) -> None:
    """Rows first: their content goes with them, and is not looked at twice."""
    for drop, before_ns, first in (
        (upkeep.drop_rows, report.plan.rows_before_ns, left.rows_from),
        (upkeep.drop_content, report.plan.content_before_ns, left.content_from),
    ):
        if before_ns is None:
            continue
        last = Dropped(done=False, end=first)
        while not last.done:

            def work(
                drop: Callable[..., Awaitable[Dropped]] = drop,
                before_ns: int = before_ns,
                last: Dropped = last,
            ) -> Awaitable[Dropped]:
                return drop(report.project.id, before_ns, report.policy, last)

            last = await held.step(work)
            report.add(last)
            note(replace(report))


async def _clock_leapt(upkeep: Upkeep, now_ns: int) -> bool:
    last_ns = await upkeep.last_sign_ns(LEASE, now_ns)
    return last_ns is not None and now_ns - last_ns > _SUSPICIOUS_NS


async def _takes_most(upkeep: Upkeep, project: Project, planned: Plan) -> bool:
    before_ns = planned.content_before_ns
    return before_ns is not None and await upkeep.share_before(project.id, before_ns) > _SUSPICIOUS_SHARE
