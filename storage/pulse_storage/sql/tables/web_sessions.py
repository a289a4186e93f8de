"""Web sessions, the API keys they were given, and sign-in tokens."""

from __future__ import annotations

from collections.abc import Collection

from pulse_storage.rows import SignInToken, WebSession
from pulse_storage.sql.connection import Connection, SqlValue
from pulse_storage.sql.tables.projects import SELECT_KEY, api_key

_TOUCH_EVERY_NS = 60_000_000_000


def put_token(connection: Connection, token: SignInToken) -> None:
    """Store a sign-in token."""
    connection.execute(
        "INSERT INTO sign_in_tokens (digest, is_admin, expires_ns) VALUES (?, ?, ?)",
        (token.digest, int(token.is_admin), token.expires_ns),
    )


def has_token(connection: Connection, digest: bytes) -> bool:
    """Return whether a sign-in token with this digest is stored, even if it has expired."""
    query = "SELECT 1 FROM sign_in_tokens WHERE digest = ?"
    return connection.execute(query, (digest,)).fetchone() is not None


def use_token(connection: Connection, digest: bytes, now_ns: int) -> SignInToken | None:
    """Delete a sign-in token and return it if it has not expired; None if there is none."""
    deleted = connection.execute(
        "DELETE FROM sign_in_tokens WHERE digest = ? RETURNING is_admin, expires_ns", (digest,)
    ).fetchall()
    for is_admin, expires_ns in deleted:
        if expires_ns > now_ns:
            return SignInToken(digest, bool(is_admin), expires_ns)
    return None


def put_session(connection: Connection, session: WebSession, replaces: bytes | None) -> None:
    """Store a session with those of its keys that are stored, and delete the session that it replaces."""
    if replaces is not None:
        delete_session(connection, replaces)
    connection.execute(
        "INSERT INTO web_sessions"
        " (digest, reads_all, admin_until_ns, admin_proof, created_ns, expires_ns, last_used_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            session.digest, int(session.reads_all), session.admin_until_ns, session.admin_proof,
            session.created_ns, session.expires_ns, session.last_used_ns,
        ),
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO web_session_keys (session, key) SELECT ?, id FROM api_keys WHERE id = ?",
        [(session.digest, key_id) for key_id in sorted({key.id for key in session.keys})],
    )


def session_with_digest(connection: Connection, digest: bytes) -> WebSession | None:
    """Return the session with this digest and its keys, ordered by creation; None if there is none."""
    row = connection.execute(
        "SELECT reads_all, admin_until_ns, admin_proof, created_ns, expires_ns, last_used_ns"
        " FROM web_sessions WHERE digest = ?",
        (digest,),
    ).fetchone()
    if row is None:
        return None
    keys = connection.execute(
        f"{SELECT_KEY} INNER JOIN web_session_keys ON web_session_keys.key = api_keys.id"
        " WHERE web_session_keys.session = ? ORDER BY api_keys.created_ns, api_keys.id",
        (digest,),
    ).fetchall()
    reads_all, *times = row
    return WebSession(digest, tuple(map(api_key, keys)), bool(reads_all), *times)  # pyright: ignore[reportArgumentType]


def delete_session(connection: Connection, digest: bytes) -> bool:
    """Delete a session; return False if there is none."""
    connection.execute("DELETE FROM web_session_keys WHERE session = ?", (digest,))
    deleted = connection.execute("DELETE FROM web_sessions WHERE digest = ? RETURNING 1", (digest,))
    return bool(deleted.fetchall())


def mark_used(connection: Connection, digests: Collection[bytes], used_ns: int) -> None:
    """Store when sessions were used, unless the stored time is less than a minute ago."""
    connection.executemany(
        "UPDATE web_sessions SET last_used_ns = ?"
        " WHERE digest = ? AND (last_used_ns IS NULL OR last_used_ns <= ?)",
        [(used_ns, digest, used_ns - _TOUCH_EVERY_NS) for digest in sorted(digests)],
    )


def end_access(connection: Connection, keys: str, bindings: tuple[SqlValue, ...]) -> None:
    """Take keys from all sessions; delete the sessions that give no access without them.

    `keys` is a condition on `api_keys` that selects the keys.
    """
    chosen = f"(SELECT id FROM api_keys WHERE {keys})"
    sessions = connection.execute(
        f"DELETE FROM web_session_keys WHERE key IN {chosen} RETURNING session", bindings
    ).fetchall()
    connection.executemany(
        "DELETE FROM web_sessions WHERE digest = ? AND reads_all = 0 AND admin_proof IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM web_session_keys WHERE session = web_sessions.digest)",
        sorted(set(sessions)),
    )


def has_expired(connection: Connection, now_ns: int) -> bool:
    """Return whether a session or a token has expired."""
    return any(
        connection.execute(f"SELECT 1 FROM {table} WHERE expires_ns <= ? LIMIT 1", (now_ns,)).fetchone()
        for table in ("web_sessions", "sign_in_tokens")
    )


def delete_expired(connection: Connection, now_ns: int) -> int:
    """Delete expired sessions and tokens; return their number."""
    tokens = connection.execute(
        "DELETE FROM sign_in_tokens WHERE expires_ns <= ? RETURNING 1", (now_ns,)
    ).fetchall()
    sessions = connection.execute(
        "SELECT digest FROM web_sessions WHERE expires_ns <= ? ORDER BY digest", (now_ns,)
    ).fetchall()
    return len(tokens) + sum(delete_session(connection, digest) for (digest,) in sessions)
