"""Groups failed rows by type, provider, model and message without values."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pulse_storage.ids import shown_id
from pulse_storage.queries.error_groups import (
    MESSAGE_CHARS,
    ErrorGroup,
    ErrorGroups,
    ErrorQuery,
    message_without_values,
)
from pulse_storage.rows import BATCH_DIALECT
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.steps import Deadline, row_batches

#: Bounds of memory: rows of further groups are left out, and further users are not counted.
_MAX_GROUPS = 2_000
_MAX_USERS = 200_000
_MAX_CACHED_MESSAGES = 10_000
_COLUMNS = (
    "id, otel_trace_id, dialect, start_ns, error_type, provider, coalesce(model_used, model_requested),"
    f" substr(error_message, 1, {MESSAGE_CHARS:d}), user_id"
)


class _Kind(NamedTuple):
    """What the rows of a group have in common."""

    error_type: str | None
    provider: str | None
    model: str | None
    message: str | None


@dataclass(slots=True)
class _Group:
    #: The columns of the last row.
    sample: Values
    first_ns: int
    last_ns: int
    calls: int = 0
    users: set[str] = field(default_factory=set[str])
    steps: Counter[int] = field(default_factory=Counter[int])


def error_groups(connection: Connection, project: int, query: ErrorQuery) -> ErrorGroups:
    """Return the groups of the failed rows of a project that match the query."""
    edges = query.edges
    where = replace(query.filter, from_ns=edges[0], before_ns=edges[-1], status="error")
    if query.filter.status == "success":
        return ErrorGroups(groups=[])
    deadline, grouping = Deadline.after(query.seconds), _Grouping(edges)
    for rows, conditions in row_batches(connection, project, where, [(edges[0], edges[-1])], deadline):
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM {rows} WHERE {conditions.sql()} ORDER BY id DESC", conditions.bindings
        )
        for values in found:
            grouping.add(values)
    return ErrorGroups(
        groups=grouping.largest(query.limit),
        complete=deadline.read_from_ns is None and grouping.is_exact,
        complete_from_ns=deadline.read_from_ns,
    )


class _Grouping:
    """Groups rows, newest first, within bounds of memory."""

    def __init__(self, edges: Sequence[int]) -> None:
        self.is_exact = True
        self._edges = edges
        self._groups: dict[_Kind, _Group] = {}
        self._users = 0
        self._messages: dict[str | None, str | None] = {}

    def add(self, values: Values) -> None:
        """Add a row to its group."""
        _, _, _, start_ns, error_type, provider, model, message, user = values
        kind = _Kind(error_type, provider, model, self._without_values(message))
        group = self._groups.get(kind)
        if group is None:
            if len(self._groups) >= _MAX_GROUPS:
                self.is_exact = False
                return
            group = self._groups[kind] = _Group(values, start_ns, start_ns)
        group.calls += 1
        # Ids are cut to 1/4096 ms: their order is not exactly that of time.
        group.first_ns, group.last_ns = min(group.first_ns, start_ns), max(group.last_ns, start_ns)
        group.steps[bisect_right(self._edges, start_ns) - 1] += 1
        if user is not None and user not in group.users:
            if self._users >= _MAX_USERS:
                self.is_exact = False
                return
            group.users.add(user)
            self._users += 1

    def largest(self, limit: int) -> list[ErrorGroup]:
        """Return the groups with the most rows."""
        # Groups are in the order of their last rows, newest first, and sorting is stable.
        ranked = sorted(self._groups.items(), key=lambda item: -item[1].calls)
        return [_error_group(kind, group) for kind, group in ranked[:limit]]

    def _without_values(self, message: str | None) -> str | None:
        if message not in self._messages:
            if len(self._messages) >= _MAX_CACHED_MESSAGES:
                self._messages.clear()
            self._messages[message] = message_without_values(message)
        return self._messages[message]


def _error_group(kind: _Kind, group: _Group) -> ErrorGroup:
    id, otel_trace_id, dialect, *_, message, _ = group.sample
    return ErrorGroup(
        **kind._asdict(),
        calls=group.calls,
        users=len(group.users),
        first_ns=group.first_ns,
        last_ns=group.last_ns,
        steps=dict(group.steps),
        sample_id=shown_id(otel_trace_id if dialect == BATCH_DIALECT else id),
        sample_message=message,
    )
