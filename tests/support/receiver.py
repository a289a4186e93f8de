"""A collector without the command line: routes, mapping, key ring and store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from tests.support.lasting import Lasting

from pulse_collector.admission import ByteBudget
from pulse_collector.explain.explainer import Explainer
from pulse_collector.ingest import Collector, KeepSpans
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.receivers.batch import batch_routes
from pulse_collector.receivers.explain import explain_routes
from pulse_collector.receivers.otlp_http import otlp_routes
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing, key_record, new_key
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.rows import Project, TraceRecord

ResultT = TypeVar("ResultT")

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}

#: 2026-11-23T00:00:00Z.
NOW_NS = 1_795_392_000_000_000_000


@dataclass
class Receiver:
    """A running collector, its store and the key of its one project."""

    app: Starlette
    collector: Collector
    storage: Store
    registry: CollectorRegistry
    project_id: str
    key: str
    loop: asyncio.AbstractEventLoop

    @property
    def bearer(self) -> dict[str, str]:
        """Return the header with the key."""
        return {"authorization": f"Bearer {self.key}"}

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a coroutine on the collector's loop; return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def rows(self) -> list[TraceRecord]:
        """Return all rows of the project, oldest first."""
        where = TraceFilter(operation="all", counted=None)
        return self.run(self.storage.list_traces(self.project_id, where, Page(limit=1000, order="asc"))).rows

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of the metrics; 0 if it has no value."""
        return self.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def running_receiver(
    lasting: Lasting,
    *,
    keep: KeepSpans = "genai",
    max_body_bytes: int = 20 << 20,
    max_inflight_bytes: int = 128 << 20,
    max_spans: int = 50_000,
) -> Generator[Receiver]:
    """Run a receiver with a new project, and an event loop in a thread; clear the store after the test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    storage = lasting.storage
    key = new_key()
    project = Project(str(uuid4()), "test", NOW_NS)
    keys = KeyRing(storage)
    registry = CollectorRegistry()
    prices = PriceBook(storage)
    inflight = ByteBudget(max_inflight_bytes)
    collector = Collector(
        storage,
        keys,
        prices,
        inflight,
        keep=keep,
        max_body_bytes=max_body_bytes,
        max_spans=max_spans,
        registry=registry,
    )
    explainer = Explainer(keys, prices, inflight, max_body_bytes=max_body_bytes)
    app = Starlette(routes=[*batch_routes(collector), *otlp_routes(collector), *explain_routes(explainer)])
    receiver = Receiver(app, collector, storage, registry, project.id, key, loop)
    try:
        record = key_record(key, project.id, created_ns=NOW_NS)
        receiver.run(storage.create_project(project, record))
        yield receiver
        receiver.run(lasting.clear())
    finally:
        collector.close()
        explainer.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def chat_span(number: int, **attributes: str | int) -> Span:
    """Return a model call, the only span of its trace; keywords are attributes with `__` for dots."""
    values: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    }
    values |= {name.replace("__", "."): value for name, value in attributes.items()}
    return Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name="chat gpt-4o-mini",
        start_time_unix_nano=NOW_NS + number * 1_000_000,
        end_time_unix_nano=NOW_NS + number * 1_000_000 + 5_000_000,
        attributes=[
            KeyValue(
                key=key,
                value=AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value),
            )
            for key, value in values.items()
        ],
    )


def request_of(*spans: Span) -> ExportTraceServiceRequest:
    """Return an export request with these spans."""
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])


def post(
    receiver: Receiver,
    content: bytes | AsyncGenerator[bytes],
    headers: dict[str, str] = PROTOBUF,
    path: str = "/v1/traces",
    *,
    auth: dict[str, str] | None = None,
) -> httpx2.Response:
    """Send a POST request to the collector's app, with the project's key unless `auth` is given."""

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(receiver.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://pulse") as client:
            sent = headers | (receiver.bearer if auth is None else auth)
            return await client.post(path, content=content, headers=sent)

    return receiver.run(send())
