"""Reprice stored calls, some hundred per transaction, together with the sums.

Each span is priced by its own values. Then its trace is reconciled, since a row may contain the cost of
another span of its call. A trace, and the traces of its partners, are repriced when their last call in the
range is reached. In a large trace each call is repriced with its subtree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple

import orjson

from pulse_storage.latency import latency_bucket
from pulse_storage.reconciliation.effective import effective_skeleton
from pulse_storage.reconciliation.reconcile import Verdict
from pulse_storage.reconciliation.skeletons import OwnValue, Skeleton, SpanKey
from pulse_storage.repricing import ModelCosts, PriceSpan, Repriced, RepriceJob, SpanCost, SpanReportedCost
from pulse_storage.sql.connection import Connection, Values, row_condition
from pulse_storage.sql.reading.conditions import Conditions, IdBounds, add_time
from pulse_storage.sql.tables.rollups import RollupDelta
from pulse_storage.sql.tables.spans import StoredSpan, update, update_values
from pulse_storage.sql.writing.related_spans import LargeTraces, RelatedSpans


def reprice_some(
    connection: Connection,
    project: int,
    job: RepriceJob,
    price: PriceSpan,
    after: bytes | None,
    *,
    limit: int,
    dry_run: bool,
) -> Repriced:
    """Reprice the next `limit` calls of a job after a row id, within a transaction that writes.

    With `dry_run` nothing is written.
    """
    found = _next_calls(connection, project, job, after, limit)
    if not found:
        return Repriced(after, done=True)
    related = RelatedSpans(connection, project, LargeTraces())
    related.load_around([(trace_id, span_id) for _, trace_id, span_id in found])
    in_large = [(trace_id, span_id) for _, trace_id, span_id in found if trace_id in related.large]
    chunk = _Chunk(related, job, price, in_large, found)
    if not dry_run:
        chunk.write(connection, project)
    return Repriced(
        position=found[-1][0],
        done=len(found) < limit,
        calls=len(found),
        changed=len(chunk.changes),
        models=chunk.models,
    )


def _next_calls(
    connection: Connection, project: int, job: RepriceJob, after: bytes | None, limit: int
) -> list[tuple[bytes, bytes, bytes]]:
    """Return row id, trace id and span id of the next model calls, in the order of row ids."""
    conditions = Conditions()
    conditions.add("project = ?", project)
    add_time(conditions, job.from_ns, job.before_ns, IdBounds("asc", after))
    rows = connection.execute(
        f"SELECT id, otel_trace_id, otel_span_id FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        f" WHERE {conditions.sql()} AND model_call"
        f" ORDER BY id LIMIT {limit:d}",
        conditions.bindings,
    ).fetchall()
    return rows


class _Chunk:
    """The new costs of the rows of the traces whose last call is in this chunk."""

    def __init__(
        self,
        related: RelatedSpans,
        job: RepriceJob,
        price: PriceSpan,
        in_large: Sequence[SpanKey],
        found: Sequence[tuple[bytes, bytes, bytes]],
    ) -> None:
        self._related = related
        self._job = job
        self._price = price
        #: The stored span, its skeleton at the new prices, and the new overrides of its row.
        self.changes: list[tuple[StoredSpan, Skeleton, dict[str, OwnValue]]] = []
        self.models: dict[tuple[str | None, str | None], ModelCosts] = {}
        complete = self._complete(found)
        priced = {
            stored.skeleton.key: self._priced(stored)
            for trace in related.stored.values()
            for stored in trace.values()
        }
        stored_now = {key: self._stored(key).skeleton for key in priced}
        same = priced == stored_now
        costs_of = _costs_now if same else self._reconciled(priced, stored_now, complete)
        for stored in (*complete, *map(self._stored, in_large)):
            self._settle(stored, priced[stored.skeleton.key], costs_of(stored))

    def write(self, connection: Connection, project: int) -> None:
        """Update the rows, and the sums of the rows that count."""
        delta = RollupDelta()
        rows: list[Values] = []
        reported_costs: list[Values] = []
        for stored, span, overrides in self.changes:
            before, after = (
                effective_skeleton(stored.skeleton, stored.overrides),
                effective_skeleton(span, overrides),
            )
            bucket = latency_bucket(after.latency_ms)
            rows.append(update_values(stored._replace(skeleton=span), overrides, stored.usage_key, bucket))
            if stored.usage_key is not None:
                for sign, shown in ((-1, before), (1, after)):
                    usage = (shown.input_tokens, shown.output_tokens, shown.cost_nano_usd)
                    latency = (shown.latency_ms, bucket)
                    delta.move(
                        sign,
                        (project, stored.usage_key),
                        shown.start_ns,
                        latency,
                        usage,
                        failed=shown.status == "error",
                    )
            if (reported := _reported_cost(stored).reported_nano_usd) != stored.reported_cost_nano_usd:
                reported_costs.append((reported, *stored.row_key))
        update(connection, rows)
        where = row_condition(connection.dialect)
        connection.executemany(f"UPDATE spans SET reported_cost_nano_usd = ? WHERE {where}", reported_costs)
        delta.write(connection)

    def _complete(self, found: Sequence[tuple[bytes, bytes, bytes]]) -> list[StoredSpan]:
        """Return the rows of the found traces and their partners that have no later call in the range."""
        related, last_id = self._related, found[-1][0]
        # A trace that was loaded only for partners is repriced with its own calls.
        reached = related.with_partners({trace_id for _, trace_id, _ in found})
        waiting = related.with_partners(
            {
                trace_id
                for trace_id, trace in related.stored.items()
                for stored in trace.values()
                if self._is_priced(stored.skeleton) and stored.skeleton.id > last_id
            }
        )
        return [
            stored
            for trace_id, trace in related.stored.items()
            if trace_id in reached and trace_id not in waiting and trace_id not in related.large
            for stored in trace.values()
        ]

    def _is_priced(self, span: Skeleton) -> bool:
        return span.model_call and self._job.from_ns <= span.start_ns < self._job.before_ns

    def _priced(self, stored: StoredSpan) -> Skeleton:
        """Return the skeleton of the span, at the new prices if it is in the range."""
        span = stored.skeleton
        if not self._is_priced(span):
            return span
        return span._replace(**self._price(span, _reported_cost(stored))._asdict())

    def _stored(self, key: SpanKey) -> StoredSpan:
        trace_id, span_id = key
        return self._related.stored[trace_id][span_id]

    def _reconciled(
        self,
        priced: Mapping[SpanKey, Skeleton],
        before: Mapping[SpanKey, Skeleton],
        rows: Sequence[StoredSpan],
    ) -> Callable[[StoredSpan], dict[str, OwnValue]]:
        """Return a function that returns the cost overrides of a row at the new prices."""
        related = self._related
        verdicts = related.reconciled(priced.values())
        with_costs_of_others = [stored for stored in rows if _costs_now(stored)]
        # The row that supplied the cost may have been deleted: then reconciliation cannot reproduce it.
        verdicts_before = related.reconciled(before.values()) if with_costs_of_others else {}
        orphans = {
            stored.skeleton.key
            for stored in with_costs_of_others
            if _costs_by(verdicts_before, stored) != _costs_now(stored)
        }

        def costs_of(stored: StoredSpan) -> dict[str, OwnValue]:
            key, span = stored.skeleton.key, priced[stored.skeleton.key]
            costs = _costs_by(verdicts, stored)
            if stored.skeleton.otel_trace_id in related.large:
                # Its subtrees are priced one after the other, so verdicts at the old prices are no measure.
                is_orphan = key in related.subtrees.decided or (not costs and span.cost_nano_usd is None)
            else:
                is_orphan = key in orphans
            return self._costs_as_shown(stored, span) if is_orphan else costs

        return costs_of

    def _costs_as_shown(self, stored: StoredSpan, span: Skeleton) -> dict[str, OwnValue]:
        """Return the cost overrides of a row if the span that supplied its cost is deleted.

        The cost is computed from the effective values of the row. A reported cost, and the cost of a row
        outside of the job's range, stays.
        """
        costs = _costs_now(stored)
        shown = effective_skeleton(stored.skeleton, stored.overrides)
        if costs and shown.cost_source != "reported" and self._is_priced(span):
            costs = dict(self._price(shown, SpanReportedCost(None, None))._asdict())
        return {column: value for column, value in costs.items() if value != getattr(span, column)}

    def _settle(self, stored: StoredSpan, span: Skeleton, costs: dict[str, OwnValue]) -> None:
        """Add a row whose costs change to `changes`, and its costs to `models`."""
        overrides = {
            column: value for column, value in stored.overrides.items() if column not in SpanCost._fields
        } | costs
        before, after = (
            effective_skeleton(stored.skeleton, stored.overrides),
            effective_skeleton(span, overrides),
        )
        changed = span != stored.skeleton or overrides != stored.overrides
        if changed:
            self.changes.append((stored, span, overrides))
        if stored.usage_key is None or not (changed or self._is_priced(span)):
            return
        key = after.provider, after.model_used or after.model_requested
        self.models[key] = self.models.get(key, ModelCosts()).plus(ModelCosts.of(before, after))


def _costs_by(verdicts: Mapping[SpanKey, Verdict], stored: StoredSpan) -> dict[str, OwnValue]:
    """Return the cost overrides in the verdict on a span."""
    verdict = verdicts.get(stored.skeleton.key)
    if verdict is None:
        return {}
    return {column: verdict.overrides[column] for column in SpanCost._fields if column in verdict.overrides}


def _costs_now(stored: StoredSpan) -> dict[str, OwnValue]:
    """Return the cost overrides of a stored row."""
    return {column: stored.overrides[column] for column in SpanCost._fields if column in stored.overrides}


def _reported_cost(stored: StoredSpan) -> SpanReportedCost:
    reported, estimated = stored.reported_cost_nano_usd, stored.estimated_cost_nano_usd
    return SpanReportedCost.of(stored.skeleton, reported, estimated)


def mark_of(connection: Connection, project: int, job: RepriceJob) -> Repriced | None:
    """Return the progress of an interrupted job; None if it was not started or is complete."""
    row = connection.execute(
        "SELECT position, sums FROM reprice_marks WHERE project = ? AND job = ?", (project, _name(job))
    ).fetchone()
    if row is None:
        return None
    position, sums = row
    calls, changed, models = orjson.loads(sums)
    return Repriced(
        position,
        calls=calls,
        changed=changed,
        models={(provider, model): ModelCosts(*costs) for provider, model, *costs in models},
    )


def set_mark(connection: Connection, project: int, job: RepriceJob, so_far: Repriced) -> None:
    """Save the progress of a job and delete that of any other job; delete it if the job is complete."""
    if so_far.done or so_far.position is None:
        connection.execute("DELETE FROM reprice_marks WHERE project = ?", (project,))
        return
    models = [(*key, *astuple(costs)) for key, costs in so_far.models.items()]
    connection.execute(
        "INSERT INTO reprice_marks (project, job, position, sums) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET"
        " job = excluded.job, position = excluded.position, sums = excluded.sums",
        (
            *(project, _name(job), so_far.position),
            orjson.dumps([so_far.calls, so_far.changed, models]).decode(),
        ),
    )


def _name(job: RepriceJob) -> str:
    return f"{job.from_ns} {job.before_ns} {job.prices}"
