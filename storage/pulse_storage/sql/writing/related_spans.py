"""Load the stored spans that affect the reconciliation of new spans of one project, or are affected by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cached_property

from pulse_storage.reconciliation.inheritance import MAX_AGREEING_SPANS, Outline
from pulse_storage.reconciliation.partners import linked_traces
from pulse_storage.reconciliation.reconcile import Verdict, reconcile
from pulse_storage.reconciliation.skeletons import ContentSkeleton, ReconcileInputs, Skeleton, SpanKey
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.tables.events import contents_in_traces, has_contents
from pulse_storage.sql.tables.spans import (
    StoredSpan,
    stored_in_trace,
    stored_in_traces,
)
from pulse_storage.sql.writing.ancestry import stored_among
from pulse_storage.sql.writing.outlines import read_outlines
from pulse_storage.sql.writing.partners import find_linked
from pulse_storage.sql.writing.subtrees import Subtrees

#: Of a trace with more stored spans only subtrees are loaded.
_MAX_TRACE_SPANS = MAX_AGREEING_SPANS
_MAX_LARGE_TRACES = 10_000
#: The maximum number of spans that are loaded from traces with partners.
_MAX_PARTNER_SPANS = 5_000


class LargeTraces:
    """Remembers the traces that are too large to be loaded, across transactions; bounded."""

    def __init__(self) -> None:
        self._traces: set[tuple[int, bytes]] = set()

    def add(self, project: int, trace_id: bytes) -> None:
        """Remember a trace."""
        if len(self._traces) >= _MAX_LARGE_TRACES:
            self._traces.clear()
        self._traces.add((project, trace_id))

    def of(self, project: int, trace_ids: Iterable[bytes]) -> set[bytes]:
        """Return those of these traces that are known to be large."""
        if not self._traces:
            return set()
        return {trace_id for trace_id in trace_ids if (project, trace_id) in self._traces}

    def forget(self) -> None:
        """Forget all traces: the rows that made them large may have been rolled back."""
        self._traces.clear()


class RelatedSpans:
    """The stored spans of the traces of new spans, and of the traces that contain their partners.

    The work for a batch is bounded: of a trace with more than 500 stored spans only the subtrees of the new
    spans are loaded (`subtrees`).
    """

    def __init__(self, connection: Connection, project: int, large: LargeTraces) -> None:
        #: Outlines of stored spans of the new spans' traces, by trace and span id; without large traces.
        self.outlines: dict[bytes, dict[bytes, Outline]] = {}
        #: By trace, then by span id.
        self.stored: dict[bytes, dict[bytes, StoredSpan]] = {}
        #: Content from log events of the loaded traces, by trace; its spans need not be stored yet.
        self.contents: dict[bytes, list[ContentSkeleton]] = {}
        self._connection = connection
        self._project = project
        self._known_large = large
        self._outlined: set[bytes] = set()
        self._sought: set[bytes] = set()
        self._stored_in_large: dict[bytes, set[bytes]] = {}
        #: The traces of which only subtrees are loaded.
        self.large: set[bytes] = set()
        self.subtrees = Subtrees(connection, project, self.stored)
        #: The keys of the spans whose partners were looked up.
        self._with_partners: set[SpanKey] = set()

    def read_outlines(self, trace_ids: Sequence[bytes], frozen_before_ns: int) -> None:
        """Read the outlines of the stored spans of these traces, and note the traces that are too large."""
        limit = _MAX_TRACE_SPANS + 1
        traces = self._taken_up(trace_ids)
        self.outlines = read_outlines(self._connection, self._project, traces, limit, frozen_before_ns)
        self._outlined.update(trace_ids)
        for trace_id in [id for id, trace in self.outlines.items() if len(trace) >= limit]:
            self._note_large(trace_id)
            del self.outlines[trace_id]

    def load_traces(self, trace_ids: Sequence[bytes]) -> list[StoredSpan]:
        """Load the traces that are not too large; return the spans that were not loaded before."""
        wanted = [trace_id for trace_id in trace_ids if trace_id not in self._sought]
        if not wanted:
            return []
        self._sought.update(wanted)
        small = [trace_id for trace_id in wanted if trace_id in self.outlines]
        if unknown := [trace_id for trace_id in wanted if trace_id not in self._outlined]:
            small += self._small_of(self._taken_up(unknown))
        loaded = stored_in_traces(self._connection, self._project, small, _MAX_TRACE_SPANS)
        for span in loaded:
            self._keep(span)
        return loaded

    def _taken_up(self, trace_ids: Sequence[bytes]) -> Sequence[bytes]:
        """Lock these traces and load their log-event content; return the traces not known to be large."""
        self._connection.lock_more(self._project, trace_ids)
        if self._has_contents:
            for content in contents_in_traces(self._connection, self._project, trace_ids):
                self.contents.setdefault(content.otel_trace_id, []).append(content)
        large = self._known_large.of(self._project, trace_ids)
        self.large |= large
        return [trace_id for trace_id in trace_ids if trace_id not in large] if large else trace_ids

    @cached_property
    def _has_contents(self) -> bool:
        return has_contents(self._connection, self._project)

    def _small_of(self, trace_ids: Sequence[bytes]) -> list[bytes]:
        """Return the traces that have stored spans but are not large."""
        small: list[bytes] = []
        if trace_ids:
            for trace_id, size in self._connection.dialect.trace_sizes(
                self._connection, self._project, trace_ids, _MAX_TRACE_SPANS + 1
            ):
                if size > _MAX_TRACE_SPANS:
                    self._note_large(trace_id)
                else:
                    small.append(trace_id)
        return small

    def _note_large(self, trace_id: bytes) -> None:
        self._known_large.add(self._project, trace_id)
        self.large.add(trace_id)

    def look_up(self, spans: Iterable[SpanKey]) -> None:
        """Look up which of these spans of large traces are stored. Call `read_outlines` first."""
        wanted: dict[bytes, list[bytes]] = {}
        for trace_id, span_id in spans if self.large else ():
            if trace_id in self.large:
                wanted.setdefault(trace_id, []).append(span_id)
        self._stored_in_large = {
            trace_id: stored_among(self._connection, self._project, trace_id, span_ids)
            for trace_id, span_ids in wanted.items()
        }

    def holds(self, trace_id: bytes, span_id: bytes) -> bool:
        """Return True if the span, which was passed to `look_up`, is stored."""
        if trace_id in self.large:
            return span_id in self._stored_in_large[trace_id]
        return span_id in self.outlines.get(trace_id, ())

    def has_loaded(self, trace_id: bytes, span_id: bytes) -> bool:
        """Return True if the span is loaded."""
        return span_id in self.stored.get(trace_id, ())

    def spans(self) -> Iterator[StoredSpan]:
        """Yield all loaded spans."""
        return (span for trace in self.stored.values() for span in trace.values())

    def all_contents(self) -> list[ContentSkeleton]:
        """Return the content from log events of all loaded traces."""
        return [content for trace in self.contents.values() for content in trace]

    def take(self, trace_id: bytes, span_id: bytes) -> StoredSpan:
        """Remove a loaded span, and its content from log events, from this object; return the span."""
        contents = self.contents.get(trace_id)
        if contents is not None:
            self.contents[trace_id] = [content for content in contents if content.otel_span_id != span_id]
        return self.stored[trace_id].pop(span_id)

    def leave_large_traces(self) -> None:
        """Forget the loaded spans of large traces."""
        for trace_id in self.large:
            self.stored.pop(trace_id, None)

    def has_gen_ai(self, trace_id: bytes) -> bool:
        """Return True if the trace has a gen-ai span or is large. Call `read_outlines` first."""
        if trace_id in self.large:
            return True
        return any(span.gen_ai for span in self.outlines.get(trace_id, {}).values())

    def outline_suffices(self, trace_id: bytes) -> bool:
        """Return True if the outlines of a trace suffice to reconcile it. Call `read_outlines` first."""
        return trace_id not in self.large and trace_id not in self.contents

    def complete(self, new: Sequence[Skeleton]) -> None:
        """Load the partners of the new spans with their traces, and subtrees of new spans in large traces.

        Partners' traces may have partners again: they are followed to the end, or some thousand spans.
        """
        if self.large:
            self.subtrees.load([span for span in new if span.otel_trace_id in self.large])
        waiting = [*new, *(span.skeleton for span in self.spans())]
        loaded = 0
        while waiting and loaded < _MAX_PARTNER_SPANS:
            unknown = [span for span in waiting if span.key not in self._with_partners]
            self._with_partners.update(span.key for span in unknown)
            found = dict.fromkeys(
                (span.otel_trace_id, span.otel_span_id)
                for linked in find_linked(self._connection, self._project, unknown)
                for span in linked
            )
            more = self._load_partners([key for key in found if not self.has_loaded(*key)])
            loaded += len(more)
            waiting = [span.skeleton for span in more]

    def _load_partners(self, keys: Sequence[SpanKey]) -> list[StoredSpan]:
        """Load the traces of these spans, or subtrees of large traces; return the new spans."""
        loaded = self.load_traces(list(dict.fromkeys(trace_id for trace_id, _ in keys)))
        for trace_id in dict.fromkeys(trace_id for trace_id, _ in keys if trace_id in self.large):
            loaded += self.load_subtrees(trace_id, [span_id for trace, span_id in keys if trace == trace_id])
        return loaded

    def load_around(self, spans: Sequence[SpanKey]) -> None:
        """Load the traces of these stored spans, or their subtrees in large traces, and all partners."""
        self.load_traces(list({trace_id: None for trace_id, _ in spans}))
        small = [span for trace in self.stored.values() for span in trace.values()]
        for trace_id in list(self.large):
            self.load_subtrees(trace_id, [span_id for trace, span_id in spans if trace == trace_id])
        self.complete([span.skeleton for span in small])

    def load_subtrees(self, trace_id: bytes, span_ids: Sequence[bytes]) -> list[StoredSpan]:
        """Load stored spans of a large trace with their subtrees; return these spans."""
        spans = stored_in_trace(self._connection, self._project, trace_id, span_ids)
        for span in spans:
            self._keep(span)
        self.subtrees.load([span.skeleton for span in spans])
        return spans

    def with_partners(self, trace_ids: Set[bytes]) -> set[bytes]:
        """Return these traces and all loaded traces that are linked to them by partners, directly or not."""
        return linked_traces((span.skeleton for span in self.spans()), trace_ids)

    def reconciled(self, spans: Iterable[Skeleton]) -> dict[SpanKey, Verdict]:
        """Reconcile these spans with the loaded context; return the verdict of each span."""
        contents = self.all_contents()
        loaded = {span.key: span for span in spans}
        if not self.large:
            return reconcile(list(loaded.values()), contents)
        decided = self.subtrees.decided
        for key in decided.keys() & loaded.keys():
            loaded[key] = loaded[key]._replace(model_call=False)
        for key, head in self.subtrees.context.items():
            if key not in loaded or key in decided:
                loaded[key] = head
        verdicts = reconcile(list(loaded.values()), contents, partial=self.large)
        for key, counted in decided.items():
            verdicts[key] = Verdict(counted, verdicts[key].overrides if key in verdicts else {})
        return verdicts

    def _keep(self, span: StoredSpan) -> None:
        self.stored.setdefault(span.skeleton.otel_trace_id, {})[span.skeleton.otel_span_id] = span


def reconcile_inputs(
    connection: Connection, project: int, otel_trace_id: bytes, otel_span_id: bytes | None
) -> ReconcileInputs:
    """Return the stored inputs of `reconcile` for a trace; of a large one, for the subtree of a span."""
    related = RelatedSpans(connection, project, LargeTraces())
    related.load_around([(otel_trace_id, otel_span_id or b"")])
    whole = otel_trace_id not in related.large
    loaded = {
        span.skeleton.key: span.skeleton for trace in related.stored.values() for span in trace.values()
    }
    return ReconcileInputs(
        list((related.subtrees.context | loaded).values()),
        [content for contents in related.contents.values() for content in contents],
        whole,
    )
