"""The reads that `benchmarks.storage` measures: those of people and dashboards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

from tests.support.rows import DAY_NS

from benchmarks.storage_rows import BEFORE_NS, FROM_NS, PROJECT
from pulse_storage import StorageAdapter
from pulse_storage.queries.facets import FACET_FIELDS, FacetField, FacetQuery
from pulse_storage.queries.filters import AnalyticsQuery, GroupBy, Page, Sort, TraceFilter

#: Starts a read; takes the number of the repetition.
_Start = Callable[[int], Awaitable[object]]


class Read(NamedTuple):
    """One read and its number of repetitions."""

    name: str
    start: _Start
    times: int


_KEPT: tuple[GroupBy, ...] = ("day", "model", "provider", "hour")
_FROM_ROWS: tuple[GroupBy, ...] = ("user", "session", "tag", "service")


async def reads(storage: StorageAdapter) -> list[Read]:
    """Return the reads of a store that contains `month_of_rows`."""
    some = (await storage.list_traces(PROJECT, TraceFilter(), Page(limit=50, offset=100))).rows
    far = (await storage.list_traces(PROJECT, TraceFilter(), Page(limit=1, offset=10_000))).next_cursor
    # Ranges that do not begin at full hours, as in practice.
    from_ns, before_ns = FROM_NS + 1_234_567, BEFORE_NS + 7_654_321

    def listed(where: TraceFilter, cursor: str | None = None) -> _Start:
        return lambda _: storage.list_traces(PROJECT, where, Page(cursor=cursor))

    def sorted_by(sort: Sort, where: TraceFilter) -> _Start:
        return lambda _: storage.list_traces(PROJECT, where, Page(sort=sort))

    def facets_of(where: TraceFilter, *fields: FacetField) -> _Start:
        query = FacetQuery(fields=fields or FACET_FIELDS, filter=where)
        return lambda _: storage.facets(PROJECT, query)

    def in_session(number: int) -> Awaitable[object]:
        session = TraceFilter(session_id=some[number % len(some)].session_id)
        return storage.list_traces(PROJECT, session, Page(limit=500, order="asc"))

    def searched(_: int) -> Awaitable[object]:
        return storage.search_traces(PROJECT, TraceFilter(), "zebra", Page())

    def got(number: int) -> Awaitable[object]:
        return storage.get_trace(PROJECT, some[number % len(some)].trace_id)

    def counted(where: TraceFilter) -> _Start:
        return lambda _: storage.count_traces(PROJECT, where)

    def summed(group_by: GroupBy, where: TraceFilter | None = None) -> _Start:
        query = AnalyticsQuery(
            from_ns=from_ns, before_ns=before_ns, group_by=group_by, filter=where or TraceFilter()
        )
        return lambda _: storage.analytics(PROJECT, query)

    recent = TraceFilter(model="gpt-5", status="error", from_ns=before_ns - 7 * DAY_NS)
    month = TraceFilter(model="gpt-5", from_ns=from_ns, before_ns=before_ns)
    day = TraceFilter(from_ns=before_ns - DAY_NS, before_ns=before_ns)
    whole = replace(day, from_ns=from_ns)
    return [
        Read("list newest 50", listed(TraceFilter()), 300),
        Read("list 50, 10 000 rows further", listed(TraceFilter(), cursor=far), 300),
        Read("list 50, model + error + a week", listed(recent), 100),
        Read("list 50, service", listed(TraceFilter(service="shop")), 100),
        Read("list 50, rare model", listed(TraceFilter(model="rare-1")), 50),
        Read("list 50, unknown model", listed(TraceFilter(model="none")), 50),
        Read("list 50, user", listed(TraceFilter(user_id="u7")), 50),
        Read("list 50, text of all", listed(TraceFilter(text="drunken")), 50),
        Read("list 50, text of none", listed(TraceFilter(text="sober sailor")), 1),
        Read("search bodies, text of none", searched, 1),
        Read("most expensive 50 of a day", sorted_by("cost", day), 20),
        Read("most expensive 50 of 30 days", sorted_by("cost", whole), 5),
        Read("slowest 50 of 30 days", sorted_by("latency", whole), 5),
        Read("facets of rollups, 30 days", facets_of(whole, "model", "provider", "status", "operation"), 20),
        Read("all facets, 30 days", facets_of(whole), 5),
        Read("count all", counted(TraceFilter()), 100),
        Read("count model in a month", counted(month), 50),
        Read("count user (bounded)", counted(TraceFilter(user_id="u7")), 10),
        Read("get one, bodies", got, 300),
        Read("session", in_session, 300),
        *(Read(f"30 days by {group_by}", summed(group_by), 20) for group_by in _KEPT),
        Read("30 days by day, one model", summed("day", TraceFilter(model="gpt-5")), 20),
        Read("30 days by day, one user", summed("day", TraceFilter(user_id="u7")), 5),
        *(Read(f"30 days by {group_by}", summed(group_by), 2) for group_by in _FROM_ROWS),
    ]
