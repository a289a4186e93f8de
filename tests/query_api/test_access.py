from __future__ import annotations

import asyncio
import base64
from uuid import UUID

import pytest
from httpx2 import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.query_api.support import DAY_NS, Tenant, new_tenant, visible_id

from pulse_query_api.app import create_app
from pulse_query_api.auth import AdminRoute, KeyRoute
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing, key_record, new_key

_PUBLIC = {"/health", "/ready", "/openapi.json"}
_KEYED = ["/v1/traces", f"/v1/traces/{UUID(int=1)}", "/v1/sessions/s", "/v1/analytics", "/metrics"]
_REFUSED = {"error": "A valid API key is needed: send it as 'Authorization: Bearer pulse_sk_…'."}


def test_all_routes_except_public_ones_require_a_key(storage: Store) -> None:
    app = create_app(storage, KeyRing(storage), admin_key=None)
    unguarded = {
        route.path if isinstance(route, Route) else repr(route)
        for route in app.routes
        if not isinstance(route, KeyRoute | AdminRoute)
    }
    assert unguarded == _PUBLIC


@pytest.mark.parametrize("path", _KEYED)
def test_invalid_credentials_get_the_same_401(client: TestClient, tenant: Tenant, path: str) -> None:
    revoked, expired = new_key(), new_key()
    revoked_record = key_record(revoked, tenant.project_id, created_ns=1)
    asyncio.run(tenant.storage.create_key(revoked_record))
    asyncio.run(tenant.storage.revoke_key(tenant.project_id, revoked_record.id, 2))
    asyncio.run(tenant.storage.create_key(key_record(expired, tenant.project_id, created_ns=1, expires_ns=2)))
    credentials = [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        f"Bearer {new_key()}",
        f"Bearer {tenant.key}x",
        f"Token {tenant.key}",
        tenant.key,
        "Basic !",
        f"Basic {base64.b64encode(tenant.key.encode()).decode()}",
        f"Bearer {revoked}",
        f"Bearer {expired}",
        "Bearer " + "x" * 10_000,
    ]
    for credential in credentials:
        headers = {} if credential is None else {"Authorization": credential}
        response = client.get(path, headers=headers)
        assert (response.status_code, response.json()) == (401, _REFUSED), credential
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_two_authorization_headers_get_401(client: TestClient, tenant: Tenant) -> None:
    header = ("Authorization", f"Bearer {tenant.key}")
    assert client.get("/v1/traces", headers=[header, header]).status_code == 401


@pytest.mark.parametrize("name", ["pulse", ""])
def test_key_as_basic_auth_password_is_accepted(client: TestClient, tenant: Tenant, name: str) -> None:
    assert client.get("/v1/traces", auth=(name, tenant.key)).status_code == 200


@pytest.mark.parametrize("path", _KEYED)
def test_key_without_read_scope_gets_403_naming_the_scope(
    client: TestClient, tenant: Tenant, path: str
) -> None:
    ingest_only = new_key()
    record = key_record(ingest_only, tenant.project_id, created_ns=1, scopes=["ingest"])
    asyncio.run(tenant.storage.create_key(record))
    response = client.get(path, headers={"Authorization": f"Bearer {ingest_only}"})
    assert (response.status_code, response.json()) == (403, {"error": "This API key lacks the scope 'read'."})


@pytest.mark.parametrize("path", [path for path in _KEYED if path != "/metrics"])
def test_credentials_are_checked_before_parameters(client: TestClient, path: str) -> None:
    assert client.get(path, params={"nonsense": "1"}).status_code == 401


def test_no_route_returns_rows_of_another_project(client: TestClient, storage: Store) -> None:
    owner, stranger = new_tenant(client, storage, "owner"), new_tenant(client, storage, "stranger")
    row = owner.call(1, session_id="s", user_id="u", tags=("t",), provider_request_id="r1")
    owner.store([row])
    queries: list[tuple[str, dict[str, str]]] = [
        ("/v1/traces", {}),
        ("/v1/traces", {"operation": "all", "counted": "all"}),
        ("/v1/traces", {"session_id": "s"}),
        ("/v1/traces", {"user_id": "u"}),
        ("/v1/traces", {"tag": "t"}),
        ("/v1/traces", {"q": "pulse"}),
        ("/v1/traces", {"otel_trace_id": row.otel_trace_id.hex()}),
        (f"/v1/traces/{visible_id(row)}", {}),
        ("/v1/trees", {}),
        (f"/v1/trees/{row.otel_trace_id.hex()}", {}),
        (f"/v1/trees/{row.otel_trace_id.hex()}/spans/{row.otel_span_id.hex()}", {}),
        ("/v1/sessions/s", {}),
        ("/v1/sessions/s", {"bodies": "true"}),
        ("/v1/analytics", {"date_from": "2026-11-23", "date_to": "2026-11-24"}),
        ("/v1/analytics", {"date_from": "2026-11-23", "date_to": "2026-11-24", "group_by": "model"}),
    ]
    for path, parameters in queries:
        assert _contains_the_call(owner.request(path, **parameters)), (path, parameters)
        assert not _contains_the_call(stranger.request(path, **parameters)), (path, parameters)


def test_same_ids_in_two_projects_are_separate_rows(client: TestClient, storage: Store) -> None:
    one, two = new_tenant(client, storage, "one"), new_tenant(client, storage, "two")
    one.store([one.call(1, session_id="s", name="mine")])
    two.store([two.call(1, session_id="s", name="yours", start_ns=DAY_NS + 1)])
    for tenant, name in ((one, "mine"), (two, "yours")):
        assert [row["name"] for row in tenant.get("/v1/sessions/s")["traces"]] == [name]
        assert [row["name"] for row in tenant.get("/v1/traces")["traces"]] == [name]


def test_cursor_of_another_project_returns_no_foreign_rows(client: TestClient, storage: Store) -> None:
    owner, stranger = new_tenant(client, storage, "owner"), new_tenant(client, storage, "stranger")
    owner.store(owner.call(number, start_ns=DAY_NS + number) for number in range(1, 4))
    link = owner.request("/v1/traces", limit=1).links["next"]["url"]
    response = client.get(link, headers=stranger.headers)
    assert response.status_code == 400 or response.json()["traces"] == []


def _contains_the_call(response: Response) -> bool:
    if response.status_code == 404:
        return False
    assert response.status_code == 200, response.text
    shown = response.json()
    return bool(
        shown.get("traces")
        or shown.get("trees")
        or shown.get("spans")
        or shown.get("trace_id")
        or shown.get("totalTokens")
    )
