"""Arguments and results of checks whether traces were received as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from pulse_storage.queries.filters import TraceFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedQuery:
    """A check of the traces of the newest rows that match a filter."""

    filter: TraceFilter = field(default_factory=TraceFilter)
    #: Maximum number of traces.
    traces: int = 200
    #: Wall time.
    seconds: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The newest span of a project, and how many of the checked traces lack spans."""

    #: Start time of the newest stored span of any kind and time; None without spans.
    newest_ns: int | None
    #: Number of checked traces.
    traces: int
    #: Traces with a span whose parent was not received. Of each trace up to 1,000 parents are checked.
    incomplete: int
    #: False if time did not suffice for as many traces as the query allows.
    complete: bool
