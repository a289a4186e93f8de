"""Parse and check the text of one setting; each function raises ValueError with the allowed values."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pulse_storage.retention import MAX_DAYS

T = TypeVar("T")

ADMIN_KEY_MIN_CHARS = 32
#: The form of an API key.
API_KEY = re.compile(r"pulse_sk_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_MINUTES = 7 * 24 * 60
_DATABASE_SCHEMES = ("sqlite", "postgresql", "postgres")
_DATABASE_HINT = "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"


def port(text: str) -> int:
    """Parse a port number from 0 to 65535."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65_535:
        raise ValueError(f"'{text}' is not a port; give a number from 0 to 65535")
    return int(text)


def mebibytes(text: str) -> int:
    """Parse a size of 1 to 99999 MiB."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) == 0:
        raise ValueError(f"'{text}' is not a size; give whole MiB from 1 to 99999")
    return int(text)


def span_count(text: str) -> int:
    """Parse a number of spans from 1 to 9999999."""
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) == 0:
        raise ValueError(f"'{text}' is not a number of spans; give 1 to 9999999")
    return int(text)


def days(text: str) -> int | None:
    """Parse a number of days; an empty text is None, no limit."""
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= MAX_DAYS:
        raise ValueError(f"'{text}' is not a number of days; give 1 to {MAX_DAYS}, or leave it unset")
    return int(text)


def minutes(text: str) -> int:
    """Parse a number of minutes from 0 to one week."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _MAX_MINUTES:
        raise ValueError(f"'{text}' is not a number of minutes; give 0 to {_MAX_MINUTES}")
    return int(text)


def directory(text: str) -> Path:
    """Parse a path to an absolute one, with `~` expanded."""
    return Path(text).expanduser().absolute()


def file(text: str) -> Path | None:
    """Parse a path as `directory` does; an empty text is None."""
    return directory(text) if text else None


def database_url(text: str) -> str:
    """Check a URL of a SQLite file or a PostgreSQL database."""
    scheme, separator, place = text.partition("://")
    if not separator or scheme not in _DATABASE_SCHEMES:
        raise ValueError(f"'{scheme}' is not a supported kind of store; {_DATABASE_HINT}")
    if scheme == "sqlite" and (not place.startswith("/") or place == "/"):
        raise ValueError(f"'{text}' has no file path; {_DATABASE_HINT}")
    return text


def public_url(text: str) -> str | None:
    """Check an http or https URL and remove a slash at its end; an empty text is None."""
    if not text:
        return None
    example = "for example https://ops.example/pulse"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"'{text}' is not a URL of http or https; give the URL that browsers use, {example}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"'{text}' has more than host and path; give the URL that browsers use, {example}")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", parts.path):
        raise ValueError(f"the path of '{text}' may have letters, digits and . _ ~ - only; {example}")
    return text.rstrip("/")


def admin_key(text: str) -> str | None:
    """Check the length of an admin key; an empty text is None."""
    if not text:
        return None
    if len(text) < ADMIN_KEY_MIN_CHARS:
        raise ValueError(
            f"too short: {len(text)} characters; use at least {ADMIN_KEY_MIN_CHARS} characters, "
            "for example from `openssl rand -hex 32`"
        )
    return text


def api_key(text: str) -> str | None:
    """Check the form of an API key; an empty text is None."""
    if not text:
        return None
    if not API_KEY.fullmatch(text):
        raise ValueError("not an API key; use the form pulse_sk_<uuid>, in lower case, or leave it unset")
    return text


def one_of(allowed: tuple[T, ...]) -> Callable[[str], T]:
    """Return a parser of one of the allowed words, ignoring case."""

    def parse(text: str) -> T:
        for choice in allowed:
            if choice == text.lower():
                return choice
        raise ValueError(f"'{text}' is not one of {', '.join(map(str, allowed))}")

    return parse
