"""Pricing stored calls again: what a store is asked to do, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.rows import CostSource, SpanRow


class SpanCost(NamedTuple):
    """The cost columns of a call; all None if the cost is unknown."""

    cost_nano_usd: int | None
    cost_source: CostSource | None
    price_version: str | None


class SpanReportedCost(NamedTuple):
    """The cost reported by the span itself (`SpanRow.reported_cost_nano_usd`, `estimated_cost_nano_usd`)."""

    reported_nano_usd: int | None
    estimated_nano_usd: int | None

    @classmethod
    def of(
        cls, span: SpanRow | Skeleton, reported_nano_usd: int | None, estimated_nano_usd: int | None
    ) -> SpanReportedCost:
        """Return the cost reported by a span; in rows of older versions only the cost column contains it."""
        if reported_nano_usd is None and estimated_nano_usd is None and span.cost_source == "reported":
            return cls(span.cost_nano_usd, None)
        return cls(reported_nano_usd, estimated_nano_usd)


#: Return the cost of a call by the prices in force, from the values of its span. Must be deterministic.
PriceSpan = Callable[[Skeleton, SpanReportedCost], SpanCost]


@dataclass(frozen=True, slots=True)
class RepriceJob:
    """Calls that start in a half-open range of Unix nanoseconds, and what they are priced by."""

    from_ns: int
    before_ns: int
    #: Names the prices: a job that was interrupted goes on only with the same ones.
    prices: str


@dataclass(frozen=True, slots=True)
class ModelCosts:
    """The counted calls of one model in the range, and what they cost."""

    calls: int = 0
    before_nano_usd: int = 0
    after_nano_usd: int = 0
    #: Had no cost and have one now.
    newly_priced: int = 0
    #: Used tokens and have no cost.
    unpriced: int = 0

    @classmethod
    def of(cls, before: SpanRow | Skeleton, after: SpanRow | Skeleton) -> ModelCosts:
        """Return the costs of one counted call, from its row before and after."""
        used = (after.input_tokens or 0) + (after.output_tokens or 0) > 0
        return cls(
            calls=1,
            before_nano_usd=before.cost_nano_usd or 0,
            after_nano_usd=after.cost_nano_usd or 0,
            newly_priced=before.cost_nano_usd is None and after.cost_nano_usd is not None,
            unpriced=used and after.cost_nano_usd is None,
        )

    def plus(self, other: ModelCosts) -> ModelCosts:
        """Both together."""
        return ModelCosts(
            self.calls + other.calls,
            self.before_nano_usd + other.before_nano_usd,
            self.after_nano_usd + other.after_nano_usd,
            self.newly_priced + other.newly_priced,
            self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class Repriced:
    """How far a job has come in one project, and what it found on the way."""

    #: The id of the last row that is done; None before the first.
    position: bytes | None = None
    done: bool = False
    #: Calls looked at, counted or not, and rows that were changed.
    calls: int = 0
    changed: int = 0
    #: By provider and model (the used one, else the one asked for).
    models: dict[tuple[str | None, str | None], ModelCosts] = field(
        default_factory=dict[tuple[str | None, str | None], ModelCosts]
    )

    def plus(self, more: Repriced) -> Repriced:
        """With what was found since; `more` says how far the job is now."""
        models = dict(self.models)
        for key, costs in more.models.items():
            models[key] = models.get(key, ModelCosts()).plus(costs)
        return replace(
            more, calls=self.calls + more.calls, changed=self.changed + more.changed, models=models
        )
