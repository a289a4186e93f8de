"""The server under test as its clients know it: addresses, a key, and HTTP on fresh or kept connections."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server listens; the key has the scopes `ingest` and `read`."""

    main_port: int
    otlp_http_port: int
    otlp_grpc_port: int
    key: str

    @property
    def url(self) -> str:
        """The main port's base URL."""
        return f"http://127.0.0.1:{self.main_port}"

    @property
    def headers(self) -> dict[str, str]:
        """The header that carries the key."""
        return {"authorization": f"Bearer {self.key}"}


class Http:
    """An HTTP client that keeps its connection, or opens one for each request."""

    def __init__(self, target: Target, *, kept: bool) -> None:
        self._target = target
        self._kept = self._client() if kept else None

    def get(self, path: str, **params: object) -> httpx2.Response:
        """GET; the answer, whatever its status."""
        return self._send("GET", path, params={name: str(value) for name, value in params.items()})

    def post(self, path: str, body: object) -> httpx2.Response:
        """POST a JSON document; the answer, whatever its status."""
        return self._send("POST", path, json=body)

    def rows(self, **params: object) -> list[dict[str, Any]]:
        """All rows of a list, page by page, by the Link header."""
        found: list[dict[str, Any]] = []
        path: str | None = f"/v1/traces?{urlencode({'limit': 1000, **params})}"
        while path is not None:
            answer = self._send("GET", path)
            answer.raise_for_status()
            found += answer.json()["traces"]
            link = re.match(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
            path = link[1] if link else None
        return found

    def close(self) -> None:
        """Close the kept connection."""
        if self._kept is not None:
            self._kept.close()

    def _client(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=self._target.url, headers=self._target.headers, timeout=TIMEOUT_S, trust_env=False
        )

    def _send(self, method: str, path: str, **how: Any) -> httpx2.Response:
        if self._kept is not None:
            return self._kept.request(method, path, **how)
        with self._client() as client:
            return client.request(method, path, **how)


def metrics_of(target: Target) -> dict[str, float]:
    """The samples of /metrics by name with labels."""
    http = Http(target, kept=False)
    answer = http.get("/metrics")
    answer.raise_for_status()
    lines = (line.rpartition(" ") for line in answer.text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, _, value in lines}


def send_and_leave(target: Target, request: bytes, *, read_bytes: int, reset: bool) -> None:
    """Send bytes of a request, read some of the answer, and close the connection, by RST if `reset`."""
    port = urlsplit(target.url).port
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
        client.sendall(request)
        if read_bytes:
            client.recv(read_bytes)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
