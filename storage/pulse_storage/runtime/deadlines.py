"""Deadlines for waiting on a store: a database server that hangs never answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pulse_storage.errors import StoreUnavailable

#: For looking up a key or prices at the start of a request. Exporters time out after 10 s in total.
LOOK_UP_DEADLINE_S = 1.5
#: For writing a few rows; includes the time in the write queue.
WRITE_DEADLINE_S = 8.0


@asynccontextmanager
async def answer_within(deadline_s: float | None) -> AsyncGenerator[None]:
    """Raise StoreUnavailable if the block takes longer than `deadline_s`; None means no deadline."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except TimeoutError:
        raise StoreUnavailable("the store does not answer in time; try again") from None
