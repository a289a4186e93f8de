"""Stores spans within a transaction: what is new, what it changes in the rows of its traces, the sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from operator import itemgetter
from typing import NamedTuple, cast

from pulse_storage.adapter import IngestResult
from pulse_storage.content.documents import SharedDocument
from pulse_storage.events import Assemble, EventPart
from pulse_storage.ids import row_id
from pulse_storage.latency import latency_bucket
from pulse_storage.plain import plain_overrides
from pulse_storage.reconcile import INHERITED, Reason, Verdict, reconcile
from pulse_storage.rows import SpanRow
from pulse_storage.skeletons import ContentSkeleton, OwnValue, Skeleton, SpanKey, skeleton
from pulse_storage.sql.blocks import save_documents
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.events import delete_events, save_parts
from pulse_storage.sql.neighbourhood import LargeTraces, Neighbourhood
from pulse_storage.sql.right_of_way import RightOfWay
from pulse_storage.sql.rollups import Facts, RollupDelta, UsageKeys
from pulse_storage.sql.spans import (
    StoredSpan,
    delete,
    inherited_values,
    insert_values,
    shown_row,
    shown_skeleton,
    update,
    update_inherited,
    update_values,
)
from pulse_storage.upkeep.marks import NO_MARKS, read_marks


class Outcome(Enum):
    """What became of a row; a refusal is a string instead."""

    STORED = 1
    DUPLICATE = 2
    LEFT_OUT = 3


class Arrival(NamedTuple):
    """A row on its way in."""

    row: SpanRow
    #: Whether it is kept even if its trace has no gen-ai span in the store.
    wanted: bool


#: A new row: its id, what its span says, what readers see, in what the two differ, and whether it counts.
_Shown = tuple[bytes, SpanRow, SpanRow, dict[str, OwnValue], bool]


class Removed(NamedTuple):
    """What was deleted; the sums are over rows that counted."""

    rows: int
    calls: int
    log_events: int
    tokens: int
    cost_nano_usd: int


class Ingest:
    """Stores rows through one connection; remembers project and usage keys between transactions."""

    def __init__(self, connection: Connection, way: RightOfWay) -> None:
        self._connection = connection
        self._way = way
        self._usage_keys = UsageKeys(connection)
        self._projects: dict[str, int] = {}
        self._large_traces = LargeTraces()

    @property
    def usage_keys(self) -> UsageKeys:
        """The numbers of combinations of facts, as this connection knows them."""
        return self._usage_keys

    def forget(self) -> None:
        """Must follow every rollback."""
        self._usage_keys.forget()
        self._large_traces.forget()

    def store(self, arrivals: Sequence[Arrival]) -> list[Outcome | str]:
        """The outcome of each row. Within a transaction; rows that the engine refuses do not harm others."""
        self._connection.lock_spans(
            (project, row.otel_trace_id, row.partner_key)
            for row, _ in arrivals
            if (project := self._project(row.project_id)) is not None
        )
        return self._store_what_can_be(arrivals)

    def store_events(self, project_id: str, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Keep log events and complete the rows of their spans. Within a transaction."""
        project = self._project(project_id)
        if project is None:
            return IngestResult(rejected=tuple((i, _NO_PROJECT) for i in range(len(parts))))
        self._connection.lock_spans((project, part.otel_trace_id, None) for part in parts)
        marks = read_marks(self._connection, project)
        refused = [
            (i, reason) for i, part in enumerate(parts) if (reason := marks.event_refusal(part.order[0]))
        ]
        taken = sorted(set(range(len(parts))) - {i for i, _ in refused})
        result, spans = save_parts(self._connection, project, [parts[i] for i in taken], assemble)
        delta = RollupDelta()
        self._batch(project, delta).revise(spans)
        delta.write(self._connection)
        rejected = [(taken[i], reason) for i, reason in result.rejected]
        return replace(result, rejected=tuple(sorted(rejected + refused)))

    def _store_what_can_be(self, arrivals: Sequence[Arrival]) -> list[Outcome | str]:
        """All rows are tried at once; if one of them is refused, each half is tried alone, and so on."""
        self._connection.execute("SAVEPOINT rows")
        try:
            outcomes = self._store_all(arrivals)
        except self._connection.dialect.data_errors as error:
            self._connection.execute("ROLLBACK TO rows")
            self._connection.execute("RELEASE rows")
            self.forget()
            if len(arrivals) == 1:
                return [self._store_mended(arrivals[0], error)]
            middle = len(arrivals) // 2
            return self._store_what_can_be(arrivals[:middle]) + self._store_what_can_be(arrivals[middle:])
        self._connection.execute("RELEASE rows")
        return outcomes

    def remove(self, project: int, keys: Sequence[SpanKey], column: str, value: str) -> Removed:
        """Delete these spans, and what else of their traces is of this user or session.

        `column` is `user_id` or `session_id`. Other records of the same calls go too, unless they are of
        somebody else. Afterwards it is as if they had never come: what other rows had from them is decided
        anew, and the sums move. Within a transaction.
        """
        self._connection.lock_spans((project, trace_id, None) for trace_id, _ in keys)
        delta = RollupDelta()
        removed = self._batch(project, delta).remove(keys, column, value)
        delta.write(self._connection)
        return removed

    def _store_mended(self, arrival: Arrival, error: Exception) -> Outcome | str:
        mended = self._connection.dialect.mended(arrival.row)
        if mended == arrival.row:
            return f"the store cannot hold this row: {error}"
        [outcome] = self._store_what_can_be([Arrival(mended, arrival.wanted)])
        return outcome

    def _store_all(self, arrivals: Sequence[Arrival]) -> list[Outcome | str]:
        outcomes: list[Outcome | str] = [_NO_PROJECT] * len(arrivals)
        by_project: dict[str, list[int]] = {}
        for index, arrival in enumerate(arrivals):
            by_project.setdefault(arrival.row.project_id, []).append(index)
        delta = RollupDelta()
        # In one order, so that processes do not wait for each other.
        for project_id, indexes in sorted(by_project.items()):
            project = self._project(project_id)
            if project is None:
                continue
            batch = self._batch(project, delta)
            for index, outcome in zip(indexes, batch.add([arrivals[i] for i in indexes]), strict=True):
                outcomes[index] = outcome
            batch.write()
        delta.write(self._connection)
        return outcomes

    def _batch(self, project: int, delta: RollupDelta) -> _ProjectBatch:
        near = Neighbourhood(self._connection, project, self._large_traces)
        return _ProjectBatch(self._connection, project, near, self._usage_keys, delta, self._way)

    def _project(self, project_id: str) -> int | None:
        project = self._projects.get(project_id)
        if project is None:
            found = self._connection.execute("SELECT key FROM projects WHERE id = ?", (project_id,)).get
            if found is None:
                return None
            project = self._projects[project_id] = cast("int", found)
        return project


