"""Retention and erasure in memory: each in one step, since nothing waits meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.storage.memory.rows import BODIES, Rows, Stored

from pulse_storage import Project
from pulse_storage.ids import time_floor
from pulse_storage.maintenance import (
    LEASE_WAIT_S,
    Erasure,
    HourSizes,
    Removed,
    RetentionProgress,
    RetentionReport,
    Subject,
    plan,
)
from pulse_storage.reconciliation.reconcile import Reason, with_spans_of_same_calls
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.retention import HOUR_NS, RetentionPolicy, watermarks_at, without_content
from pulse_storage.runtime.maintenance_lease import MaintenanceLease

if TYPE_CHECKING:
    from tests.storage.memory.store import MemoryStore

_ROW_BYTES = 400
#: What analytics do not keep of deleted rows.
_BLANK = {"output_text": None, "input_preview": None, "output_preview": None}


class MemoryMaintenance:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def progress(self, project_id: str) -> RetentionProgress:
        return RetentionProgress.of(self._store.existing(project_id).watermarks)

    async def preview(
        self, projects: Sequence[Project], default: RetentionPolicy, now_ns: int
    ) -> list[RetentionReport]:
        reports: list[RetentionReport] = []
        for project in projects:
            policy = await self._store.control.retention_policy(project.id) or default
            sizes = _sizes(self._store.existing(project.id), policy)
            reports.append(RetentionReport.planned(project, policy, plan(policy, now_ns, sizes)))
        return reports

    async def apply(
        self,
        projects: Sequence[Project],
        default: RetentionPolicy,
        now_ns: int,
        *,
        unattended: bool = False,
        wait_s: float = LEASE_WAIT_S,
        note: Callable[[RetentionReport], None] = lambda _: None,
    ) -> list[RetentionReport]:
        async with MaintenanceLease(self._store.control).held(wait_s):
            reports = await self.preview(projects, default, now_ns)
            for report in reports:
                _delete_expired(self._store.existing(report.project.id), report)
                note(report)
        return reports

    async def count_erasable(self, project_id: str, subject: Subject, value: str) -> tuple[int, int]:
        spans = self._store.existing(project_id).reconciled()
        found = [span for span in spans if getattr(span.effective(), subject) == value]
        return len(found), sum(span.counted for span in found)

    async def erase(
        self,
        erasure: Erasure,
        *,
        wait_s: float = LEASE_WAIT_S,
        within_s: float | None = None,
        note: Callable[[Erasure], None] = lambda _: None,
    ) -> Erasure:
        async with MaintenanceLease(self._store.control).held(wait_s):
            if erasure.subject == "project":
                rows = self._store.memory.deleted[erasure.project_id]
                keys = {*rows.spans, *rows.parts}
            else:
                rows = self._store.existing(erasure.project_id)
                keys = _keys_to_erase(rows, erasure)
            spans = [span for span in rows.reconciled() if span.key in keys]
            calls = [span.effective() for span in spans if span.counted]
            removed = Removed.of(len(spans), calls, rows.delete(keys))
            done = await self._store.control.record_erased(erasure.id, removed, time.time_ns())
            note(done)
        return done

    async def compact(self) -> None:
        pass


def _keys_to_erase(rows: Rows, erasure: Erasure) -> set[SpanKey]:
    """Return the spans of a user or session, and other records of their calls without user or session."""
    values = {span.key: getattr(span.effective(), erasure.subject) for span in rows.reconciled()}
    keys = {key for key, value in values.items() if value == erasure.value}
    reasons: dict[SpanKey, Reason] = {}
    rows.verdicts(reasons=reasons)
    return with_spans_of_same_calls(keys, reasons, values)


def _delete_expired(rows: Rows, report: RetentionReport) -> None:
    before = (report.plan.rows_before_ns, report.plan.content_before_ns)
    rows_from, content_from = (b"" if time_ns is None else time_floor(time_ns) for time_ns in before)
    spans, old = rows.reconciled(), rows.watermarks
    rows.watermarks = watermarks_at(max(rows_from, old.rows_from), max(content_from, old.content_from))
    expired = [span for span in spans if not report.policy.exempts(span.effective())]
    deleted = [span for span in expired if span.id < rows_from]
    for span in spans:
        if span.row.start_ns < rows.watermarks.frozen_before_ns:
            rows.materialize(span)
    rows.expired += [rows.record(span)._replace(**_BLANK) for span in deleted if span.counted]
    rows.delete(span.key for span in deleted)
    for span in expired:
        if span.id < content_from:
            rows.strip(span)


def _sizes(rows: Rows, policy: RetentionPolicy) -> dict[int, HourSizes]:
    sizes: dict[int, HourSizes] = {}
    for span in rows.reconciled():
        of_hour = sizes.setdefault(span.row.start_ns // HOUR_NS, HourSizes())
        content_bytes = sum(len(getattr(span.row, name) or b"") for name in BODIES.values())
        if policy.exempts(span.effective()):
            of_hour.kept_bytes += _ROW_BYTES + content_bytes
        else:
            of_hour.add(HourSizes(1, _has_content(span), _ROW_BYTES, content_bytes))
    return sizes


def _has_content(span: Stored) -> bool:
    return without_content(span.row) != span.row or any(name in span.overrides for name in BODIES)
