"""`pulse open`: print a link that signs a browser in, and open it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import webbrowser

from pulse_server.arguments import CommandFailed, Parser, add_settings, settings_from
from pulse_server.banner import url
from pulse_server.same_store import NoServer, check_same_store
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_storage.trace_json import rfc3339
from pulse_web.sign_in_link import sign_in_link


def configure(parser: Parser) -> None:
    parser.description = (
        "Prints a link to the pages of a running server, and opens it in a browser. The link signs in one\n"
        "browser, once, within ten minutes: for all projects of the store, without a key."
    )
    parser.epilog = "Example:\n  pulse open --no-browser"
    parser.add_argument(
        "--admin", action="store_true", help="give the session admin rights for 30 minutes as well"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the link")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_settings(parser, "PULSE_HOST", "PORT", "DATABASE_URL", "PULSE_DATA_DIR")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    if not settings.port:
        raise CommandFailed("PORT is 0: set PORT or --port to the port that `pulse serve` printed")
    link, expires_ns = asyncio.run(_link(settings, admin=arguments.admin))
    if not arguments.json:
        rights = ", with admin rights for 30 minutes" if arguments.admin else ""
        print(f"{link}\nIt signs in one browser within ten minutes, for all projects{rights}.", flush=True)
    opened = not arguments.no_browser and _has_browser() and webbrowser.open(link)
    if arguments.json:
        document = {"url": link, "expiresAt": rfc3339(expires_ns), "admin": arguments.admin}
        print(json.dumps({**document, "opened": opened}))
    return 0


async def _link(settings: Settings, *, admin: bool) -> tuple[str, int]:
    local = url(settings.host, settings.port)
    async with existing_store(settings) as storage:
        try:
            await check_same_store(storage, local)
        except NoServer:
            # With a public URL the server may run on another machine.
            if settings.public_url is None:
                raise CommandFailed(
                    f"no server answers at {local}; start one with `pulse serve`, or set PORT, PULSE_HOST or"
                    " PULSE_PUBLIC_URL as for it"
                ) from None
        return await sign_in_link(storage, settings.public_url or local, admin=admin)


def _has_browser() -> bool:
    """Return whether a browser with windows can be started; one in the terminal cannot show the pages."""
    names = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in names)
