"""Load the subtrees of a large trace that new spans belong to, instead of the whole trace.

The spans below a span, its siblings and the nearest ancestors decide about its call. The nearest ancestor
with a session supplies the session. So a subtree is loaded from the highest ancestor with at most
`_MAX_BELOW` spans below it. The ancestor above that one is wide: it is not reconciled again. It supplies the
effective values of its row, and if it is a model call, it wraps the calls below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pulse_storage.reconciliation.effective import effective_skeleton
from pulse_storage.reconciliation.inheritance import INHERITED
from pulse_storage.reconciliation.reconcile import Verdict
from pulse_storage.reconciliation.skeletons import OwnValue, Skeleton, SpanKey
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.tables.spans import (
    StoredSpan,
    inherit,
    stored_in_trace,
    stored_span,
)
from pulse_storage.sql.writing.ancestry import (
    descendants,
    descendants_lacking,
    has_call_below,
    nearest_above,
    with_children,
)

#: A span with more spans below it is wide: they are not loaded together.
_MAX_BELOW = 256
#: The maximum number of levels above a span that its subtree includes.
_MAX_RISE = 16
#: The maximum number of spans above or below a wide span that are searched for a model call.
_MAX_SEARCHED = 10_000
#: The maximum number of rows that inherit from a late ancestor: they change in one transaction.
_MAX_INHERITING = 100_000
_SLICE = 500


class Subtrees:
    """The loaded subtrees of the spans of one batch."""

    def __init__(
        self, connection: Connection, project: int, stored: dict[bytes, dict[bytes, StoredSpan]]
    ) -> None:
        self._connection = connection
        self._project = project
        #: Shared with RelatedSpans: the spans that are reconciled, by trace, then by span id.
        self._stored = stored
        #: Effective skeletons of wide ancestors: inputs of reconciliation that get no verdict.
        self.context: dict[SpanKey, Skeleton] = {}
        #: Whether a wide span counts; its loaded subtree cannot decide that.
        self.decided: dict[SpanKey, bool] = {}
        self._heads: dict[SpanKey, StoredSpan] = {}
        #: The wide ancestor of each span that was visited, for spans that are wide (True) or not (False).
        self._heads_above: dict[bool, dict[SpanKey, StoredSpan | None]] = {False: {}, True: {}}
        #: Spans that add a call to their subtree, and whether they are wide.
        self._bringing: list[tuple[Skeleton, bool]] = []
        self._climbed: set[tuple[SpanKey, bool]] = set()
        self._new: dict[SpanKey, Skeleton] = {}
        self._wide: list[Skeleton] = []
        self._wide_ids: dict[bytes, None] = {}

    def load(self, spans: Sequence[Skeleton]) -> None:
        """Load the subtrees of these spans, which are new or loaded."""
        by_trace: dict[bytes, list[bytes]] = {}
        for span in spans:
            self._new[span.key] = span
            by_trace.setdefault(span.otel_trace_id, []).append(span.otel_span_id)
        # Most new spans have nothing stored below them: one look-up serves all.
        parents = {
            trace_id: with_children(self._connection, self._project, trace_id, ids)
            for trace_id, ids in by_trace.items()
        }
        for span in spans:
            self._load_subtree(span, has_children=span.otel_span_id in parents[span.otel_trace_id])
        for span, is_wide in self._bringing:
            self._decide_wrapper_above(span, is_wide)
        self._bringing.clear()

    def still_true(self, span: StoredSpan, overrides: dict[str, OwnValue]) -> dict[str, OwnValue]:
        """Return the overrides of a loaded span, including those that its loaded subtree cannot show.

        Inherited values stay unless a nearer span has a value; other overrides of a wide span stay.
        """
        if span.skeleton.key in self.decided:
            return {**span.overrides, **overrides}
        kept = {column: value for column, value in span.overrides.items() if column in INHERITED}
        return {**kept, **overrides}

    def pass_on(self, verdicts: Mapping[SpanKey, Verdict], frozen_before_ns: int) -> None:
        """Write session, user, tags and environment of new wide spans to all rows below without these values.

        Call it after all other changes. A row with a value has it from a nearer span or from its own span.
        There may be `_MAX_INHERITING` rows: one UPDATE statement changes all rows without the same columns.
        """
        for span in self._wide:
            verdict = verdicts.get(span.key)
            overrides = verdict.overrides if verdict else {}
            values: dict[str, OwnValue] = {}
            lacking: dict[bytes, tuple[str, ...]] = {}
            for column in INHERITED:
                value: OwnValue = getattr(span, column) or overrides.get(column)
                if value:
                    values[column] = value
                    for id in descendants_lacking(
                        self._connection, self._project, *span.key, column, _MAX_INHERITING
                    ):
                        lacking[id] = (*lacking.get(id, ()), column)
            alike: dict[tuple[str, ...], list[bytes]] = {}
            for id, columns in lacking.items():
                alike.setdefault(columns, []).append(id)
            for columns, ids in alike.items():
                inherited = {column: values[column] for column in columns}
                inherit(self._connection, self._project, span.otel_trace_id, ids, inherited, frozen_before_ns)

    def _load_subtree(self, span: Skeleton, *, has_children: bool) -> None:
        trace_id = span.otel_trace_id
        below = self._below(trace_id, span.otel_span_id, _MAX_BELOW + 1) if has_children else []
        is_wide = len(below) > _MAX_BELOW
        if is_wide:
            self._wide.append(span)
            self._wide_ids[span.otel_span_id] = None
            if span.model_call:
                stored = self._stored.get(trace_id, {}).get(span.otel_span_id)
                self.decided[span.key] = (
                    stored.usage_key is not None if stored else not self._has_call_below(span)
                )
        else:
            self._keep(trace_id, below)
        head = self._head_above(span, is_wide)
        calls_below = (one.skeleton.model_call for id in below if (one := self._stored[trace_id].get(id)))
        if is_wide or (head is not None and (span.model_call or any(calls_below))):
            self._bringing.append((span, is_wide))

    def _head_above(self, span: Skeleton, is_wide: bool) -> StoredSpan | None:
        """Load ancestors with their subtrees, up to the nearest wide one; return that one, or None.

        However many new spans lie above each other, each step of the way is taken once.
        """
        known = self._heads_above[is_wide]
        path: dict[SpanKey, None] = {}
        head: StoredSpan | None = None
        risen = 0
        current = span
        while current.key not in path:
            if current.key in known:
                head = known[current.key]
                break
            path[current.key] = None
            if current.parent_span_id is None:
                break
            key = (current.otel_trace_id, current.parent_span_id)
            if key in self._heads:
                head = self._heads[key]
                break
            loaded = self._loaded(key)
            if loaded is not None:
                current = loaded
                continue
            parent = stored_span(self._connection, self._project, *key)
            if parent is None:
                break
            risen += 1
            below = [] if is_wide else self._below(*key, _MAX_BELOW + 1)
            if is_wide or len(below) > _MAX_BELOW or risen > _MAX_RISE:
                head = self._heads[key] = parent
                shown = effective_skeleton(parent.skeleton, parent.overrides)
                self.context[key] = shown._replace(model_call=False, parent_span_id=None)
                break
            self._keep(parent.skeleton.otel_trace_id, [*below, parent.skeleton.otel_span_id])
            current = parent.skeleton
        known.update(dict.fromkeys(path, head))
        return head

    def _loaded(self, key: SpanKey) -> Skeleton | None:
        trace_id, span_id = key
        stored = self._stored.get(trace_id, {}).get(span_id)
        return self._new.get(key) if stored is None else stored.skeleton

    def _decide_wrapper_above(self, span: Skeleton, is_wide: bool) -> None:
        """Decide that the nearest model call above does not count, unless reconciliation has both spans.

        The way up leads through spans that are loaded or new, and through stretches that are stored only.
        """
        if is_wide and not (span.model_call or self._has_call_below(span)):
            return
        trace_id, parent_id, sees_both = span.otel_trace_id, span.parent_span_id, not is_wide
        while parent_id is not None and ((trace_id, parent_id), sees_both) not in self._climbed:
            key = (trace_id, parent_id)
            self._climbed.add((key, sees_both))
            loaded = self._loaded(key)
            if loaded is None:
                if key not in self._heads:
                    return
                end = nearest_above(
                    self._connection, self._project, *key, list(self._wide_ids), _MAX_SEARCHED
                )
                if end is None:
                    return
                sees_both = False
                stored_id, parent_id, is_call = end
                if is_call:
                    wrapper = stored_span(self._connection, self._project, trace_id, stored_id)
                    if wrapper is not None and wrapper.usage_key is not None:
                        self._stored.setdefault(trace_id, {})[stored_id] = wrapper
                        self.decided[wrapper.skeleton.key] = False
                    return
            elif loaded.model_call:
                if not sees_both:
                    self.decided[key] = False
                return
            else:
                parent_id = loaded.parent_span_id

    def _has_call_below(self, span: Skeleton) -> bool:
        return has_call_below(self._connection, self._project, *span.key, _MAX_SEARCHED)

    def _below(self, trace_id: bytes, span_id: bytes, limit: int) -> list[bytes]:
        return descendants(self._connection, self._project, trace_id, span_id, limit)

    def _keep(self, trace_id: bytes, span_ids: Iterable[bytes]) -> None:
        kept = self._stored.setdefault(trace_id, {})
        for some in self._read(trace_id, [id for id in span_ids if id not in kept]):
            kept.update({one.skeleton.otel_span_id: one for one in some})

    def _read(self, trace_id: bytes, span_ids: Sequence[bytes]) -> Iterator[list[StoredSpan]]:
        for start in range(0, len(span_ids), _SLICE):
            yield stored_in_trace(self._connection, self._project, trace_id, span_ids[start : start + _SLICE])
