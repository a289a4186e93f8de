"""Site: the names under which browsers reach this server, and what follows from a request's Host header."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Site:
    """The public URL of the pages, if one is configured, and the host name that the server listens on.

    Only a request to the host and port of an https public URL came over https: the server itself serves plain
    http, and a proxy in front of it passes the Host header on.
    """

    def __init__(self, public_url: str | None = None, host: str = "127.0.0.1") -> None:
        public = urlsplit(public_url or "")
        self._public = (public.hostname or "", public.port or _DEFAULT_PORTS.get(public.scheme))
        self._is_https = public.scheme == "https"
        words = re.findall(r"[A-Za-z0-9]+", public.path)
        self._cookie_suffix = "".join(f"_{word}" for word in words)
        self._names = {"localhost", host.lower(), self._public[0]} - {""}

    def allows(self, connection: HTTPConnection) -> bool:
        """Return whether the Host header is an IP address, `localhost` or a name of this site.

        Another name may be one that an attacker has pointed to this server (DNS rebinding).
        """
        address = _address(connection)
        return address is not None and (address[0] in self._names or _is_ip(address[0]))

    def is_https(self, connection: HTTPConnection) -> bool:
        """Return whether the browser sent this request over https."""
        return self._is_https and self._is_public(connection)

    def origin(self, connection: HTTPConnection) -> str:
        """Return the Origin header of requests from this site's own pages.

        Without the default port, as in browsers: a proxy may add it to the Host header.
        """
        scheme = "https" if self.is_https(connection) else "http"
        host = connection.headers.get("host", "").lower()
        return f"{scheme}://{host.removesuffix(f':{_DEFAULT_PORTS[scheme]}')}"

    def cookie_name(self, connection: HTTPConnection) -> str:
        """Return the name of the session cookie.

        It contains the port, unless it is 443 over https, and the path of the public URL: browsers send the
        cookies of a host to all its ports, and these cookies to all its paths. Over https its prefix makes
        browsers refuse it from other hosts of the domain.
        """
        address = _address(connection)
        port = None if address is None else address[1]
        suffix = self._cookie_suffix if self._is_public(connection) else ""
        if not self.is_https(connection):
            return f"pulse_{port or _DEFAULT_PORTS['http']}{suffix}"
        if port not in (None, _DEFAULT_PORTS["https"]):
            suffix = f"_{port}{suffix}"
        return f"__Host-pulse{suffix}"

    def _is_public(self, connection: HTTPConnection) -> bool:
        """Return whether the Host header has the name and the port of the public URL."""
        address = _address(connection)
        default = _DEFAULT_PORTS["https" if self._is_https else "http"]
        return address is not None and (address[0], address[1] or default) == self._public


def _address(connection: HTTPConnection) -> tuple[str, int | None] | None:
    """Return host name (lower case, IPv6 without brackets) and port of the Host header.

    None unless there is one valid header.
    """
    headers = connection.headers.getlist("host")
    found = _HOST.fullmatch(headers[0]) if len(headers) == 1 else None
    if found is None:
        return None
    port = found["port"]
    return found["name"].strip("[]").lower(), None if port is None else int(port)


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
