"""Background maintenance of a running server: finish pending erasures, apply retention periodically."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from pulse_storage.engines import Store
from pulse_storage.errors import StorageError
from pulse_storage.maintenance import MaintenanceLeaseHeld
from pulse_storage.retention import RetentionPolicy

_log = logging.getLogger("pulse.maintenance")
#: Random delay of the first run, so that servers started together do not run at the same time.
_FIRST_AFTER_S = (10.0, 60.0)
#: Random factor of every interval, for the same reason.
_JITTER = (0.9, 1.1)
#: Interval of the check for erasures that a request or a stopped server left unfinished.
_ERASURES_EVERY_S = 60.0


async def run_maintenance(storage: Store, default: RetentionPolicy, every_s: float) -> None:
    """Apply retention every `every_s` seconds, until cancelled; do the other maintenance about once a minute.

    `default` is the policy of projects without their own. If `every_s` is 0, retention is never applied.
    Store errors are logged, and the work is tried again at the next interval.
    """
    await asyncio.sleep(random.uniform(*_FIRST_AFTER_S))
    due_s = time.monotonic()
    while True:
        is_due = every_s > 0 and time.monotonic() >= due_s
        try:
            await run_maintenance_once(storage, default if is_due else None)
        except MaintenanceLeaseHeld:
            _log.debug("maintenance skipped: another process holds the maintenance lease")
        except StorageError as error:
            _log.warning("retention or an erasure was interrupted and will be resumed: %s", error)
        if is_due:
            due_s = time.monotonic() + every_s * random.uniform(*_JITTER)
        await asyncio.sleep(_ERASURES_EVERY_S * random.uniform(*_JITTER))


async def run_maintenance_once(storage: Store, default: RetentionPolicy | None) -> None:
    """Delete expired web sessions, finish all pending erasures, then apply retention to every project.

    If `default` is None, retention is not applied.

    Raises MaintenanceLeaseHeld if another process holds the maintenance lease.
    """
    await storage.delete_expired_sign_ins(time.time_ns())
    for erasure in await storage.unfinished_erasures():
        done = await storage.maintenance.erase(erasure)
        _log.info("erasure %s of project %s: deleted %d rows", done.id, done.project_id, done.rows)
    if default is None:
        return
    projects = await storage.list_projects()
    for report in await storage.maintenance.apply(projects, default, time.time_ns(), unattended=True):
        if report.refused is not None:
            _log.error("retention of project %s was not applied: %s", report.project.id, report.refused)
        elif report.rows or report.contents:
            _log.info(
                "retention of project %s: deleted %d rows and the content of %d rows, %d bytes",
                *(report.project.id, report.rows, report.contents, report.size_bytes),
            )
