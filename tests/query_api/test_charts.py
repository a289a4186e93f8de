"""GET /v1/latencies, /v1/errors and /v1/trust over HTTP, on the stores of both engines."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN_KEY, DAY_NS, HOUR_NS, Tenant, visible_id

from pulse_query_api.app import create_app
from pulse_query_api.routes.timeseries import steps_unread
from pulse_query_api.services.latencies import octaves_of
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing
from pulse_storage.latency import latency_bucket
from pulse_storage.queries.latencies import Latencies

_DAY = {"date_from": "2026-11-23", "date_to": "2026-11-24"}


def test_latencies_are_counted_by_step_and_octave(tenant: Tenant) -> None:
    latencies = (0.5, 1.0, 1.9, 5.0, None)
    tenant.store(
        [
            tenant.call(number, start_ns=DAY_NS + number * HOUR_NS, latency_ms=latency_ms)
            for number, latency_ms in enumerate(latencies, start=1)
        ]
    )
    # From the index of counted rows, and from rows.
    for query in (_DAY, {**_DAY, "min_cost_cents": "0"}):
        found = tenant.get("/v1/latencies", step="3h", **query)
        assert (len(found["starts"]), found["complete"], found["step"]) == (8, True, "3h")
        assert found["bounds_ms"] == [0, 1, 2, 4, 8]
        assert found["counts"][:3] == [[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
        assert found["unknown"] == [0, 1, 0, 0, 0, 0, 0, 0]
        assert found["p99_ms"] == pytest.approx(5.0, rel=0.05)
    nothing = tenant.get("/v1/latencies", step="3h", tag="none", **_DAY)
    assert (nothing["bounds_ms"], nothing["counts"], nothing["p50_ms"]) == ([], [[]] * 8, None)


def test_octaves_hold_the_latencies_within_their_bounds() -> None:
    buckets = [latency_bucket(latency_ms) for latency_ms in (64.0, 127.9, 128.0, 1000.0)]
    histogram = {bucket: 1 for bucket in buckets if bucket is not None}
    octaves = octaves_of(Latencies(histograms=[histogram, {}], unknown=[0, 0]))
    assert octaves.bounds_ms == [64, 128, 256, 512, 1024]
    assert octaves.counts == [[2, 1, 0, 1], [0, 0, 0, 0]]


def test_steps_that_begin_before_the_read_part_are_unread() -> None:
    assert steps_unread((10, 20, 30), None) == 0
    assert steps_unread((10, 20, 30), 20) == 1
    assert steps_unread((10, 20, 30), 21) == 2


def test_errors_are_grouped_by_message_without_values(tenant: Tenant) -> None:
    failed = [
        tenant.call(
            number,
            start_ns=DAY_NS + number * HOUR_NS,
            status="error",
            error_type="RateLimitError",
            error_message=f"try again in {number} s",
            user_id=f"u{number % 2}",
        )
        for number in range(1, 4)
    ]
    other = tenant.call(4, start_ns=DAY_NS, status="error", error_type="Timeout", error_message=None)
    tenant.store([*failed, other, tenant.call(5, start_ns=DAY_NS)])
    found = tenant.get("/v1/errors", step="1h", **_DAY)
    assert found["complete"] is True
    limits, timeouts = found["groups"]
    assert (limits["error_type"], limits["message"], limits["calls"], limits["users"]) == (
        "RateLimitError",
        "try again in # s",
        3,
        2,
    )
    assert (limits["first_at"], limits["last_at"]) == (
        "2026-11-23T01:00:00.000000Z",
        "2026-11-23T03:00:00.000000Z",
    )
    assert limits["counts"][:5] == [0, 1, 1, 1, 0]
    assert limits["sample"] == {"trace_id": visible_id(failed[2]), "message": "try again in 3 s"}
    assert (timeouts["message"], timeouts["users"]) == (None, 0)
    assert len(tenant.get("/v1/errors", limit=1, **_DAY)["groups"]) == 1
    assert tenant.get("/v1/errors", error_type="Timeout", **_DAY)["groups"][0]["calls"] == 1
    assert tenant.get("/v1/errors", status="success", **_DAY)["groups"] == []


def test_trust_counts_prices_usage_and_incomplete_traces(tenant: Tenant) -> None:
    tenant.store(
        [
            tenant.call(1, start_ns=DAY_NS),
            tenant.call(2, start_ns=DAY_NS, cost_nano_usd=None, parent_span_id=b"\1" * 8),
            tenant.call(3, start_ns=DAY_NS, cost_nano_usd=None, input_tokens=None, output_tokens=None),
            tenant.call(4, start_ns=DAY_NS + 30 * HOUR_NS),
        ]
    )
    assert tenant.get("/v1/trust", **_DAY) == {
        "newest_span_at": "2026-11-24T06:00:00.000000Z",
        "calls": 3,
        "priced": 1,
        "unpriced": 1,
        "usage_known": 2,
        "unknown_usage": 1,
        "traces": 3,
        "incomplete_traces": 1,
        "rejected": None,
        "since": None,
        "complete": True,
    }


def test_trust_reports_the_rejected_spans_of_the_collector(storage: Store, tenant: Tenant) -> None:
    def rejected(project_id: str) -> tuple[int, int]:
        return (7 if project_id == tenant.project_id else 0), DAY_NS

    app = create_app(storage, KeyRing(storage), admin_key=ADMIN_KEY, rejected=rejected)
    with TestClient(app) as client:
        found = client.get("/v1/trust", params=_DAY, headers=tenant.headers).json()
    assert (found["rejected"], found["since"]) == (7, "2026-11-23T00:00:00.000000Z")
    assert found["newest_span_at"] is None


@pytest.mark.parametrize("route", ["latencies", "errors", "trust"])
def test_range_is_required(tenant: Tenant, route: str) -> None:
    response = tenant.request(f"/v1/{route}", date_from="2026-11-23")
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert [error["path"] for error in response.json()["errors"]] == ["date_to"]
    assert tenant.request(f"/v1/{route}", group_by="day", **_DAY).status_code == 400


def test_other_projects_have_none_of_the_calls(client: TestClient, storage: Store, tenant: Tenant) -> None:
    tenant.store([tenant.call(1, start_ns=DAY_NS, status="error")])
    other = client.post("/admin/projects", json={"name": "other"}, headers={"X-Admin-Key": ADMIN_KEY}).json()
    headers = {"Authorization": f"Bearer {other['apiKey']}"}
    errors = client.get("/v1/errors", params=_DAY, headers=headers).json()
    latencies = client.get("/v1/latencies", params=_DAY, headers=headers).json()
    trust = client.get("/v1/trust", params=_DAY, headers=headers).json()
    assert (errors["groups"], latencies["bounds_ms"], trust["calls"]) == ([], [], 0)
    assert trust["newest_span_at"] is None
