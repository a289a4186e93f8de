"""Stores spans within a transaction: what is new, what it changes in the rows of its traces, the sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple, cast

from pulse_storage.ids import row_id
from pulse_storage.latency import latency_bucket
from pulse_storage.reconcile import Verdict, reconcile
from pulse_storage.rows import SpanRow
from pulse_storage.skeletons import OwnValue, Skeleton, SpanKey
from pulse_storage.sqlite.connection import DATA_ERRORS
from pulse_storage.sqlite.rollups import Contribution, Facts, RollupDelta, UsageKeys
from pulse_storage.sqlite.spans import (
    StoredSpan,
    insert,
    insert_values,
    skeleton,
    stored_in_trace,
    stored_partners,
    stored_span,
    update,
    update_values,
)
from pulse_storage.sqlite.sql import Connection, Values

#: A trace with more stored spans is no longer loaded as a whole (see `_Neighbourhood`).
_MAX_TRACE_SPANS = 2_000
_MAX_ANCESTORS = 64
_MAX_LARGE_TRACES = 10_000
#: The spans of other traces that partner keys may bring into one transaction.
_MAX_PARTNER_SPANS = 5_000
#: Partners start together, or the second when the first ends.
_PARTNER_WINDOW_NS = 600_000_000_000


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


class Ingest:
    """Stores rows through one connection; remembers project and usage keys between transactions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._usage_keys = UsageKeys()
        self._projects: dict[str, int] = {}
        self._large_traces: set[tuple[int, bytes]] = set()

    def forget(self) -> None:
        """Must follow every rollback."""
        self._usage_keys.forget()
        self._large_traces.clear()

    def store(self, arrivals: Sequence[Arrival]) -> list[Outcome | str]:
        """The outcome of each row. Within a transaction; rows that SQLite refuses do not harm others.

        All rows are tried at once; if one of them is refused, each half is tried alone, and so on.
        """
        self._connection.execute("SAVEPOINT rows")
        try:
            outcomes = self._store_all(arrivals)
        except DATA_ERRORS as error:
            self._connection.execute("ROLLBACK TO rows")
            self._connection.execute("RELEASE rows")
            self.forget()
            if len(arrivals) == 1:
                return [f"the store cannot hold this row: {error}"]
            middle = len(arrivals) // 2
            return self.store(arrivals[:middle]) + self.store(arrivals[middle:])
        self._connection.execute("RELEASE rows")
        return outcomes

    def _store_all(self, arrivals: Sequence[Arrival]) -> list[Outcome | str]:
        if len(self._large_traces) > _MAX_LARGE_TRACES:
            self._large_traces.clear()
        outcomes: list[Outcome | str] = [Outcome.STORED] * len(arrivals)
        by_project: dict[int, list[int]] = {}
        for index, arrival in enumerate(arrivals):
            project = self._project(arrival.row.project_id)
            if project is None:
                outcomes[index] = "its project does not exist"
            else:
                by_project.setdefault(project, []).append(index)
        seq = cast("int", self._connection.execute("SELECT ifnull(max(seq), 0) FROM spans").get)
        delta = RollupDelta()
        for project, indexes in by_project.items():
            near = _Neighbourhood(self._connection, project, self._large_traces)
            batch = _ProjectBatch(self._connection, project, near, self._usage_keys, delta, seq)
            for index in indexes:
                outcomes[index] = batch.add(arrivals[index])
            seq = batch.write()
        delta.write(self._connection)
        return outcomes

    def _project(self, project_id: str) -> int | None:
        project = self._projects.get(project_id)
        if project is None:
            found = self._connection.execute("SELECT key FROM projects WHERE id = ?", (project_id,)).get
            if found is None:
                return None
            project = self._projects[project_id] = cast("int", found)
        return project


