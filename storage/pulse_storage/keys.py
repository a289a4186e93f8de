"""Create API keys, look them up by digest, and check their scopes.

A key has 122 random bits, so SHA-256 is as safe as a slow hash. Unlike a slow hash it can be looked up in an
index, and clients without a key cannot make the server compute for long (docs/adr/0005).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection
from urllib.parse import unquote

from pulse_storage.control_store import ControlStore
from pulse_storage.errors import StoreUnavailable
from pulse_storage.rows import ApiKey
from pulse_storage.runtime.deadlines import LOOK_UP_DEADLINE_S, answer_within
from pulse_storage.runtime.lookup_cache import LookupCache

INGEST = "ingest"
READ = "read"
#: Allows changing what people add to stored data, such as notes and views.
EDIT = "edit"
SCOPES = frozenset({INGEST, READ, EDIT})
#: Scopes of a key for which none are given.
DEFAULT_SCOPES = frozenset({INGEST, READ})

_PREFIX = "pulse_sk_"
#: A longer credential cannot be a key of Pulse; it is refused before it is hashed.
_MAX_CREDENTIAL_CHARS = 512
_TOUCH_EVERY_NS = 60_000_000_000


class KeyRefused(Exception):
    """The credential is missing, malformed, unknown, revoked or expired; answers must not reveal which."""


class ScopeMissing(Exception):
    """The key is valid but lacks the required scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"this key lacks the scope '{scope}'")
        self.scope = scope


def new_key() -> str:
    """Return a new random key, `pulse_sk_<uuid4>`; shown once and never stored."""
    return f"{_PREFIX}{uuid.uuid4()}"


def key_digest(key: str) -> bytes:
    """Return the SHA-256 of a key, the only form in which it is stored."""
    return hashlib.sha256(key.encode()).digest()


def key_record(
    key: str,
    project_id: str,
    *,
    created_ns: int,
    scopes: Collection[str] = DEFAULT_SCOPES,
    expires_ns: int | None = None,
) -> ApiKey:
    """Return the row to store for a key. Raises ValueError if a scope is unknown or none is given."""
    if not scopes or not SCOPES.issuperset(scopes):
        raise ValueError(f"scopes must be one or more of {', '.join(sorted(SCOPES))}")
    return ApiKey(
        id=str(uuid.uuid4()),
        project_id=project_id,
        digest=key_digest(key),
        hint=f"{key[: len(_PREFIX) + 4]}…{key[-4:]}",
        scopes=frozenset(scopes),
        created_ns=created_ns,
        last_used_ns=None,
        expires_ns=expires_ns,
        revoked_ns=None,
    )


def credential(authorization: str | None) -> str | None:
    """Return the key of an Authorization header: the Bearer token or the Basic password; None without one.

    Basic is accepted because exporters of other tools use it. `Bearer%20…`, which some exporters send without
    decoding the environment variable, is decoded: neither keys nor Base64 contain percent signs.
    """
    if authorization is None or len(authorization) > _MAX_CREDENTIAL_CHARS:
        return None
    if "%" in authorization:
        authorization = unquote(authorization)
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return decoded.partition(":")[2] or None
    return None


class KeyRing:
    """Checks credentials against the store, with a cache of at most `capacity` digests for `ttl_s` seconds.

    Thread-safe. The server calls `flush_used` periodically.
    """

    def __init__(self, storage: ControlStore, *, ttl_s: float = 2.0, capacity: int = 10_000) -> None:
        self._storage = storage
        self._capacity = capacity
        self._cache: LookupCache[ApiKey] = LookupCache(ttl_s=ttl_s, capacity=capacity)
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._touched: OrderedDict[str, int] = OrderedDict()

    async def check(self, authorization: str | None, scope: str) -> ApiKey:
        """Return the key of an Authorization header if it is valid and has the scope.

        Raises KeyRefused (401), ScopeMissing (403) or StoreUnavailable (503: exporters drop their data after
        401, so a valid key must not be refused while the store is down).
        """
        key = credential(authorization)
        if key is None:
            raise KeyRefused
        digest = key_digest(key)
        known, record = self._cache.get(digest)
        if not known:
            try:
                async with answer_within(LOOK_UP_DEADLINE_S):
                    record = await self._storage.key_by_digest(digest)
                self._cache.put(digest, record)
            except StoreUnavailable:
                record = self._cache.recent(digest)
                if record is None:
                    raise
        return self._admit(record, scope)

    def check_cached(self, authorization: str | None, scope: str) -> ApiKey | None:
        """Do what `check` does from the cache, without waiting; return None if the key is not cached."""
        key = credential(authorization)
        if key is None:
            raise KeyRefused
        known, record = self._cache.get(key_digest(key))
        return self._admit(record, scope) if known else None

    async def flush_used(self) -> None:
        """Store the time of last use of the keys that were used since the previous call."""
        with self._lock:
            used, self._used = self._used, {}
        for key_id, used_ns in used.items():
            await self._storage.touch_keys([key_id], used_ns)

    def _admit(self, record: ApiKey | None, scope: str) -> ApiKey:
        now_ns = time.time_ns()
        if (
            record is None
            or record.revoked_ns is not None
            or (record.expires_ns is not None and record.expires_ns <= now_ns)
        ):
            raise KeyRefused
        if scope not in record.scopes:
            raise ScopeMissing(scope)
        if now_ns - self._touched.get(record.id, 0) >= _TOUCH_EVERY_NS:
            with self._lock:
                self._touched[record.id] = self._used[record.id] = now_ns
                while len(self._touched) > self._capacity:
                    self._touched.popitem(last=False)
        return record
