"""SqlMaintenance: the Maintenance of a SQL store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pulse_storage.control_store import Leases
from pulse_storage.maintenance import (
    LEASE_WAIT_S,
    Erasure,
    RetentionProgress,
    RetentionReport,
    Subject,
)
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import Project
from pulse_storage.runtime.maintenance_lease import MaintenanceLease
from pulse_storage.sql.maintenance.erase import erase
from pulse_storage.sql.maintenance.executor import MaintenanceExecutor
from pulse_storage.sql.maintenance.run import preview, run
from pulse_storage.sql.maintenance.steps import MaintenanceSteps


class SqlMaintenance:
    """See Maintenance. Every step is a transaction of its own, so that another call continues after it."""

    def __init__(self, executor: MaintenanceExecutor, leases: Leases) -> None:
        self.steps = MaintenanceSteps(executor)
        self._leases = leases
        #: The policy of each project's last run: rows that an earlier policy exempted are searched only
        #: after it has changed.
        self._applied: dict[str, RetentionPolicy] = {}

    async def progress(self, project_id: str) -> RetentionProgress:
        """See Maintenance."""
        return RetentionProgress.of(await self.steps.watermarks(project_id))

    async def preview(
        self, projects: Sequence[Project], default: RetentionPolicy, now_ns: int
    ) -> list[RetentionReport]:
        """See Maintenance."""
        return await preview(self.steps, projects, default, now_ns)

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
        """See Maintenance."""
        return await run(
            self.steps,
            MaintenanceLease(self._leases),
            projects,
            default,
            now_ns,
            unattended=unattended,
            wait_s=wait_s,
            note=note,
            applied=self._applied,
        )

    async def count_erasable(self, project_id: str, subject: Subject, value: str) -> tuple[int, int]:
        """See Maintenance."""
        return await self.steps.count_erasable(project_id, subject, value)

    async def erase(
        self,
        erasure: Erasure,
        *,
        wait_s: float = LEASE_WAIT_S,
        within_s: float | None = None,
        note: Callable[[Erasure], None] = lambda _: None,
    ) -> Erasure:
        """See Maintenance."""
        lease = MaintenanceLease(self._leases)
        return await erase(self.steps, lease, erasure, wait_s=wait_s, within_s=within_s, note=note)

    async def compact(self) -> None:
        """See Maintenance."""
        await self.steps.compact()
