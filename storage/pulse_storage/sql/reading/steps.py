"""Steps of time in SQL, and reading the rows of a range in batches, newest first, until a deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pulse_storage.ids import time_of
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.conditions import Conditions, index_for
from pulse_storage.sql.reading.counts import Span, Units
from pulse_storage.sql.reading.scan import batches, within

#: Ids are cut to 1/4096 ms.
_ID_RESOLUTION_NS = 245
#: Entries of the first batch. A batch of rows takes about 50 ms.
_FIRST_ROWS = 5_000


def step_number(edges: Sequence[int], time_ns: str) -> str:
    """Return an SQL expression for the number of the step that contains the time of a row.

    `edges` are those of the steps, `time_ns` an expression for a time within them. Steps of equal length that
    follow each other are one division.
    """
    runs: list[tuple[int, int, int]] = []
    for number, (start_ns, before_ns) in enumerate(pairwise(edges)):
        length_ns = before_ns - start_ns
        if not runs or runs[-1][1] != length_ns:
            runs.append((start_ns, length_ns, number))
    if len(edges) == 2:
        return "0"
    firsts = [number for _, _, number in runs] + [len(edges) - 1]
    terms: list[str] = []
    for at, (start_ns, length_ns, number) in enumerate(runs):
        is_one_step = firsts[at + 1] - number == 1
        of_run = f"{number:d}" if is_one_step else f"{number:d} + ({time_ns} - {start_ns:d}) / {length_ns:d}"
        terms.append(of_run if at == 0 else f"WHEN {time_ns} >= {start_ns:d} THEN {of_run}")
    if len(terms) == 1:
        return terms[0]
    return f"CASE {' '.join(reversed(terms[1:]))} ELSE {terms[0]} END"


def split_steps(edges: Sequence[int], unit_ns: int) -> tuple[list[Units], list[Span]]:
    """Split the range of steps into whole hours or days that lie within one step, and the spans between.

    `unit_ns` is an hour or a day, as rollups have it. Both lists are ascending.
    """
    units: list[Units] = []
    spans: list[Span] = []
    at_ns = edges[0]
    for edge_ns in edges:
        unit_start_ns = edge_ns // unit_ns * unit_ns
        if unit_start_ns == edge_ns and edge_ns != edges[-1]:
            continue
        # The unit of this edge is in several steps, or not whole; those before it are whole.
        first, last = -(-at_ns // unit_ns), unit_start_ns // unit_ns
        if first < last:
            units.append((first, last))
        span = (max(unit_start_ns, at_ns), min(unit_start_ns + unit_ns, edges[-1]))
        if span[0] < span[1]:
            if spans and spans[-1][1] == span[0]:
                span = (spans.pop()[0], span[1])
            spans.append(span)
            at_ns = span[1]
    return units, spans


@dataclass(slots=True)
class Deadline:
    """The end of the time for reading rows, and the start of the part that was read in time."""

    ends_s: float
    #: All rows that start at or after this time were read, in Unix nanoseconds; None if all rows were read.
    read_from_ns: int | None = None

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return a deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.ends_s


def row_batches(
    connection: Connection, project: int, where: TraceFilter, spans: Sequence[Span], deadline: Deadline
) -> Iterator[tuple[str, Conditions]]:
    """Yield `spans` with its index, and conditions, that together select each matching row once.

    Newer rows come first. At least one batch is yielded. After the deadline no further one is, and
    `deadline.read_from_ns` is set.
    """
    for from_ns, before_ns in sorted(spans, reverse=True):
        part = replace(where, from_ns=from_ns, before_ns=before_ns)
        rows = f"spans{connection.dialect.indexed_by(index_for(part))}"
        for begin, end in batches(connection, project, part, "desc", first=_FIRST_ROWS, splits_all=True):
            yield rows, within(connection.dialect, project, part, "desc", (begin, end))
            if end is not None and deadline.is_over:
                deadline.read_from_ns = time_of(end) + _ID_RESOLUTION_NS
                return
        if deadline.is_over and from_ns > min(start_ns for start_ns, _ in spans):
            deadline.read_from_ns = from_ns
            return
