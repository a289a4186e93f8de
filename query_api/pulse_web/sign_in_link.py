"""Create sign-in links: the one-time token is in the URL's fragment, which no server and no log receives."""

from __future__ import annotations

import secrets
import time

from pulse_storage.control_store import WebSessions
from pulse_storage.rows import SignInToken
from pulse_web.session_ring import secret_digest

LINK_TTL_NS = 10 * 60 * 1_000_000_000


async def sign_in_link(storage: WebSessions, base_url: str, *, admin: bool = False) -> tuple[str, int]:
    """Store a new token of 128 bits; return the link with it below `base_url`, and its expiry (Unix ns).

    The session that it begins reads all projects; with `admin` it also has admin rights for a limited time.
    """
    token, expires_ns = secrets.token_urlsafe(16), time.time_ns() + LINK_TTL_NS
    await storage.put_sign_in_token(SignInToken(secret_digest(token), admin, expires_ns))
    return f"{base_url.rstrip('/')}/#in={token}", expires_ns
