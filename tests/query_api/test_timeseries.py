"""GET /v1/timeseries over HTTP, on the stores of both engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.query_api.support import DAY_NS, HOUR_NS, Tenant

_DAY = {"date_from": "2026-11-23", "date_to": "2026-11-24"}
_SUMS = {
    *("calls", "errors", "input_tokens", "cache_read_tokens", "output_tokens", "cost_cents", "unpriced"),
    "unknown_usage",
}


def _store(tenant: Tenant) -> None:
    tenant.store(
        [
            tenant.call(1, start_ns=DAY_NS, cost_source="computed", cache_read_tokens=400),
            tenant.call(2, start_ns=DAY_NS + HOUR_NS, cost_nano_usd=1, cost_source="reported"),
            tenant.call(3, start_ns=DAY_NS + HOUR_NS + 1, model_used="local", cost_nano_usd=None),
            tenant.call(
                *(4,), start_ns=DAY_NS + 3 * HOUR_NS, status="error", cost_nano_usd=None,
                input_tokens=None, output_tokens=None, latency_ms=None,
            ),
            tenant.call(5, start_ns=DAY_NS - HOUR_NS),
        ]
    )  # fmt: skip


def test_series_have_an_item_for_each_step(tenant: Tenant) -> None:
    _store(tenant)
    found = tenant.get("/v1/timeseries", step="1h", **_DAY)
    assert (found["step"], found["tz"], found["by"], found["complete"]) == ("1h", "UTC", "model", True)
    assert found["starts"][:2] == ["2026-11-23T00:00:00Z", "2026-11-23T01:00:00Z"]
    assert len(found["starts"]) == 24
    mini, local = found["series"]
    assert (mini["key"], local["key"]) == ("gpt-5-mini-2026-08-07", "local")
    assert mini["calls"][:5] == [1, 1, 0, 1, 0]
    assert mini["errors"][:5] == [0, 0, 0, 1, 0]
    assert mini["cost_cents"][:5] == [0.00135, 0.0000001, None, None, None]
    assert mini["cache_read_tokens"][:2] == [400, None]
    assert local["cost_cents"] == [None] * 24
    assert local["unpriced"][:3] == [0, 1, 0]
    assert all(len(series[name]) == 24 for series in found["series"] for name in _SUMS)
    assert found["other"] is None
    assert "previous" not in found


def test_total_has_costs_by_source_and_percentiles(tenant: Tenant) -> None:
    _store(tenant)
    total = tenant.get("/v1/timeseries", compare="previous", **_DAY)["total"]
    assert (total["calls"], total["errors"], total["unpriced"], total["unknown_usage"]) == (4, 1, 1, 0)
    assert (total["cost_cents"], total["reported_cents"], total["computed_cents"]) == (
        0.0013501,
        0.0000001,
        0.00135,
    )
    assert total["p50_ms"] == pytest.approx(120.5, rel=0.05)


def test_previous_period_has_the_same_length(tenant: Tenant) -> None:
    _store(tenant)
    found = tenant.get("/v1/timeseries", compare="previous", **_DAY)
    assert found["previous"]["calls"] == 1
    assert set(found["previous"]) == set(found["total"])
    later = tenant.get(
        "/v1/timeseries", compare="previous", date_from="2026-11-24", date_to="2026-11-24T12:00:00Z"
    )
    assert (later["total"]["calls"], later["previous"]["calls"]) == (0, 0)
    assert later["previous"]["cost_cents"] is None


def test_series_beyond_the_maximum_are_summed_in_other(tenant: Tenant) -> None:
    _store(tenant)
    found = tenant.get("/v1/timeseries", top=1, measure="calls", **_DAY)
    assert [series["key"] for series in found["series"]] == ["gpt-5-mini-2026-08-07"]
    assert (found["other"]["key"], found["other"]["total"]["calls"]) == (None, 1)
    parts: list[dict[str, Any]] = [*found["series"], found["other"]]
    for name in ("calls", "errors", "input_tokens", "unpriced"):
        assert sum(part["total"][name] or 0 for part in parts) == found["total"][name]


def test_steps_are_days_of_the_time_zone(tenant: Tenant) -> None:
    _store(tenant)
    found = tenant.get("/v1/timeseries", step="1d", tz="America/New_York", by="provider", **_DAY)
    assert found["starts"] == ["2026-11-22T05:00:00Z", "2026-11-23T05:00:00Z"]
    assert found["series"][0]["calls"] == [4, 0]


def test_filters_apply_to_series_and_total(tenant: Tenant) -> None:
    _store(tenant)
    found = tenant.get("/v1/timeseries", cost="unpriced", by="user", **_DAY)
    assert (found["total"]["calls"], len(found["series"])) == (1, 1)


def test_project_without_calls_has_no_series(tenant: Tenant) -> None:
    found = tenant.get("/v1/timeseries", **_DAY)
    assert (found["series"], found["other"], found["step"]) == ([], None, "15m")
    assert (found["total"]["calls"], found["total"]["cost_cents"]) == (0, None)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({}, "date_from"),
        ({"date_from": "2026-11-23"}, "date_to"),
        ({**_DAY, "tz": "Mars/Olympus"}, "tz"),
        ({**_DAY, "tz": ""}, "tz"),
        ({**_DAY, "tz": "../UTC"}, "tz"),
        ({**_DAY, "step": "2h"}, "step"),
        ({**_DAY, "top": "51"}, "top"),
        ({**_DAY, "by": "colour"}, "by"),
        ({**_DAY, "counted": "all"}, "counted"),
        ({**_DAY, "group_by": "day"}, "group_by"),
    ],
)
def test_invalid_parameters_are_problems(tenant: Tenant, query: dict[str, str], path: str) -> None:
    response = tenant.request("/v1/timeseries", **query)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert path in [error["path"] for error in response.json()["errors"]]


@pytest.mark.parametrize(
    "query",
    [
        {"date_from": "2020-01-01", "date_to": "2026-01-01", "step": "1m"},
        {"date_from": "0001-01-01", "date_to": "9999-01-01"},
        {"date_from": "2026-11-24", "date_to": "2026-11-23"},
    ],
)
def test_ranges_that_contradict_the_step_or_themselves_get_409(tenant: Tenant, query: dict[str, str]) -> None:
    response = tenant.request("/v1/timeseries", **query)
    assert response.status_code == 409
    assert [error["path"] for error in response.json()["errors"]] == ["date_from"]
