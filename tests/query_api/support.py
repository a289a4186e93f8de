"""Rows of model calls, and a project that stores rows and sends requests, for the tests of the query API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from httpx2 import Response
from starlette.testclient import TestClient
from tests.support.rows import span

from pulse_storage.content.bodies import pack
from pulse_storage.engines import Store
from pulse_storage.ids import row_id
from pulse_storage.rows import SpanRow

ADMIN_KEY = "an-admin-key-of-more-than-32-characters"
ADMIN = {"X-Admin-Key": ADMIN_KEY}

#: 2026-11-23T00:00:00Z.
DAY_NS = 1_795_392_000_000_000_000
HOUR_NS = 3_600_000_000_000
SECOND_NS = 1_000_000_000

_CALL = span(
    start_ns=DAY_NS,
    latency_ms=120.5,
    name="chat gpt-5-mini",
    model_requested="gpt-5-mini",
    model_used="gpt-5-mini-2026-08-07",
    dialect="otel-genai",
    scope="opentelemetry.instrumentation.openai_v2",
    input_tokens=1000,
    cost_nano_usd=13_500,
    price_version="2026-11-01",
    input_preview="What is a pulse?",
    output_preview="A beat.",
)


def call(number: int, project_id: str, **facts: Any) -> SpanRow:
    """Build the row of a model call in its own OTel trace; `number` determines its trace and span ids."""
    ids = {"otel_trace_id": number.to_bytes(16, "big"), "otel_span_id": number.to_bytes(8, "big")}
    return _CALL._replace(project_id=project_id, **(ids | facts))


def document(content: object) -> bytes:
    """Compress JSON as a stored body."""
    return pack(orjson.dumps(content))


def visible_id(row: SpanRow) -> str:
    """Return the `trace_id` of a row in API responses."""
    return str(UUID(bytes=row_id(row.project_id, row.otel_trace_id, row.otel_span_id, row.start_ns)))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project, its first key, and a client of the application."""

    client: TestClient
    storage: Store
    project_id: str
    key: str

    def store(self, rows: Iterable[SpanRow]) -> None:
        """Commit rows as rows of this project."""
        self.storage.submit([row._replace(project_id=self.project_id) for row in rows]).result(timeout=30)

    def call(self, number: int, **facts: Any) -> SpanRow:
        """Build the row of a model call of this project without storing it."""
        return call(number, self.project_id, **facts)

    def request(self, path: str, **params: object) -> Response:
        """Send a GET request with this project's key."""
        texts = {name: str(value) for name, value in params.items()}
        return self.client.get(path, params=texts, headers=self.headers)

    def get(self, path: str, **params: object) -> dict[str, Any]:
        """Send a GET request and return the JSON object of its response, which must be 200."""
        response = self.request(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    def pages(self, **params: object) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of `GET /v1/traces`, following the Link headers."""
        response = self.request("/v1/traces", **params)
        while True:
            assert response.status_code == 200, response.text
            yield response.json()["traces"]
            if "next" not in response.links:
                return
            response = self.client.get(response.links["next"]["url"], headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        """Return the Authorization header of this project's key."""
        return {"Authorization": f"Bearer {self.key}"}


def new_tenant(client: TestClient, storage: Store, name: str | None = None) -> Tenant:
    """Create a project through the admin route, with a unique name if `name` is None."""
    body = {"name": name or f"project {uuid4()}"}
    created = client.post("/admin/projects", json=body, headers=ADMIN).json()
    return Tenant(client, storage, created["projectId"], created["apiKey"])
