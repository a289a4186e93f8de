"""API keys: made, recognised by their digest, and checked against a scope.

A key holds 122 random bits, so a plain SHA-256 is as safe as a slow hash and, unlike one, can be looked up
and costs a stranger nothing to have computed (docs/adr/0005).
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

from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StoreUnavailable
from pulse_storage.rows import ApiKey
from pulse_storage.runtime.deadlines import LOOK_UP_DEADLINE_S, answer_within

INGEST = "ingest"
READ = "read"
SCOPES = frozenset({INGEST, READ})

_PREFIX = "pulse_sk_"
#: A longer credential cannot be one of our keys; it is refused before it is hashed.
_MAX_CREDENTIAL_CHARS = 512
_TOUCH_EVERY_NS = 60_000_000_000


class KeyRefused(Exception):
    """The credential is missing, malformed, unknown, revoked or expired; callers must not say which."""


class ScopeMissing(Exception):
    """The key is good, but not for this; `scope` is what it lacks."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"this key lacks the scope '{scope}'")
        self.scope = scope


def new_key() -> str:
    """A fresh key, `pulse_sk_<uuid4>`; shown once and never stored."""
    return f"{_PREFIX}{uuid.uuid4()}"


def key_digest(key: str) -> bytes:
    """SHA-256 of the whole key: the only form in which it is kept."""
    return hashlib.sha256(key.encode()).digest()


def key_record(
    key: str,
    project_id: str,
    *,
    created_ns: int,
    scopes: Collection[str] = SCOPES,
    expires_ns: int | None = None,
) -> ApiKey:
    """What is stored of a key. Raises ValueError if a scope is unknown or none is given."""
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
    """The key within an Authorization header: Bearer, or the password of Basic; None if there is none.

    Basic is taken so that the settings of other tools' exporters work as they are. Neither a key nor Base64
    has a percent sign, so `Bearer%20…`, which some exporters send as the variable has it, is decoded.
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


#: A key is used this much longer than its `ttl_s` while the store does not answer. Revocation takes at most
#: 5 s: 2 s of `ttl_s` and this.
_BUSY_S = 2.5


class KeyRing:
    """Checks credentials, remembering what the store said for at most `ttl_s` (so revocation works soon).

    Both good and unknown digests are remembered, at most `capacity` of them: guesses neither reach the
    store twice nor grow the memory. Safe from any thread; `flush_used` is called now and then by the server.
    """

    def __init__(self, storage: StorageAdapter, *, ttl_s: float = 2.0, capacity: int = 10_000) -> None:
        self._storage = storage
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._seen: OrderedDict[bytes, tuple[float, ApiKey | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._touched: OrderedDict[str, int] = OrderedDict()

    async def check(self, authorization: str | None, scope: str) -> ApiKey:
        """The key that this header carries, if it may do `scope` now.

        Raises KeyRefused (401), ScopeMissing (403) or StoreUnavailable (503: a good key must never look
        like a bad one while the store is down, or exporters would drop their data).
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
        """`check` from what is remembered, without waiting; None if the store must be asked."""
        key = credential(authorization)
        if key is None:
            raise KeyRefused
        known, record = self._remembered(key_digest(key))
        return self._admit(record, scope) if known else None

    async def flush_used(self) -> None:
        """Write down which keys were used since the last call."""
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
        """Return the key as it was seconds ago, for a store that is busy: within the time of a revocation."""
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
