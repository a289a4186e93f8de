"""The ASGI application: all routes, their middleware and error responses."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api.auth import AdminKey, ProjectAccess, ReadAccess
from pulse_query_api.concurrency import ProjectConcurrency
from pulse_query_api.errors import ApiError, error_response
from pulse_query_api.middleware import RequestMiddleware
from pulse_query_api.routes.admin import admin_routes
from pulse_query_api.routes.analytics import analytics_routes
from pulse_query_api.routes.errors import error_routes
from pulse_query_api.routes.facets import facet_routes
from pulse_query_api.routes.health import health_routes
from pulse_query_api.routes.latencies import latency_routes
from pulse_query_api.routes.messages import message_routes
from pulse_query_api.routes.prices import price_routes
from pulse_query_api.routes.retention import retention_routes
from pulse_query_api.routes.sessions import session_routes
from pulse_query_api.routes.timeseries import timeseries_routes
from pulse_query_api.routes.traces import trace_routes
from pulse_query_api.routes.trees import tree_routes
from pulse_query_api.routes.trust import trust_routes
from pulse_query_api.services.trust import RejectedSpans
from pulse_storage.engines import Store
from pulse_storage.errors import InvalidCursor, StoreUnavailable
from pulse_storage.keys import KeyRefused, KeyRing, ScopeMissing
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy

_EXPECTED_ERRORS = (ApiError, KeyRefused, ScopeMissing, InvalidCursor, StoreUnavailable, HTTPException)


def create_app(
    storage: Store,
    keys: KeyRing,
    *,
    admin_key: str | None,
    routes: Sequence[BaseRoute] = (),
    registry: CollectorRegistry | None = None,
    retention: RetentionPolicy = KEEP_EVERYTHING,
    concurrency: ProjectConcurrency | None = None,
    middleware: Sequence[Middleware] = (),
    rejected: RejectedSpans | None = None,
) -> Starlette:
    """Create the query API of a store.

    `routes` are added to its own routes, with the same middleware and error responses. `/metrics` shows
    `registry`. `retention` is the policy of projects without their own. Without an admin key the admin
    routes respond 403. `concurrency` limits the requests of each project; pass it if `routes` share the
    limit. `middleware` runs inside that of all routes. `rejected` returns the rejected spans of a project.
    The caller closes the storage.
    """
    access, admin = ReadAccess(keys, concurrency), AdminKey(admin_key)
    return with_middleware(
        [
            *routes,
            *health_routes(storage, access, CollectorRegistry() if registry is None else registry),
            *read_routes(storage, access, rejected),
            *admin_routes(storage, admin),
            *price_routes(storage, admin),
            *retention_routes(storage, admin, retention),
        ],
        middleware,
    )


def read_routes(
    storage: Store, access: ProjectAccess, rejected: RejectedSpans | None = None
) -> list[BaseRoute]:
    """Return all routes that read one project; the server mounts them once for each kind of access.

    `rejected` returns the spans of a project that the collector of this process has rejected, if it has one.
    """
    return [
        *trace_routes(storage, access),
        *message_routes(storage, access),
        *tree_routes(storage, access),
        *session_routes(storage, access),
        *analytics_routes(storage, access),
        *facet_routes(storage, access),
        *timeseries_routes(storage, access),
        *latency_routes(storage, access),
        *error_routes(storage, access),
        *trust_routes(storage, access, rejected),
    ]


def with_middleware(routes: Sequence[BaseRoute], middleware: Sequence[Middleware] = ()) -> Starlette:
    """Create an application of the given routes, with the query API's middleware and error responses."""
    app = Starlette(
        routes=routes,
        middleware=[Middleware(RequestMiddleware), *middleware],
        exception_handlers={kind: _handle_error for kind in _EXPECTED_ERRORS},
    )
    # A redirect would contain the request's Host header, which the client chooses.
    app.router.redirect_slashes = False
    return app


async def _handle_error(request: Request, error: Exception) -> Response:
    return error_response(request, error)
