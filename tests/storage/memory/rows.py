"""The rows of one project in memory: spans as they arrived, and what reconciliation makes of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from zstandard import ZstdError

from pulse_storage import IngestResult, SpanRow, TraceRecord
from pulse_storage.content.bodies import unpack
from pulse_storage.content.documents import SharedDocument
from pulse_storage.ids import event_content_id, row_id, shown_id
from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.keep import stored_unconditionally
from pulse_storage.reconciliation.partners import linked_spans, partner_span
from pulse_storage.reconciliation.reconcile import Reason, Verdict, reconcile
from pulse_storage.reconciliation.skeletons import (
    REFERENCES,
    ContentSkeleton,
    OwnValue,
    Skeleton,
    SpanKey,
    skeleton,
)
from pulse_storage.repricing import Repriced, RepriceJob
from pulse_storage.retention import NO_WATERMARKS, without_content
from pulse_storage.rows import (
    BATCH_DIALECT,
    MAX_PARTS,
    Assemble,
    EventContent,
    EventPart,
    UnfitValue,
    columns_of,
)

_log = logging.getLogger(__name__)
_INT64 = 1 << 63
_COLUMNS = columns_of(SpanRow)
BODIES: dict[str, str] = dict(zip(REFERENCES, ("output_text", "request_body", "response_body"), strict=True))
_SAME_NAME = tuple(set(SpanRow._fields) & set(TraceRecord._fields) - set(BODIES.values()))


@dataclass(slots=True)
class Stored:
    """One span: its own row, and the result of reconciliation."""

    id: bytes
    row: SpanRow
    counted: bool = False
    overrides: dict[str, OwnValue] = field(default_factory=dict[str, OwnValue])

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
        values = {name: value for name, value in self.overrides.items() if name not in REFERENCES}
        return self.row._replace(**values) if values else self.row  # pyright: ignore[reportArgumentType]


class Rows:
    """The spans and log events of one project."""

    def __init__(self) -> None:
        self.spans: dict[SpanKey, Stored] = {}
        self.parts: dict[SpanKey, dict[bytes, EventPart]] = {}
        self.contents: dict[SpanKey, EventContent] = {}
        self.watermarks = NO_WATERMARKS
        #: Counted calls whose rows retention has deleted: analytics still sum them.
        self.expired: list[TraceRecord] = []
        self.reprice: tuple[RepriceJob, Repriced] | None = None
        self._is_reconciled = True

    def add(self, rows: Sequence[SpanRow], *, keep_all: bool) -> IngestResult:
        """Store the rows of one call that are new and can be held."""
        rejected: list[tuple[int, str]] = []
        stored = duplicates = left_out = 0
        gen_ai = {each.row.otel_trace_id for each in self.spans.values() if each.row.gen_ai}
        kept, reasons = stored_unconditionally(rows, keep_all=keep_all), [_unfit(row) for row in rows]
        for index, (row, keeps, reason) in enumerate(zip(rows, kept, reasons, strict=True)):
            key = row.otel_trace_id, row.otel_span_id
            if reason is not None:
                rejected.append((index, reason))
            elif key in self.spans:
                duplicates += 1
            elif not keeps and row.otel_trace_id not in gen_ai:
                left_out += 1
            elif (reason := self.watermarks.refusal(row.start_ns)) is not None:
                rejected.append((index, reason))
            else:
                id = row_id(row.project_id, *key, row.start_ns)
                self.spans[key] = Stored(id, self.watermarks.admitted(row))
                self._is_reconciled = False
                stored += 1
        return IngestResult(stored, duplicates, left_out, tuple(rejected))

    def add_events(self, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Store the log events that are new, and assemble the content of their spans."""
        rejected: list[tuple[int, str]] = []
        stored = duplicates = 0
        changed: dict[SpanKey, None] = {}
        for index, part in enumerate(parts):
            key = part.otel_trace_id, part.otel_span_id
            of_span = self.parts.setdefault(key, {})
            if (reason := self.watermarks.event_refusal(part.order[0])) is not None:
                rejected.append((index, reason))
            elif part.digest in of_span:
                duplicates += 1
            elif len(of_span) >= MAX_PARTS:
                rejected.append((index, f"span {key[1].hex()} has {MAX_PARTS} log events already"))
            else:
                of_span[part.digest] = part
                changed[key] = None
                stored += 1
        for key in changed:
            self.contents[key] = assemble(list(self.parts[key].values()))
        self.changed()
        return IngestResult(stored, duplicates, rejected=tuple(rejected))

    def changed(self) -> None:
        """Have the next read reconcile again."""
        self._is_reconciled = False

    def reconciled(self) -> list[Stored]:
        """Return all spans in the order of their ids, reconciled.

        The verdicts are a function of the set of spans, so all of them are decided again after a change. A
        store of more rows decides the traces of new spans only, and the traces that share calls with them.
        """
        if not self._is_reconciled:
            verdicts = self.verdicts()
            for stored in self.spans.values():
                if not self._is_frozen(stored):
                    counted, overrides = verdicts.get(stored.key) or Verdict(stored.row.model_call, {})
                    stored.counted = counted
                    start_ns = stored.row.start_ns
                    stored.overrides = self.watermarks.without_old_content(start_ns, dict(overrides))
            self._is_reconciled = True
        return sorted(self.spans.values(), key=lambda stored: stored.id)

    def verdicts(self, costs: Mapping[SpanKey, dict[str, OwnValue]] | None = None) -> dict[SpanKey, Verdict]:
        """Return the verdicts on all spans, with other own costs of some of them."""
        spans = [span._replace(**(costs or {}).get(span.key, {})) for span in self.skeletons()]  # pyright: ignore[reportArgumentType]
        return reconcile(spans, self.content_skeletons())

    def reasons(self) -> dict[SpanKey, Reason]:
        """Return for spans that share a call which other spans do."""
        reasons: dict[SpanKey, Reason] = {}
        reconcile(self.skeletons(), self.content_skeletons(), reasons=reasons)
        return reasons

    def skeletons(self) -> list[Skeleton]:
        """Return the spans' own values; frozen rows supply sessions but are no calls."""
        return [
            span._replace(model_call=False, partner_key=None) if self._is_frozen(stored) else span
            for stored in self.spans.values()
            for span in [skeleton(stored.row, stored.id)]
        ]

    def content_skeletons(self) -> list[ContentSkeleton]:
        """Return what log events contain."""
        return [
            ContentSkeleton(
                *(event_content_id(*key), *key, content.finish_reason, content.input_preview),
                *(content.output_preview, content.output_text is not None),
                *(content.request_body is not None, content.response_body is not None),
            )
            for key, content in self.contents.items()
        ]

    def record(self, stored: Stored, *, bodies: bool = False) -> TraceRecord:
        """Return a row as readers get it."""
        row = stored.effective()
        text = self.body(stored, "output_from")
        documents = [self.body(stored, reference) if bodies else None for reference in REFERENCES[1:]]
        return TraceRecord(
            trace_id=stored.visible_id,
            counted=stored.counted,
            output_text=row.output_preview if text is None else text.decode(),
            request_body=documents[0],
            response_body=documents[1],
            **{name: getattr(row, name) for name in _SAME_NAME},
        )

    def body(self, stored: Stored, reference: str) -> bytes | None:
        """Return a text or document of a row: its own, else that of the row or content it refers to."""
        packed = getattr(self._supplier(stored, reference), BODIES[reference], None)
        if packed is None or isinstance(packed, SharedDocument):
            return None if packed is None else packed.document
        try:
            return unpack(packed)
        except ZstdError:
            _log.error("a document of the row %s is damaged", stored.id.hex())
            return None

    def materialize(self, stored: Stored) -> None:
        """Copy the referenced content into a row, before the rows that supply it are deleted."""
        for reference in [name for name in REFERENCES if name in stored.overrides]:
            packed = getattr(self._supplier(stored, reference), BODIES[reference], None)
            stored.row = stored.row._replace(**{BODIES[reference]: packed})
            del stored.overrides[reference]

    def strip(self, stored: Stored) -> None:
        """Delete the content of a row."""
        stored.row = without_content(stored.row)
        content = {"input_preview", "output_preview", *REFERENCES}
        stored.overrides = {name: value for name, value in stored.overrides.items() if name not in content}

    def delete(self, keys: Iterable[SpanKey]) -> int:
        """Delete spans with their log events; return the number of log events."""
        events = 0
        for key in list(keys):
            self.spans.pop(key, None)
            self.contents.pop(key, None)
            events += len(self.parts.pop(key, {}))
        self.changed()
        return events

    def linked_traces(self, trace_id: bytes) -> set[bytes]:
        """Return a trace and the traces that may share calls with it, directly or through others."""
        calls = [partner_span(span) for span in self.skeletons() if span.model_call]
        links = [{span.otel_trace_id for span in spans} for spans in linked_spans(calls)]
        found = {trace_id}
        while more := set[bytes]().union(*(link for link in links if link & found)) - found:
            found |= more
        return found

    def _supplier(self, stored: Stored, reference: str) -> SpanRow | EventContent | None:
        id = stored.overrides.get(reference)
        if id is None:
            return stored.row
        rows = (each.row for each in self.spans.values() if each.id == id)
        contents = (content for key, content in self.contents.items() if event_content_id(*key) == id)
        return next(rows, None) or next(contents, None)

    def _is_frozen(self, stored: Stored) -> bool:
        return stored.row.start_ns < self.watermarks.frozen_before_ns


def _unfit(row: SpanRow) -> str | None:
    """Return why no store can hold a row; None if it can. Raises TypeError for a value of another type."""
    for name, column in _COLUMNS.items():
        value = getattr(row, name)
        texts = value if column.type is tuple else [value] if column.type is str else []
        if value is None:
            continue
        if not isinstance(value, (column.type, SharedDocument, int)) or not all(
            isinstance(text, str) for text in texts
        ):
            raise TypeError(f"{name} must be {column.type.__name__}, not {value!r}")
        if column.type is int and not -_INT64 <= value < _INT64:
            return f"{name} is beyond 64 bits"
        if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
            return f"{name} has a lone surrogate"
    try:
        latency_bucket(row.latency_ms)
    except UnfitValue as error:
        return str(error)
    if row.latency_ms is not None and abs(row.latency_ms) * 1000 >= _INT64:
        return "latency_ms is beyond any sum"
    return None
