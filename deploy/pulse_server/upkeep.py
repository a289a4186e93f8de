"""Upkeep by a running server: now and then, erasures are finished and retention is applied."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StorageError
from pulse_storage.retention import RetentionPolicy
from pulse_storage.upkeep.erase import erase
from pulse_storage.upkeep.run import UpkeepBusy, run

_log = logging.getLogger("pulse.upkeep")
#: Servers that start together take different moments.
_FIRST_AFTER_S = (10.0, 60.0)
_SPREAD = (0.9, 1.1)
#: Without retention there may still be an erasure that a stop has cut short.
_ERASURES_EVERY_S = 3600.0


async def keep_up(storage: StorageAdapter, default: RetentionPolicy, every_s: float) -> None:
    """Apply retention every so often until cancelled, erasures alone if `every_s` is 0; errors are logged."""
    await asyncio.sleep(random.uniform(*_FIRST_AFTER_S))
    known: dict[str, RetentionPolicy] = {}
    while True:
        try:
            await keep_up_once(storage, default if every_s else None, known)
        except UpkeepBusy:
            _log.debug("another process is at it")
        except StorageError as error:
            _log.warning("retention was cut short, and goes on later: %s", error)
        await asyncio.sleep((every_s or _ERASURES_EVERY_S) * random.uniform(*_SPREAD))


async def keep_up_once(
    storage: StorageAdapter, default: RetentionPolicy | None, known: dict[str, RetentionPolicy]
) -> None:
    """Finish what was ordered to be erased, then apply retention, if there is a default for it.

    `known` is that of `run`. Raises UpkeepBusy if another process is at it.
    """
    for erasure in await storage.upkeep.unfinished_erasures():
        done = await erase(storage, erasure)
        _log.info("erasure %s of project %s: %d rows", done.id, done.project_id, done.rows)
    if default is None:
        return
    projects = await storage.list_projects()
    for report in await run(storage, projects, default, time.time_ns(), careful=True, known=known):
        if report.refused is not None:
            _log.error("retention of project %s: %s", report.project.id, report.refused)
        elif report.rows or report.contents:
            _log.info(
                "retention of project %s: %d rows, %d contents, %d bytes",
                *(report.project.id, report.rows, report.contents, report.size_bytes),
            )
