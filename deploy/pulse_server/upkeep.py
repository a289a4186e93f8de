"""Upkeep by a running server: now and then, erasures are finished and retention is applied."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StorageError
from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.maintenance.erase import erase
from pulse_storage.sql.maintenance.run import UpkeepBusy, run

_log = logging.getLogger("pulse.upkeep")
#: Servers that start together take different moments.
_FIRST_AFTER_S = (10.0, 60.0)
_SPREAD = (0.9, 1.1)
#: An erasure that a request or a stopped server left unfinished waits at most this long.
_ERASURES_EVERY_S = 60.0


async def keep_up(storage: StorageAdapter, default: RetentionPolicy, every_s: float) -> None:
    """Finish erasures about once a minute, apply retention every `every_s`, until cancelled.

    With 0 retention is never applied. Errors are logged.
    """
    await asyncio.sleep(random.uniform(*_FIRST_AFTER_S))
    known: dict[str, RetentionPolicy] = {}
    due_s = time.monotonic()
    while True:
        is_due = every_s > 0 and time.monotonic() >= due_s
        try:
            await keep_up_once(storage, default if is_due else None, known)
        except UpkeepBusy:
            _log.debug("another process holds the lease of retention and erasures")
        except StorageError as error:
            _log.warning("retention or an erasure was interrupted, and continues later: %s", error)
        if is_due:
            due_s = time.monotonic() + every_s * random.uniform(*_SPREAD)
        await asyncio.sleep(_ERASURES_EVERY_S * random.uniform(*_SPREAD))


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
