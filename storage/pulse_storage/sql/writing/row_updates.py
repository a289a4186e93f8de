"""Changes stored rows to what their traces say by now, and moves the sums with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.reconcile import INHERITED, Verdict
from pulse_storage.reconciliation.skeletons import OwnValue, Skeleton, SpanKey
from pulse_storage.rows import SpanRow
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.tables.rollups import Facts, RollupDelta, UsageKeys
from pulse_storage.sql.tables.spans import (
    StoredSpan,
    effective_skeleton,
    inherited_values,
    update,
    update_inherited,
    update_values,
)
from pulse_storage.sql.tables.watermarks import Watermarks, parse_watermarks, request_watermarks
from pulse_storage.sql.writing.recent_ids import RecentIds
from pulse_storage.sql.writing.related_spans import RelatedSpans


class RowUpdates:
    """The rows of one project that a transaction changes, and the sums that it moves."""

    def __init__(
        self,
        connection: Connection,
        project: int,
        related: RelatedSpans,
        usage_keys: UsageKeys,
        recent_ids: RecentIds,
        delta: RollupDelta,
    ) -> None:
        self.connection = connection
        self.project = project
        self._marks = request_watermarks(connection, project)
        #: The stored spans that may change.
        self.related = related
        self.usage_keys = usage_keys
        self.recent_ids = recent_ids
        self._delta = delta

    @cached_property
    def marks(self) -> Watermarks:
        """Return what the project's marks allow. Read them before `usage_keys` is used."""
        marks = parse_watermarks(self._marks)
        self.usage_keys.see_epoch(self.project, marks.usage_epoch)
        return marks

    def revise(self, spans: Sequence[SpanKey]) -> None:
        """Change what is stored to what log events tell of these spans by now."""
        self.related.load_around(spans)
        if any(self.related.has_loaded(*key) for key in spans):
            self.update(self.reconciled([]))

    def reconciled(self, new: list[Skeleton]) -> dict[SpanKey, Verdict]:
        """What the traces say of new spans and of the stored ones."""
        return self.related.reconciled(new + self._stored_skeletons())

    def _stored_skeletons(self) -> list[Skeleton]:
        """The stored spans as reconciling shall see them: settled ones lend a session, but are no calls."""
        frozen_before_ns = self.marks.frozen_before_ns
        return [
            span.skeleton._replace(model_call=False, partner_key=None)
            if span.skeleton.start_ns < frozen_before_ns
            else span.skeleton
            for span in self.related.spans()
        ]

    def update(self, verdicts: Mapping[SpanKey, Verdict]) -> None:
        """Change the stored rows of which the verdicts say something else than they show."""
        inherited: list[Values] = []
        changed = list(self._changes(verdicts, inherited))
        if changed:
            update(self.connection, changed)
        if inherited:
            update_inherited(self.connection, inherited)

    def _changes(self, verdicts: Mapping[SpanKey, Verdict], inherited: list[Values]) -> Iterator[Values]:
        """What changed rows bind; into `inherited` go those of which no sum can change."""
        frozen_before_ns = self.marks.frozen_before_ns
        for stored in self.related.spans():
            span = stored.skeleton
            if span.start_ns < frozen_before_ns:
                continue
            verdict = verdicts.get((span.otel_trace_id, span.otel_span_id))
            counted, overrides = verdict or (span.model_call, _NO_OVERRIDES)
            if span.otel_trace_id in self.related.large:
                overrides = self.related.subtrees.still_true(stored, overrides)
            overrides = self.marks.without_old_content(span.start_ns, overrides)
            counts_as_before = counted == (stored.usage_key is not None)
            if counts_as_before and overrides == stored.overrides:
                continue
            if counts_as_before and _differ_in_inherited_only(overrides, stored.overrides):
                inherited.append(inherited_values(stored, overrides))
                continue
            self.uncount(stored)
            after = effective_skeleton(span, overrides)
            self.note_response_id(after)
            bucket = latency_bucket(after.latency_ms)
            usage_key = None
            if counted:
                usage_key = self.usage_keys.key(self.facts(after, stored.operation))
                self.move(1, usage_key, after, bucket)
            yield update_values(stored, overrides, usage_key, bucket)

    def uncount(self, stored: StoredSpan) -> Skeleton | None:
        """Take a stored row out of the sums; what it shows, or None if it did not count."""
        if stored.usage_key is None:
            return None
        shown = effective_skeleton(stored.skeleton, stored.overrides)
        self.move(-1, stored.usage_key, shown, latency_bucket(shown.latency_ms))
        return shown

    def note_response_id(self, shown: SpanRow | Skeleton) -> None:
        """Note the response id that a row has now: it may be that of another span of the call."""
        if shown.provider_request_id is not None:
            self.recent_ids.add(self.project, shown.provider_request_id, shown.start_ns)

    def facts(self, shown: SpanRow | Skeleton, operation: str | None) -> Facts:
        """By what a row is summed."""
        return (
            self.project, shown.provider, shown.model_requested, shown.model_used, operation, shown.status
        )  # fmt: skip

    def move(self, sign: int, usage_key: int, shown: SpanRow | Skeleton, bucket: int | None) -> None:
        """Add a row to the sums, or take it out: `sign` is 1 or -1, `bucket` that of its latency."""
        self._delta.move(
            sign,
            (self.project, usage_key),
            shown.start_ns,
            (shown.latency_ms, bucket),
            (shown.input_tokens, shown.output_tokens, shown.cost_nano_usd),
            failed=shown.status == "error",
        )


def _differ_in_inherited_only(one: Mapping[str, OwnValue], other: Mapping[str, OwnValue]) -> bool:
    return all(
        one.get(column, _ABSENT) == other.get(column, _ABSENT)
        for column in one.keys() | other.keys()
        if column not in INHERITED
    )


_ABSENT = object()
_NO_OVERRIDES: dict[str, OwnValue] = {}
