"""Erasures: the stored orders to delete all data of a user, a session or a project, and their progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pulse_storage.maintenance import Erasure, Removed, Subject
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.tables.garbage import weeks_with_garbage
from pulse_storage.sql.writing.project_removal import delete_some, forget_project, has_data

_COLUMNS = (
    "erasures.id, projects.id, subject, value, requested_ns, finished_ns,"
    " erased_rows, erased_calls, erased_events, erased_tokens, erased_cost_nano_usd"
)
_SELECT = f"SELECT {_COLUMNS} FROM erasures INNER JOIN projects ON projects.key = erasures.project"
_INDEXES = {"user_id": "spans_by_user", "session_id": "spans_by_session"}
#: Another process may store rows of a deleted project until it looks the project up again (`Ingest`).
_LATE_ROWS_NS = 3_000_000_000


def order(connection: Connection, project: int, erasure: Erasure) -> Erasure:
    """Store an order; return it, or the unfinished one for the same user or session."""
    connection.lock_projects()
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

    The order is finished when no rows are left and their shared content was swept. It is returned unchanged
    if a sweep must come first.
    """
    erasure = find(connection, erasure_id)
    if erasure.finished_ns is not None:
        return erasure
    project = connection.execute("SELECT project FROM erasures WHERE id = ?", (erasure_id,)).get
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
        # The id of the user or session is personal data too.
        connection.execute(
            "UPDATE erasures SET finished_ns = ?, value = NULL WHERE id = ?", (now_ns, erasure_id)
        )
        return find(connection, erasure_id)
    removed = remove(project, keys, erasure.subject, str(erasure.value))
    _note_progress(connection, erasure_id, removed)
    return find(connection, erasure_id)


def put(connection: Connection, project: int, erasure: Erasure) -> None:
    """Store an order with its progress, unless it is stored already."""
    connection.execute(
        "INSERT INTO erasures (id, project, subject, value, requested_ns, finished_ns,"
        " erased_rows, erased_calls, erased_events, erased_tokens, erased_cost_nano_usd)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (erasure.id, project, *erasure[2:]),
    )


def record(connection: Connection, erasure_id: str, removed: Removed, finished_ns: int | None) -> Erasure:
    """See `ControlStore.record_erased`."""
    _note_progress(connection, erasure_id, removed)
    if finished_ns is not None:
        connection.execute(
            "UPDATE erasures SET finished_ns = ?, value = NULL WHERE id = ?", (finished_ns, erasure_id)
        )
    return find(connection, erasure_id)


def matching_rows(connection: Connection, project: int, subject: Subject, value: str) -> tuple[int, int]:
    """Return the numbers of rows and of counted rows that belong to a user or session."""
    found = connection.execute(
        f"SELECT count(*), count(usage_key) FROM spans{connection.dialect.indexed_by(_INDEXES[subject])}"
        f" WHERE project = ? AND {subject} = ?",
        (project, value),
    ).fetchone()
    assert found is not None
    return (found[0], found[1])


def _note_progress(connection: Connection, erasure_id: str, removed: Removed) -> None:
    connection.execute(
        "UPDATE erasures SET erased_rows = erased_rows + ?, erased_calls = erased_calls + ?,"
        " erased_events = erased_events + ?, erased_tokens = erased_tokens + ?,"
        " erased_cost_nano_usd = erased_cost_nano_usd + ? WHERE id = ?",
        (*removed, erasure_id),
    )


def find(connection: Connection, erasure_id: str) -> Erasure:
    """Return one order. Raises KeyError."""
    found = connection.execute(f"{_SELECT} WHERE erasures.id = ?", (erasure_id,)).fetchone()
    if found is None:
        raise KeyError(erasure_id)
    return _erasure(found)


def of_project(connection: Connection, project: int, limit: int | None = 1_000) -> list[Erasure]:
    """Return the orders of a project, newest first."""
    limited = "" if limit is None else f" LIMIT {limit:d}"
    rows = connection.execute(
        f"{_SELECT} WHERE erasures.project = ? ORDER BY requested_ns DESC, erasures.id{limited}", (project,)
    )
    return [_erasure(row) for row in rows]


def unfinished(connection: Connection) -> list[Erasure]:
    """Return the unfinished orders of all projects, oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE finished_ns IS NULL ORDER BY requested_ns, erasures.id")
    return [_erasure(row) for row in rows]


def _erasure(row: Values) -> Erasure:
    return Erasure._make(row)
