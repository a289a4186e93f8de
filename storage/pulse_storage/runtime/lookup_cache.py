"""LookupCache: results of look-ups in the store, valid for seconds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from time import monotonic
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

#: While the store does not answer, a cached value stays valid for this long after `ttl_s`. A revocation takes
#: effect within 5 s at most: 2 s of `ttl_s` and this.
_BUSY_S = 2.5


class LookupCache(Generic[_Value]):
    """A cache of at most `capacity` results by digest; the oldest ones are dropped. Thread-safe.

    None, the result of an unknown digest, is cached as well: a client that repeats a wrong credential does
    not reach the store each time. A `ttl_s` of 0 or less turns the cache off.
    """

    def __init__(self, *, ttl_s: float, capacity: int) -> None:
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._seen: OrderedDict[bytes, tuple[float, _Value | None]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: bytes) -> tuple[bool, _Value | None]:
        """Return whether a result is cached that is no older than `ttl_s`, and the result."""
        entry = self._seen.get(digest)
        if entry is None or monotonic() - entry[0] > self._ttl_s:
            return False, None
        return True, entry[1]

    def recent(self, digest: bytes) -> _Value | None:
        """Return a cached result that may still be used while the store does not answer; else None."""
        entry = self._seen.get(digest)
        if entry is None or self._ttl_s <= 0 or monotonic() - entry[0] > self._ttl_s + _BUSY_S:
            return None
        return entry[1]

    def put(self, digest: bytes, value: _Value | None) -> None:
        """Cache a result from now on."""
        with self._lock:
            self._seen[digest] = (monotonic(), value)
            self._seen.move_to_end(digest)
            while len(self._seen) > self._capacity:
                self._seen.popitem(last=False)

    def forget(self, digest: bytes) -> None:
        """Drop the result of a digest, if it is cached."""
        with self._lock:
            self._seen.pop(digest, None)
