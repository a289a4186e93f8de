"""No method shows or changes data of another project, method by method."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.storage.corpus import corpus
from tests.storage.model import EVERYTHING, snapshot
from tests.storage.test_conformance_events import assemble, part
from tests.storage.test_conformance_reads import in_session
from tests.storage.test_conformance_reprice import NEW, reprice
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, project

from pulse_storage import ControlStore, Store
from pulse_storage.control_store import Leases, WebSessions
from pulse_storage.copying import RawStore
from pulse_storage.maintenance import Maintenance
from pulse_storage.queries.error_groups import ErrorQuery
from pulse_storage.queries.facets import FacetQuery
from pulse_storage.queries.filters import AnalyticsQuery, Page, TraceFilter
from pulse_storage.queries.latencies import LatencyQuery
from pulse_storage.queries.received import ReceivedQuery
from pulse_storage.queries.timeseries import TimeseriesQuery
from pulse_storage.repricing import RepriceJob
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project, ProjectPrices

pytestmark = pytest.mark.anyio

_Q = Project("q", "q", 0)
_JOB = RepriceJob(NOON_NS - 5 * DAY_NS, NOON_NS + 5 * DAY_NS, "new")
_STEPS = TimeseriesQuery(edges=(_JOB.from_ns, NOON_NS, _JOB.before_ns), by="model")
_WHOLE = AnalyticsQuery(from_ns=_JOB.from_ns, before_ns=_JOB.before_ns)

#: Methods that belong to no project, or to the store.
_OF_NO_PROJECT = {
    *("create_project", "create_first_project", "list_projects", "key_by_digest", "touch_keys"),
    *("check_writable", "queue_depth", "close", "maintenance", "raw", "hold_lease", "release_lease"),
    *("compact", "unfinished_erasures", "sanitized"),
    # Web sessions: tests/storage/test_conformance_web_sessions.py.
    *(name for name in vars(WebSessions) if not name.startswith("_")),
}
#: Methods that another method of the list below calls or is made of.
_WITHIN_OTHERS = {"submit": "ingest", "record_erased": "erase"}


async def _seen(storage: Store, project_id: str) -> dict[str, object]:
    """Return the result of every reading method for a project."""
    rows = [row for row in await snapshot(storage, project_id) if row is not None]
    named, raw = rows[7], storage.raw
    listed = await storage.list_traces(project_id, TraceFilter(session_id="s1"), Page(limit=3))
    session = await in_session(storage, "s1", project_id)
    bearing = await storage.reconcile_inputs(project_id, named.otel_trace_id)
    found = await storage.search_traces(project_id, TraceFilter(), "world", Page(limit=3))
    days = await storage.analytics(project_id, _WHOLE)
    return {
        "list_traces": ([row.trace_id for row in listed.rows], listed.next_cursor, session),
        "search_traces": ([row.trace_id for row in found.rows], found.next_cursor),
        "count_traces": [
            await storage.count_traces(project_id, where)
            for where in (TraceFilter(), TraceFilter(user_id="u1"), TraceFilter(status="error"))
        ],
        "facets": await storage.facets(project_id, FacetQuery()),
        "get_trace": rows,
        "get_traces": await storage.get_traces(project_id, [row.trace_id for row in rows[:40]]),
        "get_span": await storage.get_span(project_id, named.otel_trace_id, named.otel_span_id),
        "get_tree": await storage.get_tree(project_id, named.otel_trace_id),
        "list_trees": await storage.list_trees(project_id, EVERYTHING, Page(limit=30)),
        "reconcile_inputs": sorted(bearing.spans, key=lambda skeleton: skeleton.id),
        "analytics": [
            # Groups come in no particular order.
            (days.total, days.rest, {group.key: group.summary for group in days.groups}),
            await in_session(storage, "s1", project_id),
        ],
        "timeseries": [
            await storage.timeseries(project_id, query)
            for query in (_STEPS, replace(_STEPS, by="user"), replace(_STEPS, max_rows=0))
        ],
        "latencies": await storage.latencies(project_id, LatencyQuery(edges=_STEPS.edges)),
        "error_groups": await storage.error_groups(project_id, ErrorQuery(edges=_STEPS.edges)),
        "received": await storage.received(project_id, ReceivedQuery()),
        "list_keys": await storage.list_keys(project_id),
        "project_prices": await storage.project_prices(project_id),
        "repriced_so_far": await storage.repriced_so_far(project_id, _JOB),
        "unknown_usage_models": await storage.unknown_usage_models(project_id, _JOB.from_ns, _JOB.before_ns),
        "unpriced_models": await storage.unpriced_models(project_id, _JOB.from_ns, _JOB.before_ns),
        "retention_policy": await storage.retention_policy(project_id),
        "progress": await storage.maintenance.progress(project_id),
        "count_erasable": await storage.maintenance.count_erasable(project_id, "user_id", "u1"),
        "erasures": await storage.erasures(project_id),
        "project_settings": await storage.project_settings(project_id),
        "count_rows": await raw.count_rows(project_id),
        "read_rows": (raw_rows := await raw.read_rows(project_id, b"", 20)),
        "read_rows_until": await raw.read_rows_until(project_id, raw_rows[3].id, raw_rows[9].id),
        "read_bodies": await raw.read_bodies(project_id, raw_rows),
        "read_events": await raw.read_events(project_id, None, 20),
        "read_expired": await raw.read_expired(project_id),
    }


async def test_no_method_lets_projects_see_or_change_each_other(storage: Store) -> None:
    # Sessions, users, traces and spans have the same ids in both.
    rows = corpus(31)
    await storage.ingest(rows, keep_all=True)
    await storage.ingest_events("p", [part(1, rows[0]), part(2, rows[0])], assemble)
    await storage.put_project_prices("p", ProjectPrices('{"of": "p"}', 1))
    before = await _seen(storage, "p")
    done: set[str] = set()

    async def unchanged(*methods: str) -> None:
        done.update(methods)
        now = await _seen(storage, "p")
        for method, result in before.items():
            assert now[method] == result, (methods, method)

    await storage.ingest([row._replace(project_id="q") for row in reversed(rows)], keep_all=True)
    await unchanged("ingest")
    await storage.ingest_events("q", [part(n, rows[n]._replace(project_id="q")) for n in (0, 1, 3)], assemble)
    await unchanged("ingest_events")
    _, key = project("q")
    await storage.create_key(key)
    (theirs, *_) = await storage.list_keys("p")
    assert not await storage.revoke_key("q", theirs.id, NOON_NS)
    assert await storage.revoke_key("q", key.id, NOON_NS)
    await unchanged("create_key", "revoke_key")
    await storage.put_project_prices("q", ProjectPrices('{"of": "q"}', 2))
    await unchanged("put_project_prices")
    assert await storage.delete_project_prices("q")
    await unchanged("delete_project_prices")
    assert (await reprice(storage, NEW, _JOB, limit=50, project_id="q")).changed
    await unchanged("reprice")
    order = await storage.order_erasure("q", "user_id", "u1")
    await unchanged("order_erasure")
    raw_rows = await storage.raw.read_rows("q", b"", 3)
    replaced = {row.id: row for row in raw_rows}
    await storage.raw.put_rows("q", await storage.raw.read_bodies("q", raw_rows), replaced)
    await storage.raw.put_events("q", await storage.raw.read_events("q", None, 20))
    await storage.raw.put_expired("q", await storage.raw.read_expired("q"))
    await storage.put_project_settings(await storage.project_settings("q"))
    await unchanged("put_rows", "put_events", "put_expired", "put_project_settings")
    assert (await storage.maintenance.erase(order)).rows
    await unchanged("erase")
    policy = RetentionPolicy(content_days=1, rows_days=2)
    await storage.set_retention_policy("q", policy)
    now_ns = NOON_NS + 3 * DAY_NS + HOUR_NS
    await unchanged("set_retention_policy")
    (would,) = await storage.maintenance.preview([_Q], KEEP_EVERYTHING, now_ns)
    (report,) = await storage.maintenance.apply([_Q], KEEP_EVERYTHING, now_ns)
    assert (would.rows, would.contents) == (report.rows, report.contents)
    assert would.size_bytes > 0
    await unchanged("preview", "apply")
    assert await storage.rename_project("q", "renamed")
    await unchanged("rename_project")
    assert (await storage.maintenance.erase(await storage.delete_project("q"))).rows
    await unchanged("delete_project")
    methods = {
        name
        for kind in (Store, ControlStore, Leases, WebSessions, Maintenance, RawStore)
        for name in vars(kind)
        if not name.startswith("_")
    }
    covered = done | before.keys() | _OF_NO_PROJECT
    assert {_WITHIN_OTHERS.get(name, name) for name in methods} <= covered, methods - covered
