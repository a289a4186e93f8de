"""A server that does a part of what `pulse serve` does, so that a benchmark can tell where the time goes.

    python -m benchmarks.floor receive|map PORT

`receive` takes requests and throws them away; `map` also decodes, maps, prices and packs, but stores nothing.
The path to them is the real one: uvicorn as `pulse serve` sets it up, the real routes and key ring.
"""

from __future__ import annotations

import asyncio
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

from pulse_collector.admission import ByteBudget
from pulse_collector.ingest import Collector
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.receivers.otlp_http import otlp_routes
from pulse_server.http_server import HttpServer
from pulse_server.listen import listen
from pulse_storage.adapter import StorageAdapter
from pulse_storage.keys import KeyRing, key_record
from pulse_storage.rows import ApiKey, IngestResult, SpanRow


class Nowhere:
    """A store that knows every key and forgets every row."""

    stored = 0

    def submit(self, rows: Sequence[SpanRow], *, keep_all: bool = False) -> Future[IngestResult]:
        self.stored += len(rows)
        done: Future[IngestResult] = Future()
        done.set_result(IngestResult(stored=len(rows)))
        return done

    async def key_by_digest(self, digest: bytes) -> ApiKey:
        return key_record("any", "project", created_ns=0)._replace(digest=digest)

    def queue_depth(self) -> tuple[int, int]:
        return 0, 0


def main() -> None:
    """Serve until killed."""
    stage, port = sys.argv[1], int(sys.argv[2])
    uvloop.run(_serve(_receive_routes() if stage == "receive" else _map_routes(), port))


async def _serve(routes: Sequence[BaseRoute], port: int) -> None:
    sock = listen("PORT", "127.0.0.1", port)
    await HttpServer(Starlette(routes=list(routes)), sock, grace_s=1, lifespan=False).run_until_stopped()


def _receive_routes() -> list[BaseRoute]:
    async def post_traces(request: Request) -> Response:
        await request.body()
        return Response(b"", media_type="application/x-protobuf")

    return [Route("/v1/traces", post_traces, methods=["POST"])]


def _map_routes() -> list[BaseRoute]:
    storage = cast(StorageAdapter, Nowhere())
    collector = Collector(
        storage, KeyRing(storage), PriceBook(storage), ByteBudget(128 << 20), registry=CollectorRegistry()
    )
    return [*otlp_routes(collector)]


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
