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
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.retention import HOUR_NS, RetentionPolicy, watermarks_at, without_content
from pulse_storage.runtime.maintenance_lease import MaintenanceLease

if TYPE_CHECKING:
    from tests.storage.memory.store import MemoryStore

_ROW_BYTES = 400


class MemoryMaintenance:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def progress(self, project_id: str) -> RetentionProgress:
        at = self._store.existing(project_id).rows.watermarks
        return RetentionProgress(
            at.content_from_ns if at.content_from else None, at.rows_from_ns if at.rows_from else None
        )

    async def preview(
        self, projects: Sequence[Project], default: RetentionPolicy, now_ns: int
    ) -> list[RetentionReport]:
        reports: list[RetentionReport] = []
        for project in projects:
            policy = await self._store.retention_policy(project.id) or default
            planned = plan(policy, now_ns, _sizes(self._store.existing(project.id).rows, policy))
            counts = planned.rows, planned.contents, planned.size_bytes
            reports.append(RetentionReport(project, policy, planned, *counts))
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
        lease = MaintenanceLease(self._store)
        await lease.take(wait_s)
        reports = await self.preview(projects, default, now_ns)
        for report in reports:
            _delete_expired(self._store.existing(report.project.id).rows, report)
            note(report)
        await lease.release()
        return reports

    async def count_erasable(self, project_id: str, subject: Subject, value: str) -> tuple[int, int]:
        spans = self._store.existing(project_id).rows.reconciled()
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
        lease = MaintenanceLease(self._store)
        await lease.take(wait_s)
        rows = self._store.rows_even_of_deleted(erasure.project_id)
        rows.reconciled()
        keys = {*rows.spans, *rows.parts} if erasure.subject == "project" else _keys_to_erase(rows, erasure)
        counted = [stored.effective() for key in keys if (stored := rows.spans.get(key)) and stored.counted]
        removed = Removed(
            rows=sum(key in rows.spans for key in keys),
            calls=len(counted),
            log_events=rows.delete(keys),
            tokens=sum((row.input_tokens or 0) + (row.output_tokens or 0) for row in counted),
            cost_nano_usd=sum(row.cost_nano_usd or 0 for row in counted),
        )
        done = await self._store.record_erased(erasure.id, removed, time.time_ns())
        note(done)
        await lease.release()
        return done

    async def compact(self) -> None:
        pass


def _keys_to_erase(rows: Rows, erasure: Erasure) -> set[SpanKey]:
    """Return the spans of a user or session, and other records of their calls without user or session."""
    values = {span.key: getattr(span.effective(), erasure.subject) for span in rows.reconciled()}
    keys = {key for key, value in values.items() if value == erasure.value}
    reasons = rows.reasons()
    for key in list(keys):
        reason = reasons.get(key)
        if reason is not None and reason.counted is not None:
            keys |= {other for other in reason.others if values[other] is None}
    return keys


def _delete_expired(rows: Rows, report: RetentionReport) -> None:
    spans, planned = rows.reconciled(), report.plan
    rows_from, content_from = (
        b"" if before_ns is None else time_floor(before_ns)
        for before_ns in (planned.rows_before_ns, planned.content_before_ns)
    )
    expired = [span for span in spans if not report.policy.exempts(span.effective())]
    deleted = [span for span in expired if span.id < rows_from]
    at = watermarks_at(
        max(rows_from, rows.watermarks.rows_from), max(content_from, rows.watermarks.content_from)
    )
    for span in spans:
        if span not in deleted and span.row.start_ns < at.frozen_before_ns:
            rows.materialize(span)
    rows.expired += [rows.record(span)._replace(**_BLANK) for span in deleted if span.counted]
    rows.delete(span.key for span in deleted)
    for span in expired:
        if span.id < content_from:
            rows.strip(span)
            rows.parts.pop(span.key, None)
            rows.contents.pop(span.key, None)
    rows.watermarks = at


#: What analytics do not keep of deleted rows.
_BLANK = {"output_text": None, "input_preview": None, "output_preview": None}


def _sizes(rows: Rows, policy: RetentionPolicy) -> dict[int, HourSizes]:
    sizes: dict[int, HourSizes] = {}
    for span in rows.reconciled():
        of_hour = sizes.setdefault(span.row.start_ns // HOUR_NS, HourSizes())
        bodies = sum(len(getattr(span.row, name) or b"") for name in BODIES.values())
        if policy.exempts(span.effective()):
            of_hour.kept_bytes += _ROW_BYTES + bodies
        else:
            of_hour.add(HourSizes(1, int(_has_content(span)), row_bytes=_ROW_BYTES, content_bytes=bodies))
    return sizes


def _has_content(span: Stored) -> bool:
    return without_content(span.row) != span.row or any(name in span.overrides for name in BODIES)
