"""Who may call a route: a project's key with a scope, or the operator with the admin key.

A handler behind `KeyRoute` is told its project by the key and by nothing else. Every route of the app is
one of these two kinds or on the short list of public ones; a test walks the routes and holds that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pulse_query_api.errors import PROBLEM_DETAILS, ApiError
from pulse_query_api.params import no_query
from pulse_query_api.turns import Turns
from pulse_storage.keys import READ, KeyRefused, KeyRing

#: Answers a request on behalf of the project with this id.
ProjectHandler = Callable[[Request, str], Awaitable[Response]]
AdminHandler = Callable[[Request], Awaitable[Response]]


class ReadAccess:
    """Lets keys with the scope `read` in, and each project only as often as its turn comes."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._turns = Turns()

    async def answer(self, request: Request, handler: ProjectHandler) -> Response:
        """What `handler` answers for the key's project. Raises KeyRefused, ScopeMissing or ApiError 429."""
        authorization = request.headers.getlist("authorization")
        if len(authorization) != 1:
            raise KeyRefused
        key = await self._keys.check(authorization[0], READ)
        async with self._turns.turn(key.project_id):
            return await handler(request, key.project_id)


class KeyRoute(Route):
    """A GET route for keys that may read."""

    def __init__(self, path: str, handler: ProjectHandler, access: ReadAccess) -> None:
        async def endpoint(request: Request) -> Response:
            return await access.answer(request, handler)

        super().__init__(path, endpoint, methods=["GET"], name=handler.__name__)


class AdminKey:
    """The operator's key; kept as a digest, so that comparing takes the same time for every guess."""

    def __init__(self, admin_key: str | None) -> None:
        self._digest = None if admin_key is None else hashlib.sha256(admin_key.encode()).digest()

    def check(self, given: str | None) -> None:
        """Return if `given`, the X-Admin-Key header, is the key; else raise ApiError (403 or 401)."""
        if self._digest is None:
            raise ApiError(
                403, "Admin routes are disabled: start Pulse with ADMIN_KEY set to at least 32 characters."
            )
        # Header text is latin-1 to the server; encoding it back gives the bytes that were sent.
        digest = hashlib.sha256((given or "").encode("latin-1")).digest()
        if not hmac.compare_digest(digest, self._digest):
            raise ApiError(
                401,
                "The admin key is needed: send it as the header 'X-Admin-Key'.",
                headers={"WWW-Authenticate": "X-Admin-Key"},
            )


class AdminRoute(Route):
    """A route for the operator; `problem_details` is for routes that are newer than the seed."""

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
        """Mark how errors of this route are answered, then route on."""
        scope[PROBLEM_DETAILS] = self._problem_details
        await super().handle(scope, receive, send)
