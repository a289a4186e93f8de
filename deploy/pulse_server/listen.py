"""Listening sockets, bound before the servers start, so that an error names the setting and the port."""

from __future__ import annotations

import errno
import socket

from pulse_server.settings import SettingError

_BACKLOG = 2048


def listen(setting: str, host: str, port: int) -> socket.socket:
    """Return a non-blocking TCP socket that listens on host and port; port 0 takes any free port.

    `setting` is the name in errors. Raises SettingError with the fix if the address cannot be used.
    """
    family, address = _resolve(host, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # Another process with SO_REUSEADDR could bind the port of a socket that is bound but not listening.
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise SettingError(*_problem(setting, host, port, error)) from error
    sock.setblocking(False)
    return sock


def check_free(setting: str, host: str, port: int) -> None:
    """Check that the port can be bound, for servers that bind their own sockets. Raises SettingError."""
    listen(setting, host, port).close()


def port_of(sock: socket.socket) -> int:
    """Return the port of a bound socket."""
    port: int = sock.getsockname()[1]
    return port


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise SettingError("PULSE_HOST", f"'{host}' is not a local address; try 127.0.0.1") from error
    # A name such as localhost may have both an IPv4 and an IPv6 address: prefer IPv4.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def _problem(setting: str, host: str, port: int, error: OSError) -> tuple[str, str]:
    if error.errno == errno.EADDRINUSE:
        return setting, f"port {port} is in use on {host}; stop the process that uses it or set another port"
    if error.errno == errno.EACCES:
        return setting, f"port {port} requires root privileges; set a port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return "PULSE_HOST", f"'{host}' is not a local address; try 127.0.0.1"
    return setting, f"cannot listen on {host} port {port}: {error.strerror}"
