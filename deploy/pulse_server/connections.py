"""Limit the open connections of a listener, in total and per peer; the longest idle ones are closed first."""

from __future__ import annotations

import ipaddress
from typing import Protocol

#: Maximum share of all connections that one peer may have.
_SHARE_OF_PEER = 0.5
#: An IPv6 network of this prefix length counts as one peer: it usually belongs to one machine or customer.
_IPV6_PREFIX = 64


class Connection(Protocol):
    """A connection that can be closed while it is idle."""

    def close_idle(self) -> None:
        """Close the connection; called only while it handles no request."""
        ...


class Connections:
    """The connections of one listener, counted by peer, with the idle ones in the order of becoming idle.

    Not thread-safe: use it from one event loop.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._limit_of_peer = max(1, int(limit * _SHARE_OF_PEER))
        self._sum = 0
        self._counts: dict[str, int] = {}
        #: Idle connections by peer, longest idle first; dictionaries serve as ordered sets.
        self._idle: dict[str, dict[Connection, None]] = {}

    def add(self, peer: str, connection: Connection) -> bool:
        """Add an idle connection, closing another idle one if a limit is reached.

        Return False, without adding it, if the limit is reached and no connection is idle.
        """
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
        """Remove an added connection; does nothing for one that was removed before."""
        self.set_busy(peer, connection)
        if peer in self._counts:
            self._sum -= 1
            self._counts[peer] -= 1
            if not self._counts[peer]:
                del self._counts[peer]
                self._idle.pop(peer, None)

    def set_busy(self, peer: str, connection: Connection) -> None:
        """Mark a connection as handling a request, so that it is not closed for another one."""
        idle = self._idle.get(peer)
        if idle is not None:
            idle.pop(connection, None)

    def set_idle(self, peer: str, connection: Connection) -> None:
        """Mark a connection as idle, as the most recent one."""
        idle = self._idle.get(peer)
        if idle is not None:
            idle.pop(connection, None)
            idle[connection] = None

    def _close_any_idle(self) -> bool:
        """Close the longest idle connection of the peer with the most connections; False if none is idle."""
        by_count = sorted(self._counts, key=lambda peer: -self._counts[peer])
        return any(self._close_idle_of(peer) for peer in by_count)

    def _close_idle_of(self, peer: str) -> bool:
        for connection in self._idle.get(peer, ()):
            # close_idle() removes it immediately, before the transport is closed.
            connection.close_idle()
            return True
        return False


def peer_of(address: object) -> str | None:
    """Return the IPv4 address or IPv6 network by which a connection is counted; None for Unix sockets."""
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
