"""The shell: one HTML document for the address of every page. It contains no data and needs no session.

The scripts of the shell read the address and get the data from the HTTP API.
"""

from __future__ import annotations

import hashlib
import html
import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from pulse_web.assets import Assets, Manifest, NotBuilt, asset_routes

#: Nothing from other origins, no script or style in the document, and no script that writes HTML.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "font-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

_API_PATH = re.compile(r"/p/[^/]*/v1(/|$)")

#: Features of browsers that pages never use. Only names that browsers know: they report an unknown one.
_DENIED_FEATURES = (
    *("accelerometer", "autoplay", "camera", "clipboard-read", "cross-origin-isolated"),
    *("display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid"),
    *("identity-credentials-get", "idle-detection", "keyboard-map", "local-fonts", "magnetometer"),
    *("microphone", "midi", "otp-credentials", "payment", "picture-in-picture"),
    *("publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial"),
    *("storage-access", "sync-xhr", "unload", "usb", "window-management", "xr-spatial-tracking"),
)

#: Headers of every page, in addition to those of all responses.
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join([*(f"{name}=()" for name in _DENIED_FEATURES), "clipboard-write=(self)"]),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_SHELL = """\
<!doctype html>
<html lang="en" data-base="{base}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Pulse</title>
<link rel="icon" href="{base}assets/{icon}">
{styles}
{preload}
<script type="module" src="{base}assets/{script}"></script>
</head>
<body>
<div id="app"></div>
<noscript>Pulse needs JavaScript. The HTTP API works without it.</noscript>
</body>
</html>
"""


class PageRoute(Route):
    """A route of pages: only GET and HEAD, and no path below `/p/{project}/v1`, which the HTTP API has.

    Other requests do not match, so their 404 has the right route for an exporter with a wrong endpoint.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return the match of the request's path, none for another method."""
        if scope.get("method") not in ("GET", "HEAD") or _API_PATH.match(scope.get("path", "")):
            return Match.NONE, {}
        return super().matches(scope)


def page_routes(base: str = "/", assets: Assets | None = None) -> list[Route]:
    """Return the routes of the shell and of its built files.

    `base` is the path of the pages for browsers, with a slash at both ends: `/`, or the prefix that a
    reverse proxy removes. The routes are without it.
    """
    files = assets or Assets()

    async def get_page(request: Request) -> Response:
        try:
            document = shell(files.manifest(), base)
        except NotBuilt as error:
            return PlainTextResponse(f"{error.detail}\n", error.status_code, PAGE_HEADERS)
        tag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
        headers = {**PAGE_HEADERS, "Cache-Control": "no-cache", "ETag": tag}
        if _has_tag(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(document, headers=headers, media_type="text/html")

    return [
        PageRoute("/", get_page),
        PageRoute("/p/{project}", get_page),
        PageRoute("/p/{project}/{page:path}", get_page),
        *asset_routes(files),
    ]


def shell(manifest: Manifest, base: str) -> bytes:
    """Return the HTML document that loads a build.

    The policy forbids `<base>`, so the scripts read `base` from the attribute `data-base` of the root.
    """
    path = html.escape(base)
    text = _SHELL.format(
        base=path,
        icon=manifest.icon,
        script=manifest.script,
        styles="\n".join(f'<link rel="stylesheet" href="{path}assets/{name}">' for name in manifest.styles),
        preload="\n".join(
            f'<link rel="modulepreload" href="{path}assets/{name}">' for name in manifest.preload
        ),
    )
    return text.replace("\n\n", "\n").encode()


def _has_tag(request: Request, tag: str) -> bool:
    """Return whether If-None-Match names the tag; a proxy may have made it weak."""
    given = ",".join(request.headers.getlist("if-none-match"))
    return any(item.strip().removeprefix("W/") in (tag, "*") for item in given.split(","))
