"""Access control: routes of one project (`KeyRoute`) and routes for the admin key (`AdminRoute`).

The `ProjectAccess` of a `KeyRoute` alone decides the project that its handler reads. Every route of the
application is of one of these two kinds or on a short list of public routes; a test checks that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pulse_query_api.concurrency import ProjectConcurrency
from pulse_query_api.errors import PROBLEM_DETAILS, ApiError
from pulse_query_api.params import no_query
from pulse_storage.keys import READ, KeyRefused, KeyRing

#: Handles a request for the project with the given id.
ProjectHandler = Callable[[Request, str], Awaitable[Response]]
AdminHandler = Callable[[Request], Awaitable[Response]]


class ProjectAccess(Protocol):
    """Decides which project a request may read. Each kind of access mounts the read routes once."""

    @property
    def prefix(self) -> str:
        """Return the prefix of the paths of its routes, "" or a template such as `/p/{project}`."""
        ...

    async def respond(self, request: Request, handler: ProjectHandler) -> Response:
        """Return the handler's response for the request's project. Raises if access is refused."""
        ...


class ReadAccess:
    """Check that requests have a key with the scope `read`, and limit concurrent requests per project.

    Accesses with the same `concurrency` share the limit of each project.
    """

    prefix = ""

    def __init__(self, keys: KeyRing, concurrency: ProjectConcurrency | None = None) -> None:
        self._keys = keys
        self._concurrency = concurrency or ProjectConcurrency()

    async def respond(self, request: Request, handler: ProjectHandler) -> Response:
        """Check the request's key and return the handler's response for the key's project.

        Raises KeyRefused or ScopeMissing for the key, ApiError 429 for too many requests of the project.
        """
        authorization = request.headers.getlist("authorization")
        if len(authorization) != 1:
            raise KeyRefused
        key = await self._keys.check(authorization[0], READ)
        async with self._concurrency.limit(key.project_id):
            return await handler(request, key.project_id)


class KeyRoute(Route):
    """A GET route that reads one project: that of the request's key, or the one that `access` decides.

    Its path is `path` below the prefix of `access`. `problem_details` selects the format of errors:
    `application/problem+json`, or `{"error": …}` for the first version's routes. Below a prefix it is always
    `application/problem+json`.
    """

    def __init__(
        self, path: str, handler: ProjectHandler, access: ProjectAccess, *, problem_details: bool = False
    ) -> None:
        async def endpoint(request: Request) -> Response:
            return await access.respond(request, handler)

        super().__init__(access.prefix + path, endpoint, methods=["GET"], name=handler.__name__)
        self.access = access
        self._problem_details = problem_details or access.prefix != ""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the format of this route's errors in the scope, then run the route."""
        scope[PROBLEM_DETAILS] = self._problem_details
        await super().handle(scope, receive, send)


class AdminKey:
    """The operator's key, held as a digest so that a comparison takes constant time; None disables access."""

    def __init__(self, admin_key: str | None) -> None:
        self._digest = None if admin_key is None else hashlib.sha256(admin_key.encode()).digest()

    def check(self, given: str | None) -> None:
        """Check `given`, the X-Admin-Key header, or None if there is none.

        Raises ApiError: 403 if no admin key is configured, 401 if `given` is not the admin key.
        """
        if self._digest is None:
            raise ApiError(
                403, "Admin routes are disabled: start Pulse with ADMIN_KEY set to at least 32 characters."
            )
        # The server decodes headers as latin-1; encoding restores the bytes that were sent.
        if not self.equals((given or "").encode("latin-1")):
            raise ApiError(
                401,
                "The admin key is missing or wrong: send it in the header 'X-Admin-Key'.",
                headers={"WWW-Authenticate": "X-Admin-Key"},
            )

    @property
    def is_set(self) -> bool:
        """Return whether an admin key is configured."""
        return self._digest is not None

    def equals(self, given: bytes) -> bool:
        """Return whether `given` is the admin key; False if none is configured. Takes constant time."""
        return self._digest is not None and hmac.compare_digest(hashlib.sha256(given).digest(), self._digest)

    def proof(self, secret: str) -> bytes:
        """Return the proof that the client with this secret has given the admin key.

        Without the secret, the proof cannot be used to guess the admin key. Raises ValueError if no admin key
        is configured.
        """
        if self._digest is None:
            raise ValueError("no admin key is configured")
        return hmac.digest(secret.encode(), self._digest, "sha256")

    def is_proof(self, proof: bytes, secret: str) -> bool:
        """Return whether `proof` was made for this secret and the admin key that is configured now."""
        return self._digest is not None and hmac.compare_digest(proof, self.proof(secret))


class AdminRoute(Route):
    """A route that requires the admin key.

    `problem_details` selects the format of errors: `application/problem+json`, or `{"error": …}` for the
    first version's routes.
    """

    def __init__(
        self,
        path: str,
        handler: AdminHandler,
        admin_key: AdminKey,
        *,
        method: str = "GET",
        problem_details: bool = True,
    ) -> None:
        async def endpoint(request: Request) -> Response:
            admin_key.check(request.headers.get("x-admin-key"))
            no_query(request.scope["query_string"])
            return await handler(request)

        super().__init__(path, endpoint, methods=[method], name=handler.__name__)
        self._problem_details = problem_details

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the format of this route's errors in the scope, then run the route."""
        scope[PROBLEM_DETAILS] = self._problem_details
        await super().handle(scope, receive, send)
