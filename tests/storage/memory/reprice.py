"""Prices the calls of a project again, some at a time."""

from __future__ import annotations

from dataclasses import replace

from tests.storage.memory.rows import Rows, Stored

from pulse_storage import SpanRow
from pulse_storage.reconciliation.reconcile import Reason
from pulse_storage.reconciliation.skeletons import OwnValue, SpanKey, skeleton
from pulse_storage.repricing import ModelCosts, PriceSpan, Repriced, RepriceJob, SpanCost, SpanReportedCost


def reprice(
    rows: Rows, job: RepriceJob, price: PriceSpan, after: bytes | None, limit: int, *, dry_run: bool
) -> Repriced:
    """Price the next `limit` calls after an id. A row changes with the last span of its call."""
    spans = rows.reconciled()
    calls = [
        span for span in spans if span.row.model_call and job.from_ns <= span.row.start_ns < job.before_ns
    ]
    found = [span for span in calls if after is None or span.id > after][:limit]
    if not found:
        return Repriced(after, done=True)
    ids = {span.key: span.id for span in calls}
    reasons: dict[SpanKey, Reason] = {}

    def last_id(span: Stored) -> bytes:
        reason = reasons.get(span.key)
        keys = [span.key, *(reason.others if reason is not None and reason.counted is not None else ())]
        return max((ids[key] for key in keys if key in ids), default=b"")

    costs: dict[SpanKey, dict[str, OwnValue]] = {
        span.key: price(skeleton(span.row, span.id), _reported(span.row))._asdict() for span in calls
    }
    verdicts = rows.verdicts(costs, reasons)
    changed = 0
    models: dict[tuple[str | None, str | None], ModelCosts] = {}
    for span in spans:
        if not (after or b"") < last_id(span) <= found[-1].id:
            continue
        new = verdicts[span.key].overrides if span.key in verdicts else {}
        overrides = {name: value for name, value in span.overrides.items() if name not in SpanCost._fields}
        overrides |= {name: new[name] for name in SpanCost._fields if name in new}
        row = span.row._replace(**costs.get(span.key, {}))  # pyright: ignore[reportArgumentType]
        before, shown = span.effective(), replace(span, row=row, overrides=overrides).effective()
        changed += (row, overrides) != (span.row, span.overrides)
        if span.counted:
            key = shown.provider, shown.model_used or shown.model_requested
            models[key] = models.get(key, ModelCosts()).plus(ModelCosts.of(before, shown))
        if not dry_run:
            span.row = row._replace(reported_cost_nano_usd=_reported(span.row).reported_nano_usd)
            span.overrides = overrides
    return Repriced(found[-1].id, len(found) < limit, len(found), changed, models)


def _reported(row: SpanRow) -> SpanReportedCost:
    return SpanReportedCost.of(row, row.reported_cost_nano_usd, row.estimated_cost_nano_usd)
