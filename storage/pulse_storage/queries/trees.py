"""Results of the reads of trees: pages of OTel traces, and the spans of one trace as columns."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pulse_storage.rows import CostSource, Status

#: The totals of a trace are over at most about this many of its spans.
MAX_TOTALLED_SPANS = 10_000
#: Spans of one page of a trace.
MAX_TREE_SPANS = 100_000
#: Error messages of a tree are cut to this length.
ERROR_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSummary:
    """One OTel trace: totals over its stored spans, and the values that a list of traces shows.

    With `at_least`, the trace has more spans than `MAX_TOTALLED_SPANS`: counts, sums and the duration are
    lower bounds, and the start is an upper bound.
    """

    otel_trace_id: bytes
    #: The name of the root; without a stored root, that of the span that starts first.
    name: str
    #: The earliest stored span without a parent; None if none is stored.
    root_span_id: bytes | None
    #: True if a root and all parents are stored; None if that is unknown because of `at_least`.
    is_complete: bool | None
    #: Start of the earliest span in Unix nanoseconds.
    start_ns: int
    #: From the earliest start to the latest end; None if no span has a known latency.
    duration_ms: float | None
    spans: int
    at_least: bool
    #: Counted model calls.
    calls: int
    #: Failed spans of any operation.
    errors: int
    #: Sums over the counted calls whose value is known; None if no counted call has a known value.
    input_tokens: int | None
    output_tokens: int | None
    cost_nano_usd: int | None
    #: The source of all known costs; `mixed` if they have different sources, or a source is unknown.
    cost_source: Literal["reported", "computed", "mixed"] | None
    #: Counted calls that used tokens but have no cost.
    unpriced: int
    #: Successful counted calls whose input and output tokens are both unknown.
    unknown_usage: int
    #: Of the root; of the earliest span that has a value if the root is not stored or has none.
    session_id: str | None
    user_id: str | None
    service: str | None
    input_preview: str | None
    #: Of the root; of the latest span that has a value if the root is not stored or has none.
    output_preview: str | None


@dataclass(frozen=True, slots=True)
class TreePage:
    """Traces in the requested order of their first matching span. Without a cursor it is the last page.

    A page with a cursor may have fewer traces than its limit, even none.
    """

    trees: list[TreeSummary]
    next_cursor: str | None
    #: False if the page ended before its limit because its budget was spent.
    is_complete: bool


class TreeColumns(NamedTuple):
    """The spans of a tree, a value per span in each column, by start time and then by span id.

    Values are those that readers see. A trace can have 100,000 spans: an object for each takes twice as long.
    """

    #: The visible ids of the rows as 16 bytes.
    trace_id: Sequence[bytes]
    otel_span_id: Sequence[bytes]
    parent_span_id: Sequence[bytes | None]
    start_ns: Sequence[int]
    latency_ms: Sequence[float | None]
    operation: Sequence[str | None]
    name: Sequence[str]
    provider: Sequence[str | None]
    #: The used model, else the requested one.
    model: Sequence[str | None]
    service: Sequence[str | None]
    status: Sequence[Status]
    error_type: Sequence[str | None]
    #: Cut to `ERROR_CHARS` characters.
    error_message: Sequence[str | None]
    input_tokens: Sequence[int | None]
    cache_read_tokens: Sequence[int | None]
    output_tokens: Sequence[int | None]
    cost_nano_usd: Sequence[int | None]
    cost_source: Sequence[CostSource | None]
    time_to_first_token_ms: Sequence[float | None]
    session_id: Sequence[str | None]
    user_id: Sequence[str | None]
    model_call: Sequence[bool]
    counted: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Tree:
    """The stored spans of one OTel trace, or a page of them; at least one."""

    spans: TreeColumns
    #: Parents of these spans that are stored, but not among these spans.
    other_parents: Set[bytes]
    #: Cursor of the next page, whose spans start later; None on the last page.
    next_cursor: str | None
