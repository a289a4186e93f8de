"""Servers with the stores of the truth test: captures, many rows, and calls without prices or usage."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.server.serving import Serving, serving
from tests.web.conftest import fill, send
from tests.web.ledger import Ledger
from tests.web.sample_traffic import sample_requests


@dataclass(frozen=True, slots=True)
class Store:
    """A server, and the rows that it has stored."""

    server: Serving
    ledger: Ledger


def _without_prices(span: Span) -> None:
    for attribute in span.attributes:
        if attribute.key in ("gen_ai.request.model", "gen_ai.response.model"):
            attribute.value.string_value = "in-house-2"
        if attribute.key == "gen_ai.provider.name":
            attribute.value.string_value = "vllm"


def _without_usage(span: Span) -> None:
    kept = [each for each in span.attributes if not each.key.startswith("gen_ai.usage.")]
    del span.attributes[:]
    span.attributes.extend(kept)


def _unchanged(span: Span) -> None:
    del span


def _sample(days: int, scale: float, change: Callable[[Span], None]) -> Callable[[Serving], None]:
    def send_all(server: Serving) -> None:
        for request in sample_requests(time.time_ns(), days=days, scale=scale):
            for span in (each for r in request.resource_spans for s in r.scope_spans for each in s.spans):
                change(span)
            send(server, "/v1/traces", request)

    return send_all


STORES: dict[str, Callable[[Serving], None]] = {
    "captures": fill,
    "unpriced": _sample(2, 0.3, _without_prices),
    "no usage": _sample(2, 0.3, _without_usage),
    "many": _sample(14, 4.5, _unchanged),
}


@contextmanager
def filled(name: str, data_dir: Path, url: str | None = None) -> Generator[Store]:
    """Run a server on a new store with the rows of that name; `url` is that of an empty PostgreSQL store."""
    settings = {} if url is None else {"DATABASE_URL": url}
    with serving(data_dir, None, **settings) as server:
        STORES[name](server)
        ledger = Ledger.of_sqlite(data_dir / "pulse.db") if url is None else Ledger.of_postgres(url)
        yield Store(server, ledger)
