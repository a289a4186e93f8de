"""Check that a running server uses the store that a command has opened."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from pulse_server.arguments import CommandFailed
from pulse_storage.control_store import WebSessions
from pulse_storage.rows import WebSession
from pulse_web.session_ring import new_secret, secret_digest

_TIMEOUT_S = 10.0
_PROBE_NS = 60 * 1_000_000_000
#: Without the environment's proxies: the server is on this machine.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoServer(Exception):
    """Nothing accepts connections at the URL."""


async def check_same_store(storage: WebSessions, url: str) -> None:
    """Check that a Pulse server with pages answers at `url` and uses `storage`.

    It stores a web session, asks the server for it, and deletes it. Raises NoServer if nothing listens at
    `url`, CommandFailed if another program, a server without pages or a server with another store answers.
    """
    status, service = await asyncio.to_thread(_get, f"{url}/health", "")
    if status != 200 or service != "pulse":
        raise CommandFailed(f"another program answers at {url}; set PORT to that of `pulse serve`")
    secret, now_ns = new_secret(), time.time_ns()
    probe = WebSession(secret_digest(secret), (), True, None, None, now_ns, now_ns + _PROBE_NS, None)
    await storage.put_web_session(probe)
    try:
        cookie = f"pulse_{urlsplit(url).port}={secret}"
        status, _ = await asyncio.to_thread(_get, f"{url}/sign-in", cookie)
    finally:
        await storage.delete_web_session(probe.digest)
    if status == 401:
        raise CommandFailed(
            f"the server at {url} uses another store; set DATABASE_URL or PULSE_DATA_DIR as for `pulse serve`"
        )
    if status != 200:
        raise CommandFailed(
            f"the server at {url} has no pages (it answered {status}); start one without --only collector"
        )


def _get(url: str, cookie: str) -> tuple[int, str]:
    """Send a GET request; return the status and the field `service` of the answer, "" if there is none."""
    request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
    try:
        with _http.open(request, timeout=_TIMEOUT_S) as answer:
            document: object = json.loads(answer.read(65_536) or b"{}")
            service = document.get("service") if isinstance(document, dict) else None  # pyright: ignore
            return answer.status, str(service or "")  # pyright: ignore[reportUnknownArgumentType]
    except urllib.error.HTTPError as error:
        return error.code, ""
    except ValueError:
        return 200, ""
    except OSError as error:
        raise NoServer(url) from error