class _ProjectBatch:
    """The rows of one project in one transaction, with the stored spans that bear on them."""

    def __init__(
        self,
        connection: Connection,
        project: int,
        near: _Neighbourhood,
        keys: UsageKeys,
        delta: RollupDelta,
        seq: int,
    ) -> None:
        self._connection = connection
        self._project = project
        self._usage_keys = keys
        self._delta = delta
        self._seq = seq
        self._near = near
        self._new: dict[SpanKey, tuple[SpanRow, Skeleton]] = {}
        self._gen_ai_traces: set[bytes] = set()

    def add(self, arrival: Arrival) -> Outcome:
        row = arrival.row
        key = (row.otel_trace_id, row.otel_span_id)
        self._near.load_trace(row.otel_trace_id)
        if key in self._new or self._near.holds(key):
            return Outcome.DUPLICATE
        if not arrival.wanted and not self._is_gen_ai(row.otel_trace_id):
            return Outcome.LEFT_OUT
        if row.gen_ai:
            self._gen_ai_traces.add(row.otel_trace_id)
        id = row_id(row.project_id, *key, row.start_ns)
        self._new[key] = row, skeleton(row, id)
        return Outcome.STORED

    def _is_gen_ai(self, trace_id: bytes) -> bool:
        return trace_id in self._gen_ai_traces or self._near.has_gen_ai(trace_id)

    def write(self) -> int:
        """Insert what is new, change what it changes; the last `seq` that was given out."""
        verdicts = self._verdicts()
        rows: list[Values] = []
        bodies: list[Values] = []
        for row, span in sorted(self._new.values(), key=lambda pair: pair[1].id):
            verdict = verdicts.get(span.key)
            overrides: dict[str, OwnValue] = verdict.overrides if verdict else {}
            counted = verdict.counted if verdict else span.model_call
            self._seq += 1
            shown = _shown(span, overrides)
            usage_key = self._usage_key(shown, row.operation) if counted else None
            bucket = latency_bucket(shown.latency_ms)
            if usage_key is not None:
                self._delta.add(_contribution(self._project, shown, usage_key, bucket))
            rows.append(
                insert_values(
                    row, project=self._project, id=span.id, seq=self._seq,
                    usage_key=usage_key, latency_bucket=bucket, overrides=overrides,
                )
            )  # fmt: skip
            if row.output_text is not None or row.request_body is not None or row.response_body is not None:
                bodies.append((self._seq, row.output_text, row.request_body, row.response_body))
        insert(self._connection, rows, bodies)
        update(self._connection, list(self._changes(verdicts)))
        return self._seq

    def _verdicts(self) -> dict[SpanKey, Verdict]:
        """What other spans tell of each; traces of a single span without partners need no look."""
        spans = [span for _, span in self._new.values()]
        if not spans:
            return {}
        self._near.complete(spans)
        spans += [stored.skeleton for stored in self._near.stored.values()]
        sizes: dict[bytes, int] = {}
        for span in spans:
            sizes[span.otel_trace_id] = sizes.get(span.otel_trace_id, 0) + 1
        entangled = [span for span in spans if sizes[span.otel_trace_id] > 1 or span.partner_key is not None]
        return reconcile(entangled) if entangled else {}

    def _changes(self, verdicts: dict[SpanKey, Verdict]) -> Iterator[Values]:
        if not self._new:
            return
        for key, stored in self._near.stored.items():
            verdict = verdicts.get(key)
            overrides: dict[str, OwnValue] = verdict.overrides if verdict else {}
            counted = verdict.counted if verdict else stored.skeleton.model_call
            if counted == (stored.usage_key is not None) and overrides == stored.overrides:
                continue
            if stored.usage_key is not None:
                before = _shown(stored.skeleton, stored.overrides)
                self._delta.subtract(
                    _contribution(self._project, before, stored.usage_key, latency_bucket(before.latency_ms))
                )
            after = _shown(stored.skeleton, overrides)
            usage_key = self._usage_key(after, stored.operation) if counted else None
            bucket = latency_bucket(after.latency_ms)
            if usage_key is not None:
                self._delta.add(_contribution(self._project, after, usage_key, bucket))
            yield update_values(stored, overrides, usage_key, bucket)

    def _usage_key(self, shown: Skeleton, operation: str | None) -> int:
        facts = Facts(
            self._project, shown.provider, shown.model_requested, shown.model_used, operation, shown.status
        )
        return self._usage_keys.key(self._connection, facts)


