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
from time import monotonic
from urllib.parse import unquote

from pulse_storage.control_store import ControlStore
from pulse_storage.errors import StoreUnavailable
from pulse_storage.rows import ApiKey
from pulse_storage.runtime.deadlines import LOOK_UP_DEADLINE_S, answer_within

INGEST = "ingest"
READ = "read"
SCOPES = frozenset({INGEST, READ})

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
    scopes: Collection[str] = SCOPES,
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


#: While the store does not answer, a cached key stays valid for this long after `ttl_s`. A revocation takes
#: effect within 5 s at most: 2 s of `ttl_s` and this.
_BUSY_S = 2.5


class KeyRing:
    """Checks credentials against the store, with a cache of at most `capacity` digests for `ttl_s` seconds.

    Unknown digests are cached as well: a client that repeats a wrong key does not reach the store each time.
    Thread-safe. The server calls `flush_used` periodically.
    """

    def __init__(self, storage: ControlStore, *, ttl_s: float = 2.0, capacity: int = 10_000) -> None:
        self._storage = storage
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._seen: OrderedDict[bytes, tuple[float, ApiKey | None]] = OrderedDict()
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
        known, record = self._remembered(digest)
        if not known:
            try:
                async with answer_within(LOOK_UP_DEADLINE_S):
                    record = await self._storage.key_by_digest(digest)
                self._remember(digest, record)
            except StoreUnavailable:
                record = self._recently_known(digest)
                if record is None:
                    raise
        return self._admit(record, scope)

    def check_cached(self, authorization: str | None, scope: str) -> ApiKey | None:
        """Do what `check` does from the cache, without waiting; return None if the key is not cached."""
        key = credential(authorization)
        if key is None:
            raise KeyRefused
        known, record = self._remembered(key_digest(key))
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

    def _recently_known(self, digest: bytes) -> ApiKey | None:
        """Return a cached key older than `ttl_s` if it may still be used while the store does not answer."""
        entry = self._seen.get(digest)
        if entry is None or self._ttl_s <= 0 or monotonic() - entry[0] > self._ttl_s + _BUSY_S:
            return None
        return entry[1]

    def _remembered(self, digest: bytes) -> tuple[bool, ApiKey | None]:
        entry = self._seen.get(digest)
        if entry is None or monotonic() - entry[0] > self._ttl_s:
            return False, None
        return True, entry[1]

    def _remember(self, digest: bytes, record: ApiKey | None) -> None:
        with self._lock:
            self._seen[digest] = (monotonic(), record)
            self._seen.move_to_end(digest)
            while len(self._seen) > self._capacity:
                self._seen.popitem(last=False)
