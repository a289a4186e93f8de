from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.query_api.support import DAY_NS, HOUR_NS, SECOND_NS, Tenant, document, new_tenant, visible_id
from tests.support.examples import examples

from pulse_storage.content.bodies import pack
from pulse_storage.trace_json import JSON_FIELDS


def test_list_returns_rows_newest_first_without_bodies(tenant: Tenant) -> None:
    older = tenant.call(1, request_body=document({"messages": []}))
    newer = tenant.call(
        2,
        start_ns=DAY_NS + SECOND_NS,
        status="error",
        error_type="rate_limit",
        error_message="slow down",
        cost_nano_usd=None,
        tags=("beta",),
        metadata='{"plan":"pro"}',
    )
    tenant.store([older, newer])
    common = {
        **dict.fromkeys(JSON_FIELDS),
        "project_id": tenant.project_id, "latency_ms": 120.5, "provider": "openai",
        "model_requested": "gpt-5-mini", "model_used": "gpt-5-mini-2026-08-07",
        "input_tokens": 1000, "output_tokens": 20, "output_text": "A beat.", "finish_reason": "stop",
        "operation": "chat", "name": "chat gpt-5-mini",
        "cost_source": "computed", "price_version": "2026-11-01", "usage_source": "reported",
        "input_preview": "What is a pulse?", "output_preview": "A beat.", "dialect": "otel-genai",
        "counted": True,
    }  # fmt: skip
    assert tenant.get("/v1/traces") == {
        "traces": [
            common
            | {
                "trace_id": visible_id(newer),
                "timestamp": "2026-11-23T00:00:01.000000Z",
                "otel_trace_id": "00000000000000000000000000000002",
                "otel_span_id": "0000000000000002",
                "status": "error",
                "error": {"type": "rate_limit", "message": "slow down"},
                "cost_cents": None,
                "tags": ["beta"],
                "metadata": {"plan": "pro"},
            },
            common
            | {
                "trace_id": visible_id(older),
                "timestamp": "2026-11-23T00:00:00.000000Z",
                "otel_trace_id": "00000000000000000000000000000001",
                "otel_span_id": "0000000000000001",
                "status": "success",
                "error": None,
                "cost_cents": 0.00135,
                "tags": [],
                "metadata": None,
            },
        ],
        "total": 2,
        "limit": 50,
        "offset": 0,
    }


def test_list_of_an_empty_project_is_empty(tenant: Tenant) -> None:
    assert tenant.get("/v1/traces", limit=5) == {"traces": [], "total": 0, "limit": 5, "offset": 0}


