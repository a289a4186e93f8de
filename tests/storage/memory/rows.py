"""The rows of one project in memory: spans as they arrived, and the results of reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pulse_storage import IngestResult, SpanRow, TraceRecord
from pulse_storage.content.bodies import unpack
from pulse_storage.content.documents import Packed
from pulse_storage.ids import event_content_id, row_id, shown_id
from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.effective import effective_row
from pulse_storage.reconciliation.reconcile import Reason, Verdict, reconcile
from pulse_storage.reconciliation.skeletons import (
    REFERENCES,
    ContentSkeleton,
    OwnValue,
    Skeleton,
    SpanKey,
    content_skeleton,
    skeleton,
)
from pulse_storage.repricing import Repriced, RepriceJob
from pulse_storage.retention import NO_WATERMARKS, Watermarks, without_content
from pulse_storage.rows import (
    BATCH_DIALECT,
    MAX_PARTS,
    Assemble,
    EventContent,
    EventPart,
    Outcome,
    UnfitValue,
    columns_of,
)

#: The column of a body by the reference to its source.
BODIES: dict[str, str] = dict(zip(REFERENCES, ("output_text", "request_body", "response_body"), strict=True))
_SAME_NAME = tuple(set(SpanRow._fields) & set(TraceRecord._fields) - set(BODIES.values()))
_COLUMNS = columns_of(SpanRow)


#: The log events of a span by digest.
Parts = dict[bytes, EventPart]
#: Cost columns of spans.
Costs = Mapping[SpanKey, dict[str, OwnValue]]


@dataclass(slots=True)
class Stored:
    """One span: its own row, and the result of reconciliation."""

    id: bytes
    row: SpanRow
    counted: bool = False
    overrides: dict[str, OwnValue] = field(default_factory=dict[str, OwnValue])
    #: The last record without bodies, and what it was built from: most tests read rows more often than they
    #: write them.
    record: tuple[object, TraceRecord] | None = None

    @property
    def key(self) -> SpanKey:
        """The span's key within the project."""
        return self.row.otel_trace_id, self.row.otel_span_id

    @property
    def visible_id(self) -> UUID:
        """The id under which readers find the row."""
        return shown_id(self.row.otel_trace_id if self.row.dialect == BATCH_DIALECT else self.id)

    def effective(self) -> SpanRow:
        """Return the row with its overrides; bodies are still the span's own."""
        return effective_row(self.row, self.overrides)


