"""Deadlines of what a request waits for: a server that hangs answers nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pulse_storage.errors import StoreUnavailable

#: For a key or prices, before a request's own work begins. Exporters give up after ten seconds in all.
LOOK_UP_DEADLINE_S = 1.5
#: For a write of a few rows behind all that waits for the writer.
WRITE_DEADLINE_S = 8.0


@asynccontextmanager
async def answer_within(deadline_s: float | None) -> AsyncGenerator[None]:
    """Raise StoreUnavailable if the block takes longer; None: it may take any time."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except TimeoutError:
        raise StoreUnavailable("it does not answer in time; try again") from None
