from __future__ import annotations

import asyncio
import gc
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN, Tenant
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import project

from pulse_query_api.app import create_app
from pulse_storage import open_storage
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing

_KEY = re.compile(r"pulse_sk_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def test_created_project_has_a_key_that_works_immediately(client: TestClient) -> None:
    response = client.post("/admin/projects", json={"name": " Shop ü "}, headers=ADMIN)
    made = response.json()
    assert (response.status_code, list(made)) == (201, ["projectId", "apiKey", "name"])
    assert made["name"] == "Shop ü"
    assert _KEY.fullmatch(made["apiKey"])
    listed = client.get("/v1/traces", headers={"Authorization": f"Bearer {made['apiKey']}"})
    assert listed.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "name must be a text of 1 to 200 characters, not blank"),
        (b"{", 400, "The body is not JSON"),
        (b'{"name": "\xff"}', 400, "The body is not JSON"),
        (b"[]", 400, "The body must be a JSON object."),
        (b"{}", 400, "name must be a text of 1 to 200 characters, not blank"),
        (b'{"name": 7}', 400, "name must be a text of 1 to 200 characters, not blank"),
        (b'{"name": "  "}', 400, "name must be a text of 1 to 200 characters, not blank"),
        (b'{"name": "a\\nb"}', 400, "name must be a text of 1 to 200 characters, not blank"),
        (b'{"name": "' + b"x" * 201 + b'"}', 400, "name must be a text of 1 to 200 characters, not blank"),
        (b'{"name": "a", "id": 1}', 400, "id is not a field of this request; it has name."),
        (b" " * 20_000, 413, "The body is larger than 16384 bytes."),
    ],
)
def test_invalid_project_body_is_refused(client: TestClient, body: bytes, status: int, error: str) -> None:
    response = client.post("/admin/projects", content=body, headers=ADMIN)
    assert response.status_code == status
    assert response.json()["error"].startswith(error)
    assert client.get("/admin/projects", headers=ADMIN).json() == {"projects": []}


def test_writes_work_after_a_conflict_and_a_commit_of_another_process(
    client: TestClient, backend: SqlBackend, tmp_path: Path
) -> None:
    def status_of_new(name: str) -> int:
        return client.post("/admin/projects", json={"name": name}, headers=ADMIN).status_code

    async def commit() -> None:
        other = open_storage(backend.url(tmp_path))
        await other.create_project(*project("from-cli"))
        await other.close()

    # Garbage collection would free what the error of the conflict keeps.
    gc.disable()
    try:
        assert [status_of_new(name) for name in ("shop", "shop")] == [201, 409]
        asyncio.run(commit())
        assert [status_of_new(name) for name in ("bank", "bank", "farm")] == [201, 409, 201]
    finally:
        gc.enable()


def test_project_name_must_be_unique(client: TestClient) -> None:
    made = client.post("/admin/projects", json={"name": "shop"}, headers=ADMIN).json()
    again = client.post("/admin/projects", json={"name": " shop "}, headers=ADMIN)
    assert (again.status_code, again.json()) == (409, {"error": "There is already a project named 'shop'."})
    other = client.post("/admin/projects", json={"name": "bank"}, headers=ADMIN).json()
    path = f"/admin/projects/{other['projectId']}"
    taken = client.patch(path, json={"name": "shop"}, headers=ADMIN)
    assert (taken.status_code, taken.json()["title"]) == (409, "Conflict")
    renamed = client.patch(path, json={"name": "web bank"}, headers=ADMIN)
    assert (renamed.status_code, renamed.json()["name"]) == (200, "web bank")
    listed = client.get("/admin/projects", headers=ADMIN).json()["projects"]
    assert listed[1] == renamed.json()
    assert [(one["projectId"], one["name"]) for one in listed] == [
        (made["projectId"], "shop"),
        (other["projectId"], "web bank"),
    ]


