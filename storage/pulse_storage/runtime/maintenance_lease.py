"""MaintenanceLease: the lease that retention, erasures and copies hold, renewed between their steps."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from pulse_storage.control_store import Leases
from pulse_storage.maintenance import MAINTENANCE_LEASE, MaintenanceLeaseHeld

_Result = TypeVar("_Result")
_LEASE_S = 10.0
_RETRY_S = 0.5
_LONGEST_REST_S = 0.5


class MaintenanceLease:
    """One holder of the lease; each step renews it when a third of its time is over."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._holder = str(uuid.uuid4())
        self._renewed_s = 0.0

    async def take(self, wait_s: float) -> None:
        """Take the lease; wait for it at most `wait_s`. Raises MaintenanceLeaseHeld."""
        give_up_s = time.monotonic() + wait_s
        while not await self._leases.hold_lease(MAINTENANCE_LEASE, self._holder, _LEASE_S):
            if time.monotonic() >= give_up_s:
                raise MaintenanceLeaseHeld(
                    "another process runs retention, an erasure or a copy of this store; try again later"
                )
            await asyncio.sleep(_RETRY_S)
        self._renewed_s = time.monotonic()

    @asynccontextmanager
    async def held(self, wait_s: float) -> AsyncGenerator[None]:
        """Take the lease as in `take` for the length of a block, and release it."""
        await self.take(wait_s)
        try:
            yield
        finally:
            await self.release()

    async def step(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Run one step, then sleep as long as it took (50 % duty cycle), at most half a second."""
        await self.renew()
        started_s = time.monotonic()
        result = await work()
        await asyncio.sleep(min(time.monotonic() - started_s, _LONGEST_REST_S))
        return result

    async def renew(self) -> None:
        """Renew the lease if a third of its time is over. Raises MaintenanceLeaseHeld if it was lost."""
        if time.monotonic() - self._renewed_s > _LEASE_S / 3:
            await self.take(0)

    async def release(self) -> None:
        """Release the lease."""
        await self._leases.release_lease(MAINTENANCE_LEASE, self._holder)