class _Neighbourhood:
    """The stored spans that new spans of one project can change, or be changed by.

    These are the spans of their traces, and of the traces in which a span has an equal partner key. So that
    the work for a batch stays bounded, a trace of more than 2 000 stored spans is loaded in part: the
    ancestors of the new spans, up to 64 of each. In such a trace a wrapper that arrives later than the
    2 000 spans below it is not recognised as one.
    """

    def __init__(self, connection: Connection, project: int, large: set[tuple[int, bytes]]) -> None:
        self.stored: dict[SpanKey, StoredSpan] = {}
        self._connection = connection
        self._project = project
        #: Traces that are known to be too large; outlives the transaction.
        self._large = large
        #: The traces that were sought, and the gen-ai ones among them.
        self._sought: set[bytes] = set()
        self._gen_ai: set[bytes] = set()
        self._partners_sought: set[tuple[str, int]] = set()

    def load_trace(self, trace_id: bytes) -> None:
        if trace_id in self._sought:
            return
        self._sought.add(trace_id)
        if self._is_large(trace_id):
            return
        spans = stored_in_trace(self._connection, self._project, trace_id, limit=_MAX_TRACE_SPANS + 1)
        if len(spans) > _MAX_TRACE_SPANS:
            self._large.add((self._project, trace_id))
            return
        for span in spans:
            self.stored[span.skeleton.key] = span
            if span.gen_ai:
                self._gen_ai.add(trace_id)

    def holds(self, key: SpanKey) -> bool:
        """Whether the span is stored. Call `load_trace` first."""
        if key in self.stored:
            return True
        return self._is_large(key[0]) and self._load_span(key) is not None

    def has_gen_ai(self, trace_id: bytes) -> bool:
        """Whether the trace has a stored gen-ai span; large ones are taken to. Call `load_trace` first."""
        return trace_id in self._gen_ai or self._is_large(trace_id)

    def complete(self, new: Sequence[Skeleton]) -> None:
        """Load what bears on the new spans and their traces from outside of these traces.

        Partners' traces may have partners again: they are followed to the end, or some thousand spans.
        """
        for span in new:
            if self._is_large(span.otel_trace_id):
                self._load_ancestors(span)
        waiting = [span for span in new if span.partner_key is not None]
        waiting += [span.skeleton for span in self.stored.values() if span.skeleton.partner_key is not None]
        bound = len(self.stored) + _MAX_PARTNER_SPANS
        while waiting and len(self.stored) < bound:
            for key in self._partners(waiting.pop()):
                known = set(self.stored)
                self.load_trace(key[0])
                if self._is_large(key[0]) and (partner := self._load_span(key)) is not None:
                    self._load_ancestors(partner.skeleton)
                waiting += [
                    self.stored[other].skeleton
                    for other in self.stored.keys() - known
                    if self.stored[other].skeleton.partner_key is not None
                ]

    def _partners(self, span: Skeleton) -> list[SpanKey]:
        """The stored spans with the same partner key that start at about the same time."""
        if span.partner_key is None:
            return []
        # One look-up serves all spans of a key that start within the same ten minutes.
        window = span.start_ns // _PARTNER_WINDOW_NS
        if (span.partner_key, window) in self._partners_sought:
            return []
        self._partners_sought.add((span.partner_key, window))
        from_ns = max((window - 1) * _PARTNER_WINDOW_NS, -(1 << 63))
        to_ns = min((window + 2) * _PARTNER_WINDOW_NS, (1 << 63) - 1)
        found = stored_partners(self._connection, self._project, span.partner_key, from_ns, to_ns)
        return [key for key in found if key not in self.stored]

    def _load_ancestors(self, span: Skeleton) -> None:
        for _ in range(_MAX_ANCESTORS):
            if span.parent_span_id is None:
                return
            key = (span.otel_trace_id, span.parent_span_id)
            parent = None if key in self.stored else self._load_span(key)
            if parent is None:
                return
            span = parent.skeleton

    def _load_span(self, key: SpanKey) -> StoredSpan | None:
        span = stored_span(self._connection, self._project, *key)
        if span is not None:
            self.stored[key] = span
        return span

    def _is_large(self, trace_id: bytes) -> bool:
        return (self._project, trace_id) in self._large


def _shown(span: Skeleton, overrides: dict[str, OwnValue]) -> Skeleton:
    """The skeleton with the columns as its row shows them."""
    columns = {column: value for column, value in overrides.items() if column in Skeleton._fields}
    return span._replace(**columns) if columns else span  # pyright: ignore[reportArgumentType]


def _contribution(project: int, shown: Skeleton, usage_key: int, bucket: int | None) -> Contribution:
    return Contribution(
        project,
        shown.start_ns,
        usage_key,
        shown.latency_ms,
        bucket,
        shown.input_tokens,
        shown.output_tokens,
        shown.cost_nano_usd,
    )