def test_deleting_a_project_requires_its_name(client: TestClient, tenant: Tenant) -> None:
    tenant.store([tenant.call(1)])
    path = f"/admin/projects/{tenant.project_id}"
    for body, status in (({"name": "shoe"}, 409), (None, 400)):
        assert client.request("DELETE", path, json=body, headers=ADMIN).status_code == status
    assert tenant.get("/v1/traces")["total"] == 1
    response = client.request("DELETE", path, json={"name": "shop"}, headers=ADMIN)
    assert (response.status_code, response.json()["by"], response.json()["rows"]) == (202, "project", 1)
    assert tenant.request("/v1/traces").status_code == 401
    assert client.get("/admin/projects", headers=ADMIN).json() == {"projects": []}
    for method, suffix in (("PATCH", ""), ("DELETE", ""), ("GET", "/keys"), ("GET", "/retention")):
        body = {"name": "shop"} if not suffix else None
        found = client.request(method, path + suffix, json=body, headers=ADMIN)
        assert found.status_code == 404, (method, suffix)
    assert client.post("/admin/projects", json={"name": "shop"}, headers=ADMIN).status_code == 201


def test_error_lists_every_invalid_field(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}"
    for method, suffix, body, wrong in (
        ("POST", "/keys", {"scopes": 1, "expiresAt": 2, "x": 3}, {"x", "scopes", "expiresAt"}),
        ("PUT", "/retention", {"contentDays": 0, "maxMib": "a", "y": 1}, {"y", "contentDays", "maxMib"}),
        ("POST", "/erase", {"dryRun": 1, "z": 1}, {"z", "userId", "dryRun"}),
        ("PATCH", "", {"name": "", "id": "x"}, {"id", "name"}),
    ):
        response = client.request(method, path + suffix, json=body, headers=ADMIN)
        assert (response.status_code, {error["path"] for error in response.json()["errors"]}) == (400, wrong)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Admin-Key": ""},
        {"X-Admin-Key": "wrong"},
        {"X-Admin-Key": b"\xff\xfe"},
        {"X-Admin-Key": ADMIN["X-Admin-Key"] + " x"},
        {"Authorization": f"Bearer {ADMIN['X-Admin-Key']}"},
    ],
)
def test_wrong_admin_key_is_refused(client: TestClient, headers: dict[str, Any]) -> None:
    response = client.post("/admin/projects", json={"name": "x"}, headers=headers)
    assert (response.status_code, response.json()) == (
        401,
        {"error": "The admin key is missing or wrong: send it in the header 'X-Admin-Key'."},
    )
    assert response.headers["WWW-Authenticate"] == "X-Admin-Key"


def test_admin_key_as_query_parameter_is_refused(client: TestClient) -> None:
    response = client.get("/admin/projects", params=ADMIN)
    assert response.status_code == 401


def test_admin_routes_without_configured_key_explain_how_to_enable_them(storage: Store) -> None:
    client = TestClient(create_app(storage, KeyRing(storage), admin_key=None))
    response = client.post("/admin/projects", json={"name": "x"}, headers={"X-Admin-Key": ""})
    assert (response.status_code, response.json()) == (
        403,
        {"error": "Admin routes are disabled: start Pulse with ADMIN_KEY set to at least 32 characters."},
    )


def test_projects_are_listed_oldest_first_without_keys(client: TestClient) -> None:
    made = [client.post("/admin/projects", json={"name": name}, headers=ADMIN).json() for name in "ba"]
    listed = client.get("/admin/projects", headers=ADMIN).json()["projects"]
    assert [(project["projectId"], project["name"]) for project in listed] == [
        (project["projectId"], project["name"]) for project in made
    ]
    assert all(_MOMENT.fullmatch(project.pop("createdAt")) for project in listed)
    assert all(set(project) == {"projectId", "name"} for project in listed)


