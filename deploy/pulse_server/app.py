"""Build the ASGI applications of a process from storage, collector and query API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from pulse_collector.admission import ByteBudget
from pulse_collector.explain.cost import CostReader
from pulse_collector.explain.explainer import Explainer
from pulse_collector.ingest import Collector
from pulse_collector.pricing.price_book import PriceBook
from pulse_collector.receivers.batch import batch_routes
from pulse_collector.receivers.explain import explain_routes
from pulse_collector.receivers.otlp_http import otlp_routes
from pulse_query_api.app import create_app, read_routes, with_middleware
from pulse_query_api.auth import ReadAccess
from pulse_query_api.concurrency import ProjectConcurrency
from pulse_query_api.routes.health import health_routes
from pulse_query_api.services.trust import RejectedSpans
from pulse_server.cost_routes import cost_routes
from pulse_server.prices_file import file_prices
from pulse_server.settings import Settings
from pulse_storage import ReadPriority
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing
from pulse_web.pages import page_routes
from pulse_web.session_ring import SessionRing
from pulse_web.site import Site
from pulse_web.web_sessions import web_sessions

Role = Literal["collector", "query"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Apps:
    """The ASGI applications of one process, and the objects that they share."""

    keys: KeyRing
    #: The application on the main port.
    main: Starlette
    #: None in the role `query`, which has no OTLP listeners.
    collector: Collector | None
    #: The application on the OTLP/HTTP port; None in the role `query`.
    otlp: Starlette | None
    explainer: Explainer
    #: None in the role `collector`, which serves no pages.
    sessions: SessionRing | None

    async def flush_used(self) -> None:
        """Store when keys and web sessions were last used. Raises StorageError."""
        await self.keys.flush_used()
        if self.sessions is not None:
            await self.sessions.flush_used()

    def close(self) -> None:
        """Stop the threads of collector and explainer. Call it after the applications have stopped."""
        if self.collector is not None:
            self.collector.close()
        self.explainer.close()


def build_apps(
    settings: Settings, storage: Store, only: Role | None, priority: ReadPriority | None = None
) -> Apps:
    """Build the applications of a process with the role `only`, or with both roles if it is None.

    `priority` is that of the store: threads that map spans yield to its reads.

    Raises SettingError if the prices file cannot be used.
    """
    registry = _process_registry()
    keys = KeyRing(storage)
    prices = PriceBook(storage, file_prices(settings))
    inflight = ByteBudget(settings.max_inflight_mib * _MIB)
    max_body_bytes = settings.max_body_mib * _MIB
    # In both roles: it does not read or write rows, only prices.
    explainer = Explainer(keys, prices, inflight, max_body_bytes=max_body_bytes)
    explain = explain_routes(explainer)
    costs = CostReader(prices)
    if only == "query":
        main, ring = _query_app(settings, storage, keys, explainer, costs, registry, explain)
        return Apps(keys, main, None, None, explainer, ring)
    collector = Collector(
        storage,
        keys,
        prices,
        inflight,
        keep=settings.keep_spans,
        max_body_bytes=max_body_bytes,
        max_spans=settings.max_spans_per_request,
        registry=registry,
        checkpoint=(priority or ReadPriority()).yield_to_readers,
    )
    ingest = [*otlp_routes(collector), *batch_routes(collector), *explain]
    health = health_routes(storage, ReadAccess(keys), registry)
    otlp = with_middleware([*otlp_routes(collector), *health])
    if only == "collector":
        return Apps(keys, with_middleware([*ingest, *health]), collector, otlp, explainer, None)
    rejected = collector.rejected_spans.of
    main, ring = _query_app(settings, storage, keys, explainer, costs, registry, ingest, rejected)
    return Apps(keys, main, collector, otlp, explainer, ring)


def _query_app(
    settings: Settings,
    storage: Store,
    keys: KeyRing,
    explainer: Explainer,
    costs: CostReader,
    registry: CollectorRegistry,
    routes: Sequence[BaseRoute],
    rejected: RejectedSpans | None = None,
) -> tuple[Starlette, SessionRing]:
    """Build the application of query API, pages and further routes.

    The routes that read a project are in it twice: for keys, and below `/p/{project}` for web sessions.
    """
    concurrency = ProjectConcurrency()
    site = Site(settings.public_url, settings.host)
    web = web_sessions(storage, keys, site, concurrency, admin_key=settings.admin_key)
    for_sessions = [
        *read_routes(storage, web.access, rejected),
        *cost_routes(storage, costs, web.access),
        *explain_routes(explainer, web.access),
    ]
    for_keys = [*routes, *cost_routes(storage, costs, ReadAccess(keys, concurrency))]
    app = create_app(
        storage,
        keys,
        admin_key=settings.admin_key,
        # The pages come last: their path includes those of the routes for sessions.
        routes=[*for_keys, *web.routes, *for_sessions, *page_routes(_base_path(settings.public_url))],
        registry=registry,
        retention=settings.retention,
        concurrency=concurrency,
        middleware=[web.middleware],
        rejected=rejected,
    )
    return app, web.ring


def _base_path(public_url: str | None) -> str:
    """Return the path of the pages for browsers, with a slash at both ends."""
    return f"{urlsplit(public_url or '').path}/"


def _process_registry() -> CollectorRegistry:
    """Create a registry with metrics of the process: memory, CPU, file descriptors, garbage collection."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
