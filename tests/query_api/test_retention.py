from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN, DAY_NS, HOUR_NS, Tenant, document, new_tenant

from pulse_query_api.app import create_app
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import Project

_EVERYTHING: dict[str, Any] = {
    "contentDays": None,
    "rowsDays": None,
    "maxMib": None,
    "keepErrors": False,
    "keepTags": [],
}


def test_policy_is_set_read_and_deleted(client: TestClient, tenant: Tenant) -> None:
    path = f"/admin/projects/{tenant.project_id}/retention"
    shown = {"projectId": tenant.project_id, "policy": _EVERYTHING, "contentFrom": None, "rowsFrom": None}
    assert client.get(path, headers=ADMIN).json() == {**shown, "source": "settings"}
    policy = {"contentDays": 30, "rowsDays": None, "maxMib": 100, "keepErrors": True, "keepTags": ["gold"]}
    response = client.put(path, json={**policy, "keepTags": [" gold\n"]}, headers=ADMIN)
    assert (response.status_code, response.json()) == (200, {**shown, "policy": policy, "source": "project"})
    assert client.get(path, headers=ADMIN).json() == response.json()
    assert client.put(path, json={"rowsDays": 1}, headers=ADMIN).json()["policy"] == {
        **_EVERYTHING,
        "rowsDays": 1,
    }
    assert client.delete(path, headers=ADMIN).status_code == 204
    assert client.get(path, headers=ADMIN).json()["source"] == "settings"


def test_retention_reports_the_start_of_remaining_data(
    client: TestClient, storage: Store, tenant: Tenant
) -> None:
    tenant.store([tenant.call(1, start_ns=DAY_NS)])
    path = f"/admin/projects/{tenant.project_id}/retention"
    client.put(path, json={"contentDays": 1, "rowsDays": 2}, headers=ADMIN)
    projects = [Project(tenant.project_id, "shop", 0)]
    asyncio.run(storage.maintenance.apply(projects, RetentionPolicy(), DAY_NS + 3 * 24 * HOUR_NS + 5))
    found = client.get(path, headers=ADMIN).json()
    assert (found["contentFrom"], found["rowsFrom"]) == (
        "2026-11-25T00:00:00.000000Z",
        "2026-11-24T00:00:00.000000Z",
    )
    assert tenant.get("/v1/traces")["total"] == 0
    assert tenant.get("/v1/analytics", date_from="2026-11-23", date_to="2026-11-24")["totalTokens"] > 0


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"contentDays": 0}, "contentDays", "must be a whole number from 1 to 36500, or null for no limit"),
        ({"rowsDays": "7"}, "rowsDays", "must be a whole number from 1 to 36500, or null for no limit"),
        ({"rowsDays": True}, "rowsDays", "must be a whole number from 1 to 36500, or null for no limit"),
        ({"maxMib": 1.5}, "maxMib", "must be a whole number from 1 to 1073741824, or null for no limit"),
        ({"keepErrors": None}, "keepErrors", "must be true or false"),
        ({"keepTags": "gold"}, "keepTags", "must be a list of at most 20 texts of 1 to 200 characters"),
        ({"keepTags": [" "]}, "keepTags", "must be a list of at most 20 texts of 1 to 200 characters"),
        ({"keepTags": ["\x00"]}, "keepTags", "must be a list of at most 20 texts of 1 to 200 characters"),
        (
            {"days": 1},
            "days",
            "is not a field of this request; it has contentDays, rowsDays, maxMib, keepErrors, keepTags",
        ),
    ],
)
def test_invalid_policy_is_refused(
    client: TestClient, tenant: Tenant, body: dict[str, Any], path: str, message: str
) -> None:
    response = client.put(f"/admin/projects/{tenant.project_id}/retention", json=body, headers=ADMIN)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["errors"] == [{"path": path, "message": message}]


def test_erasure_deletes_only_data_of_the_user_or_session(
    client: TestClient, storage: Store, tenant: Tenant
) -> None:
    other = new_tenant(client, storage, "other")
    body = document({"model": "m"})
    for owner in (tenant, other):
        owner.store(
            owner.call(n, start_ns=DAY_NS + n, user_id=f"u{n % 2}", session_id=f"s{n}", request_body=body)
            for n in range(1, 7)
        )
    path = f"/admin/projects/{tenant.project_id}/erase"
    counted = client.post(path, json={"userId": " u1\n", "dryRun": True}, headers=ADMIN)
    assert (counted.status_code, counted.json()) == (200, {"dryRun": True, "rows": 3, "calls": 3})
    response = client.post(path, json={"userId": "u1"}, headers=ADMIN)
    assert response.status_code == 200
    done = response.json()
    assert (done["by"], done["rows"], done["calls"], done["tokens"]) == ("user", 3, 3, 3 * 1020)
    assert done["cost"] == pytest.approx(3 * 13_500 / 1e7)  # pyright: ignore[reportUnknownMemberType]
    assert done["finishedAt"] is not None
    assert client.post(path, json={"sessionId": " s2 "}, headers=ADMIN).json()["rows"] == 1
    left = tenant.get("/v1/traces")
    assert (left["total"], {row["session_id"] for row in left["traces"]}) == (2, {"s4", "s6"})
    sums = tenant.get("/v1/analytics", date_from="2026-11-23", date_to="2026-11-24")
    assert sums["totalTokens"] == 2 * 1020
    assert other.get("/v1/traces")["total"] == 6
    listed = client.get(path, headers=ADMIN)
    assert [(row["by"], row["rows"]) for row in listed.json()["erasures"]] == [("session", 1), ("user", 3)]
    assert "u1" not in listed.text


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "userId"),
        ({"userId": "a", "sessionId": "b"}, "userId"),
        ({"userId": ""}, "userId"),
        ({"userId": " "}, "userId"),
        ({"sessionId": 7}, "sessionId"),
        ({"userId": "a", "dryRun": 1}, "dryRun"),
        ({"user": "a"}, "user"),
    ],
)
def test_erasure_requires_exactly_one_subject(
    client: TestClient, tenant: Tenant, body: dict[str, Any], path: str
) -> None:
    response = client.post(f"/admin/projects/{tenant.project_id}/erase", json=body, headers=ADMIN)
    assert (response.status_code, response.json()["errors"][0]["path"]) == (400, path)
    assert client.get(f"/admin/projects/{tenant.project_id}/erase", headers=ADMIN).json() == {"erasures": []}


@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        ("GET", "retention", None),
        ("PUT", "retention", {}),
        ("DELETE", "retention", None),
        ("GET", "erase", None),
        ("POST", "erase", {"userId": "a"}),
        ("POST", "erase", {"userId": "a", "dryRun": True}),
    ],
)
def test_unknown_project_gets_404_and_missing_admin_key_401(
    client: TestClient, method: str, route: str, body: dict[str, Any] | None
) -> None:
    path = f"/admin/projects/unknown/{route}"
    response = client.request(method, path, json=body, headers=ADMIN)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.json()["detail"] == "There is no project with this id."
    assert client.request(method, path, json=body).status_code == 401


def test_default_policy_is_returned_for_a_project_without_its_own(storage: Store, tenant: Tenant) -> None:
    app = create_app(
        storage, KeyRing(storage), admin_key=ADMIN["X-Admin-Key"], retention=RetentionPolicy(content_days=9)
    )
    found = TestClient(app).get(f"/admin/projects/{tenant.project_id}/retention", headers=ADMIN).json()
    assert (found["source"], found["policy"]["contentDays"]) == ("settings", 9)
