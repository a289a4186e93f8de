"""Erasures: the stored orders to delete all data of a user, a session or a project, and their progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, cast

from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.tables.garbage import weeks_with_garbage
from pulse_storage.sql.writing.project_removal import delete_some, forget_project, has_data
from pulse_storage.sql.writing.removal import Removed
from pulse_storage.trace_json import NANO_USD_PER_CENT, rfc3339

Subject = Literal["user_id", "session_id", "project"]

_COLUMNS = (
    "erasures.id, projects.id, subject, value, requested_ns, finished_ns,"
    " erased_rows, erased_calls, erased_events, erased_tokens, erased_cost_nano_usd"
)
_SELECT = f"SELECT {_COLUMNS} FROM erasures INNER JOIN projects ON projects.key = erasures.project"
_INDEXES = {"user_id": "spans_by_user", "session_id": "spans_by_session"}
#: Another process may store rows of a deleted project until it looks the project up again (`Ingest`).
_LATE_ROWS_NS = 3_000_000_000
_SHOWN_AS: dict[Subject, str] = {"user_id": "user", "session_id": "session", "project": "project"}


class Erasure(NamedTuple):
    """One order. Times are Unix nanoseconds; the numbers are what has been erased by now."""

    id: str
    project_id: str
    subject: Subject
    #: The id of the user or session; None once it is erased, and for a project.
    value: str | None
    requested_ns: int
    finished_ns: int | None
    rows: int = 0
    #: Of the rows, those that counted; their tokens and cost are in no sum any more.
    calls: int = 0
    log_events: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0

    def as_json(self) -> dict[str, object]:
        """As answers and commands show it; never whom it was about."""
        return {
            "erasureId": self.id,
            "projectId": self.project_id,
            "by": _SHOWN_AS[self.subject],
            "requestedAt": rfc3339(self.requested_ns),
            "finishedAt": None if self.finished_ns is None else rfc3339(self.finished_ns),
            "rows": self.rows,
            "calls": self.calls,
            "logEvents": self.log_events,
            "tokens": self.tokens,
            "cost": self.cost_nano_usd / NANO_USD_PER_CENT,
        }


def order(connection: Connection, project: int, erasure: Erasure) -> Erasure:
    """Note an order; one for the same user or session that is not finished is taken up instead."""
    open_one = connection.execute(
        f"{_SELECT} WHERE erasures.project = ? AND subject = ? AND value = ? AND finished_ns IS NULL",
        (project, erasure.subject, erasure.value),
    ).fetchone()
    if open_one is not None:
        return _erasure(open_one)
    connection.execute(
        "INSERT INTO erasures (id, project, subject, value, requested_ns) VALUES (?, ?, ?, ?, ?)",
        (erasure.id, project, erasure.subject, erasure.value, erasure.requested_ns),
    )
    return erasure


def step(
    connection: Connection,
    erasure_id: str,
    now_ns: int,
    remove: Callable[[int, Sequence[SpanKey], str, str], Removed],
    limit: int,
) -> Erasure:
    """Erase at most about `limit` more rows. Raises KeyError: no such order.

    Finished when none is left and what they shared was swept; unchanged when it must be swept first.
    """
    erasure = find(connection, erasure_id)
    if erasure.finished_ns is not None:
        return erasure
    project = cast("int", connection.execute("SELECT project FROM erasures WHERE id = ?", (erasure_id,)).get)
    if erasure.subject == "project":
        _note_progress(connection, erasure_id, delete_some(connection, project, limit))
        if not has_data(connection, project) and now_ns - erasure.requested_ns >= _LATE_ROWS_NS:
            forget_project(connection, project, erasure_id)
            connection.execute("UPDATE erasures SET finished_ns = ? WHERE id = ?", (now_ns, erasure_id))
        return find(connection, erasure_id)
    index = connection.dialect.indexed_by(_INDEXES[erasure.subject])
    keys = connection.execute(
        f"SELECT otel_trace_id, otel_span_id FROM spans{index}"
        f" WHERE project = ? AND {erasure.subject} = ? ORDER BY id LIMIT {limit:d}",
        (project, erasure.value),
    ).fetchall()
    if not keys and weeks_with_garbage(connection, project):
        return erasure  # the rows are gone; what they shared with others waits for the sweep
    if not keys:
        # Whom it was about is itself something to be erased.
        connection.execute(
            "UPDATE erasures SET finished_ns = ?, value = NULL WHERE id = ?", (now_ns, erasure_id)
        )
        return find(connection, erasure_id)
    removed = remove(project, cast("list[SpanKey]", keys), erasure.subject, str(erasure.value))
    _note_progress(connection, erasure_id, removed)
    return find(connection, erasure_id)


def matching_rows(connection: Connection, project: int, subject: Subject, value: str) -> tuple[int, int]:
    """How many rows, and how many counted ones, belong to a user or session now."""
    found = connection.execute(
        f"SELECT count(*), count(usage_key) FROM spans{connection.dialect.indexed_by(_INDEXES[subject])}"
        f" WHERE project = ? AND {subject} = ?",
        (project, value),
    ).fetchone()
    assert found is not None
    return cast("tuple[int, int]", (found[0], found[1]))


def _note_progress(connection: Connection, erasure_id: str, removed: Removed) -> None:
    connection.execute(
        "UPDATE erasures SET erased_rows = erased_rows + ?, erased_calls = erased_calls + ?,"
        " erased_events = erased_events + ?, erased_tokens = erased_tokens + ?,"
        " erased_cost_nano_usd = erased_cost_nano_usd + ? WHERE id = ?",
        (*removed, erasure_id),
    )


def find(connection: Connection, erasure_id: str) -> Erasure:
    """One order. Raises KeyError."""
    found = connection.execute(f"{_SELECT} WHERE erasures.id = ?", (erasure_id,)).fetchone()
    if found is None:
        raise KeyError(erasure_id)
    return _erasure(found)


def of_project(connection: Connection, project: int) -> list[Erasure]:
    """The orders of a project, newest first, at most a thousand."""
    rows = connection.execute(
        f"{_SELECT} WHERE erasures.project = ? ORDER BY requested_ns DESC, erasures.id LIMIT 1000", (project,)
    )
    return [_erasure(row) for row in rows]


def unfinished(connection: Connection) -> list[Erasure]:
    """The orders of all projects that are not finished, oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE finished_ns IS NULL ORDER BY requested_ns, erasures.id")
    return [_erasure(row) for row in rows]


def _erasure(row: Values) -> Erasure:
    return Erasure._make(cast("tuple[str, str, Subject, str | None, int, int | None]", row))