@pytest.fixture
def varied(tenant: Tenant) -> Tenant:
    """Store calls 1 to 8, one second apart, each different, and two spans of other operations."""
    facts: list[dict[str, Any]] = [
        {},
        {"session_id": "chat/42", "user_id": "u1"},
        {"provider": "anthropic", "model_requested": "claude", "model_used": "claude-4"},
        {"status": "error", "error_type": "timeout"},
        {"operation": "embeddings", "service": "shop", "environment": "prod"},
        {"tags": ("beta", "eu")},
        {"latency_ms": 900.0, "cost_nano_usd": 20_000_000},
        {"input_preview": "Über 100% sicher?", "finish_reason": "length", "release": "1.1"},
    ]
    calls = [
        tenant.call(number, start_ns=DAY_NS + number * SECOND_NS, **fact)
        for number, fact in enumerate(facts, start=1)
    ]
    agent = tenant.call(9, start_ns=DAY_NS + 9 * SECOND_NS, operation="invoke_agent", model_call=False)
    # Two rows of one call: the same response id on a span and its child.
    wrapper = tenant.call(10, start_ns=DAY_NS + 10 * SECOND_NS, provider_request_id="r1", scope="framework")
    client_span = wrapper._replace(
        otel_span_id=b"\xff" * 8, parent_span_id=wrapper.otel_span_id, scope="client", name="inner"
    )
    tenant.store([*calls, agent, wrapper, client_span])
    return tenant


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({}, [10, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"order": "asc"}, [1, 2, 3, 4, 5, 6, 7, 8, 10]),
        ({"limit": 2, "offset": 1}, [8, 7]),
        ({"session_id": "chat/42"}, [2]),
        ({"user_id": "u1"}, [2]),
        ({"user_id": "u2"}, []),
        ({"provider": "anthropic"}, [3]),
        ({"model": "claude"}, [3]),
        ({"model": "claude-4"}, [3]),
        ({"status": "error"}, [4]),
        ({"operation": "embeddings"}, [5]),
        ({"operation": "chat"}, [10, 8, 7, 6, 4, 3, 2, 1]),
        ({"operation": "chat", "counted": "false"}, [10]),
        ({"operation": "invoke_agent"}, [9]),
        ({"operation": "invoke_agent", "counted": "true"}, []),
        ({"operation": "all"}, [10, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"counted": "all"}, [10, 10, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"counted": "false"}, [10]),
        ({"service": "shop"}, [5]),
        ({"environment": "prod"}, [5]),
        ({"tag": "eu"}, [6]),
        ({"tag": "e"}, []),
        ({"date_from": "2026-11-23T00:00:07Z"}, [10, 8, 7]),
        ({"date_to": "2026-11-23T00:00:03Z"}, [2, 1]),
        ({"date_from": "2026-11-23T01:00:03+01:00", "date_to": "2026-11-23T00:00:04"}, [3]),
        ({"min_latency_ms": "900"}, [7]),
        ({"min_latency_ms": "250.5", "max_latency_ms": "900"}, [7]),
        ({"max_latency_ms": "0"}, []),
        ({"error_type": "timeout"}, [4]),
        ({"error_type": "Timeout"}, []),
        ({"finish_reason": "length"}, [8]),
        ({"release": "1.1"}, [8]),
        ({"cost": "reported"}, []),
        ({"cost": "computed", "q": "100%"}, [8]),
        ({"cost": "unpriced", "operation": "all"}, []),
        ({"cost": "no_usage"}, []),
        ({"min_cost_cents": "2"}, [7]),
        ({"min_cost_cents": "2.0000001"}, []),
        ({"otel_trace_id": "0000000000000000000000000000000A"}, [10]),
        ({"q": "100%"}, [8]),
        ({"q": "PULSE?", "limit": 1}, [10]),
        ({"q": "1_0"}, []),
        ({"q": "pulse "}, []),
        # Ids and names are trimmed, as they are stored.
        ({"session_id": " chat/42\n"}, [2]),
        ({"user_id": "\tu1"}, [2]),
        ({"provider": " anthropic "}, [3]),
        ({"model": "claude-4 "}, [3]),
        ({"operation": " embeddings"}, [5]),
        ({"service": " shop", "environment": "prod "}, [5]),
        ({"tag": " eu "}, [6]),
        ({"otel_trace_id": " 0000000000000000000000000000000a "}, [10]),
    ],
)
def test_each_filter_selects_its_rows(
    varied: Tenant, parameters: dict[str, object], numbers: list[int]
) -> None:
    response = varied.get("/v1/traces", **parameters)
    assert [int(row["otel_trace_id"], 16) for row in response["traces"]] == numbers
    if not {"limit", "offset"} & set(parameters):
        assert response["total"] == len(numbers)


def test_total_counts_rows_of_all_pages(varied: Tenant) -> None:
    response = varied.request("/v1/traces", limit=2, offset=4)
    assert {key: response.json()[key] for key in ("total", "limit", "offset")} == {
        "total": 9,
        "limit": 2,
        "offset": 4,
    }
    assert response.headers["X-Total-Count"] == "9"


def test_page_past_the_end_is_empty_with_the_total(varied: Tenant) -> None:
    response = varied.get("/v1/traces", offset=100)
    assert (response["traces"], response["total"]) == ([], 9)


