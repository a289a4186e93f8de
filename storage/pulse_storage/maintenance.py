"""Maintenance: how a store deletes what retention policies have expired and what erasures name.

A store decides by itself how it deletes: row by row, by dropping partitions, by rewriting files. Policies and
orders of erasures are records of the `ControlStore`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from pulse_storage.errors import StorageError
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import Project
from pulse_storage.trace_json import NANO_USD_PER_CENT, rfc3339

#: The lease of retention, erasures and copies: of one store, one of them runs at a time.
MAINTENANCE_LEASE = "upkeep"
#: A caller waits this long for the lease by default: the process that holds it may have been killed.
LEASE_WAIT_S = 45.0

#: The column by whose value an erasure selects rows, or `project` for all data of a deleted project.
Subject = Literal["user_id", "session_id", "project"]
_SUBJECT_NAMES: dict[Subject, str] = {"user_id": "user", "session_id": "session", "project": "project"}


class MaintenanceLeaseHeld(StorageError):
    """Another process runs retention, an erasure or a copy of this store."""


class Removed(NamedTuple):
    """Counts of deleted data; calls, tokens and cost are those of counted rows."""

    rows: int = 0
    calls: int = 0
    log_events: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0


class Erasure(NamedTuple):
    """One order to erase, and its progress. Times are Unix nanoseconds."""

    id: str
    project_id: str
    subject: Subject
    #: The id of the user or session; None once it is erased, and for a project.
    value: str | None
    requested_ns: int
    finished_ns: int | None
    #: Deleted so far, as in `Removed`.
    rows: int = 0
    calls: int = 0
    log_events: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0

    def plus(self, removed: Removed) -> Erasure:
        """Return the order with more deleted data."""
        counts = (old + new for old, new in zip(self[6:], removed, strict=True))
        return Erasure(*self[:6], *counts)

    def as_json(self) -> dict[str, object]:
        """Return the JSON object of API answers and commands, without the user's or session's id."""
        return {
            "erasureId": self.id,
            "projectId": self.project_id,
            "by": _SUBJECT_NAMES[self.subject],
            "requestedAt": rfc3339(self.requested_ns),
            "finishedAt": None if self.finished_ns is None else rfc3339(self.finished_ns),
            "rows": self.rows,
            "calls": self.calls,
            "logEvents": self.log_events,
            "tokens": self.tokens,
            "cost": self.cost_nano_usd / NANO_USD_PER_CENT,
        }


class RetentionProgress(NamedTuple):
    """The start of a project's remaining data in Unix nanoseconds; None where nothing was deleted.

    Exempt rows may be older.
    """

    content_from_ns: int | None = None
    rows_from_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """The whole hours before which content and rows are to be deleted, and what that deletes."""

    #: Unix nanoseconds; None: delete nothing.
    content_before_ns: int | None = None
    rows_before_ns: int | None = None
    #: Rows, and rows with content; exact.
    rows: int = 0
    contents: int = 0
    #: About how many bytes are freed: content that rows share is divided by their number.
    size_bytes: int = 0
    #: About how many bytes the project remains above its cap, since the remainder is exempt or too young.
    over_bytes: int = 0


@dataclass(slots=True)
class RetentionReport:
    """What retention deleted of a project, or would delete."""

    project: Project
    policy: RetentionPolicy
    plan: RetentionPlan = field(default_factory=RetentionPlan)
    #: Deleted rows, rows that lost content, and freed bytes.
    rows: int = 0
    contents: int = 0
    size_bytes: int = 0
    #: The reason if retention did not run for this project.
    refused: str | None = None

    @property
    def is_idle(self) -> bool:
        """True if the policy has no limit or was refused."""
        return self.policy.keeps_everything or self.refused is not None


class Maintenance(Protocol):
    """Retention, erasure and compaction of one store.

    `apply` and `erase` hold the maintenance lease and may be cancelled at any moment: a later call continues.
    They leave half of the time to readers and writers. Both raise MaintenanceLeaseHeld when another process
    still has the lease after `wait_s`. Methods with a project id raise KeyError if there is no such project.
    """

    async def progress(self, project_id: str) -> RetentionProgress:
        """Return the start of a project's remaining data."""
        ...

    async def preview(
        self, projects: Sequence[Project], default: RetentionPolicy, now_ns: int
    ) -> list[RetentionReport]:
        """Return what `apply` would delete: exact counts, about how many bytes. Changes nothing."""
        ...

    async def apply(
        self,
        projects: Sequence[Project],
        default: RetentionPolicy,
        now_ns: int,
        *,
        unattended: bool = False,
        wait_s: float = LEASE_WAIT_S,
        note: Callable[[RetentionReport], None] = lambda _: None,
    ) -> list[RetentionReport]:
        """Delete what the projects' policies have expired at `now_ns`; `default` applies without own policy.

        Expired content loses bodies, texts, previews and log events; expired rows are deleted, and analytics
        keep their sums. Exempt rows (`retention.exempt`) keep both. Later spans with an expired start time
        are rejected (rows) or stored without content. `note` is called with each project's progress. With
        `unattended`, a project is refused if the clock has leapt and most of its rows would be deleted.
        """
        ...

    async def count_erasable(self, project_id: str, subject: Subject, value: str) -> tuple[int, int]:
        """Return how many rows an erasure would select, and how many of them are counted calls."""
        ...

    async def erase(
        self,
        erasure: Erasure,
        *,
        wait_s: float = LEASE_WAIT_S,
        within_s: float | None = None,
        note: Callable[[Erasure], None] = lambda _: None,
    ) -> Erasure:
        """Delete all data of an order until it is finished, or for `within_s`; return its progress.

        Of a user or session that is: their rows with content, the other records of the same calls, and what
        other rows inherited from them. Sums are reduced. `note` is called with the progress.
        """
        ...

    async def compact(self) -> None:
        """Rewrite the store without free space, if the store needs that; writers wait meanwhile."""
        ...
