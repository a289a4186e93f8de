"""Routes of a row's messages, and of the images and files in its bodies, on both stores."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN, DAY_NS, HOUR_NS, Tenant, document, new_tenant, visible_id

from pulse_query_api.openapi.message_schemas import message_schemas
from pulse_storage.engines import Store
from pulse_storage.keys import key_record, new_key
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import Project, SpanRow

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 3
HTML = b"<script>alert(1)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
_REQUEST = {
    "model": "gpt-5-mini",
    "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "18 C"},
    ],
    "tools": [{"type": "function", "function": {"name": "look"}}],
    "temperature": 0.2,
}
_RESPONSE = {"choices": [{"message": {"role": "assistant", "content": "Mild."}, "finish_reason": "stop"}]}


def stored(tenant: Tenant, **facts: Any) -> str:
    """Store one call and return the path of its row."""
    row: SpanRow = tenant.call(1, start_ns=DAY_NS, **{"input_preview": None, "output_preview": None, **facts})
    tenant.store([row])
    return f"/v1/traces/{visible_id(row)}"


def with_media(*data: tuple[str, bytes]) -> bytes:
    """Return a request body with files as base64."""
    return document(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "mediaType": kind,
                            "filename": "../a b.x",
                            "data": base64.b64encode(one).decode(),
                        }
                        for kind, one in data
                    ],
                }
            ]
        }
    )


def codes(answer: dict[str, Any]) -> list[str]:
    return [note["code"] for note in answer["notes"]]


def test_messages_of_a_call_have_one_form(tenant: Tenant) -> None:
    path = stored(tenant, request_body=document(_REQUEST), response_body=document(_RESPONSE))
    answer = tenant.get(f"{path}/messages")
    digests = [message.pop("digest") for message in answer["messages"]]
    assert len({*digests}) == 4
    assert answer == {
        "messages": [
            {
                "role": "user",
                "source": "request",
                "parts": [{"type": "text", "text": "Weather?"}],
                "new": False,
            },
            {
                "role": "assistant",
                "source": "request",
                "parts": [{"type": "tool_call", "id": "c1", "name": "look", "arguments": {}}],
                "new": False,
            },
            {
                "role": "tool",
                "source": "request",
                "parts": [
                    {
                        "type": "tool_result",
                        "id": "c1",
                        "name": "look",
                        "parts": [{"type": "text", "text": "18 C"}],
                    }
                ],
                "new": True,
            },
            {
                "role": "assistant",
                "source": "response",
                "parts": [{"type": "text", "text": "Mild."}],
                "new": True,
                "finish_reason": "stop",
            },
        ],
        "tools": [{"name": "look", "description": None, "parameters": None}],
        "parameters": {"model": "gpt-5-mini", "temperature": 0.2},
        "notes": [],
    }


def test_answer_has_the_fields_of_its_schemas(tenant: Tenant) -> None:
    path = stored(tenant, request_body=document(_REQUEST), response_body=document(_RESPONSE))
    answer = tenant.get(f"{path}/messages")
    schemas: Any = orjson.loads(orjson.dumps(message_schemas()))
    assert set(answer) == set(schemas["Messages"]["required"])
    message = answer["messages"][0]
    assert set(message) == set(schemas["Message"]["required"])


def test_messages_of_large_bodies_are_complete(tenant: Tenant) -> None:
    text = "x" * 300_000
    path = stored(tenant, request_body=document({"messages": [{"role": "user", "content": text}]}))
    [message] = tenant.get(f"{path}/messages")["messages"]
    assert message["parts"] == [{"type": "text", "text": text}]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ["content_off"]),
        ({"request_body": document(_REQUEST)}, ["not_recorded"]),
        ({"request_body": document(_REQUEST), "status": "error"}, ["not_recorded"]),
        ({"response_body": document(_RESPONSE)}, ["not_recorded"]),
        ({"input_preview": "x" * 500, "response_body": document(_RESPONSE)}, ["truncated"]),
        ({"request_body": document({"_raw": "[{"}), "response_body": document(_RESPONSE)}, ["truncated"]),
        (
            {"request_body": document({"prompt": "[REDACTED]"}), "response_body": document(_RESPONSE)},
            ["redacted"],
        ),
    ],
)
def test_missing_content_has_a_note_with_its_code(
    tenant: Tenant, facts: dict[str, Any], expected: list[str]
) -> None:
    answer = tenant.get(f"{stored(tenant, **facts)}/messages")
    assert codes(answer) == expected
    assert all(note["text"].endswith(".") for note in answer["notes"])


def test_note_on_capture_names_the_setting_of_the_sender(tenant: Tenant) -> None:
    answer = tenant.get(f"{stored(tenant, dialect='openllmetry')}/messages")
    assert "TRACELOOP_TRACE_CONTENT=true" in answer["notes"][0]["text"]


def test_content_deleted_by_retention_is_reported_as_expired(
    client: TestClient, storage: Store, tenant: Tenant
) -> None:
    path = stored(tenant, request_body=document(_REQUEST), response_body=document(_RESPONSE))
    client.put(f"/admin/projects/{tenant.project_id}/retention", json={"contentDays": 1}, headers=ADMIN)
    projects = [Project(tenant.project_id, "shop", 0)]
    asyncio.run(storage.maintenance.apply(projects, RetentionPolicy(), DAY_NS + 3 * 24 * HOUR_NS))
    answer = tenant.get(f"{path}/messages")
    assert (answer["messages"], codes(answer)) == ([], ["expired"])
    assert "2026-11-25T00:00:00" in answer["notes"][0]["text"]


def test_tool_run_is_a_call_with_its_result(tenant: Tenant) -> None:
    path = stored(
        tenant,
        operation="execute_tool",
        model_call=False,
        name="execute_tool look",
        metadata='{"attributes":{"gen_ai.tool.call.id":"c1"}}',
        request_body=document({"city": "Paris"}),
        response_body=document({"result": "18 C"}),
    )
    call, result = (message["parts"] for message in tenant.get(f"{path}/messages")["messages"])
    assert call == [{"type": "tool_call", "id": "c1", "name": "look", "arguments": {"city": "Paris"}}]
    assert result[0]["parts"] == [{"type": "text", "text": "18 C"}]


def test_embedded_image_is_returned_inline_with_its_own_type(tenant: Tenant) -> None:
    path = stored(tenant, request_body=with_media(("text/html", PNG)))
    [part] = tenant.get(f"{path}/messages")["messages"][0]["parts"]
    assert (part["type"], part["digest"], part["bytes"]) == (
        "image",
        hashlib.sha256(PNG).hexdigest(),
        len(PNG),
    )
    response = tenant.request(f"{path}/parts/{part['digest']}")
    assert (response.status_code, response.content) == (200, PNG)
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"] == "inline"
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("kind", "data"), [("image/png", HTML), ("image/svg+xml", SVG), ("application/pdf", b"%PDF-1.7")]
)
def test_other_data_is_a_download_whatever_type_the_sender_states(
    tenant: Tenant, kind: str, data: bytes
) -> None:
    path = stored(tenant, request_body=with_media((kind, data)))
    response = tenant.request(f"{path}/parts/{hashlib.sha256(data).hexdigest()}")
    assert (response.status_code, response.content) == (200, data)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == 'attachment; filename="_a_b.x"'
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("digest", ["0" * 64, "x", "..%2f..", "%00"])
def test_unknown_digest_gets_404(tenant: Tenant, digest: str) -> None:
    path = stored(tenant, request_body=with_media(("image/png", PNG)))
    response = tenant.request(f"{path}/parts/{digest}")
    assert response.status_code == 404


@pytest.mark.parametrize("below", ["/messages", f"/parts/{hashlib.sha256(PNG).hexdigest()}"])
def test_rows_of_another_project_get_404(
    client: TestClient, storage: Store, tenant: Tenant, below: str
) -> None:
    path = stored(tenant, request_body=with_media(("image/png", PNG)))
    assert tenant.request(path + below).status_code == 200
    stranger = new_tenant(client, storage)
    response = stranger.request(path + below)
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert b"Weather" not in response.content


@pytest.mark.parametrize("below", ["/messages", "/parts/00"])
def test_requests_without_access_or_with_parameters_are_refused(
    client: TestClient, tenant: Tenant, below: str
) -> None:
    path = stored(tenant) + below
    assert client.get(path).status_code == 401
    ingest_only = new_key()
    record = key_record(ingest_only, tenant.project_id, created_ns=1, scopes=["ingest"])
    asyncio.run(tenant.storage.create_key(record))
    assert client.get(path, headers={"Authorization": f"Bearer {ingest_only}"}).status_code == 403
    response = tenant.request(path, nonsense="1")
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
