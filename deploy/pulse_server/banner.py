"""The text that `pulse serve` prints when it is ready: URLs, data location, and two lines to paste."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from pulse_server import __version__
from pulse_server.settings import Settings, hide_password


@dataclass(frozen=True, slots=True)
class Listening:
    """The ports and the roles of a running server; a port is None if its listener is off."""

    main: int
    otlp_http: int | None
    otlp_grpc: int | None
    ingest: bool
    query: bool


def banner(
    settings: Settings, listening: Listening, key: str | None, project: str | None, link: str | None = None
) -> str:
    """Return the text of a server that is ready.

    `key` is a valid API key to print, `project` the name of a project of the store, `link` a sign-in link;
    each may be None.
    """
    base = url(settings.host, listening.main)
    what = " and ".join(
        part for part, on in (("query API", listening.query), ("ingest", listening.ingest)) if on
    )
    rows = [(what[0].upper() + what[1:], base)]
    if listening.otlp_http is not None:
        rows.append(("OTLP/HTTP", url(settings.host, listening.otlp_http)))
    if listening.otlp_grpc is not None:
        rows.append(("OTLP/gRPC", url(settings.host, listening.otlp_grpc)))
    rows.append(("Data", store_location(settings.database_url)))
    if link is not None:
        rows.append(("Pages, for 10 minutes", link))
    lines = [f"Pulse {__version__} is ready", *(f"  {name:<22}{value}" for name, value in rows)]
    if listening.ingest:
        lines += [
            "",
            "Paste these lines into your application's shell; every OpenTelemetry exporter reads them:",
        ]
        lines += export_lines(settings.host, listening.otlp_http or listening.main, key)
        if listening.otlp_grpc is not None:
            lines.append(f"# For a gRPC exporter the endpoint is {url(settings.host, listening.otlp_grpc)}")
        if key is None:
            get_key = "projects create default" if project is None else f"keys create {shlex.quote(project)}"
            lines.append(f"Get a key with: {program()} {get_key}")
    return "\n".join([*lines, "", "Ctrl-C stops it."]) + "\n"


def export_lines(host: str, otlp_http_port: int, key: str | None) -> list[str]:
    """Return the two `export` lines; exporters URL-decode headers, so the space after Bearer is escaped."""
    return [
        f"export OTEL_EXPORTER_OTLP_ENDPOINT={url(host, otlp_http_port)}",
        f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{key or 'YOUR_KEY'}",
    ]


def program() -> str:
    """Return the shell command that runs `pulse`: its name, or its path if it is not on PATH."""
    path = Path(sys.argv[0]).absolute()
    if shutil.which("pulse") is not None or path.name != "pulse":
        return "pulse"
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def url(host: str, port: int) -> str:
    """Return the URL of a listener for clients on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def store_location(database_url: str) -> str:
    """Return the path of a SQLite file, or the URL of another store without its password."""
    if database_url.startswith("sqlite:///"):
        return str(Path(database_url.removeprefix("sqlite:///")).absolute())
    return hide_password(database_url)
