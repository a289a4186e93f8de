"""The byte budget that all requests under way share, so that many of them cannot fill the memory.

Bytes are charged as they arrive, again as they are inflated, and again as rows. A request that finds no room
is refused at once, to be sent again, rather than made to wait.
"""

from __future__ import annotations

import threading
from types import TracebackType

from pulse_collector.refusals import never_fits, overloaded


class ByteBudget:
    """Counts the bytes that requests hold; safe from any thread."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes charged and not yet given back."""
        return self._held_bytes

    def reservation(self) -> Reservation:
        """An empty reservation; leaving its `with` block gives everything back."""
        return Reservation(self)

    def take(self, count: int) -> None:
        """Charge `count` bytes. Raises Refusal (503) if the budget is spent."""
        with self._lock:
            if self._held_bytes + count > self._limit_bytes:
                raise overloaded(
                    f"Requests under way hold {self._held_bytes >> 20} MiB already; the limit is "
                    f"{self._limit_bytes >> 20} MiB (PULSE_MAX_INFLIGHT_MIB)."
                )
            self._held_bytes += count

    @property
    def limit_bytes(self) -> int:
        """What all requests together may hold."""
        return self._limit_bytes

    def give_back(self, count: int) -> None:
        """Return what was taken."""
        with self._lock:
            self._held_bytes -= count


class Reservation:
    """What one request holds of the budget."""

    __slots__ = ("_budget", "_held_bytes")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held_bytes = 0

    def take(self, count: int) -> None:
        """Charge `count` more bytes. Raises Refusal: 503, or 413 if they would not fit even alone."""
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