def test_link_header_keeps_the_parameters(varied: Tenant) -> None:
    response = varied.request("/v1/traces", limit=1, offset=1, provider="openai", tag="beta")
    assert "Link" not in response.headers
    response = varied.request("/v1/traces", limit=3, offset=2, q="What is", order="asc")
    path, _, query = response.links["next"]["url"].partition("?")
    assert path == "/v1/traces"
    assert query.startswith("limit=3&q=What+is&order=asc&cursor=")
    following = varied.client.get(response.links["next"]["url"], headers=varied.headers).json()
    assert [int(row["otel_trace_id"], 16) for row in following["traces"]] == [6, 7, 10]
    assert (following["total"], following["limit"], following["offset"]) == (8, 3, 0)


def test_incomplete_count_is_marked_as_lower_bound(tenant: Tenant) -> None:
    tenant.store(tenant.call(number, start_ns=DAY_NS + number, tags=("beta",)) for number in range(1, 10_502))
    response = tenant.request("/v1/traces", tag="beta", limit=1)
    assert (response.json()["total"], response.headers["X-Total-Count"]) == (10_000, ">=10000")


def test_invalid_cursor_is_refused(tenant: Tenant) -> None:
    tenant.store([tenant.call(1)])
    response = tenant.request("/v1/traces", cursor="'; DROP TABLE spans; --")
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": "cursor must be a cursor from the Link header of this list.",
            "details": [{"path": "cursor", "message": "must be a cursor from the Link header of this list"}],
        },
    )


def test_invalid_parameters_are_listed_in_details(tenant: Tenant) -> None:
    response = tenant.request("/v1/traces", limit=1_000_000_000)
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": "limit must be a whole number from 1 to 1000, not '1000000000'.",
            "details": [
                {"path": "limit", "message": "must be a whole number from 1 to 1000, not '1000000000'"}
            ],
        },
    )


@settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    # Few distinct times, so that several rows have the same time.
    starts=st.lists(st.integers(0, 3), min_size=0, max_size=12),
    limit=st.integers(1, 5),
    order=st.sampled_from(["asc", "desc"]),
)
def test_pages_neither_repeat_nor_skip_a_row(
    client: TestClient, tenant: Tenant, starts: list[int], limit: int, order: str
) -> None:
    fresh = new_tenant(client, tenant.storage)
    rows = [fresh.call(number, start_ns=DAY_NS + start * 300) for number, start in enumerate(starts, start=1)]
    fresh.store(rows)
    pages = list(fresh.pages(limit=limit, order=order))
    seen = [row for page in pages for row in page]
    assert sorted(row["trace_id"] for row in seen) == sorted(visible_id(row) for row in rows)
    times = [row["timestamp"] for row in seen]
    assert times == sorted(times, reverse=order == "desc")
    assert all(len(page) == limit for page in pages[:-1])


def test_rows_stored_during_paging_do_not_change_later_pages(tenant: Tenant) -> None:
    tenant.store(tenant.call(number, start_ns=DAY_NS + number * SECOND_NS) for number in range(1, 7))
    seen: list[int] = []
    for arriving, page in enumerate(tenant.pages(limit=2), start=100):
        seen += [int(row["otel_trace_id"], 16) for row in page]
        tenant.store([tenant.call(arriving, start_ns=DAY_NS + HOUR_NS + arriving * SECOND_NS)])
    assert seen == [6, 5, 4, 3, 2, 1]


def test_page_of_very_long_texts_is_shorter_and_has_a_link(tenant: Tenant) -> None:
    text = pack(b"x" * (5 << 20))
    tenant.store(
        tenant.call(number, start_ns=DAY_NS + number * SECOND_NS, output_text=text) for number in range(1, 6)
    )
    first = tenant.request("/v1/traces", order="asc")
    assert (len(first.json()["traces"]), first.json()["total"]) == (4, 5)
    pages = list(tenant.pages(order="asc"))
    assert [int(row["otel_trace_id"], 16) for page in pages for row in page] == [1, 2, 3, 4, 5]


def test_trace_is_returned_with_its_bodies(tenant: Tenant) -> None:
    request = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Ü\u2028</script>"}]}
    row = tenant.call(1, request_body=document(request), response_body=document({"id": "r1"}))
    tenant.store([row])
    listed = tenant.get("/v1/traces")["traces"][0]
    assert tenant.get(f"/v1/traces/{visible_id(row)}") == listed | {
        "request_body": request,
        "response_body": {"id": "r1"},
    }


