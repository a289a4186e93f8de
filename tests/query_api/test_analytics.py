from __future__ import annotations

from typing import Any, get_args

import pytest
from tests.query_api.support import DAY_NS, HOUR_NS, Tenant

from pulse_storage.queries.filters import GroupBy

_TODAY = {"date_from": "2026-11-23", "date_to": "2026-11-24"}
_EMPTY = {
    "cost": 0.0, "tokens": 0, "inputTokens": 0, "outputTokens": 0, "calls": 0, "errors": 0,
    "avgLatency": None, "p50Latency": None, "p95Latency": None, "p99Latency": None, "unpriced": 0,
    "unknownUsage": 0,
}  # fmt: skip


@pytest.fixture
def busy(tenant: Tenant) -> Tenant:
    """Store four calls on two days, and three spans that must not be counted."""
    calls = [
        tenant.call(1, start_ns=DAY_NS, latency_ms=100.0),
        tenant.call(2, start_ns=DAY_NS + HOUR_NS - 1, latency_ms=300.0, status="error", session_id="s"),
        tenant.call(3, start_ns=DAY_NS + HOUR_NS, latency_ms=None, cost_nano_usd=None, provider="acme",
                    model_used="m", model_requested="m"),
        tenant.call(4, start_ns=DAY_NS + 24 * HOUR_NS, latency_ms=200.1, cost_nano_usd=123_456_789_012,
                    provider="anthropic", model_used="claude-4", tags=("beta",)),
    ]  # fmt: skip
    outer = tenant.call(5, start_ns=DAY_NS - 1)
    agent = tenant.call(6, operation="invoke_agent", model_call=False)
    copy = calls[0]._replace(
        otel_span_id=b"\xff" * 8, parent_span_id=calls[0].otel_span_id, scope="framework", name="again"
    )
    tenant.store([*calls, outer, agent, copy])
    return tenant


def test_analytics_of_a_day_sum_all_counted_calls(busy: Tenant) -> None:
    response = busy.get("/v1/analytics", **_TODAY)
    [day] = response.pop("costOverTime")
    assert response == {
        "totalCost": 0.0027,
        "totalTokens": 3060,
        "avgLatency": 200.0,
        "errorRate": 1 / 3,
    }
    percentiles = [day.pop(f"p{rank}Latency") for rank in (50, 95, 99)]
    assert day == {
        "bucket": "2026-11-23",
        "cost": 0.0027,
        "tokens": 3060,
        "inputTokens": 3000,
        "outputTokens": 60,
        "calls": 3,
        "errors": 1,
        "avgLatency": 200.0,
        "unpriced": 1,
        "unknownUsage": 0,
    }
    assert percentiles == sorted(percentiles)
    assert percentiles[2] == pytest.approx(300, rel=0.045)


def test_time_buckets_cover_the_half_open_range(busy: Tenant) -> None:
    buckets = busy.get("/v1/analytics", date_from="2026-11-22", date_to="2026-11-26")["costOverTime"]
    assert [(bucket["bucket"], bucket["calls"], bucket["cost"]) for bucket in buckets] == [
        ("2026-11-22", 1, 0.00135),
        ("2026-11-23", 3, 0.0027),
        ("2026-11-24", 1, 12345.6789012),
        ("2026-11-25", 0, 0.0),
    ]
    assert buckets[3] == {"bucket": "2026-11-25", **_EMPTY}


def test_hour_buckets_are_named_by_their_start_time(busy: Tenant) -> None:
    buckets = busy.get(
        "/v1/analytics", date_from="2026-11-23T00:00:00Z", date_to="2026-11-23T03:00:00Z", group_by="hour"
    )["costOverTime"]
    assert [(bucket["bucket"], bucket["calls"]) for bucket in buckets] == [
        ("2026-11-23T00:00:00Z", 2),
        ("2026-11-23T01:00:00Z", 1),
        ("2026-11-23T02:00:00Z", 0),
    ]


def test_range_within_buckets_counts_only_calls_inside(busy: Tenant) -> None:
    response = busy.get(
        "/v1/analytics", date_from="2026-11-23T00:30:00Z", date_to="2026-11-23T01:00:00.000000001Z"
    )
    assert [(bucket["bucket"], bucket["calls"]) for bucket in response["costOverTime"]] == [("2026-11-23", 2)]
    assert response["totalTokens"] == 2040


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("provider", [("anthropic", 12345.6789012, 1), ("openai", 0.0027, 2), ("acme", 0.0, 1)]),
        ("model", [("claude-4", 12345.6789012, 1), ("gpt-5-mini-2026-08-07", 0.0027, 2), ("m", 0.0, 1)]),
    ],
)
def test_groups_are_sorted_by_cost_descending(
    busy: Tenant, group_by: str, expected: list[tuple[Any, ...]]
) -> None:
    response = busy.get("/v1/analytics", date_from="2026-11-23", date_to="2026-11-25", group_by=group_by)
    groups = response["costOverTime"]
    assert [(group["bucket"], group["cost"], group["calls"]) for group in groups] == expected
    assert response["totalCost"] == 12345.6816012


def _named(tenant: Tenant, **parameters: object) -> list[tuple[Any, ...]]:
    response = tenant.get("/v1/analytics", **_TODAY, **parameters)
    return [(row["bucket"], row["calls"], row.get("other")) for row in response["costOverTime"]]


