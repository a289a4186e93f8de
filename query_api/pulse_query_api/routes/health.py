"""Routes about the server itself: liveness, readiness, metrics and the OpenAPI document."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.errors import RETRY_SOON, ApiError
from pulse_query_api.openapi import openapi_document
from pulse_query_api.responses import json_response
from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StoreUnavailable


def health_routes(
    storage: StorageAdapter, access: ProjectAccess, registry: CollectorRegistry
) -> list[BaseRoute]:
    """Return the public routes `/health`, `/ready` and `/openapi.json`, and `/metrics`, which needs a key."""

    async def get_health(_request: Request) -> Response:
        return json_response({"status": "ok", "service": "pulse"})

    async def get_ready(_request: Request) -> Response:
        try:
            await storage.check_writable()
        except StoreUnavailable as unavailable:
            raise ApiError(
                503, f"The store does not accept writes: {unavailable}.", headers=RETRY_SOON
            ) from unavailable
        return json_response({"status": "ready"})

    async def get_metrics(request: Request, _project_id: str) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    async def get_openapi(_request: Request) -> Response:
        return json_response(openapi_document())

    return [
        Route("/health", get_health),
        Route("/ready", get_ready),
        Route("/openapi.json", get_openapi),
        KeyRoute("/metrics", get_metrics, access),
    ]
