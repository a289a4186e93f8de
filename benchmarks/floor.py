"""A server that does only the first steps of `pulse serve`, to measure the cost of each step.

    python -m benchmarks.floor receive|map PORT

`receive` reads requests and discards them. `map` decodes them, maps, prices and packs their spans, and
discards the rows. Both use uvicorn with the settings of `pulse serve`; `map` uses the real routes, keys and
prices.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from typing import cast

import uvloop
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from benchmarks.servers import KEY
from pulse_collector.admission import ByteBudget
from pulse_collector.ingest import Collector
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.pricing.price_list import warm_up
from pulse_collector.receivers.otlp_http import otlp_routes
from pulse_server.http_server import HttpServer
from pulse_server.listen import listen
from pulse_storage import open_storage
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing, key_record
from pulse_storage.rows import IngestResult, Project, SpanRow


class DiscardingStore:
    """A store that acknowledges rows and discards them; all else is done by a real store."""

    def __init__(self, storage: Store) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def submit(self, rows: Sequence[SpanRow], **_: object) -> Future[IngestResult]:
        """Acknowledge the rows at once."""
        done: Future[IngestResult] = Future()
        done.set_result(IngestResult(stored=len(rows)))
        return done


def main() -> None:
    """Serve until the process is ended by a signal."""
    stage, port = sys.argv[1], int(sys.argv[2])
    uvloop.run(_serve(stage, port))


async def _serve(stage: str, port: int) -> None:
    routes = _receive_routes() if stage == "receive" else await _map_routes()
    sock = listen("PORT", "127.0.0.1", port)
    await HttpServer(Starlette(routes=routes), sock, grace_s=1, lifespan=False).run_until_stopped()


def _receive_routes() -> list[BaseRoute]:
    async def post_traces(request: Request) -> Response:
        await request.body()
        return Response(b"", media_type="application/x-protobuf")

    return [Route("/v1/traces", post_traces, methods=["POST"])]


async def _map_routes() -> list[BaseRoute]:
    store = open_storage(f"sqlite:///{os.environ['PULSE_DATA_DIR']}/pulse.db")
    project = Project("benchmark", "benchmark", created_ns=0)
    await store.create_project(project, key_record(KEY, project.id, created_ns=0))
    warm_up()
    storage = cast(Store, DiscardingStore(store))
    collector = Collector(
        storage, KeyRing(storage), PriceBook(storage), ByteBudget(128 << 20), registry=CollectorRegistry()
    )
    return [*otlp_routes(collector)]


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
