"""Measures the CPU that recording adds to a stream: reads a bare and a recorded stream alternately.

Decoding a chunk costs a hundred times as much as recording it, and the noise of the machine exceeds the cost
of recording. So each chunk is compared with the same chunk of the second stream, read directly before or
after it; the order changes from chunk to chunk. The reader of a large event (such as one with the complete
response) that is first allocates the memory for both: so each pair of streams is read twice, once in either
order.
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
    """The whole bare stream, from the request to its end."""
    recorded_us: float
    chunk_us: float
    """Added by recording to a chunk: the median of all but the first and the last."""


class Reading:
    """A stream in progress and the CPU nanoseconds of each step."""

    def __init__(self, request: Callable[[], Iterable[object]]) -> None:
        before = time.thread_time_ns()
        self._chunks = iter(request())
        self.steps_ns = [time.thread_time_ns() - before]

    def step(self) -> bool:
        """Read a chunk. Return False at the end of the stream."""
        before = time.thread_time_ns()
        try:
            next(self._chunks)
        except StopIteration:
            return False
        finally:
            self.steps_ns.append(time.thread_time_ns() - before)
        return True


def read_in_turn(bare: Reading, recorded: Reading, *, recorded_first: bool) -> Pair:
    """Read both streams to their end; the first of them alternates with each chunk."""
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
    # Exclude the request, the first and the last chunk, and the step that finds the end.
    inner = added_ns[2:-2]
    # Average pairs of one chunk of each order: the second reader finds warm processor caches.
    twos_ns = [(one + other) / 2 for one, other in zip(inner[::2], inner[1::2], strict=False)]
    return Pair(sum(bare.steps_ns) / 1000, sum(recorded.steps_ns) / 1000, statistics.median(twos_ns) / 1000)


def mean(one: Pair, other: Pair) -> Pair:
    """Return the mean of two pairs."""
    return Pair(
        (one.bare_us + other.bare_us) / 2,
        (one.recorded_us + other.recorded_us) / 2,
        (one.chunk_us + other.chunk_us) / 2,
    )
