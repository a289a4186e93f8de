"""Track for each project whether all its model calls have one source: the same scope and service.

Spans of one source never record the same call in several traces, except halves of streams. So a project with
one source needs no look-ups and no locks of response ids.
"""

from __future__ import annotations

from collections.abc import Iterable

from pulse_storage.rows import SpanRow
from pulse_storage.sql.connection import Connection

#: `projects.only_source` of a project without calls.
_NONE_YET = ""


class CallSources:
    """A cache of `projects.only_source`, kept across transactions.

    The column changes at most twice: from no calls to one source, and from one source to several. Each time
    the transaction excludes all other writers, so that no process stores a call by the old value.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        #: By project: the only source, or None for several. A missing project was not read yet.
        self._only: dict[int, str | None] = {}

    def forget(self) -> None:
        """Forget all sources: the transaction that set them may have been rolled back."""
        self._only.clear()

    def may_be_several(self, project: int) -> bool:
        """Return False if the project is known to have one source only; runs no query."""
        return self._only.get(project) is None

    def are_one(self, project: int, rows: Iterable[SpanRow]) -> bool:
        """Return True if these rows and all stored calls have one source. Store that of the first calls.

        Stores that there are several sources once that is so.
        """
        if self._only.get(project, _NONE_YET) is None:
            return False
        had_locks = self.may_be_several(project)
        stored = self._connection.execute("SELECT only_source FROM projects WHERE key = ?", (project,)).get
        sources = {_source(row) for row in rows if row.model_call}
        if stored is not None and sources <= {stored}:
            if sources:
                self._only[project] = stored
            return True
        if stored is not None or not had_locks:
            self._connection.require_exclusive()
        if stored is not None:
            stored = sources.pop() if stored == _NONE_YET and len(sources) == 1 else None
            self._connection.execute("UPDATE projects SET only_source = ? WHERE key = ?", (stored, project))
        self._only[project] = stored
        return stored is not None


def forget_only_source(connection: Connection, project: int) -> None:
    """Mark a project as having several sources. Call it when rows are inserted without `are_one`."""
    connection.execute("UPDATE projects SET only_source = NULL WHERE key = ?", (project,))


def _source(row: SpanRow) -> str:
    return f"{row.scope or ''}\n{row.service or ''}"
