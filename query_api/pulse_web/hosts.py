"""Middleware of the pages, `/sign-in` and `/p/…`: refuse foreign Host headers and cross-site requests.

The API for keys (`/v1`, `/admin`, OTLP) is exempt: its clients use service names, and it has no cookies.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from pulse_query_api.errors import PROBLEM_DETAILS, ApiError, error_response, methods_of_path
from pulse_web.site import Site

_PAGES = ("/p/", "/sign-in", "/assets/")
#: Paths that read or change data with the cookie. All other pages are the same for every client.
#: Only the beginning is compared: a route's path matches with a line feed at its end, too.
_WITH_COOKIE = re.compile(r"/sign-in|/p/[^/]*/v1\b")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SiteMiddleware:
    """Respond 421 to requests for pages under another host name, and 403 to cross-site requests with cookies.

    A request that changes something needs `Sec-Fetch-Site: same-origin`, or without this header (browsers
    omit it on plain http beyond loopback) the site's own Origin. A GET request is refused if it has the
    header with another value.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request for a page, then run the application; pass other requests through."""
        if scope["type"] != "http" or not _is_for_pages(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        error = self._refusal(request)
        if error is None:
            await self._app(scope, receive, send)
            return
        scope[PROBLEM_DETAILS] = True
        await error_response(request, error)(scope, receive, send)

    def _refusal(self, request: Request) -> ApiError | None:
        if not self._site.allows(request):
            return ApiError(
                421,
                "Pages are not served under this host name: set PULSE_PUBLIC_URL to the URL that browsers"
                " use, such as https://pulse.example, or use localhost or an IP address.",
            )
        if not _WITH_COOKIE.match(request.scope["path"]) or self._is_same_origin(request):
            return None
        if request.method not in {*_SAFE_METHODS, *methods_of_path(request.scope)}:
            return None  # no route has this method: the application responds 405
        return ApiError(
            403,
            "Cross-site requests are refused: only the pages of this server may send this request. Other"
            " programs use /v1 with an API key.",
        )

    def _is_same_origin(self, request: Request) -> bool:
        sites = request.headers.getlist("sec-fetch-site")
        if sites:
            return sites == ["same-origin"]
        return request.method in _SAFE_METHODS or (
            request.headers.getlist("origin") == [self._site.origin(request)]
        )


def _is_for_pages(scope: Scope) -> bool:
    """Return whether a request is for a page, a file of the pages, or data with the cookie.

    `POST /` is not: an exporter whose endpoint has no path gets the answer that names the right one.
    """
    path: str = scope["path"]
    return path.startswith(_PAGES) or (path == "/" and scope["method"] in _SAFE_METHODS)
