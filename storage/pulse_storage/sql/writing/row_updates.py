"""Update stored rows to the result of reconciliation, and the sums with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.effective import effective_skeleton
from pulse_storage.reconciliation.inheritance import INHERITED
from pulse_storage.reconciliation.reconcile import Verdict
from pulse_storage.reconciliation.skeletons import OwnValue, Skeleton, SpanKey
from pulse_storage.rows import SpanRow
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.tables.rollups import Facts, RollupDelta, UsageKeys
from pulse_storage.sql.tables.spans import (
    StoredSpan,
    inherited_values,
    update,
    update_inherited,
    update_values,
)
from pulse_storage.sql.tables.watermarks import read_watermarks
from pulse_storage.sql.writing.recent_ids import RecentIds
from pulse_storage.sql.writing.related_spans import RelatedSpans


class RowUpdates:
    """The updates of stored rows of one project in one transaction, and of its sums."""

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
        #: What retention allows; it also has the epoch of the usage keys.
        self.marks = read_watermarks(connection, project)
        usage_keys.see_epoch(project, self.marks.usage_epoch)
        #: The stored spans whose rows may change.
        self.related = related
        self.usage_keys = usage_keys
        self.recent_ids = recent_ids
        self._delta = delta

    def revise(self, spans: Sequence[SpanKey]) -> None:
        """Reconcile the traces of these spans after a change of log-event content, and update their rows."""
        self.related.load_around(spans)
        if any(self.related.has_loaded(*key) for key in spans):
            self.update(self.reconciled([]))

    def reconciled(self, new: list[Skeleton]) -> dict[SpanKey, Verdict]:
        """Reconcile new spans with the loaded stored spans; return the verdict of each span."""
        return self.related.reconciled(new + self._stored_skeletons())

    def _stored_skeletons(self) -> list[Skeleton]:
        """Return the loaded spans for `reconcile`: frozen ones supply inherited values but are no calls."""
        frozen_before_ns = self.marks.frozen_before_ns
        return [
            span.skeleton._replace(model_call=False, partner_key=None)
            if span.skeleton.start_ns < frozen_before_ns
            else span.skeleton
            for span in self.related.spans()
        ]

    def update(self, verdicts: Mapping[SpanKey, Verdict]) -> None:
        """Update the stored rows whose verdict differs from their columns."""
        inherited: list[Values] = []
        changed = list(self._changes(verdicts, inherited))
        if changed:
            update(self.connection, changed)
        if inherited:
            update_inherited(self.connection, inherited)

    def _changes(self, verdicts: Mapping[SpanKey, Verdict], inherited: list[Values]) -> Iterator[Values]:
        """Yield the bindings of changed rows; append those of inherited columns only to `inherited`."""
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
        """Subtract a stored row from the sums; return its effective skeleton, or None if it did not count."""
        if stored.usage_key is None:
            return None
        shown = effective_skeleton(stored.skeleton, stored.overrides)
        self.move(-1, stored.usage_key, shown, latency_bucket(shown.latency_ms))
        return shown

    def note_response_id(self, shown: SpanRow | Skeleton) -> None:
        """Remember the effective response id of a row: another span of the call may have supplied it."""
        if shown.provider_request_id is not None:
            self.recent_ids.add(self.project, shown.provider_request_id, shown.start_ns)

    def facts(self, shown: SpanRow | Skeleton, operation: str | None) -> Facts:
        """Return the facts by which a row is summed."""
        return (
            self.project, shown.provider, shown.model_requested, shown.model_used, operation, shown.status
        )  # fmt: skip

    def move(self, sign: int, usage_key: int, shown: SpanRow | Skeleton, bucket: int | None) -> None:
        """Add a row to the sums (`sign` 1) or subtract it (-1); `bucket` is the bucket of its latency."""
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
