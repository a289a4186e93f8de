"""Maintenance: how a store deletes what retention policies have expired and what erasures name.

A store decides by itself how it deletes: row by row, by dropping partitions, by rewriting files. Policies and
orders of erasures are records of the `ControlStore`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from pulse_storage.errors import StorageError
from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.retention import DAY_NS, HOUR_NS, RetentionPolicy, Watermarks
from pulse_storage.rows import Project, SpanRow
from pulse_storage.trace_json import NANO_USD_PER_CENT, rfc3339

#: The lease of retention, erasures and copies: of one store, one of them runs at a time. The name is stored.
MAINTENANCE_LEASE = "upkeep"
#: A caller waits this long for the lease by default: the process that holds it may have been killed.
LEASE_WAIT_S = 45.0

#: A size cap never deletes content or rows of calls younger than this: their spans may still arrive.
_YOUNGEST_CONTENT_NS = HOUR_NS
_YOUNGEST_ROWS_NS = DAY_NS
_MIB = 1 << 20
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

    @classmethod
    def of(cls, rows: int, counted: Sequence[SpanRow | Skeleton], log_events: int) -> Removed:
        """Return the counts of deleted rows, of which `counted` are the effective values of the calls."""
        tokens = sum((call.input_tokens or 0) + (call.output_tokens or 0) for call in counted)
        return cls(rows, len(counted), log_events, tokens, sum(call.cost_nano_usd or 0 for call in counted))


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

    @classmethod
    def of(cls, at: Watermarks) -> RetentionProgress:
        """Return the progress that watermarks contain."""
        return cls(at.content_from_ns if at.content_from else None, at.rows_from_ns if at.rows_from else None)


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
    """The data of a project that retention deleted, or would delete."""

    project: Project
    policy: RetentionPolicy
    plan: RetentionPlan = field(default_factory=RetentionPlan)
    #: Deleted rows, rows that lost content, and freed bytes.
    rows: int = 0
    contents: int = 0
    size_bytes: int = 0
    #: The reason if retention did not run for this project.
    refused: str | None = None

    @classmethod
    def planned(cls, project: Project, policy: RetentionPolicy, plan: RetentionPlan) -> RetentionReport:
        """Return the report of a run that deletes exactly what it planned."""
        return cls(project, policy, plan, plan.rows, plan.contents, plan.size_bytes)

    @property
    def is_idle(self) -> bool:
        """True if the policy has no limit or was refused."""
        return self.policy.keeps_everything or self.refused is not None


@dataclass(slots=True)
class HourSizes:
    """Sizes of the stored calls that started within one hour."""

    #: Rows that are not exempt, those of them with content, and their bytes.
    rows: int = 0
    contents: int = 0
    row_bytes: int = 0
    content_bytes: int = 0
    #: The share of content that calls have in common, and log events.
    shared_bytes: int = 0
    #: Bytes of exempt rows, with their content.
    kept_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Return all bytes of this hour."""
        return self.row_bytes + self.content_bytes + self.shared_bytes + self.kept_bytes

    def add(self, other: HourSizes) -> None:
        """Add the sizes of other rows of the same hour."""
        self.rows += other.rows
        self.contents += other.contents
        self.row_bytes += other.row_bytes
        self.content_bytes += other.content_bytes
        self.shared_bytes += other.shared_bytes
        self.kept_bytes += other.kept_bytes


#: By hours since 1970.
Sizes = Mapping[int, HourSizes]


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
        """Return the space of deleted data to the system, if the store can; writes wait meanwhile."""
        ...


def plan(policy: RetentionPolicy, now_ns: int, sizes: Sizes) -> RetentionPlan:
    """Return what the policy deletes at this time. `sizes` is needed for a cap and for the counts."""
    content_ns, rows_ns = _age_limit(policy.content_days, now_ns), _age_limit(policy.rows_days, now_ns)
    over_bytes = 0
    if policy.max_mib is not None:
        left_bytes = sum(hour.size_bytes for hour in sizes.values())
        left_bytes -= sum(_dropped_bytes(sizes, hour, content_ns, rows_ns) for hour in sizes)
        over_bytes = left_bytes - policy.max_mib * _MIB
        for hour in _oldest(sizes, now_ns - _YOUNGEST_CONTENT_NS):
            if over_bytes > 0 and not _is_before(hour, _later(content_ns, rows_ns)):
                over_bytes -= _content_bytes(sizes[hour])
                content_ns = (hour + 1) * HOUR_NS
        for hour in _oldest(sizes, now_ns - _YOUNGEST_ROWS_NS):
            if over_bytes > 0 and not _is_before(hour, rows_ns):
                over_bytes -= sizes[hour].row_bytes
                rows_ns = (hour + 1) * HOUR_NS
    deleted = [sizes[hour] for hour in sizes if _is_before(hour, rows_ns)]
    stripped = [sizes[hour] for hour in sizes if _is_before(hour, _later(content_ns, rows_ns))]
    return RetentionPlan(
        content_before_ns=_later(content_ns, rows_ns),
        rows_before_ns=rows_ns,
        rows=sum(hour.rows for hour in deleted),
        contents=sum(hour.contents for hour in stripped),
        size_bytes=sum(hour.row_bytes for hour in deleted) + sum(_content_bytes(hour) for hour in stripped),
        over_bytes=max(over_bytes, 0),
    )


def _later(one: int | None, other: int | None) -> int | None:
    """Return the later of two times; None is earlier than any time."""
    return max((time for time in (one, other) if time is not None), default=None)


def _age_limit(days: int | None, now_ns: int) -> int | None:
    return None if days is None else (now_ns - days * DAY_NS) // HOUR_NS * HOUR_NS


def _oldest(sizes: Sizes, before_ns: int) -> list[int]:
    """Return the hours that end by `before_ns`, oldest first."""
    return sorted(hour for hour in sizes if (hour + 1) * HOUR_NS <= before_ns)


def _is_before(hour: int, time_ns: int | None) -> bool:
    return time_ns is not None and hour * HOUR_NS < time_ns


def _dropped_bytes(sizes: Sizes, hour: int, content_ns: int | None, rows_ns: int | None) -> int:
    dropped = sizes[hour].row_bytes if _is_before(hour, rows_ns) else 0
    return dropped + (_content_bytes(sizes[hour]) if _is_before(hour, _later(content_ns, rows_ns)) else 0)


def _content_bytes(hour: HourSizes) -> int:
    return hour.content_bytes + hour.shared_bytes
