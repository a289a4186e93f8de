"""Access to routes that are mounted twice: for keys, and for the web sessions of `pulse_web`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

#: Handles a request for the project with the given id.
Handler: TypeAlias = Callable[[Request, str], Awaitable[Response]]


class Access(Protocol):
    """Decides which project a request may use: the `ProjectAccess` of the query API."""

    @property
    def prefix(self) -> str:
        """Return the prefix of the paths of its routes, "" or a template such as `/p/{project}`."""
        ...

    async def respond(self, request: Request, handler: Handler) -> Response:
        """Return the handler's response for the request's project. Raises if access is refused."""
        ...
