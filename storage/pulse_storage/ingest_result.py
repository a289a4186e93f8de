"""IngestResult: what became of the rows that were handed to a store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of the rows of one call: the four add up to the rows given."""

    stored: int = 0
    #: Already stored, or twice in the same call.
    duplicates: int = 0
    #: Spans that are not gen-ai and name nobody, of traces without a gen-ai span.
    left_out: int = 0
    #: Index into the rows given, and why the store cannot hold that row.
    rejected: tuple[tuple[int, str], ...] = ()
