"""Store the new rows of one project in a transaction: deduplicate, reconcile, insert, update stored rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from pulse_storage.content.documents import SharedDocument
from pulse_storage.ids import row_id
from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.effective import effective_row
from pulse_storage.reconciliation.inheritance import Outline, Overrides, inherited_overrides
from pulse_storage.reconciliation.reconcile import Verdict
from pulse_storage.reconciliation.skeletons import Skeleton, SpanKey, skeleton
from pulse_storage.rows import Outcome, SpanRow
from pulse_storage.sql.connection import Values
from pulse_storage.sql.tables.blocks import save_documents
from pulse_storage.sql.tables.rollups import Facts
from pulse_storage.sql.tables.spans import (
    NO_REFERENCES,
    inheriting_reference_values,
    insert_values,
    reference_values,
)
from pulse_storage.sql.writing.outlines import update_inheriting_rows
from pulse_storage.sql.writing.partners import find_linked
from pulse_storage.sql.writing.row_updates import RowUpdates
from pulse_storage.sql.writing.sources import CallSources


class IncomingRow(NamedTuple):
    """A row to be stored."""

    row: SpanRow
    #: If False, the row is stored only if its trace has a gen-ai span.
    wanted: bool


#: A new row: its row id, the row of the span, the effective row, its `reference_values`, and the facts by
#: which it counts, or None. References are None in `plain` traces until `insert_values` applies overrides.
_Decided = tuple[bytes, SpanRow, SpanRow, Values | None, Facts | None]


class IncomingRows:
    """The rows of one project that a transaction stores.

    Call the methods in their order.
    """

    def __init__(self, updates: RowUpdates, sources: CallSources, incoming: Sequence[IncomingRow]) -> None:
        self._updates = updates
        self._related = updates.related
        self._connection = updates.connection
        self._incoming = incoming
        #: The rows to insert: by trace and span id, and as a list with row ids.
        self._new: dict[bytes, dict[bytes, SpanRow]] = {}
        self._rows: list[tuple[bytes, SpanRow]] = []
        self._sources = sources
        self._plain: dict[bytes, dict[bytes, Overrides]] = {}
        self._verdicts: dict[SpanKey, Verdict] | None = None
        self._decided: list[_Decided] = []

    def deduplicate(self) -> list[Outcome | str]:
        """Select the rows that are not stored yet and may be stored; return the outcome of each row."""
        related, new, marks = self._related, self._new, self._updates.marks
        traces = list({row.otel_trace_id: None for row, _ in self._incoming})
        related.read_outlines(traces, marks.frozen_before_ns)
        related.look_up((row.otel_trace_id, row.otel_span_id) for row, _ in self._incoming)
        outcomes: list[Outcome | str] = []
        retains = marks.drops
        for row, wanted in self._incoming:
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
                id = row_id(row.project_id, trace_id, span_id, row.start_ns)
                self._rows.append((id, row))
                outcomes.append(Outcome.STORED)
        return outcomes

    def _is_gen_ai(self, trace_id: bytes) -> bool:
        new = self._new.get(trace_id, {})
        return any(row.gen_ai for row in new.values()) or self._related.has_gen_ai(trace_id)

    def reconcile(self) -> Iterator[Facts]:
        """Decide which new rows count; yield their facts, in the order of row ids."""
        self._rows.sort(key=itemgetter(0))
        plain = self._plain = self._plain_traces()
        verdicts = self._verdicts = self._reconcile_others(plain)
        updates = self._updates
        for id, row in self._rows:
            counted, shown, references = row.model_call, row, None
            if row.otel_trace_id not in plain:
                references = NO_REFERENCES
                if verdicts and (verdict := verdicts.get((row.otel_trace_id, row.otel_span_id))):
                    counted, overrides = verdict
                    overrides = updates.marks.without_old_content(row.start_ns, overrides)
                    shown, references = effective_row(row, overrides), reference_values(row, overrides)
                    updates.note_response_id(shown)
            # Inherited columns are not among the facts.
            facts = updates.facts(shown, row.operation) if counted else None
            self._decided.append((id, row, shown, references, facts))
            if facts is not None:
                yield facts

    def insert_values(self, usage_keys: Mapping[Facts, int]) -> Iterator[Values]:
        """Yield the bindings of the new rows, and add the rows that count to the sums. Runs no statement."""
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
        """Return the bindings of `SqlDialect.insert` for rows with a text or body, in their stored form.

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
        """Return the number of rows to insert."""
        return len(self._rows)

    def update_stored(self) -> None:
        """Update the stored rows whose effective values change because of the new rows."""
        update_inheriting_rows(
            self._connection, self._updates.project, self._changed_inheriting_rows(self._plain)
        )
        if self._verdicts is not None:
            self._updates.update(self._verdicts)
            self._related.subtrees.pass_on(self._verdicts, self._updates.marks.frozen_before_ns)

    def _plain_traces(self) -> dict[bytes, dict[bytes, Overrides]]:
        """Return the overrides of rows in traces without duplicate calls, by trace id and span id.

        These traces need no other inputs of reconciliation.
        """
        related, plain = self._related, dict[bytes, dict[bytes, Overrides]]()
        linked = self._linked_traces()
        for trace_id, new in self._new.items():
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

    def _linked_traces(self) -> set[bytes]:
        """Return the traces with spans that may record the same call as a span of another trace."""
        updates, rows = self._updates, [row for _, row in self._rows]
        groups = find_linked(
            self._connection,
            updates.project,
            rows,
            updates.recent_ids,
            only_keys_without_side=self._sources.are_one(updates.project, rows),
        )
        return {span.otel_trace_id for spans in groups for span in spans}

    def _changed_inheriting_rows(
        self, plain: Mapping[bytes, Mapping[bytes, Overrides]]
    ) -> Iterator[tuple[Outline, Overrides]]:
        """Yield the stored rows of `plain` traces whose inherited values change, with the new ones."""
        for trace_id, overrides in plain.items():
            for span_id, span in self._related.outlines.get(trace_id, _NOTHING_STORED).items():
                taken = overrides.get(span_id, _NO_OVERRIDES)
                if taken != span.overrides:
                    yield span, taken

    def _reconcile_others(self, plain: dict[bytes, dict[bytes, Overrides]]) -> dict[SpanKey, Verdict] | None:
        """Reconcile the traces that are not in `plain`; return the verdicts on new and stored spans.

        Return None if every trace is in `plain`.

        Partners of partners may be in traces of `plain`: these are removed from `plain` and reconciled too.
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
