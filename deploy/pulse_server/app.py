"""Storage, collector and query API put together: the only place that knows all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from starlette.applications import Starlette

from pulse_collector.admission import ByteBudget
from pulse_collector.explain.explainer import Explainer
from pulse_collector.ingest import Collector
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.receivers.batch import batch_routes
from pulse_collector.receivers.explain import explain_routes
from pulse_collector.receivers.otlp_http import otlp_routes
from pulse_query_api.app import create_app, framed
from pulse_query_api.auth import ReadAccess
from pulse_query_api.routes.health import health_routes
from pulse_server.prices_file import file_prices
from pulse_server.settings import Settings
from pulse_storage.adapter import StorageAdapter
from pulse_storage.keys import KeyRing

Role = Literal["collector", "query"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process serves."""

    keys: KeyRing
    #: On the main port.
    main: Starlette
    #: For the ports of OTLP alone; None in a process that only answers queries.
    collector: Collector | None
    otlp: Starlette | None
    explainer: Explainer

    def close(self) -> None:
        """Stop what works for the applications, once they are stopped."""
        if self.collector is not None:
            self.collector.close()
        self.explainer.close()


def put_together(settings: Settings, storage: StorageAdapter, only: Role | None) -> Parts:
    """The applications of a process that plays this role, or both roles if `only` is None.

    Raises SettingError if the prices file cannot be used.
    """
    registry = _process_registry()
    keys = KeyRing(storage)
    prices = PriceBook(storage, file_prices(settings))
    inflight = ByteBudget(settings.max_inflight_mib * _MIB)
    max_body_bytes = settings.max_body_mib * _MIB
    # In every role: it answers questions about what would be stored, and needs no more than prices.
    explainer = Explainer(keys, prices, inflight, max_body_bytes=max_body_bytes)
    explaining = explain_routes(explainer)
    if only == "query":
        main = create_app(
            storage,
            keys,
            admin_key=settings.admin_key,
            routes=explaining,
            registry=registry,
            retention=settings.retention,
        )
        return Parts(keys, main, None, None, explainer)
    collector = Collector(
        storage,
        keys,
        prices,
        inflight,
        keep=settings.keep_spans,
        max_body_bytes=max_body_bytes,
        max_spans=settings.max_spans_per_request,
        registry=registry,
        checkpoint=storage.give_way,
    )
    ingest = [*otlp_routes(collector), *batch_routes(collector), *explaining]
    health = health_routes(storage, ReadAccess(keys), registry)
    if only == "collector":
        main = framed([*ingest, *health])
    else:
        main = create_app(
            storage,
            keys,
            admin_key=settings.admin_key,
            routes=ingest,
            registry=registry,
            retention=settings.retention,
        )
    return Parts(keys, main, collector, framed([*otlp_routes(collector), *health]), explainer)


def _process_registry() -> CollectorRegistry:
    """A registry with the process's own memory, descriptors and collections in it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
