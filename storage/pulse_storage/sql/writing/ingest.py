"""Store and remove spans and log events of any projects within a transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pulse_storage.maintenance import Removed
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.rows import Assemble, EventPart, IngestResult, Outcome
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.tables.events import save_parts
from pulse_storage.sql.tables.projects import project_key
from pulse_storage.sql.tables.rollups import RollupDelta, UsageKeys
from pulse_storage.sql.writing.incoming_rows import IncomingRow, IncomingRows
from pulse_storage.sql.writing.recent_ids import RecentIds
from pulse_storage.sql.writing.related_spans import LargeTraces, RelatedSpans
from pulse_storage.sql.writing.removal import remove
from pulse_storage.sql.writing.row_updates import RowUpdates
from pulse_storage.sql.writing.sources import CallSources


class Ingest:
    """Stores rows through one connection; keeps project keys and usage keys across transactions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._usage_keys = UsageKeys(connection)
        #: Keys of projects by id, and the time of their look-up (monotonic seconds).
        self._projects: dict[str, tuple[int, float]] = {}
        self._large_traces = LargeTraces()
        self._sources = CallSources(connection)
        self._recent_ids = RecentIds(connection)

    @property
    def usage_keys(self) -> UsageKeys:
        """Return the usage keys that this connection knows."""
        return self._usage_keys

    def forget(self) -> None:
        """Forget all that was read or written in a transaction. Call it after every rollback."""
        self._usage_keys.forget()
        self._large_traces.forget()
        self._sources.forget()
        self._recent_ids.forget()

    def forget_recent_ids(self) -> None:
        """Forget recent response ids. Call it when rows are inserted without `store`."""
        self._recent_ids.forget()

    def store(self, incoming: Sequence[IncomingRow]) -> list[Outcome | str]:
        """Store each row that the engine accepts, within a transaction; return the outcome of each row."""
        self._lock_incoming(incoming)
        return self._store_what_can_be(incoming)

    def store_together(self, incoming: Sequence[IncomingRow]) -> list[Outcome | str]:
        """Store all rows, within a transaction; return the outcome of each row.

        Raises one of the dialect's `data_errors` if the engine refuses a row; the transaction must then be
        rolled back. It needs no savepoint, so it is cheaper than `store`.
        """
        self._lock_incoming(incoming)
        return self._store_all(incoming)

    def _lock_incoming(self, incoming: Sequence[IncomingRow]) -> None:
        self._lock(
            (
                project,
                row.otel_trace_id,
                row.provider_request_id if row.model_call and self._sources.may_be_several(project) else None,
                row.partner_key,
            )
            for row, _ in incoming
            if (project := self._project(row.project_id)) is not None
        )

    def store_events(self, project_id: str, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Store log events and update the rows of their spans, within a transaction."""
        project = self._project(project_id)
        if project is None:
            return IngestResult(rejected=tuple((i, _NO_PROJECT) for i in range(len(parts))))
        self._lock((project, part.otel_trace_id, None, None) for part in parts)
        delta = RollupDelta()
        updates = self._row_updates(project, delta)
        marks = updates.marks
        refused = [
            (i, reason) for i, part in enumerate(parts) if (reason := marks.event_refusal(part.order[0]))
        ]
        taken = sorted(set(range(len(parts))) - {i for i, _ in refused})
        result, spans = save_parts(self._connection, project, [parts[i] for i in taken], assemble)
        updates.revise(spans)
        delta.write(self._connection)
        rejected = [(taken[i], reason) for i, reason in result.rejected]
        return replace(result, rejected=tuple(sorted(rejected + refused)))

    def _store_what_can_be(self, incoming: Sequence[IncomingRow]) -> list[Outcome | str]:
        """Store all rows at once; if the engine refuses one, store each half separately, recursively."""
        data_errors = self._connection.dialect.data_errors
        try:
            with self._connection.savepoint():
                return self._store_all(incoming)
        except data_errors as error:
            self.forget()
            if len(incoming) == 1:
                return [self._store_sanitized(incoming[0], error)]
            middle = len(incoming) // 2
            return self._store_what_can_be(incoming[:middle]) + self._store_what_can_be(incoming[middle:])

    def remove(self, project: int, keys: Sequence[SpanKey], column: str, value: str) -> Removed:
        """Delete these spans and all spans of their traces with this user or session, within a transaction.

        `column` is `user_id` or `session_id`. Other spans of the same calls are deleted too, unless they have
        another user or session. The remaining spans are reconciled again, and the sums updated.
        """
        self._lock((project, trace_id, None, None) for trace_id, _ in keys)
        delta = RollupDelta()
        removed = remove(self._row_updates(project, delta), keys, column, value)
        delta.write(self._connection)
        return removed

    def _store_sanitized(self, incoming_row: IncomingRow, error: Exception) -> Outcome | str:
        sanitized = self._connection.dialect.sanitized(incoming_row.row)
        if sanitized == incoming_row.row:
            return f"the store cannot hold this row: {error}"
        [outcome] = self._store_what_can_be([IncomingRow(sanitized, incoming_row.wanted)])
        return outcome

    def _store_all(self, incoming: Sequence[IncomingRow]) -> list[Outcome | str]:
        outcomes: list[Outcome | str] = [_NO_PROJECT] * len(incoming)
        by_project: dict[str, list[int]] = {}
        for index, incoming_row in enumerate(incoming):
            by_project.setdefault(incoming_row.row.project_id, []).append(index)
        delta = RollupDelta()
        projects: list[IncomingRows] = []
        # In one order, so that processes do not wait for each other.
        for project_id, indexes in sorted(by_project.items()):
            project = self._project(project_id)
            if project is None:
                continue
            rows = IncomingRows(
                self._row_updates(project, delta), self._sources, [incoming[i] for i in indexes]
            )
            for index, outcome in zip(indexes, rows.deduplicate(), strict=True):
                outcomes[index] = outcome
            if rows.new_rows:
                projects.append(rows)
        self._write(projects)
        delta.write(self._connection)
        return outcomes

    def _write(self, projects: Sequence[IncomingRows]) -> None:
        """Insert the new rows of all projects, and update the stored rows that they change."""
        if not projects:
            return
        facts = [facts for each in projects for facts in each.reconcile()]
        bodies: list[Values] = []
        first = 0
        for each in projects:
            bodies += each.bodies(first)
            first += each.new_rows
        # No statement can run during COPY, so the usage keys are read before.
        usage_keys = self._usage_keys.keys(facts)
        rows = (values for each in projects for values in each.insert_values(usage_keys))
        self._connection.dialect.insert(self._connection, rows, bodies)
        for each in projects:
            each.update_stored()

    def _row_updates(self, project: int, delta: RollupDelta) -> RowUpdates:
        related = RelatedSpans(self._connection, project, self._large_traces)
        return RowUpdates(self._connection, project, related, self._usage_keys, self._recent_ids, delta)

    def _lock(self, spans: Iterable[tuple[int, bytes, str | None, str | None]]) -> None:
        self._recent_ids.begin(is_only_writer=self._connection.lock_spans(spans))

    def _project(self, project_id: str) -> int | None:
        """Return the number of a project; None if there is none, or it was deleted over a second ago."""
        now_s = time.monotonic()
        known = self._projects.get(project_id)
        if known is not None and now_s - known[1] < _LOOK_UP_AGAIN_S:
            return known[0]
        project = project_key(self._connection, project_id)
        if project is None:
            self._projects.pop(project_id, None)
            return None
        self._projects[project_id] = project, now_s
        return project


#: Another process may delete a project at any time.
_LOOK_UP_AGAIN_S = 1.0
_NO_PROJECT = "its project does not exist"