def test_trace_id_in_upper_case_is_accepted(tenant: Tenant) -> None:
    row = tenant.call(1)
    tenant.store([row])
    assert tenant.get(f"/v1/traces/{visible_id(row).upper()}")["trace_id"] == visible_id(row)


@pytest.mark.parametrize(
    "trace_id",
    [str(UUID(int=1)), "batch", "1", "%00", "0af7651916cd43dd8448eb211c80319c", "{" + str(UUID(int=1)) + "}"],
)
def test_unknown_and_malformed_trace_ids_get_404(tenant: Tenant, trace_id: str) -> None:
    response = tenant.request(f"/v1/traces/{trace_id}")
    error = "This project has no trace with this id."
    if trace_id.isalnum() and len(trace_id) == 32:
        error += f" For an OpenTelemetry trace id use GET /v1/traces?otel_trace_id={trace_id}&operation=all."
    assert (response.status_code, response.json()) == (404, {"error": error})


def test_trace_route_refuses_parameters(tenant: Tenant) -> None:
    response = tenant.request(f"/v1/traces/{uuid4()}", bodies="false")
    assert response.status_code == 400
    assert response.json()["error"] == "bodies is not a parameter: this route has none."


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({"sort": "cost"}, [2, 6, 5, 4, 1, 3]),
        ({"sort": "cost", "order": "asc"}, [1, 6, 5, 4, 2, 3]),
        ({"sort": "latency"}, [4, 6, 5, 3, 2, 1]),
        ({"sort": "latency", "order": "asc"}, [1, 6, 5, 3, 2, 4]),
        ({"sort": "tokens"}, [5, 6, 4, 3, 2, 1]),
        ({"sort": "tokens", "order": "asc", "model": "gpt-5-mini"}, [6, 4, 3, 2, 1, 5]),
        ({"sort": "time", "order": "asc"}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_list_sorts_by_a_value_page_by_page(
    tenant: Tenant, parameters: dict[str, str], numbers: list[int]
) -> None:
    facts: list[dict[str, Any]] = [
        {"cost_nano_usd": 10, "latency_ms": 1.5},
        {"cost_nano_usd": 90_000_000},
        {"cost_nano_usd": None, "cost_source": None},
        {"latency_ms": 900.0},
        {"input_tokens": 5_000, "output_tokens": None},
        {},
    ]
    tenant.store(
        tenant.call(number, start_ns=DAY_NS + number * SECOND_NS, **fact)
        for number, fact in enumerate(facts, start=1)
    )
    pages = list(tenant.pages(limit=2, date_from="2026-11-23", **parameters))
    assert [len(page) for page in pages] == [2, 2, 2]
    assert [int(row["otel_span_id"], 16) for page in pages for row in page] == numbers


def test_sorted_list_reports_that_it_is_complete(varied: Tenant) -> None:
    response = varied.request("/v1/traces", sort="cost", date_from="2026-11-23", limit=3)
    assert (response.json()["complete"], response.headers["x-complete"]) == (True, "true")
    assert response.json()["total"] == 9
    by_time = varied.request("/v1/traces", limit=3)
    assert "complete" not in by_time.json()
    assert "x-complete" not in by_time.headers


def test_cursor_of_another_sort_is_refused(varied: Tenant) -> None:
    response = varied.request("/v1/traces", sort="cost", date_from="2026-11-23", limit=3)
    link = response.links["next"]["url"].replace("sort=cost", "sort=latency")
    refused = varied.client.get(link, headers=varied.headers)
    assert (refused.status_code, refused.json()["details"][0]["path"]) == (409, "cursor")
    by_time = varied.request("/v1/traces", limit=3).links["next"]["url"]
    assert varied.client.get(f"{by_time}&sort=cost&session_id=s", headers=varied.headers).status_code == 409
    assert varied.request("/v1/traces", sort="cost", session_id="s", cursor="x").status_code == 400
