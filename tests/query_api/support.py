"""Rows, and a tenant who stores and asks, for the tests of the query API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from httpx2 import Response
from starlette.testclient import TestClient
from tests.support.rows import span

from pulse_storage.adapter import StorageAdapter
from pulse_storage.content.bodies import pack
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
    """A model call in an OTel trace of its own; `number` tells calls of a project apart."""
    ids = {"otel_trace_id": number.to_bytes(16, "big"), "otel_span_id": number.to_bytes(8, "big")}
    return _CALL._replace(project_id=project_id, **(ids | facts))


def document(content: object) -> bytes:
    """A stored body."""
    return pack(orjson.dumps(content))


def visible_id(row: SpanRow) -> str:
    """The `trace_id` under which a row is shown."""
    return str(UUID(bytes=row_id(row.project_id, row.otel_trace_id, row.otel_span_id, row.start_ns)))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project and its first key."""

    client: TestClient
    storage: StorageAdapter
    project_id: str
    key: str

    def store(self, rows: Iterable[SpanRow]) -> None:
        """Have rows committed, whichever project they name."""
        self.storage.submit([row._replace(project_id=self.project_id) for row in rows]).result(timeout=30)

    def call(self, number: int, **facts: Any) -> SpanRow:
        """One of this project's calls, not stored yet."""
        return call(number, self.project_id, **facts)

    def ask(self, path: str, **params: object) -> Response:
        """GET with this tenant's key, parameters as text."""
        asked = {name: str(value) for name, value in params.items()}
        return self.client.get(path, params=asked, headers=self.headers)

    def get(self, path: str, **params: object) -> dict[str, Any]:
        """The JSON object of an answer that must be 200."""
        answer = self.ask(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, **params: object) -> Iterator[list[dict[str, Any]]]:
        """The list of traces page by page, following the Link headers."""
        answer = self.ask("/v1/traces", **params)
        while True:
            assert answer.status_code == 200, answer.text
            yield answer.json()["traces"]
            if "next" not in answer.links:
                return
            answer = self.client.get(answer.links["next"]["url"], headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        """What authorizes this tenant."""
        return {"Authorization": f"Bearer {self.key}"}


def new_tenant(client: TestClient, storage: StorageAdapter, name: str | None = None) -> Tenant:
    """A new project, created through the admin route; without a name it has a unique one."""
    made = client.post("/admin/projects", json={"name": name or f"project {uuid4()}"}, headers=ADMIN).json()
    return Tenant(client, storage, made["projectId"], made["apiKey"])
