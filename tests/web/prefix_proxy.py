"""A reverse proxy that serves a Pulse server below a path, as operators configure it."""

from __future__ import annotations

import contextlib
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPErrorProcessor())


class PrefixProxy(ThreadingHTTPServer):
    """Forwards requests below its prefix without it, and answers 404 to all others."""

    daemon_threads = True

    def __init__(self, prefix: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prefix = prefix
        self.upstream = ""
        self.outside: list[str] = []

    @property
    def url(self) -> str:
        """Return the URL of the pages for browsers."""
        return f"http://127.0.0.1:{self.server_address[1]}{self.prefix}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def _forward(self) -> None:
        proxy = cast(PrefixProxy, self.server)
        if not self.path.startswith(f"{proxy.prefix}/"):
            proxy.outside.append(self.path)
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))) or None
        target = proxy.upstream + self.path.removeprefix(proxy.prefix)
        # The browser's Host header and method go through.
        request = urllib.request.Request(target, body, dict(self.headers), method=self.command)
        try:
            answer = _opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
            self.send_response(answer.status or 502)
            for name, value in answer.headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextlib.contextmanager
def prefix_proxy(prefix: str) -> Generator[PrefixProxy]:
    """Run a proxy whose `upstream` the caller sets."""
    with PrefixProxy(prefix) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
