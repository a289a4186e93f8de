"""How far retention has come in a project: what ingest must no longer take, and readers no longer expect."""

from __future__ import annotations

from typing import NamedTuple

from pulse_storage.ids import time_floor, time_of
from pulse_storage.reconciliation.skeletons import OwnValue
from pulse_storage.retention import HOUR_NS, RetentionPolicy, policy_from_text
from pulse_storage.rows import SpanRow
from pulse_storage.sql.connection import Connection, Cursor
from pulse_storage.sql.tables.spans import REFERENCES
from pulse_storage.trace_json import rfc3339

_LONG_AGO_NS = -(1 << 63)
#: Spans of one call start within this time; for as long, rows after the mark stand as they are, since some
#: of what decided about them is gone.
FROZEN_NS = HOUR_NS
_READ_WATERMARKS = "SELECT rows_from, content_from, policy, usage_epoch FROM retention WHERE project = ?"
_CONTENT_COLUMNS = frozenset({"input_preview", "output_preview", *REFERENCES})


class Watermarks(NamedTuple):
    """How far rows and content have been dropped, and what follows from it."""

    #: The smallest row ids of which everything is still kept; empty where nothing was ever dropped.
    rows_from: bytes
    content_from: bytes
    #: The project's own policy, as it is stored.
    policy: str | None
    #: Of rows that started earlier, only those are there that the policy keeps.
    rows_from_ns: int
    #: No span that started earlier is taken any more, and nothing changes in a row that did.
    frozen_before_ns: int
    #: Of spans that started earlier, content is no longer taken.
    content_from_ns: int
    #: How often usage keys of the project were deleted.
    usage_epoch: int

    @property
    def drops(self) -> bool:
        """Whether anything was ever dropped, so that not every row is taken as it is."""
        return bool(self.rows_from or self.content_from)

    def refusal(self, start_ns: int) -> str | None:
        """Why what started then is not stored, if it is not: nobody knows whether it was stored before."""
        if start_ns >= self.frozen_before_ns:
            return None
        return (
            f"it began before {rfc3339(self.frozen_before_ns)},"
            " and this project no longer keeps rows of that time (retention)"
        )

    def event_refusal(self, time_ns: int) -> str | None:
        """Why a log event of that time is not stored, if it is not."""
        if time_ns < self.content_from_ns:
            return (
                f"it is of before {rfc3339(self.content_from_ns)},"
                " and this project no longer keeps content of that time (retention)"
            )
        return self.refusal(time_ns)

    def admitted(self, row: SpanRow) -> SpanRow:
        """The row as it is stored if it arrives now: without content if that is too old."""
        policy = RetentionPolicy() if self.policy is None else policy_from_text(self.policy)
        if row.start_ns >= self.content_from_ns or policy.exempts(row):
            return row
        return row._replace(
            input_preview=None, output_preview=None, output_text=None, request_body=None, response_body=None
        )

    def without_old_content(self, start_ns: int, overrides: dict[str, OwnValue]) -> dict[str, OwnValue]:
        """What a row that started then may still take from others."""
        if start_ns >= self.content_from_ns:
            return overrides
        return {column: value for column, value in overrides.items() if column not in _CONTENT_COLUMNS}


NO_WATERMARKS = Watermarks(b"", b"", None, _LONG_AGO_NS, _LONG_AGO_NS, _LONG_AGO_NS, 0)


def read_watermarks(connection: Connection, project: int) -> Watermarks:
    """The marks of a project as they are in this transaction."""
    return parse_watermarks(connection.execute(_READ_WATERMARKS, (project,)))


def request_watermarks(connection: Connection, project: int) -> Cursor:
    """Ask for the marks of a project; `parse_watermarks` reads what is answered."""
    return connection.execute(_READ_WATERMARKS, (project,))


def parse_watermarks(answer: Cursor) -> Watermarks:
    """The marks that were asked for."""
    found = answer.fetchone()
    if found is None:
        return NO_WATERMARKS
    rows_from, content_from, policy, usage_epoch = found
    rows_from_ns = _ceiling_ns(rows_from) if rows_from else _LONG_AGO_NS
    return Watermarks(
        rows_from,
        content_from,
        policy,
        rows_from_ns,
        rows_from_ns + FROZEN_NS if rows_from else _LONG_AGO_NS,
        _ceiling_ns(content_from) if content_from else _LONG_AGO_NS,
        usage_epoch,
    )


def move_watermarks(
    connection: Connection, project: int, *, rows_from: bytes = b"", content_from: bytes
) -> None:
    """Note that everything below these ids has been dropped; marks never go back."""
    connection.execute(
        "INSERT INTO retention (project, rows_from, content_from) VALUES (?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET"
        " rows_from = CASE WHEN excluded.rows_from > retention.rows_from"
        "  THEN excluded.rows_from ELSE retention.rows_from END,"
        " content_from = CASE WHEN excluded.content_from > retention.content_from"
        "  THEN excluded.content_from ELSE retention.content_from END",
        (project, rows_from, content_from),
    )


def put_policy(connection: Connection, project: int, policy: str | None) -> None:
    """Store a project's own policy as JSON text; None: the default applies."""
    connection.execute(
        "INSERT INTO retention (project, policy) VALUES (?, ?)"
        " ON CONFLICT (project) DO UPDATE SET policy = excluded.policy",
        (project, policy),
    )


def _ceiling_ns(id: bytes) -> int:
    """The earliest time of which no row has a smaller id."""
    start_ns = time_of(id)
    # An id stands for a quarter of a microsecond; one that does not open it has others before it.
    return start_ns if time_floor(start_ns) == id else start_ns + 245
