"""Arguments and results of groups of failed calls by type, provider, model and message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from pulse_storage.queries.filters import TraceFilter

#: Characters of a message that are read, and of a message without values.
MESSAGE_CHARS = 1_000
_TEMPLATE_CHARS = 300

#: Parts of a message that differ between failures of the same kind. The first alternative is kept.
_VALUES = re.compile(
    r"""
    (?P<kept> ^[1-5]\d\d\b(?![.\d])
        | \b(?:(?:error|status)[ _]code|status|code|http(?:/[\d.]+)?)['"]?[ :=]{1,3}[1-5]\d\d\b(?![.\d])
        | (?P<quote>['"])[\w.\- ]{1,40}(?P=quote)(?=\s?:) )
    | (?P<quoted> "[^"\s]{1,200}" | `[^`\n]{1,200}` | (?<!\w)'[^'\s]{1,200}'(?!\w) )
    | (?P<number>
        \d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?
        | (?<![\w.])\d+(?:\.\d+)?(?:ms|us|ns|[smhd])(?:\d+(?:\.\d+)?(?:ms|us|ns|[smhd]))*\b )
    | (?P<id> 0x[0-9a-f]+\b
        | \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b
        | \b(?=[a-f]*\d)[0-9a-f]{8,}\b(?!-)
        | (?<![\w-])(?=[\w-]{0,40}\d)[a-z0-9]+(?:[_-][a-z0-9]+)*(?<=[\w-]{16})(?![\w-]) )
    | (?P<digits> \d+(?:[.,:]\d+)* )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PLACEHOLDERS = {"quoted": "'…'", "number": "#", "id": "<id>", "digits": "#"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorQuery:
    """Groups of failed rows by type, provider, model and message without values.

    `filter` restricts the rows further; its time range and `status` are ignored.
    """

    #: Ascending Unix nanoseconds, at least two: step i is [edges[i], edges[i + 1]).
    edges: tuple[int, ...]
    limit: int = 50
    filter: TraceFilter = field(default_factory=TraceFilter)
    #: Wall time.
    seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """Failed rows that are alike."""

    error_type: str | None
    provider: str | None
    #: The used, else the requested model.
    model: str | None
    #: See `message_without_values`.
    message: str | None
    calls: int
    #: Number of different known users.
    users: int
    #: Start times of the first and the last row.
    first_ns: int
    last_ns: int
    #: Rows by number of the step.
    steps: Mapping[int, int]
    #: Visible id of the last row, and its message, cut to `MESSAGE_CHARS`.
    sample_id: UUID
    sample_message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroups:
    """The groups with the most rows; of equal groups the one with the newest row comes first."""

    groups: list[ErrorGroup]
    #: False if time or memory did not suffice for all rows. Newer rows are read first.
    complete: bool = True
    #: The steps that start earlier lack rows, in Unix nanoseconds; None if every step has all of its rows.
    complete_from_ns: int | None = None


def message_without_values(message: str | None) -> str | None:
    """Return a message without numbers, ids, dates and quoted values, which differ from failure to failure.

    A status code, and the name of a quoted field (`'message': …`), is kept. White space is collapsed, and the
    result is cut to 300 characters. None for a message that is unknown or blank.
    """
    text = " ".join((message or "")[:MESSAGE_CHARS].split())
    return _VALUES.sub(_placeholder, text)[:_TEMPLATE_CHARS] or None


def _placeholder(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if found["kept"] is not None or kind is None:
        return found[0]
    return _PLACEHOLDERS[kind]