@pytest.fixture
def crowded(tenant: Tenant) -> Tenant:
    """Store calls of users a to e, by cost descending, of a user named `other`, and of an unknown user."""
    for number, (user, tags) in enumerate([("a", ("x", "y")), ("other", ("x",)), (None, ()), ("d", ("z",))]):
        facts = {"user_id": user, "session_id": user, "service": user, "environment": user, "tags": tags}
        calls = range(number * 10, number * 10 + 1 + number)
        tenant.store([tenant.call(1 + call, cost_nano_usd=10 ** (9 - number), **facts) for call in calls])
    return tenant


@pytest.mark.parametrize("group_by", ["user", "session", "service", "environment"])
def test_groups_beyond_the_limit_are_summed_as_other(crowded: Tenant, group_by: str) -> None:
    known = [("a", 1, None), ("other", 2, None), (None, 3, None), ("d", 4, None)]
    assert _named(crowded, group_by=group_by) == known
    assert _named(crowded, group_by=group_by, limit=4) == known
    assert _named(crowded, group_by=group_by, limit=2) == [*known[:2], ("other", 7, True)]
    response = crowded.get("/v1/analytics", **_TODAY, group_by=group_by, limit=1)
    rows = response["costOverTime"]
    assert sum(row["tokens"] for row in rows) == response["totalTokens"] == 10 * 1020
    assert sum(row["cost"] for row in rows) == pytest.approx(response["totalCost"])
    assert set(rows[1]) == {*rows[0], "other"}
    assert rows[1]["p99Latency"] == pytest.approx(120.5, rel=0.045)


def test_call_with_two_tags_is_in_both_groups_and_once_in_the_total(crowded: Tenant) -> None:
    assert _named(crowded, group_by="tag") == [
        ("x", 3, None),
        ("y", 1, None),
        (None, 3, None),
        ("z", 4, None),
    ]
    assert _named(crowded, group_by="tag", limit=1) == [("x", 3, None), ("other", 8, True)]
    assert crowded.get("/v1/analytics", **_TODAY, group_by="tag")["totalTokens"] == 10 * 1020
    assert _named(crowded, group_by="tag", tag="y") == [("x", 1, None), ("y", 1, None)]


def test_groups_by_model_have_a_limit(busy: Tenant) -> None:
    response = busy.get(
        "/v1/analytics", date_from="2026-11-23", date_to="2026-11-25", group_by="model", limit=1
    )["costOverTime"]
    assert [(row["bucket"], row["calls"], row["unpriced"]) for row in response] == [
        ("claude-4", 1, 0),
        ("other", 3, 1),
    ]


@pytest.mark.parametrize(
    ("parameters", "calls"),
    [
        ({"session_id": "s"}, 1),
        ({"provider": "openai"}, 2),
        ({"model": "claude-4"}, 1),
        ({"status": "error"}, 1),
        ({"tag": "beta"}, 1),
        ({"min_latency_ms": "200"}, 2),
        ({"max_latency_ms": "250"}, 2),
        ({"cost": "unpriced"}, 1),
        ({"cost": "computed"}, 3),
        ({"release": "1.1"}, 0),
        ({"min_cost_cents": "1"}, 1),
        ({"operation": "embeddings"}, 0),
        ({"counted": "true"}, 4),
        ({"operation": "all"}, 4),
        ({"operation": "invoke_agent"}, 0),
    ],
)
def test_analytics_apply_filters(busy: Tenant, parameters: dict[str, str], calls: int) -> None:
    response = busy.get("/v1/analytics", date_from="2026-11-23", date_to="2026-11-25", **parameters)
    assert sum(bucket["calls"] for bucket in response["costOverTime"]) == calls
    assert response["totalTokens"] == 1020 * calls


def test_analytics_without_calls_are_zero_with_null_means(tenant: Tenant) -> None:
    assert tenant.get("/v1/analytics", **_TODAY) == {
        "totalCost": 0.0,
        "totalTokens": 0,
        "avgLatency": None,
        "errorRate": 0,
        "costOverTime": [{"bucket": "2026-11-23", **_EMPTY}],
    }


@pytest.mark.parametrize("group_by", get_args(GroupBy))
def test_empty_range_has_no_groups(busy: Tenant, group_by: str) -> None:
    response = busy.get("/v1/analytics", date_from="2026-11-23", date_to="2026-11-23", group_by=group_by)
    assert (response["costOverTime"], response["totalTokens"]) == ([], 0)


def test_analytics_require_a_range(tenant: Tenant) -> None:
    response = tenant.request("/v1/analytics", date_from="2026-11-23")
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": "date_to is required.",
            "details": [{"path": "date_to", "message": "is required"}],
        },
    )


def test_more_than_ten_thousand_buckets_are_refused(tenant: Tenant) -> None:
    most = tenant.get("/v1/analytics", date_from="1999-01-01", date_to="2026-05-19")
    assert len(most["costOverTime"]) == 10_000
    response = tenant.request("/v1/analytics", date_from="1999-01-01", date_to="2026-05-20")
    assert (response.status_code, response.json()["details"][0]["path"]) == (409, "date_from")
