"""What recording adds to a stream: a bare and a recorded one are read in turn, chunk by chunk.

A client spends a hundred times as much on decoding a chunk as it takes to record it, and what else a
machine does changes that by more than what is sought. So each chunk is compared with the same chunk of
the other stream, read right before or after it; which is first changes from chunk to chunk. Whoever reads
an event that is large, like the one in which all of a response stands, before the other does pays for the
memory that both take: so each pair of streams is read twice, in either order.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """The same stream bare and recorded, in CPU microseconds of this thread."""

    bare_us: float
    """All of the bare stream, from the request to its end."""
    recorded_us: float
    chunk_us: float
    """What recording adds to a chunk: the median of all but the first and the last."""


class Reading:
    """A stream that is being read, and the CPU nanoseconds of each step."""

    def __init__(self, request: Callable[[], Iterable[object]]) -> None:
        before = time.thread_time_ns()
        self._chunks = iter(request())
        self.steps_ns = [time.thread_time_ns() - before]

    def step(self) -> bool:
        """Read a chunk. False when there was none left."""
        before = time.thread_time_ns()
        try:
            next(self._chunks)
        except StopIteration:
            return False
        finally:
            self.steps_ns.append(time.thread_time_ns() - before)
        return True


def read_in_turn(bare: Reading, recorded: Reading, *, recorded_first: bool) -> Pair:
    """Read both to their end; who reads the first chunk first also reads every other one first."""
    turns = [(bare, recorded), (recorded, bare)]
    if not recorded_first:
        turns.reverse()
    more = [True, True]
    while all(more):
        turns.reverse()
        more = [reading.step() for reading in turns[0]]
    if any(more):
        raise RuntimeError("A recorded stream must have as many chunks as the bare one.")
    added_ns = [with_ - without for with_, without in zip(recorded.steps_ns, bare.steps_ns, strict=True)]
    # Without the request, the first chunk and the last, and without the step that finds the end.
    inner = added_ns[2:-2]
    # Two by two, one of each order: who reads second finds what both need in the processor's caches.
    twos_ns = [(one + other) / 2 for one, other in zip(inner[::2], inner[1::2], strict=False)]
    return Pair(sum(bare.steps_ns) / 1000, sum(recorded.steps_ns) / 1000, statistics.median(twos_ns) / 1000)


def mean(one: Pair, other: Pair) -> Pair:
    """What lies between two pairs."""
    return Pair(
        (one.bare_us + other.bare_us) / 2,
        (one.recorded_us + other.recorded_us) / 2,
        (one.chunk_us + other.chunk_us) / 2,
    )