@dataclass
class Rows:
    """The spans and log events of one project. Each method is a transaction, since it does not wait."""

    spans: dict[SpanKey, Stored] = field(default_factory=dict[SpanKey, Stored])
    parts: dict[SpanKey, dict[bytes, EventPart]] = field(
        default_factory=dict[SpanKey, dict[bytes, EventPart]]
    )
    contents: dict[SpanKey, EventContent] = field(default_factory=dict[SpanKey, EventContent])
    watermarks: Watermarks = NO_WATERMARKS
    #: Counted calls whose rows retention has deleted: analytics still sum them.
    expired: list[TraceRecord] = field(default_factory=list[TraceRecord])
    reprice: tuple[RepriceJob, Repriced] | None = None
    #: False after a change: the next read reconciles all spans again.
    is_reconciled: bool = True

    def add(self, row: SpanRow, *, keeps: bool) -> Outcome | str:
        """Store a row if it is new; without `keeps`, only if its trace has a gen-ai span."""
        key = row.otel_trace_id, row.otel_span_id
        if key in self.spans:
            return Outcome.DUPLICATE
        if not keeps and not any(one.row.gen_ai for one in self.spans.values() if one.key[0] == key[0]):
            return Outcome.LEFT_OUT
        refusal = self.watermarks.refusal(row.start_ns)
        if refusal is None:
            id = row_id(row.project_id, *key, row.start_ns)
            self.spans[key] = Stored(id, self.watermarks.admitted(row))
            self.is_reconciled = False
        return refusal or Outcome.STORED

    def add_events(self, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Store the log events that are new, and assemble the content of their spans."""
        outcomes = [self._add_event(part) for part in parts]
        for key in {part[:2] for part in parts} & self.parts.keys():
            self.contents[key] = assemble(list(self.parts[key].values()))
        self.is_reconciled = False
        return IngestResult.of(outcomes)

    def _add_event(self, part: EventPart) -> Outcome | str:
        of_span = self.parts.get(part[:2], {})
        if part.digest in of_span:
            return Outcome.DUPLICATE
        if len(of_span) >= MAX_PARTS:
            return f"span {part.otel_span_id.hex()} has {MAX_PARTS} log events already"
        refusal = self.watermarks.event_refusal(part.order[0])
        if refusal is None:
            self.parts.setdefault(part[:2], {})[part.digest] = part
        return refusal or Outcome.STORED

    def reconciled(self) -> list[Stored]:
        """Return all spans in the order of their ids, reconciled.

        The verdicts are a function of the set of spans, so all of them are decided again after a change. A
        store of more rows decides the traces of new spans only, and the traces that share calls with them.
        """
        if not self.is_reconciled:
            verdicts = self.verdicts()
            for stored in self.spans.values():
                if not self._is_frozen(stored):
                    verdict = verdicts.get(stored.key) or Verdict(stored.row.model_call, {})
                    start_ns, overrides = stored.row.start_ns, dict(verdict.overrides)
                    stored.counted = verdict.counted
                    stored.overrides = self.watermarks.without_old_content(start_ns, overrides)
            self.is_reconciled = True
        return sorted(self.spans.values(), key=lambda stored: stored.id)

    def verdicts(
        self, costs: Costs | None = None, reasons: dict[SpanKey, Reason] | None = None
    ) -> dict[SpanKey, Verdict]:
        """Return the verdicts on all spans, with other own costs of some of them; see `reconcile`."""
        spans = [span._replace(**(costs or {}).get(span.key, {})) for span in self.skeletons()]  # pyright: ignore[reportArgumentType]
        return reconcile(spans, self.content_skeletons(), reasons=reasons)

    def skeletons(self) -> list[Skeleton]:
        """Return the spans' own values; frozen rows supply sessions but are no calls."""
        spans = [(stored, skeleton(stored.row, stored.id)) for stored in self.spans.values()]
        return [
            span._replace(model_call=False, partner_key=None) if self._is_frozen(stored) else span
            for stored, span in spans
        ]

    def content_skeletons(self) -> list[ContentSkeleton]:
        """Return the content of all log events."""
        return [content_skeleton(event_content_id(*key), key, one) for key, one in self.contents.items()]

    def record(self, stored: Stored, *, bodies: bool = False) -> TraceRecord:
        """Return a row as readers get it."""
        built_from = stored.row, stored.counted, stored.overrides
        if stored.record is not None and stored.record[0] == built_from and not bodies:
            return stored.record[1]
        row, text = stored.effective(), self._body(stored, "output_from")
        request, response = (self._body(stored, name) if bodies else None for name in REFERENCES[1:])
        record = TraceRecord(
            trace_id=stored.visible_id,
            counted=stored.counted,
            output_text=row.output_preview if text is None else text.decode(),
            request_body=request,
            response_body=response,
            **{name: getattr(row, name) for name in _SAME_NAME},
        )
        # Texts of other rows and of log events may change while the references to them stay.
        if not bodies and stored.overrides.keys().isdisjoint(REFERENCES):
            stored.record = built_from, record
        return record

    def materialize(self, stored: Stored) -> None:
        """Copy the referenced content into a row, before the rows that supply it are deleted."""
        for reference in [name for name in REFERENCES if name in stored.overrides]:
            stored.row = stored.row._replace(**{BODIES[reference]: self._packed(stored, reference)})
            del stored.overrides[reference]

    def strip(self, stored: Stored) -> None:
        """Delete the content of a row and its log events."""
        stored.row = without_content(stored.row)
        content = {"input_preview", "output_preview", *REFERENCES}
        stored.overrides = {name: value for name, value in stored.overrides.items() if name not in content}
        self.parts.pop(stored.key, None)
        self.contents.pop(stored.key, None)

    def delete(self, keys: Iterable[SpanKey]) -> int:
        """Delete spans with their log events; return the number of log events."""
        events = 0
        for key in list(keys):
            self.spans.pop(key, None)
            self.contents.pop(key, None)
            events += len(self.parts.pop(key, {}))
        self.is_reconciled = False
        return events

    def _body(self, stored: Stored, reference: str) -> bytes | None:
        packed = self._packed(stored, reference)
        if packed is None or isinstance(packed, bytes):
            return packed and unpack(packed)
        return packed.document

    def _packed(self, stored: Stored, reference: str) -> Packed | None:
        """Return a body of a row: its own, else that of the row or log events it refers to."""
        id = stored.overrides.get(reference)
        sources: list[SpanRow | EventContent] = [stored.row]
        if id is not None:
            sources = [one.row for one in self.spans.values() if one.id == id]
            sources += [one for key, one in self.contents.items() if event_content_id(*key) == id]
        return getattr(sources[0], BODIES[reference]) if sources else None

    def _is_frozen(self, stored: Stored) -> bool:
        return stored.row.start_ns < self.watermarks.frozen_before_ns


def unfit(row: SpanRow) -> str | None:
    """Return why no store can hold a row; None if it can. Raises TypeError for a value of another type."""
    try:
        latency_bucket(row.latency_ms)
        _int64(int((row.latency_ms or 0) * 1000))
        for name, column in _COLUMNS.items():
            value = getattr(row, name)
            if value is not None and column.type in _ENCODERS:
                _ENCODERS[column.type](value)
    except (UnfitValue, OverflowError, UnicodeEncodeError) as error:
        return str(error)
    return None


def _int64(value: int) -> bytes:
    return int.to_bytes(value, 8, "big", signed=True)


#: Raise OverflowError for a number beyond 64 bits, UnicodeEncodeError for a lone surrogate.
_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: str.encode,
    int: _int64,
    tuple: lambda tags: "".join(tags).encode(),
}