def test_key_is_created_with_scopes_and_expiry(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/keys"
    body = {"scopes": ["ingest"], "expiresAt": "2200-01-01T00:00:00Z"}
    response = client.post(path, json=body, headers=ADMIN)
    made = response.json()
    key = made.pop("apiKey")
    assert response.status_code == 201
    assert _KEY.fullmatch(key)
    assert _MOMENT.fullmatch(made["createdAt"])
    assert made == {
        "keyId": made["keyId"],
        "projectId": tenant.project_id,
        "hint": f"{key[:13]}…{key[-4:]}",
        "scopes": ["ingest"],
        "createdAt": made["createdAt"],
        "lastUsedAt": None,
        "expiresAt": "2200-01-01T00:00:00.000000Z",
        "revokedAt": None,
    }
    listed = client.get(path, headers=ADMIN).json()["keys"]
    assert [item["scopes"] for item in listed] == [["ingest", "read"], ["ingest"]]
    assert listed[1] == made


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"scopes": null, "expiresAt": null}'])
def test_key_without_options_has_all_scopes_and_no_expiry(
    client: TestClient, tenant: Tenant, body: bytes
) -> None:
    response = client.post(f"/admin/projects/{tenant.project_id}/keys", content=body, headers=ADMIN)
    assert response.status_code == 201
    assert (response.json()["scopes"], response.json()["expiresAt"]) == (["ingest", "read"], None)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"scopes": ["read", "read"]}, "scopes"),
        ({"scopes": [["read"]]}, "scopes"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"expiresAt": 4_000_000_000}, "expiresAt"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_invalid_key_request_gets_problem_details(
    client: TestClient, tenant: Tenant, body: dict[str, object], path: str
) -> None:
    response = client.post(f"/admin/projects/{tenant.project_id}/keys", json=body, headers=ADMIN)
    problem = response.json()
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert {name: problem[name] for name in ("type", "title", "status")} == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
    }
    assert [error["path"] for error in problem["errors"]] == [path]
    assert problem["detail"].startswith(path)


def test_revoked_key_is_refused_while_another_key_works(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/keys"
    second = client.post(path, json={}, headers=ADMIN).json()
    first_id = client.get(path, headers=ADMIN).json()["keys"][0]["keyId"]
    response = client.delete(f"{path}/{first_id}", headers=ADMIN)
    assert (response.status_code, response.content) == (204, b"")
    assert tenant.request("/v1/traces").status_code == 401
    other = {"Authorization": f"Bearer {second['apiKey']}"}
    assert client.get("/v1/traces", headers=other).status_code == 200


def test_revoking_again_keeps_the_first_revocation_time(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/keys"
    [key] = client.get(path, headers=ADMIN).json()["keys"]
    seen: list[str] = []
    for _ in range(2):
        assert client.delete(f"{path}/{key['keyId']}", headers=ADMIN).status_code == 204
        seen.append(client.get(path, headers=ADMIN).json()["keys"][0]["revokedAt"])
    assert seen[0] == seen[1]
    assert datetime.fromisoformat(seen[0]) <= datetime.now(UTC)


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("POST", ""), ("DELETE", "/some-key")])
def test_key_routes_of_an_unknown_project_get_404(client: TestClient, method: str, suffix: str) -> None:
    body: dict[str, object] | None = {} if method == "POST" else None
    response = client.request(method, f"/admin/projects/unknown/keys{suffix}", json=body, headers=ADMIN)
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["title"] == "Not Found"


def test_key_is_not_revoked_through_another_project(client: TestClient, tenant: Tenant) -> None:
    other = client.post("/admin/projects", json={"name": "other"}, headers=ADMIN).json()
    [key] = client.get(f"/admin/projects/{tenant.project_id}/keys", headers=ADMIN).json()["keys"]
    response = client.delete(f"/admin/projects/{other['projectId']}/keys/{key['keyId']}", headers=ADMIN)
    assert response.status_code == 404
    assert tenant.request("/v1/traces").status_code == 200


def test_key_that_expired_before_its_creation_gets_409(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/keys"
    response = client.post(path, json={"expiresAt": "2001-01-01"}, headers=ADMIN)
    assert (response.status_code, response.json()["detail"]) == (409, "expiresAt must be in the future.")
