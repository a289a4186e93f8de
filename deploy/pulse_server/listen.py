"""Listening sockets, bound before anything else starts, so that a taken port is an error that names it."""

from __future__ import annotations

import errno
import socket

from pulse_server.settings import SettingError

_BACKLOG = 2048


def listen(setting: str, host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises SettingError with the mend."""
    family, address = _resolve(host, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # Bound alone does not hold a port against others that reuse addresses; listening does.
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise SettingError(*_problem(setting, host, port, error)) from error
    sock.setblocking(False)
    return sock


def check_free(setting: str, host: str, port: int) -> None:
    """Raise SettingError if another process listens there: for servers that bind by themselves."""
    listen(setting, host, port).close()


def port_of(sock: socket.socket) -> int:
    """The port that the socket has, given or found."""
    port: int = sock.getsockname()[1]
    return port


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise SettingError("PULSE_HOST", f"'{host}' is no address of this machine; try 127.0.0.1") from error
    # A name such as localhost may have both: exporters are told the IPv4 one.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def _problem(setting: str, host: str, port: int, error: OSError) -> tuple[str, str]:
    if error.errno == errno.EADDRINUSE:
        return setting, f"port {port} is in use on {host}; stop what listens there or set another port"
    if error.errno == errno.EACCES:
        return setting, f"port {port} needs privileges; set one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return "PULSE_HOST", f"'{host}' is no address of this machine; try 127.0.0.1"
    return setting, f"cannot listen on {host} port {port}: {error.strerror}"