class _PlainTrace(NamedTuple):
    """A trace in which every model call counts, and rows take only a session and its like from others."""

    #: By span id.
    stored: Mapping[bytes, StoredSpan]
    #: Of stored and new spans, by span id.
    overrides: Mapping[bytes, dict[str, OwnValue]]

    def changes(self) -> Iterator[Values]:
        """What `update_inherited` binds for the stored rows that are to show something else."""
        for span_id, span in self.stored.items():
            overrides = self.overrides.get(span_id, _NO_OVERRIDES)
            if overrides != span.overrides:
                yield inherited_values(span, overrides)


class _ProjectBatch:
    """The rows of one project in one transaction, with the stored spans that bear on them."""

    def __init__(
        self,
        connection: Connection,
        project: int,
        near: Neighbourhood,
        keys: UsageKeys,
        delta: RollupDelta,
        way: RightOfWay,
    ) -> None:
        self._connection = connection
        self._way = way
        self._project = project
        self._usage_keys = keys
        self._delta = delta
        self._near = near
        self._marks = read_marks(connection, project)
        #: What is to be stored, by trace and span id.
        self._new: dict[bytes, dict[bytes, SpanRow]] = {}

    def add(self, arrivals: Sequence[Arrival]) -> list[Outcome | str]:
        """Take the rows that are new and wanted; what becomes of each."""
        near, new = self._near, self._new
        near.load_traces(list({row.otel_trace_id: None for row, _ in arrivals}))
        outcomes: list[Outcome | str] = []
        retains = self._marks != NO_MARKS
        for row, wanted in arrivals:
            self._way.give_way()
            trace_id, span_id = row.otel_trace_id, row.otel_span_id
            trace = new.get(trace_id)
            if (trace is not None and span_id in trace) or near.holds(trace_id, span_id):
                outcomes.append(Outcome.DUPLICATE)
            elif not wanted and not self._is_gen_ai(trace_id):
                outcomes.append(Outcome.LEFT_OUT)
            elif retains and (refusal := self._marks.refusal(row.start_ns)) is not None:
                outcomes.append(refusal)
            else:
                if retains:
                    row = self._marks.admitted(row)
                if trace is None:
                    new[trace_id] = {span_id: row}
                else:
                    trace[span_id] = row
                outcomes.append(Outcome.STORED)
        return outcomes

    def _is_gen_ai(self, trace_id: bytes) -> bool:
        new = self._new.get(trace_id, {})
        return any(row.gen_ai for row in new.values()) or self._near.has_gen_ai(trace_id)

    def write(self) -> None:
        """Insert what is new, change what it changes."""
        if not self._new:
            return
        rows = [
            (row_id(row.project_id, trace_id, span_id, row.start_ns), row)
            for trace_id, trace in self._new.items()
            for span_id, row in trace.items()
        ]
        rows.sort(key=itemgetter(0))
        plain = self._plain_traces()
        verdicts = self._verdicts([pair for pair in rows if pair[1].otel_trace_id not in plain])
        bodies = self._bodies([row for _, row in rows])
        shown_rows = list(self._shown(rows, plain, verdicts))
        # No statement can run while rows go out, so what they need is asked for before.
        usage_keys = self._usage_keys.keys(
            self._facts(shown, shown.operation) for _, _, shown, _, counted in shown_rows if counted
        )
        self._connection.dialect.insert(self._connection, self._values(shown_rows, usage_keys), bodies)
        if inherited := [values for trace in plain.values() for values in trace.changes()]:
            update_inherited(self._connection, inherited)
        if verdicts is not None:
            self._update(verdicts)
            for heirs in self._near.branches.heirs(verdicts, self._marks.settled_before_ns):
                update(self._connection, heirs)

    def _shown(
        self,
        rows: Sequence[tuple[bytes, SpanRow]],
        plain: Mapping[bytes, _PlainTrace],
        verdicts: Mapping[SpanKey, Verdict] | None,
    ) -> Iterator[_Shown]:
        """What readers shall see of new rows."""
        for id, row in rows:
            counted, overrides = row.model_call, _NO_OVERRIDES
            if row.otel_trace_id in plain:
                overrides = plain[row.otel_trace_id].overrides.get(row.otel_span_id, _NO_OVERRIDES)
            elif verdicts and (verdict := verdicts.get((row.otel_trace_id, row.otel_span_id))):
                counted, overrides = verdict
            if overrides:
                overrides = self._marks.without_old_content(row.start_ns, overrides)
            yield id, row, shown_row(row, overrides) if overrides else row, overrides, counted

    def _values(self, rows: Sequence[_Shown], usage_keys: Mapping[Facts, int]) -> Iterator[Values]:
        """What is bound for new rows; those that count are added to the sums."""
        for id, row, shown, overrides, counted in rows:
            self._way.give_way()
            bucket = latency_bucket(shown.latency_ms)
            usage_key = None
            if counted:
                usage_key = usage_keys[self._facts(shown, row.operation)]
                self._move(1, usage_key, shown, bucket)
            yield insert_values(row, shown, overrides, (self._project, id, usage_key, bucket))

    def _bodies(self, rows: Sequence[SpanRow]) -> list[Values]:
        """What `Dialect.insert` takes for the rows that have any text or body, in the form that is stored."""
        found = [
            (index, row.output_text, row.request_body, row.response_body)
            for index, row in enumerate(rows)
            if row.output_text is not None or row.request_body is not None or row.response_body is not None
        ]
        shared = [body for _, _, *both in found for body in both if isinstance(body, SharedDocument)]
        references = iter(save_documents(self._connection, self._project, shared) if shared else ())

        def stored(body: bytes | SharedDocument | None) -> bytes | None:
            return next(references) if isinstance(body, SharedDocument) else body

        return [(index, text, stored(request), stored(response)) for index, text, request, response in found]

    def _plain_traces(self) -> dict[bytes, _PlainTrace]:
        """The traces in which no two spans tell of one call; whatever else they need is not looked for."""
        near, plain = self._near, dict[bytes, _PlainTrace]()
        for trace_id, new in self._new.items():
            stored = near.plain_in(trace_id, self._marks.settled_before_ns)
            if stored is None:
                continue
            trace: dict[bytes, SpanRow | Skeleton] = {id: span.skeleton for id, span in stored.items()}
            overrides = plain_overrides(trace | new)
            if overrides is not None:
                plain[trace_id] = _PlainTrace(stored, overrides)
                near.leave(trace_id)
        return plain

    def _verdicts(self, rows: Sequence[tuple[bytes, SpanRow]]) -> dict[SpanKey, Verdict] | None:
        """What other spans tell of each, and of the stored ones; None without rows."""
        if not rows:
            return None
        new = [skeleton(row, id) for id, row in rows]
        self._near.complete(new)
        return self._reconciled(new)

    def remove(self, keys: Sequence[SpanKey], column: str, value: str) -> Removed:
        """See Ingest: traces go through this as a whole, since what inherits the value loses it here."""
        near = self._near
        near.load_around(keys)
        doomed = {key for key in keys if near.has_loaded(*key)}
        spans = [stored for trace in near.stored.values() for stored in trace.values()]
        whose = {stored.skeleton.key: _shown(stored, column) for stored in spans}
        doomed.update(key for key, shown in whose.items() if shown == value)
        reasons: dict[SpanKey, Reason] = {}
        skeletons = [stored.skeleton for stored in spans]
        reconcile(skeletons, self._contents(), partial=near.large, reasons=reasons)
        for key in list(doomed):
            reason = reasons.get(key)
            if reason is not None and reason.counted is not None:
                doomed.update(other for other in reason.others if whose[other] is None)
        removed = [near.take(*key) for key in sorted(doomed)]
        calls = tokens = cost_nano_usd = 0
        for stored in removed:
            if stored.usage_key is not None:
                shown = shown_skeleton(stored.skeleton, stored.overrides)
                self._move(-1, stored.usage_key, shown, latency_bucket(shown.latency_ms))
                calls += 1
                tokens += (shown.input_tokens or 0) + (shown.output_tokens or 0)
                cost_nano_usd += shown.cost_nano_usd or 0
        log_events = delete_events(self._connection, self._project, sorted(doomed))
        delete(self._connection, self._project, removed)
        near.leave_large_traces()
        self._update(self._reconciled([]))
        return Removed(len(removed), calls, log_events, tokens, cost_nano_usd)

    def revise(self, spans: Sequence[SpanKey]) -> None:
        """Change what is stored to what log events tell of these spans by now."""
        near = self._near
        near.load_around(spans)
        if any(near.has_loaded(*key) for key in spans):
            self._update(self._reconciled([]))

    def _reconciled(self, new: list[Skeleton]) -> dict[SpanKey, Verdict]:
        return self._near.reconciled(new + self._stored_skeletons())

    def _contents(self) -> list[ContentSkeleton]:
        return [content for trace in self._near.contents.values() for content in trace]

    def _stored_skeletons(self) -> list[Skeleton]:
        """The stored spans as reconciling shall see them: settled ones lend a session, but are no calls."""
        settled_ns = self._marks.settled_before_ns
        return [
            span.skeleton._replace(model_call=False, partner_key=None)
            if span.skeleton.start_ns < settled_ns
            else span.skeleton
            for trace in self._near.stored.values()
            for span in trace.values()
        ]

    def _update(self, verdicts: dict[SpanKey, Verdict]) -> None:
        """Change the stored rows of which the verdicts say something else than they show."""
        inherited: list[Values] = []
        changed = list(self._changes(verdicts, inherited))
        if changed:
            update(self._connection, changed)
        if inherited:
            update_inherited(self._connection, inherited)

    def _changes(self, verdicts: dict[SpanKey, Verdict], inherited: list[Values]) -> Iterator[Values]:
        """What changed rows bind; into `inherited` go those of which no sum can change."""
        for trace in self._near.stored.values():
            for stored in trace.values():
                span = stored.skeleton
                if span.start_ns < self._marks.settled_before_ns:
                    continue
                verdict = verdicts.get((span.otel_trace_id, span.otel_span_id))
                counted, overrides = verdict or (span.model_call, _NO_OVERRIDES)
                if span.otel_trace_id in self._near.large:
                    overrides = self._near.branches.still_true(stored, overrides)
                overrides = self._marks.without_old_content(span.start_ns, overrides)
                if counted == (stored.usage_key is not None) and overrides == stored.overrides:
                    continue
                if counted == (stored.usage_key is not None) and _differ_in_inherited_only(
                    overrides, stored.overrides
                ):
                    inherited.append(inherited_values(stored, overrides))
                    continue
                if stored.usage_key is not None:
                    before = shown_skeleton(span, stored.overrides)
                    self._move(-1, stored.usage_key, before, latency_bucket(before.latency_ms))
                after = shown_skeleton(span, overrides)
                bucket = latency_bucket(after.latency_ms)
                usage_key = self._count(after, stored.operation, bucket) if counted else None
                yield update_values(stored, overrides, usage_key, bucket)

    def _count(self, shown: Skeleton, operation: str | None, bucket: int | None) -> int:
        """Add a row to the sums; its usage key."""
        usage_key = self._usage_keys.key(self._facts(shown, operation))
        self._move(1, usage_key, shown, bucket)
        return usage_key

    def _facts(self, shown: SpanRow | Skeleton, operation: str | None) -> Facts:
        """By what a row is summed."""
        return (
            self._project, shown.provider, shown.model_requested, shown.model_used, operation, shown.status
        )  # fmt: skip

    def _move(self, sign: int, usage_key: int, shown: SpanRow | Skeleton, bucket: int | None) -> None:
        self._delta.move(
            sign,
            (self._project, usage_key),
            shown.start_ns,
            (shown.latency_ms, bucket),
            (shown.input_tokens, shown.output_tokens, shown.cost_nano_usd),
        )


def _differ_in_inherited_only(one: Mapping[str, OwnValue], other: Mapping[str, OwnValue]) -> bool:
    return all(
        one.get(column, _ABSENT) == other.get(column, _ABSENT)
        for column in one.keys() | other.keys()
        if column not in INHERITED
    )


def _shown(stored: StoredSpan, column: str) -> object:
    return stored.overrides.get(column, getattr(stored.skeleton, column))


_ABSENT = object()
_NO_OVERRIDES: dict[str, OwnValue] = {}
_NO_PROJECT = "its project does not exist"
