"""SessionRing: looks up web sessions and derives what each may do now."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, TypeVar

from pulse_query_api.auth import AdminKey
from pulse_query_api.errors import ApiError
from pulse_storage.control_store import ControlStore
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import EDIT, READ
from pulse_storage.rows import Project, WebSession
from pulse_storage.runtime.deadlines import LOOK_UP_DEADLINE_S, answer_within
from pulse_storage.runtime.lookup_cache import LookupCache

_Value = TypeVar("_Value")

#: A longer cookie is not one of Pulse's; it is refused before it is hashed.
_MAX_SECRET_CHARS = 128
_TOUCH_EVERY_NS = 60_000_000_000
_ALL_PROJECTS = b"projects"


class NotSignedIn(ApiError):
    """401: no cookie, or its session is unknown, expired or without any access; clients learn not which."""

    def __init__(self) -> None:
        super().__init__(
            401,
            "Sign in first: run `pulse open` in a terminal, or paste an API key on the sign-in page.",
            headers={"WWW-Authenticate": "Session"},
        )


class Rights(NamedTuple):
    """What a session may do at the moment of a request."""

    session: WebSession
    #: True if the admin key that is configured now was given.
    is_proved: bool
    is_admin: bool
    #: The scopes `read` and `edit` by project id, of the session's valid keys.
    scopes: Mapping[str, frozenset[str]]

    @property
    def reads_all(self) -> bool:
        """Return whether the session reads all projects."""
        return self.session.reads_all or self.is_proved

    def scopes_in(self, project_id: str) -> frozenset[str]:
        """Return the scopes in an existing project; empty if the session has no access to it."""
        scopes = self.scopes.get(project_id, frozenset[str]())
        if self.is_admin:
            return scopes | {READ, EDIT}
        return scopes | {READ} if self.reads_all else scopes


def new_secret() -> str:
    """Return a random secret of 256 bits: the value of a session's cookie."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> bytes:
    """Return the SHA-256 of a session's secret or a sign-in token, the only form in which it is stored."""
    return hashlib.sha256(secret.encode()).digest()


class SessionRing:
    """Looks up sessions by their secret, with a cache of `ttl_s` seconds: the rules of `KeyRing`.

    Not thread-safe: use it from one event loop. The server calls `flush_used` periodically.
    """

    def __init__(
        self, storage: ControlStore, admin_key: AdminKey, *, ttl_s: float = 2.0, capacity: int = 10_000
    ) -> None:
        self._storage = storage
        self._admin_key = admin_key
        self._sessions: LookupCache[WebSession] = LookupCache(ttl_s=ttl_s, capacity=capacity)
        self._projects: LookupCache[Mapping[str, Project]] = LookupCache(ttl_s=ttl_s, capacity=1)
        self._capacity = capacity
        self._used: dict[bytes, int] = {}

    async def rights(self, secret: str | None) -> Rights:
        """Return what the session with this secret may do. Raises NotSignedIn or StoreUnavailable."""
        if not secret or len(secret) > _MAX_SECRET_CHARS:
            raise NotSignedIn
        digest, storage = secret_digest(secret), self._storage
        session = await _look_up(self._sessions, digest, lambda: storage.web_session(digest))
        rights = None if session is None else self.rights_of(session, secret)
        if rights is None:
            raise NotSignedIn
        if len(self._used) < self._capacity:
            self._used[digest] = time.time_ns()
        return rights

    def rights_of(self, session: WebSession, secret: str) -> Rights | None:
        """Return what a session may do now; None if it has expired or gives no access."""
        now_ns = time.time_ns()
        if session.expires_ns <= now_ns:
            return None
        is_proved = session.admin_proof is not None and self._admin_key.is_proof(session.admin_proof, secret)
        has_admin = session.admin_until_ns is not None and session.admin_until_ns > now_ns
        scopes: dict[str, frozenset[str]] = {}
        for key in session.keys:
            is_valid = key.revoked_ns is None and (key.expires_ns is None or key.expires_ns > now_ns)
            if is_valid and READ in key.scopes:
                scopes[key.project_id] = scopes.get(key.project_id, frozenset()) | key.scopes & {READ, EDIT}
        rights = Rights(session, is_proved, has_admin and (is_proved or session.admin_proof is None), scopes)
        return rights if rights.reads_all or scopes else None

    async def projects(self) -> Mapping[str, Project]:
        """Return all projects by id, at most `ttl_s` seconds old. Raises StoreUnavailable."""

        async def read() -> Mapping[str, Project]:
            return {project.id: project for project in await self._storage.list_projects()}

        return await _look_up(self._projects, _ALL_PROJECTS, read) or {}

    def forget(self, secret: str) -> None:
        """Drop a session from the cache, because it was deleted or replaced."""
        self._sessions.forget(secret_digest(secret))

    async def flush_used(self) -> None:
        """Store the time of last use of the sessions that were used since the previous call."""
        used, self._used = self._used, {}
        for digest, used_ns in used.items():
            await self._storage.touch_web_sessions([digest], used_ns)


async def _look_up(
    cache: LookupCache[_Value], digest: bytes, read: Callable[[], Awaitable[_Value | None]]
) -> _Value | None:
    """Return the cached result, or read and cache it. Raises StoreUnavailable if neither is possible."""
    known, value = cache.get(digest)
    if known:
        return value
    try:
        async with answer_within(LOOK_UP_DEADLINE_S):
            value = await read()
    except StoreUnavailable:
        value = cache.recent(digest)
        if value is None:
            raise
        return value
    cache.put(digest, value)
    return value
