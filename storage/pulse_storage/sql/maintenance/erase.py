"""Carries out the order of an erasure step by step, while the store is in use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from pulse_storage.maintenance import Erasure
from pulse_storage.runtime.maintenance_lease import MaintenanceLease
from pulse_storage.sql.maintenance.run import sweep_content
from pulse_storage.sql.maintenance.steps import MaintenanceSteps

_LATE_ROWS_S = 0.5


async def erase(
    steps: MaintenanceSteps,
    lease: MaintenanceLease,
    erasure: Erasure,
    *,
    wait_s: float,
    within_s: float | None,
    note: Callable[[Erasure], None],
) -> Erasure:
    """See `Maintenance.erase`."""
    started_s = time.monotonic()

    def is_over() -> bool:
        return within_s is not None and time.monotonic() - started_s >= within_s

    async with lease.held(wait_s):
        while erasure.finished_ns is None and not is_over():
            before = erasure
            erasure = await lease.step(partial(steps.erase_step, erasure.id))
            note(erasure)
            if erasure == before and erasure.subject == "project":
                if within_s is not None:
                    break
                await asyncio.sleep(_LATE_ROWS_S)  # other processes may still store some rows
            elif erasure == before:
                await sweep_content(steps, lease, erasure.project_id, None, is_over)
    return erasure
