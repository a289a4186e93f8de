"""The built files of the pages: their manifest, and the route that serves them compressed."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

#: Written by `query_api/web/build.ts`. Not in git; in every wheel and sdist.
STATIC = Path(__file__).parent / "static"

#: What pages answer without the built files.
NOT_BUILT = "The pages are not built. Run `make setup` with access to an npm registry; the HTTP API works."

#: The content codings of the files, best first, and the extension of each.
_EXTENSIONS = {"zstd": ".zst", "br": ".br", "gzip": ".gz"}
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}


class NotBuilt(HTTPException):
    """503: the static folder has no manifest that can be read, or a file of its manifest is missing."""

    def __init__(self) -> None:
        super().__init__(503, NOT_BUILT)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one build."""

    #: Whether the build is that of `make web-watch`: not minified, without compressed files.
    development: bool
    #: The module that the shell runs, and the modules that it imports statically.
    script: str
    preload: Sequence[str]
    styles: Sequence[str]
    icon: str
    #: The content codings of each file. The file without a coding exists in addition to them.
    files: Mapping[str, Sequence[str]]


class Assets:
    """The files of the newest build in a folder. A build that replaces the folder's files is noticed."""

    def __init__(self, folder: Path = STATIC) -> None:
        self.folder = folder
        self._path = folder / "manifest.json"
        self._read = functools.lru_cache(maxsize=1)(self._read_manifest)
        self._load = functools.lru_cache(maxsize=256)(self._load_file)

    def manifest(self) -> Manifest:
        """Return the manifest. Raises NotBuilt if there is none."""
        try:
            return self._read(self._path.stat().st_mtime_ns)
        except (OSError, ValueError, TypeError):
            # Of another version of the build, or half written.
            raise NotBuilt from None

    def respond(self, request: Request, name: str) -> Response:
        """Return the response with a file, in the best coding that the request accepts.

        Raises HTTPException 404 if no file of the build has the name, NotBuilt without a build.
        """
        codings = self.manifest().files.get(name)
        if codings is None:
            raise HTTPException(404)
        coding = best_coding(request.headers.getlist("accept-encoding"), codings)
        try:
            content = self._load(name + _EXTENSIONS.get(coding, ""))
        except OSError:
            raise NotBuilt from None
        headers = {**_HEADERS, "Content-Encoding": coding} if coding else _HEADERS
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])

    def _read_manifest(self, _changed_ns: int) -> Manifest:
        found: dict[str, Any] = json.loads(self._path.read_bytes())
        return Manifest(**found)

    def _load_file(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


def asset_routes(assets: Assets) -> list[Route]:
    """Return the route of the built files. Their names contain a hash, so clients cache them for a year."""

    async def get_asset(request: Request) -> Response:
        return assets.respond(request, request.path_params["name"])

    return [Route("/assets/{name}", get_asset)]


def best_coding(accepted: Sequence[str], available: Sequence[str]) -> str:
    """Return the first of `_EXTENSIONS` that is available and accepted, or "" for no coding.

    `accepted` are the values of the Accept-Encoding headers. A coding with q=0 is not accepted.
    """
    weights = dict(_weights(accepted))
    for coding in _EXTENSIONS:
        if coding in available and weights.get(coding, weights.get("*", 0.0)) > 0:
            return coding
    return ""


def _weights(accepted: Sequence[str]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for item in ",".join(accepted).split(","):
        coding, _, parameters = item.partition(";")
        weight = re.search(r"(?:^|;)\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", parameters)
        found.append((coding.strip().lower(), float(weight[1]) if weight else 1.0))
    return found
