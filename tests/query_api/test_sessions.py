from __future__ import annotations

import asyncio

import pytest
from tests.query_api.support import DAY_NS, SECOND_NS, Tenant, document, visible_id


def _stored_session(tenant: Tenant, session_id: str, calls: int) -> list[str]:
    rows = [
        tenant.call(
            number,
            start_ns=DAY_NS + number * SECOND_NS,
            session_id=session_id,
            request_body=document({"turn": number}),
        )
        for number in range(1, calls + 1)
    ]
    tenant.store(reversed(rows))
    return [visible_id(row) for row in rows]


def test_session_lists_calls_oldest_first_without_bodies(tenant: Tenant) -> None:
    ids = _stored_session(tenant, "chat-42", 3)
    tenant.store([tenant.call(9, session_id="chat-43")])
    response = tenant.get("/v1/sessions/chat-42")
    assert list(response) == ["sessionId", "traces"]
    assert response["sessionId"] == "chat-42"
    assert [row["trace_id"] for row in response["traces"]] == ids
    assert response["traces"] == list(reversed(tenant.get("/v1/traces", session_id="chat-42")["traces"]))


def test_session_includes_bodies_with_bodies_true(tenant: Tenant) -> None:
    ids = _stored_session(tenant, "chat-42", 3)
    response = tenant.get("/v1/sessions/chat-42", bodies="true")
    assert response == {
        "sessionId": "chat-42",
        "traces": [tenant.get(f"/v1/traces/{trace_id}") for trace_id in ids],
    }
    assert [row["request_body"] for row in response["traces"]] == [{"turn": 1}, {"turn": 2}, {"turn": 3}]


def test_session_lists_only_counted_model_calls(tenant: Tenant) -> None:
    agent = tenant.call(1, session_id="s", operation="invoke_agent", model_call=False)
    outer = tenant.call(2, session_id="s", provider_request_id="r1", scope="framework")
    inner = outer._replace(otel_span_id=b"\xff" * 8, parent_span_id=outer.otel_span_id, scope="client")
    tenant.store([agent, outer, inner])
    [row] = tenant.get("/v1/sessions/s")["traces"]
    assert (int(row["otel_trace_id"], 16), row["counted"]) == (2, True)


@pytest.mark.parametrize("bodies", ["true", "false"])
@pytest.mark.parametrize("session_id", ["unknown", "a%00b", "%F0%9F%92%93", "", "a%2F..%2Fb"])
def test_unknown_session_is_empty(tenant: Tenant, session_id: str, bodies: str) -> None:
    response = tenant.request(f"/v1/sessions/{session_id}", bodies=bodies)
    assert (response.status_code, response.json()["traces"]) == (200, [])


@pytest.mark.parametrize(
    ("session_id", "path"),
    [
        ("a/b", "a%2Fb"),
        ("tea & cake?", "tea%20%26%20cake%3F"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("batch", "batch"),
    ],
)
def test_session_id_may_be_any_text(tenant: Tenant, session_id: str, path: str) -> None:
    ids = _stored_session(tenant, session_id, 1)
    response = tenant.get(f"/v1/sessions/{path}")
    assert (response["sessionId"], [row["trace_id"] for row in response["traces"]]) == (session_id, ids)


@pytest.mark.parametrize("bodies", ["true", "false"])
def test_session_longer_than_a_batch_is_complete(tenant: Tenant, bodies: str) -> None:
    ids = _stored_session(tenant, "long", 1_203)
    traces = tenant.get("/v1/sessions/long", bodies=bodies)["traces"]
    assert [row["trace_id"] for row in traces] == ids


def test_session_of_a_closed_store_gets_503(tenant: Tenant) -> None:
    _stored_session(tenant, "s", 1)
    assert tenant.request("/v1/sessions/s").status_code == 200
    asyncio.run(tenant.storage.close())
    assert tenant.request("/v1/sessions/s").status_code == 503


def test_session_and_trace_ids_in_paths_are_trimmed(tenant: Tenant) -> None:
    (trace_id,) = _stored_session(tenant, "chat 42", 1)
    response = tenant.get("/v1/sessions/%20chat%2042%0A")
    assert (response["sessionId"], [row["trace_id"] for row in response["traces"]]) == ("chat 42", [trace_id])
    assert tenant.get(f"/v1/traces/%20{trace_id}%20")["session_id"] == "chat 42"


def test_invalid_value_of_bodies_is_refused(tenant: Tenant) -> None:
    response = tenant.request("/v1/sessions/s", bodies="yes")
    assert (response.status_code, response.json()["error"]) == (
        400,
        "bodies must be one of true, false, not 'yes'.",
    )
