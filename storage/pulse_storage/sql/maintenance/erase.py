"""Carries out erasures step by step, while the store is in use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from pulse_storage.adapter import StorageAdapter
from pulse_storage.sql.maintenance.run import WAIT_S, Held, sweep_content
from pulse_storage.sql.tables.erasures import Erasure

_LATE_ROWS_S = 0.5


async def erase(
    storage: StorageAdapter,
    erasure: Erasure,
    *,
    wait_s: float = WAIT_S,
    within_s: float | None = None,
    note: Callable[[Erasure], None] = lambda _: None,
) -> Erasure:
    """Erase until the order is finished, or for `within_s`; what has been erased by then.

    Every step is committed, so another call goes on where this one was ended. Raises UpkeepBusy.
    """
    started_s = time.monotonic()

    def is_over() -> bool:
        return within_s is not None and time.monotonic() - started_s >= within_s

    held = Held(storage.upkeep)
    await held.take(wait_s)
    try:
        while erasure.finished_ns is None and not is_over():
            before = erasure
            erasure = await held.step(partial(storage.upkeep.erase_step, erasure.id))
            note(erasure)
            if erasure == before and erasure.subject == "project":
                if within_s is not None:
                    break
                await asyncio.sleep(_LATE_ROWS_S)  # other processes may still store some rows
            elif erasure == before:
                await sweep_content(storage.upkeep, held, erasure.project_id, None, is_over)
    finally:
        await held.release()
    return erasure
