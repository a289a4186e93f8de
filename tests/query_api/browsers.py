"""Browser: a client with a cookie jar of the application with pages, as a browser sends requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from httpx2 import Response
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN_KEY

from pulse_query_api.app import create_app, read_routes
from pulse_query_api.concurrency import ProjectConcurrency
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing
from pulse_web.attempts import SignInAttempts
from pulse_web.pages import page_routes
from pulse_web.session_ring import SessionRing
from pulse_web.site import Site
from pulse_web.web_sessions import web_sessions

URL = "http://127.0.0.1:3000"
COOKIE = "pulse_3000"


@dataclass(frozen=True, slots=True)
class WebApp:
    """The application with pages, of one process, whose caches are off so that changes work immediately."""

    app: Starlette
    sessions: SessionRing

    def browser(self, url: str = URL) -> Browser:
        """Return a new browser without cookies."""
        return Browser(TestClient(self.app, base_url=url))


def web_app(
    storage: Store,
    *,
    admin_key: str | None = ADMIN_KEY,
    public_url: str | None = None,
    attempts: SignInAttempts | None = None,
) -> WebApp:
    """Build the application with pages over a store."""
    keys, concurrency, site = KeyRing(storage, ttl_s=-1), ProjectConcurrency(), Site(public_url)
    web = web_sessions(
        storage,
        keys,
        site,
        concurrency,
        admin_key=admin_key,
        ttl_s=-1,
        attempts=attempts or SignInAttempts(delay_s=0),
    )
    app = create_app(
        storage,
        keys,
        admin_key=admin_key,
        routes=[*web.routes, *read_routes(storage, web.access), *page_routes()],
        registry=CollectorRegistry(),
        concurrency=concurrency,
        middleware=[web.middleware],
    )
    return WebApp(app, web.ring)


@dataclass(frozen=True, slots=True)
class Browser:
    """Sends requests as pages do: from the same origin, with the cookies of earlier responses."""

    client: TestClient

    def get(self, path: str, headers: Mapping[str, str] | None = None, **params: object) -> Response:
        """Send a GET request."""
        texts = {name: str(value) for name, value in params.items()}
        return self.client.get(
            path, params=texts, headers={"Sec-Fetch-Site": "same-origin"} | dict(headers or {})
        )

    def sign_in(self, **credential: object) -> Response:
        """Send `POST /sign-in` with the fields of a body."""
        return self.client.post("/sign-in", json=credential, headers={"Sec-Fetch-Site": "same-origin"})

    def sign_out(self) -> Response:
        """Send `DELETE /sign-in`."""
        return self.client.delete("/sign-in", headers={"Sec-Fetch-Site": "same-origin"})

    @property
    def session(self) -> dict[str, object] | None:
        """The JSON object of the session; None if the browser is not signed in."""
        response = self.get("/sign-in")
        assert response.status_code in (200, 401), response.text
        return response.json() if response.status_code == 200 else None

    @property
    def project_ids(self) -> list[str]:
        """The ids of the projects that the session reads; empty if the browser is not signed in."""
        response = self.get("/sign-in")
        return [project["project_id"] for project in response.json().get("projects", [])]

    @property
    def secret(self) -> str:
        """The value of the session's cookie."""
        return self.client.cookies[COOKIE]
