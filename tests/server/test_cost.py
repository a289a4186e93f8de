"""`GET /v1/traces/{trace_id}/cost` of the real application, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from starlette.testclient import TestClient

from pulse_query_api.openapi.message_schemas import message_schemas
from pulse_server.app import Apps, build_apps
from pulse_server.settings import read_settings
from pulse_storage import open_storage

ADMIN = {"X-Admin-Key": "an-admin-key-of-more-than-32-characters"}
PRICES = {"prices": [{"model": "acme-1", "input": 2, "output": 8}]}
_ROW = UUID(int=1)
_PATH = f"/v1/traces/{_ROW}/cost"


@pytest.fixture
def apps(tmp_path: Path, database_url: str) -> Iterator[Apps]:
    settings = read_settings(
        {"PULSE_DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "ADMIN_KEY": ADMIN["X-Admin-Key"]}
    )
    storage = open_storage(settings.database_url)
    apps = build_apps(settings, storage, None)
    yield apps
    apps.close()
    asyncio.run(storage.close())


@pytest.fixture
def client(apps: Apps) -> Iterator[TestClient]:
    with TestClient(apps.main, base_url="http://localhost") as client:
        yield client


def new_project(client: TestClient, name: str) -> tuple[str, dict[str, str]]:
    """Create a project with prices; return its id and the header of its key."""
    made = client.post("/admin/projects", json={"name": name}, headers=ADMIN).json()
    client.put(f"/admin/projects/{made['projectId']}/prices", json=PRICES, headers=ADMIN)
    return made["projectId"], {"Authorization": f"Bearer {made['apiKey']}"}


def store(client: TestClient, headers: dict[str, str], **facts: object) -> None:
    trace: dict[str, object] = {
        "trace_id": str(_ROW),
        "timestamp": "2026-11-23T08:00:00Z",
        "provider": "acme",
        "model_requested": "acme-1",
        "request_body": {},
        "status": "success",
        "latency_ms": 1,
        "input_tokens": 1000,
        "output_tokens": 10,
        **facts,
    }
    assert client.post("/v1/traces/batch", json=[trace], headers=headers).status_code == 202


def test_computed_cost_has_buckets_with_its_prices(client: TestClient) -> None:
    _, headers = new_project(client, "shop")
    store(client, headers)
    answer: dict[str, Any] = client.get(_PATH, headers=headers).json()
    version = answer.pop("price_version")
    assert version.startswith("project@")
    assert answer == {
        "cost_cents": 0.208,
        "source": "computed",
        "buckets": [
            {"name": "input", "tokens": 1000, "usd_per_million": 2, "cost_cents": 0.2},
            {"name": "output", "tokens": 10, "usd_per_million": 8, "cost_cents": 0.008},
        ],
        "adds_up": True,
        "note": None,
    }
    schema: Any = orjson.loads(orjson.dumps(message_schemas()["Cost"]))
    assert {*answer, "price_version"} == set(schema["required"])


def test_reported_and_unknown_costs_have_a_note(client: TestClient) -> None:
    _, reported = new_project(client, "reported")
    store(client, reported, cost_cents=0.5)
    answer = client.get(_PATH, headers=reported).json()
    assert (answer["cost_cents"], answer["source"], answer["buckets"]) == (0.5, "reported", [])
    assert (answer["adds_up"], "reported" in answer["note"]) == (False, True)
    _, unknown = new_project(client, "unknown")
    store(client, unknown, model_requested="other")
    answer = client.get(_PATH, headers=unknown).json()
    assert (answer["cost_cents"], answer["source"], answer["adds_up"]) == (None, None, False)
    assert "there is no price for acme other" in answer["note"]


def test_row_of_another_project_gets_404(client: TestClient) -> None:
    _, headers = new_project(client, "owner")
    store(client, headers)
    _, stranger = new_project(client, "stranger")
    response = client.get(_PATH, headers=stranger)
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")


def test_requests_without_access_or_with_parameters_are_refused(client: TestClient) -> None:
    project_id, headers = new_project(client, "shop")
    assert client.get(_PATH).status_code == 401
    assert client.get(f"/p/{project_id}{_PATH}", headers=headers).status_code == 401
    assert client.get(_PATH, headers=headers, params={"x": "1"}).status_code == 400
    assert client.get("/v1/traces/x/cost", headers=headers).status_code == 404
