"""The sums of calls with the number of known values of each, and their accumulation by series and step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulse_storage.queries.timeseries import CallSums, Measure, Series
from pulse_storage.sql.connection import SqlDialect
from pulse_storage.sql.reading.sums import FAILED_KEYS, UNKNOWN_USAGE, UNPRICED

#: Steps of series in memory, about 400 bytes each. Beyond it the smallest series become part of the sum of
#: all further series.
_MAX_CELLS = 100_000
#: The columns of `KnownSums`. Those from `_FIRST_KNOWN` on are known from rows only.
_COLUMNS = (
    *("calls", "errors", "cost", "input", "output", "unpriced", "unknown_usage"),
    *("priced", "known_input", "known_output", "cache_read", "known_cache_read", "reported", "computed"),
    *("known_usage", "from_rollups"),
)
_AT = {name: number for number, name in enumerate(_COLUMNS)}
_CALLS, _ERRORS, _COST, _INPUT, _OUTPUT = range(5)
_PRICED, _FROM_ROLLUPS = _AT["priced"], _AT["from_rollups"]
_ROLLUP_COLUMNS = 7


class KnownSums:
    """Sums over some calls, and how many calls had a known value."""

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        self._sums = [0] * len(_COLUMNS)

    def add_rows(self, sums: Sequence[Any]) -> None:
        """Add sums over rows, in the order of `known_row_sums`."""
        have = self._sums
        for at, more in enumerate(sums):
            have[at] += int(more)

    def add_rollups(self, sums: Sequence[Any]) -> None:
        """Add sums of rollups, in the order of `known_rollup_sums`."""
        self.add_rows(sums)
        self._sums[_FROM_ROLLUPS] += int(sums[_CALLS])

    def merge(self, other: KnownSums) -> None:
        """Add the sums over other calls."""
        self.add_rows(other._sums)

    def rank(self, measure: Measure) -> tuple[int, int]:
        """Return the measure and the number of calls."""
        sums = self._sums
        match measure:
            case "cost":
                return sums[_COST], sums[_CALLS]
            case "calls":
                return sums[_CALLS], sums[_CALLS]
            case "tokens":
                return sums[_INPUT] + sums[_OUTPUT], sums[_CALLS]
            case "errors":
                return sums[_ERRORS], sums[_CALLS]

    @property
    def may_have_free_calls(self) -> bool:
        """Whether the cost is zero and rollups cannot decide between a known cost of zero and none."""
        of = self._sums
        return (
            not of[_COST] and not of[_PRICED] and of[_FROM_ROLLUPS] > 0 and of[_AT["unpriced"]] < of[_CALLS]
        )

    def mark_priced(self) -> None:
        """Record that the cost of a call of a rollup is known."""
        self._sums[_PRICED] += 1

    def call_sums(self) -> CallSums:
        """Return the sums; None where no value is known, or rollups lack the sum of some of the calls."""
        of = dict(zip(_COLUMNS, self._sums, strict=True))
        from_rows = not of["from_rollups"]
        is_priced = of["cost"] != 0 or of["priced"] > 0
        return CallSums(
            calls=of["calls"],
            errors=of["errors"],
            input_tokens=of["input"] if of["input"] or of["known_input"] else None,
            cache_read_tokens=of["cache_read"] if from_rows and of["known_cache_read"] else None,
            output_tokens=of["output"] if of["output"] or of["known_output"] else None,
            cost_nano_usd=of["cost"] if is_priced else None,
            reported_nano_usd=of["reported"] if from_rows and is_priced else None,
            computed_nano_usd=of["computed"] if from_rows and is_priced else None,
            priced=of["priced"] if from_rows else None,
            unpriced=of["unpriced"],
            known_usage=of["known_usage"] if from_rows else None,
            unknown_usage=of["unknown_usage"],
        )


def known_row_sums(dialect: SqlDialect) -> str:
    """Return SQL expressions of sums over `spans`, for `KnownSums.add_rows`."""

    def total(number: str) -> str:
        return dialect.sum_as_text(dialect.total(number))

    return ", ".join(
        (
            "count(*), count(CASE WHEN status = 'error' THEN 1 END)",
            *(total(column) for column in ("cost_nano_usd", "input_tokens", "output_tokens")),
            *(f"count(CASE WHEN {condition} THEN 1 END)" for condition in (UNPRICED, UNKNOWN_USAGE)),
            "count(cost_nano_usd), count(input_tokens), count(output_tokens)",
            f"{total('cache_read_tokens')}, count(cache_read_tokens)",
            *(
                total(f"CASE WHEN cost_source = '{source}' THEN cost_nano_usd END")
                for source in ("reported", "computed")
            ),
            "count(coalesce(input_tokens, output_tokens))",
        )
    )


def known_rollup_sums(dialect: SqlDialect) -> str:
    """Return SQL expressions of sums over `rollup_hour`, for `KnownSums.add_rollups`.

    They have one binding, the project.
    """
    failed = f"CASE WHEN usage_key IN ({FAILED_KEYS}) THEN calls ELSE 0 END"
    columns = ("calls", failed, "cost_nano_usd", "input_tokens", "output_tokens", "unpriced", "unknown_usage")
    assert len(columns) == _ROLLUP_COLUMNS
    return ", ".join(dialect.sum_as_text(dialect.total(column)) for column in columns)


@dataclass(slots=True)
class _SeriesSums:
    total: KnownSums = field(default_factory=KnownSums)
    steps: dict[int, KnownSums] = field(default_factory=dict[int, KnownSums])

    def step(self, number: int) -> KnownSums:
        found = self.steps.get(number)
        if found is None:
            found = self.steps[number] = KnownSums()
        return found

    def merge(self, other: _SeriesSums) -> None:
        self.total.merge(other.total)
        for number, sums in other.steps.items():
            self.step(number).merge(sums)

    def series(self, key: str | None) -> Series:
        steps = {number: sums.call_sums() for number, sums in self.steps.items()}
        return Series(key, steps, self.total.call_sums())


class SeriesTable:
    """The sums of each series and step, within a bound of memory."""

    def __init__(self, measure: Measure, top: int, *, max_cells: int = _MAX_CELLS) -> None:
        self._measure: Measure = measure
        self._top = top
        self._max_cells = max_cells
        self._series: dict[str | None, _SeriesSums] = {}
        self._other: _SeriesSums | None = None
        self._cells = 0
        #: The total, if calls may be in several series.
        self.total: KnownSums | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the largest series are known, and have all of their calls."""
        return self._other is None

    def add(self, key: str | None, step: int, sums: Sequence[Any], *, from_rollups: bool = False) -> None:
        """Add sums to a step of a series."""
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _SeriesSums()
        if step not in series.steps:
            self._cells += 1
        for part in (series.step(step), series.total):
            (part.add_rollups if from_rollups else part.add_rows)(sums)
        if self._cells > self._max_cells:
            self._shrink()

    def resolve(self, has_known_cost: Callable[[Iterable[str | None], int], bool]) -> None:
        """Decide for steps with a cost of zero whether it is known.

        `has_known_cost` returns whether a call of some series in a step has a known cost.
        """
        shown, hidden = self._ranked()
        other = _merged([self._series[key] for key in hidden])
        parts: list[tuple[Sequence[str | None], _SeriesSums]] = [([key], self._series[key]) for key in shown]
        for keys, series in [*parts, (hidden, other)]:
            for step, sums in series.steps.items():
                if sums.may_have_free_calls and has_known_cost(keys, step):
                    # A series that is not shown stands for all of them.
                    of_cost = self._series[keys[0]]
                    of_cost.total.mark_priced()
                    of_cost.step(step).mark_priced()

    def answer(self) -> tuple[list[Series], Series | None, CallSums]:
        """Return the largest series, the sum of all further ones, and the total."""
        shown, hidden = self._ranked()
        rest = [self._series[key] for key in hidden] + ([self._other] if self._other else [])
        other, total = _merged(rest), KnownSums()
        for part in (*(self._series[key] for key in shown), other):
            total.merge(part.total)
        series = [self._series[key].series(key) for key in shown]
        return series, other.series(None) if rest else None, (self.total or total).call_sums()

    def _ranked(self) -> tuple[list[str | None], list[str | None]]:
        ranked = sorted(self._series, key=lambda key: _place(key, self._series[key].total, self._measure))
        return ranked[: self._top], ranked[self._top :]

    def _shrink(self) -> None:
        """Merge the smaller half of the series into the sum of further series."""
        ranked = sorted(self._series, key=lambda key: _place(key, self._series[key].total, self._measure))
        keep = max(self._top, len(ranked) // 2)
        for key in ranked[keep:]:
            series = self._series.pop(key)
            self._cells -= len(series.steps)
            self._other = self._other or _SeriesSums()
            self._other.merge(series)
        if len(ranked) <= keep:
            # A few series have all of the cells.
            self._max_cells = self._cells * 2


def _merged(parts: Iterable[_SeriesSums]) -> _SeriesSums:
    merged = _SeriesSums()
    for part in parts:
        merged.merge(part)
    return merged


def _place(key: str | None, sums: KnownSums, measure: Measure) -> tuple[int, int, bool, str]:
    amount, calls = sums.rank(measure)
    return -amount, -calls, key is not None, key or ""


def sums_by_name(pairs: Mapping[int, str | None]) -> dict[str | None, list[int]]:
    """Return the usage keys of each series."""
    keys: dict[str | None, list[int]] = {}
    for key, name in pairs.items():
        keys.setdefault(name, []).append(key)
    return keys
