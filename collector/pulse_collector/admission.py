"""A budget of bytes shared by all requests in progress, which bounds their memory.

Bytes are charged when they arrive, again when they are decompressed, and again as rows. A request that
exceeds the budget is refused at once and sent again by the client; it does not wait.
"""

from __future__ import annotations

import threading
from types import TracebackType

from pulse_collector.refusals import never_fits, overloaded


class ByteBudget:
    """Counts the bytes of requests in progress. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Return the bytes that are charged and not yet released."""
        return self._held_bytes

    def reservation(self) -> Reservation:
        """Return an empty reservation; leaving its `with` block releases all of its bytes."""
        return Reservation(self)

    def take(self, count: int) -> None:
        """Charge `count` bytes. Raises Refusal (503) if the budget would be exceeded."""
        with self._lock:
            if self._held_bytes + count > self._limit_bytes:
                raise overloaded(
                    f"Requests in progress already hold {self._held_bytes >> 20} MiB; the limit is "
                    f"{self._limit_bytes >> 20} MiB (PULSE_MAX_INFLIGHT_MIB)."
                )
            self._held_bytes += count

    @property
    def limit_bytes(self) -> int:
        """Return the bytes that all requests together may charge."""
        return self._limit_bytes

    def give_back(self, count: int) -> None:
        """Release `count` bytes."""
        with self._lock:
            self._held_bytes -= count


class Reservation:
    """The bytes that one request has charged."""

    __slots__ = ("_budget", "_held_bytes")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held_bytes = 0

    def take(self, count: int) -> None:
        """Charge `count` more bytes. Raises Refusal: 503, or 413 if the request exceeds the whole budget."""
        if self._held_bytes + count > self._budget.limit_bytes:
            raise never_fits(self._budget.limit_bytes)
        self._budget.take(count)
        self._held_bytes += count

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.give_back(self._held_bytes)
        self._held_bytes = 0
