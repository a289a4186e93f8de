"""Runs retention over projects, step by step, while readers and writers use the store."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from pulse_storage.ids import time_floor
from pulse_storage.maintenance import RetentionPlan, RetentionReport, plan
from pulse_storage.retention import DAY_NS, RetentionPolicy
from pulse_storage.rows import Project
from pulse_storage.runtime.maintenance_lease import MaintenanceLease
from pulse_storage.sql.maintenance.partition_drop import Horizon
from pulse_storage.sql.maintenance.policy_change import FormerlyExempt
from pulse_storage.sql.maintenance.row_ranges import Dropped
from pulse_storage.sql.maintenance.steps import MaintenanceSteps

#: A clock that is this far ahead of all that the store contains may be wrong.
_SUSPICIOUS_NS = 2 * DAY_NS
_SUSPICIOUS_SHARE = 0.5


async def preview(
    steps: MaintenanceSteps, projects: Sequence[Project], default: RetentionPolicy, now_ns: int
) -> list[RetentionReport]:
    """See `Maintenance.preview`."""
    reports: list[RetentionReport] = []
    for project in projects:
        policy = await steps.policy(project.id) or default
        before_ns = plan(policy, now_ns, {}).content_before_ns
        sizes = {}
        if policy.max_mib is not None:
            sizes = await steps.sizes(project.id, None, policy, None)
        elif before_ns is not None:
            sizes = await steps.sizes(project.id, before_ns, policy, before_ns)
        reports.append(RetentionReport.planned(project, policy, plan(policy, now_ns, sizes)))
    return reports


async def run(
    steps: MaintenanceSteps,
    lease: MaintenanceLease,
    projects: Sequence[Project],
    default: RetentionPolicy,
    now_ns: int,
    *,
    unattended: bool,
    wait_s: float,
    note: Callable[[RetentionReport], None],
    applied: dict[str, RetentionPolicy],
) -> list[RetentionReport]:
    """See `Maintenance.apply`. `applied` contains the policies of the last run, and is updated."""
    leapt = unattended and await _clock_leapt(steps, now_ns)
    await lease.take(wait_s)
    try:
        reports: list[RetentionReport] = []
        for project in projects:
            with contextlib.suppress(KeyError):  # it was deleted since it was listed
                reports.append(await _planned(steps, project, default, now_ns, leapt))
        active = [report for report in reports if not report.is_idle]
        await _drop_partitions(steps, lease, active, note)
        for report in active:
            exempt = await _formerly_exempt(steps, lease, report, applied)
            await _drop(steps, lease, report, exempt, note)
            report.size_bytes += await sweep_content(
                steps, lease, report.project.id, _sweep_before_ns(report)
            )
            applied[report.project.id] = report.policy
        for report in reports:
            await _drop_unused_keys(steps, lease, report.project.id)
        while await lease.step(steps.release_free_space):
            pass
    finally:
        if not leapt:
            await lease.release()
    return reports


async def sweep_content(
    steps: MaintenanceSteps,
    lease: MaintenanceLease,
    project_id: str,
    before_ns: int | None,
    is_over: Callable[[], bool] = lambda: False,
) -> int:
    """Run `MaintenanceSteps.sweep` to its end, or until `is_over`; return how many bytes it freed."""
    freed_bytes = 0
    async with aclosing(steps.sweep(project_id, before_ns)) as sweep:
        while not is_over() and (freed := await lease.step(lambda: anext(sweep, None))) is not None:
            freed_bytes += freed
    return freed_bytes


async def _drop_unused_keys(steps: MaintenanceSteps, lease: MaintenanceLease, project_id: str) -> None:
    while await lease.step(lambda: steps.drop_unused_keys(project_id)):
        pass


def _sweep_before_ns(report: RetentionReport) -> int | None:
    """Return the time by which a week must be over to be swept; None to sweep all weeks.

    A size cap needs the space at once; expired content is swept week by week.
    """
    return None if report.policy.max_mib is not None else report.plan.content_before_ns


async def _formerly_exempt(
    steps: MaintenanceSteps,
    lease: MaintenanceLease,
    report: RetentionReport,
    applied: Mapping[str, RetentionPolicy],
) -> FormerlyExempt:
    if applied.get(report.project.id) == report.policy:
        return FormerlyExempt(b"", b"")
    before = FormerlyExempt(_floor(report.plan.rows_before_ns), _floor(report.plan.content_before_ns))
    return await steps.formerly_exempt(report.project.id, report.policy, before, lease.renew)


async def _planned(
    steps: MaintenanceSteps, project: Project, default: RetentionPolicy, now_ns: int, leapt: bool
) -> RetentionReport:
    report = RetentionReport(project, await steps.policy(project.id) or default)
    if report.policy.keeps_everything:
        return report
    has_cap = report.policy.max_mib is not None
    sizes = await steps.sizes(project.id, None, report.policy, None) if has_cap else {}
    report.plan = plan(report.policy, now_ns, sizes)
    if leapt and await _deletes_most(steps, project, report.plan):
        report.refused = (
            "the clock is days ahead of everything in the store, and most of the project would be deleted; "
            f"if the clock is right, run: pulse retention run --project {project.id}"
        )
    return report


async def _drop_partitions(
    steps: MaintenanceSteps,
    lease: MaintenanceLease,
    reports: Sequence[RetentionReport],
    note: Callable[[RetentionReport], None],
) -> None:
    by_project = {report.project.id: report for report in reports}
    horizons = {
        report.project.id: Horizon(
            report.policy, _floor(report.plan.rows_before_ns), _floor(report.plan.content_before_ns)
        )
        for report in reports
    }
    async with aclosing(steps.drop_partitions(horizons)) as drops:
        while (dropped := await lease.step(lambda: anext(drops, None))) is not None:
            for project_id, of_project in dropped:
                _add(by_project[project_id], of_project)
                note(replace(by_project[project_id]))


def _floor(before_ns: int | None) -> bytes:
    return b"" if before_ns is None else time_floor(before_ns)


def _add(report: RetentionReport, dropped: Dropped) -> None:
    report.rows += dropped.rows
    report.contents += dropped.contents
    report.size_bytes += dropped.size_bytes


async def _drop(
    steps: MaintenanceSteps,
    lease: MaintenanceLease,
    report: RetentionReport,
    exempt: FormerlyExempt,
    note: Callable[[RetentionReport], None],
) -> None:
    """Delete rows first: their content is deleted with them, and not searched a second time."""
    for drop, before_ns, first in (
        (steps.drop_rows, report.plan.rows_before_ns, exempt.rows_from),
        (steps.drop_content, report.plan.content_before_ns, exempt.content_from),
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

            last = await lease.step(work)
            _add(report, last)
            note(replace(report))


async def _clock_leapt(steps: MaintenanceSteps, now_ns: int) -> bool:
    last_ns = await steps.last_activity_ns(now_ns)
    return last_ns is not None and now_ns - last_ns > _SUSPICIOUS_NS


async def _deletes_most(steps: MaintenanceSteps, project: Project, planned: RetentionPlan) -> bool:
    before_ns = planned.content_before_ns
    return before_ns is not None and await steps.share_before(project.id, before_ns) > _SUSPICIOUS_SHARE
