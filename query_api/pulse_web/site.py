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
        self._names = {"localhost", host.lower(), self._public[0]} - {""}

    def allows(self, connection: HTTPConnection) -> bool:
        """Return whether the Host header is an IP address, `localhost` or a name of this site.

        Another name may be one that an attacker has pointed to this server (DNS rebinding).
        """
        address = _address(connection)
        return address is not None and (address[0] in self._names or _is_ip(address[0]))

    def is_https(self, connection: HTTPConnection) -> bool:
        """Return whether the browser sent this request over https."""
        address = _address(connection)
        if not self._is_https or address is None:
            return False
        return (address[0], address[1] or _DEFAULT_PORTS["https"]) == self._public

    def origin(self, connection: HTTPConnection) -> str:
        """Return the Origin header of requests from this site's own pages."""
        scheme = "https" if self.is_https(connection) else "http"
        return f"{scheme}://{connection.headers.get('host', '').lower()}"

    def cookie_name(self, connection: HTTPConnection) -> str:
        """Return the name of the session cookie.

        It contains the port over plain http: browsers send the cookies of a host to all its ports. Over https
        its prefix makes browsers refuse it from other hosts of the domain.
        """
        if self.is_https(connection):
            return "__Host-pulse"
        address = _address(connection)
        return f"pulse_{(address and address[1]) or _DEFAULT_PORTS['http']}"


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
