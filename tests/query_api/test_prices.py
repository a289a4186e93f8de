from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN, Tenant

from pulse_query_api.app import create_app
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing

PRICES = {"prices": [{"model": "acme-*", "input": 1.25, "output": 10, "valid_from": "2026-01-01"}]}
STORED = [{"input": 1.25, "model": "acme-*", "output": 10.0, "valid_from": "2026-01-01T00:00:00Z"}]
TOML = '[[prices]]\nmodel = "acme-*"\ninput = 1.25\noutput = 10\nvalid_from = 2026-01-01\n'


def test_prices_are_set_read_replaced_and_deleted(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/prices"
    put = client.put(path, json=PRICES, headers=ADMIN)
    assert put.status_code == 200
    assert put.json()["projectId"] == tenant.project_id
    assert put.json()["prices"] == STORED
    assert client.get(path, headers=ADMIN).json() == put.json()
    again = client.put(
        path, content=TOML, headers={**ADMIN, "Content-Type": "application/toml; charset=utf-8"}
    )
    assert (again.json()["prices"], again.json()["version"]) == (STORED, put.json()["version"])
    other = client.put(path, json={"prices": []}, headers=ADMIN)
    assert other.json()["version"] != put.json()["version"]
    assert client.delete(path, headers=ADMIN).status_code == 204
    assert client.delete(path, headers=ADMIN).status_code == 204
    none: dict[str, Any] = {"projectId": tenant.project_id, "version": None, "updatedAt": None, "prices": []}
    assert client.get(path, headers=ADMIN).json() == none


@pytest.mark.parametrize(
    ("content", "content_type", "problems"),
    [
        ('{"prices": [{"model": "m"}]}', "application/json", ["prices.0 needs input and output"]),
        ('{"prices": [{"model": "m", "per_call": -1}]}', "application/json", ["prices.0.per_call must be"]),
        ("{", "application/json", [" is not JSON"]),
        ("[[prices]]\nper_call = 1\nmodel = 2\nx = 1", "application/toml", [
            "prices.0.model (line 3) must be a valid string", "prices.0.x (line 4) is not known",
        ]),
    ],
)  # fmt: skip
def test_invalid_prices_get_problem_details(
    client: TestClient, tenant: Tenant, content: str, content_type: str, problems: list[str]
) -> None:
    path = f"/admin/projects/{tenant.project_id}/prices"
    response = client.put(path, content=content, headers={**ADMIN, "Content-Type": content_type})
    problem: dict[str, Any] = response.json()
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert problem["status"] == 400
    errors = [f"{error['path']} {error['message']}" for error in problem["errors"]]
    assert len(errors) == len(problems)
    assert all(text.startswith(start) for text, start in zip(errors, problems, strict=True)), errors
    assert client.get(path, headers=ADMIN).json()["version"] is None


def test_price_document_over_the_size_limit_gets_413(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/prices"
    assert client.put(path, content=b" " * 300_000, headers=ADMIN).status_code == 413


def test_prices_of_an_unknown_project_get_404(client: TestClient) -> None:
    for method, body in (("PUT", PRICES), ("GET", None), ("DELETE", None)):
        response = client.request(method, "/admin/projects/unknown/prices", json=body, headers=ADMIN)
        assert (response.status_code, response.json()["detail"]) == (404, "There is no project with this id.")


def test_prices_that_contradict_each_other_get_409(client: TestClient, tenant: Tenant) -> None:
    tiers = [{"above": 5, "input": 1}, {"above": 5.0, "input": 2}]
    body = {"prices": [{"model": "m", "per_call": 1, "tiers": tiers}, {"model": "m", "per_call": 2}]}
    response = client.put(f"/admin/projects/{tenant.project_id}/prices", json=body, headers=ADMIN)
    assert response.status_code == 409
    assert [error["path"] for error in response.json()["errors"]] == ["prices.0", "prices.1"]


def test_price_routes_require_the_admin_key(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/prices"
    for method in ("GET", "PUT", "DELETE"):
        assert client.request(method, path, headers=tenant.headers).status_code == 401


def test_price_routes_without_configured_key_get_403(storage: Store) -> None:
    client = TestClient(create_app(storage, KeyRing(storage), admin_key=None))
    assert client.put("/admin/projects/p/prices", json=PRICES).status_code == 403
