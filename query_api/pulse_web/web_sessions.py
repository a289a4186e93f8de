"""Build the parts of web sessions that the server mounts: access, sign-in routes and middleware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from pulse_query_api.auth import AdminKey
from pulse_query_api.concurrency import ProjectConcurrency
from pulse_storage.control_store import ControlStore
from pulse_storage.keys import KeyRing
from pulse_web.attempts import SignInAttempts
from pulse_web.hosts import SiteMiddleware
from pulse_web.session_access import SessionAccess
from pulse_web.session_ring import SessionRing
from pulse_web.sign_in import SignIn, sign_in_routes
from pulse_web.site import Site


@dataclass(frozen=True, slots=True)
class WebSessions:
    """The parts of web sessions in one application."""

    ring: SessionRing
    #: For the routes that read a project, which are mounted a second time with it.
    access: SessionAccess
    #: The routes of `/sign-in`.
    routes: Sequence[BaseRoute]
    middleware: Middleware


def web_sessions(
    storage: ControlStore,
    keys: KeyRing,
    site: Site,
    concurrency: ProjectConcurrency,
    *,
    admin_key: str | None,
    ttl_s: float = 2.0,
    attempts: SignInAttempts | None = None,
) -> WebSessions:
    """Build the parts of web sessions. Sessions are cached for `ttl_s` seconds, as keys are in `keys`."""
    admin = AdminKey(admin_key)
    ring = SessionRing(storage, admin, ttl_s=ttl_s)
    return WebSessions(
        ring,
        SessionAccess(ring, site, concurrency),
        sign_in_routes(SignIn(storage, keys, admin, ring), ring, site, attempts),
        Middleware(SiteMiddleware, site=site),
    )
