"""Stores what arrives for one project: takes the rows that are new, and decides what readers see of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from operator import itemgetter
from typing import NamedTuple

from pulse_storage.content.documents import SharedDocument
from pulse_storage.ids import row_id
from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.inheritance import Outline, Overrides, inherited_overrides
from pulse_storage.reconciliation.reconcile import Verdict
from pulse_storage.reconciliation.skeletons import Skeleton, SpanKey, skeleton
from pulse_storage.rows import SpanRow
from pulse_storage.runtime.read_priority import RightOfWay
from pulse_storage.sql.connection import Cursor, Values
from pulse_storage.sql.tables.blocks import save_documents
from pulse_storage.sql.tables.rollups import Facts
from pulse_storage.sql.tables.spans import (
    NO_REFERENCES,
    effective_row,
    inheriting_reference_values,
    insert_values,
    reference_values,
)
from pulse_storage.sql.writing.outlines import update_inheriting_rows
from pulse_storage.sql.writing.partners import Partners
from pulse_storage.sql.writing.row_updates import RowUpdates
from pulse_storage.sql.writing.sources import CallSources


class Outcome(Enum):
    """What became of a row; a refusal is a string instead."""

    STORED = 1
    DUPLICATE = 2
    LEFT_OUT = 3


class IncomingRow(NamedTuple):
    """A row on its way in."""

    row: SpanRow
    #: Whether it is kept even if its trace has no gen-ai span in the store.
    wanted: bool


#: A new row: its id, what its span says, what readers see, its `reference_values`, and by which
#: facts it counts, if it does. Of plain traces it is worked out last what rows see and borrow: None so far.
_Decided = tuple[bytes, SpanRow, SpanRow, Values | None, Facts | None]


class IncomingRows:
    """The rows that arrive for one project in one transaction.

    To be used in the order of its methods, each for all projects before the next: so that a server has its
    answers ready, and stores rows of one project while those of another are made.
    """

    def __init__(
        self, updates: RowUpdates, way: RightOfWay, sources: CallSources, incoming: Sequence[IncomingRow]
    ) -> None:
        self._updates = updates
        self._related = updates.related
        self._connection = updates.connection
        self._way = way
        self._incoming = incoming
        self._ids: list[bytes] = []
        #: What is to be stored: by trace and span id, and with ids.
        self._new: dict[bytes, dict[bytes, SpanRow]] = {}
        self._rows: list[tuple[bytes, SpanRow]] = []
        self._sources = sources
        self._only_source: Cursor | None = None
        self._partners = Partners(updates.connection, updates.project, updates.recent_ids)
        self._plain: dict[bytes, dict[bytes, Overrides]] = {}
        self._verdicts: dict[SpanKey, Verdict] | None = None
        self._decided: list[_Decided] = []

    def request_outlines(self) -> None:
        """Ask what is stored of the rows' traces."""
        self._related.request_outlines(list({row.otel_trace_id: None for row, _ in self._incoming}))
        self._only_source = self._sources.request(self._updates.project)

    def assign_ids(self) -> None:
        """Give rows their ids."""
        self._ids = [
            row_id(row.project_id, row.otel_trace_id, row.otel_span_id, row.start_ns)
            for row, _ in self._way.each(self._incoming)
        ]

    def deduplicate(self) -> list[Outcome | str]:
        """Take the rows that are new and wanted; what becomes of each."""
        related, new, marks = self._related, self._new, self._updates.marks
        related.read_outlines(marks.frozen_before_ns)
        rows = [row for row, _ in self._incoming]
        are_one = self._sources.are_one(self._updates.project, rows, self._only_source)
        self._partners.request(rows, only_keys_without_side=are_one)
        related.look_up((row.otel_trace_id, row.otel_span_id) for row, _ in self._incoming)
        outcomes: list[Outcome | str] = []
        retains = marks.drops
        for id, (row, wanted) in zip(self._ids, self._incoming, strict=True):
            self._way.give_way()
            trace_id, span_id = row.otel_trace_id, row.otel_span_id
            trace = new.get(trace_id)
            if (trace is not None and span_id in trace) or related.holds(trace_id, span_id):
                outcomes.append(Outcome.DUPLICATE)
            elif not wanted and not self._is_gen_ai(trace_id):
                outcomes.append(Outcome.LEFT_OUT)
            elif retains and (refusal := marks.refusal(row.start_ns)) is not None:
                outcomes.append(refusal)
            else:
                if retains:
                    row = marks.admitted(row)
                if trace is None:
                    new[trace_id] = {span_id: row}
                else:
                    trace[span_id] = row
                self._rows.append((id, row))
                outcomes.append(Outcome.STORED)
        return outcomes

    def _is_gen_ai(self, trace_id: bytes) -> bool:
        new = self._new.get(trace_id, {})
        return any(row.gen_ai for row in new.values()) or self._related.has_gen_ai(trace_id)

    def reconcile(self) -> Iterator[Facts]:
        """Find out what counts, in the order of ids; by which facts."""
        self._rows.sort(key=itemgetter(0))
        plain = self._plain = self._plain_traces()
        verdicts = self._verdicts = self._reconcile_others(plain)
        updates = self._updates
        for id, row in self._rows:
            self._way.give_way()
            counted, shown, references = row.model_call, row, None
            if row.otel_trace_id not in plain:
                references = NO_REFERENCES
                if verdicts and (verdict := verdicts.get((row.otel_trace_id, row.otel_span_id))):
                    counted, overrides = verdict
                    overrides = updates.marks.without_old_content(row.start_ns, overrides)
                    shown, references = effective_row(row, overrides), reference_values(row, overrides)
                    updates.note_response_id(shown)
            # What rows inherit is none of the facts.
            facts = updates.facts(shown, row.operation) if counted else None
            self._decided.append((id, row, shown, references, facts))
            if facts is not None:
                yield facts

    def insert_values(self, usage_keys: Mapping[Facts, int]) -> Iterator[Values]:
        """What is bound for new rows; those that count are added to the sums. Does not use the connection."""
        plain, updates = self._plain, self._updates
        for id, row, shown, references, facts in self._decided:
            if references is None:
                references = NO_REFERENCES
                if overrides := plain[row.otel_trace_id].get(row.otel_span_id):
                    shown, references = effective_row(row, overrides), inheriting_reference_values(overrides)
            bucket = latency_bucket(shown.latency_ms)
            usage_key = None
            if facts is not None:
                usage_key = usage_keys[facts]
                updates.move(1, usage_key, shown, bucket)
            yield insert_values(row, shown, references, (updates.project, id, usage_key, bucket))

    def bodies(self, first: int) -> list[Values]:
        """What `SqlDialect.insert` takes for the rows that have any text or body, in the form that is stored.

        `first` is the index of the first row.
        """
        found = [
            (index, row.output_text, row.request_body, row.response_body)
            for index, (_, row) in enumerate(self._rows, first)
            if row.output_text is not None or row.request_body is not None or row.response_body is not None
        ]
        shared = [body for _, _, *both in found for body in both if isinstance(body, SharedDocument)]
        references = iter(save_documents(self._connection, self._updates.project, shared) if shared else ())

        def stored(body: bytes | SharedDocument | None) -> bytes | None:
            return next(references) if isinstance(body, SharedDocument) else body

        return [(index, text, stored(request), stored(response)) for index, text, request, response in found]

    @property
    def new_rows(self) -> int:
        """How many rows are to be stored."""
        return len(self._rows)

    def update_stored(self) -> None:
        """Change what the new rows change in stored ones."""
        update_inheriting_rows(
            self._connection, self._updates.project, self._changed_inheriting_rows(self._plain)
        )
        if self._verdicts is not None:
            self._updates.update(self._verdicts)
            self._related.subtrees.pass_on(self._verdicts, self._updates.marks.frozen_before_ns)

    def _plain_traces(self) -> dict[bytes, dict[bytes, Overrides]]:
        """What rows take from others in traces in which no two spans tell of one call, by trace and span id.

        Whatever else reconciling these traces needs is not looked for.
        """
        related, plain = self._related, dict[bytes, dict[bytes, Overrides]]()
        linked = {span.otel_trace_id for spans in self._partners.linked() for span in spans}
        for trace_id, new in self._new.items():
            self._way.give_way()
            if trace_id in linked or not related.outline_suffices(trace_id):
                continue
            stored = related.outlines.get(trace_id)
            if stored is None and len(new) == 1:
                plain[trace_id] = _NOTHING_INHERITED
                continue
            overrides = inherited_overrides(new, stored or _NOTHING_STORED)
            if overrides is not None:
                plain[trace_id] = overrides
        return plain

    def _changed_inheriting_rows(
        self, plain: Mapping[bytes, Mapping[bytes, Overrides]]
    ) -> Iterator[tuple[Outline, Overrides]]:
        """The stored rows of plain traces that are to take something else from others."""
        for trace_id, overrides in plain.items():
            for span_id, span in self._related.outlines.get(trace_id, _NOTHING_STORED).items():
                taken = overrides.get(span_id, _NO_OVERRIDES)
                if taken != span.overrides:
                    yield span, taken

    def _reconcile_others(self, plain: dict[bytes, dict[bytes, Overrides]]) -> dict[SpanKey, Verdict] | None:
        """Return the verdicts on rows of traces that are not plain, and on stored ones; None without rows.

        Partners of partners may lead to traces that seemed to be plain: those are taken out of `plain`.
        """
        related = self._related
        new: list[Skeleton] = []
        wanted = {row.otel_trace_id for _, row in self._rows if row.otel_trace_id not in plain}
        while wanted:
            more = [skeleton(row, id) for id, row in self._rows if row.otel_trace_id in wanted]
            new += more
            related.load_traces(list(dict.fromkeys(span.otel_trace_id for span in more)))
            related.complete(more)
            wanted = plain.keys() & (related.stored.keys() | related.large)
            for trace_id in wanted:
                del plain[trace_id]
        return self._updates.reconciled(new) if new else None


_NO_OVERRIDES: Overrides = {}
_NOTHING_INHERITED: dict[bytes, Overrides] = {}
_NOTHING_STORED: dict[bytes, Outline] = {}
