"""The open connections of one listener: bounded in all and for each peer, the longest idle closed first."""

from __future__ import annotations

import ipaddress
from typing import Protocol

#: One peer may have this share of all connections, so that others find room.
_SHARE_OF_PEER = 0.5
#: The addresses of one IPv6 network usually belong to one machine or customer.
_IPV6_PREFIX = 64


class Connection(Protocol):
    """A connection that can be closed while it is idle."""

    def close_idle(self) -> None:
        """Close it: no request of it is being handled."""
        ...


class Connections:
    """Counts connections by peer and keeps the idle ones of each in the order in which they became so.

    Connections for which `peer` is None (sockets without addresses) are not counted.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._limit_of_peer = max(1, int(limit * _SHARE_OF_PEER))
        self._sum = 0
        self._counts: dict[str, int] = {}
        #: Sets in the order of insertion.
        self._idle: dict[str, dict[Connection, None]] = {}

    def add(self, peer: str, connection: Connection) -> bool:
        """Count an idle connection. Return False if there is no room, even after closing an idle one."""
        count = self._counts.get(peer, 0)
        if count >= self._limit_of_peer:
            if not self._close_idle_of(peer):
                return False
        elif self._sum >= self._limit and not self._close_any_idle():
            return False
        self._sum += 1
        self._counts[peer] = self._counts.get(peer, 0) + 1
        self._idle.setdefault(peer, {})[connection] = None
        return True

    def remove(self, peer: str, connection: Connection) -> None:
        """Forget a connection that was added and is closed."""
        self.set_busy(peer, connection)
        if peer in self._counts:
            self._sum -= 1
            self._counts[peer] -= 1
            if not self._counts[peer]:
                del self._counts[peer]
                self._idle.pop(peer, None)

    def set_busy(self, peer: str, connection: Connection) -> None:
        """Note that a request is being handled: the connection is not closed to make room."""
        idle = self._idle.get(peer)
        if idle is not None:
            idle.pop(connection, None)

    def set_idle(self, peer: str, connection: Connection) -> None:
        """Note that no request is being handled from now on."""
        idle = self._idle.get(peer)
        if idle is not None:
            idle.pop(connection, None)
            idle[connection] = None

    def _close_any_idle(self) -> bool:
        """Close the longest idle connection of the peer that has the most."""
        by_count = sorted(self._counts, key=lambda peer: -self._counts[peer])
        return any(self._close_idle_of(peer) for peer in by_count)

    def _close_idle_of(self, peer: str) -> bool:
        for connection in self._idle.get(peer, ()):
            # It is removed at once, so that it is not counted until the transport has closed.
            connection.close_idle()
            return True
        return False


def peer_of(address: object) -> str | None:
    """Return what connections are counted by: an IPv4 address or an IPv6 network; None without an address."""
    if not isinstance(address, tuple) or not address or not isinstance(address[0], str):
        return None
    host = address[0].partition("%")[0]
    if ":" not in host:
        return host
    try:
        ip = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip, _IPV6_PREFIX), strict=False).network_address)
