"""Removes credentials from URLs that are stored in the metadata."""

from __future__ import annotations

import re

#: Names of attributes with a URL, its query, or its path with the query.
_URL_KEY = re.compile(
    r"(?:ur[li]|endpoint|api_?base|http\.target|url\.(?:full|query|original))$", re.IGNORECASE
)
_USER = re.compile(r"(?<=://)[^/@\s]*@")
#: Google's `key`, Azure's `sig`, Amazon's `X-Amz-Signature`, `api_key`, `access_token` and the like.
_PARAMETER = re.compile(
    r"((?:^|[?&])[^=&?#]*(?:key|keyid|token|sig|signature|secret|password|credential)=)[^&#]*", re.IGNORECASE
)


def is_url_key(key: str) -> bool:
    """Return whether an attribute with this name contains a URL or its query."""
    return _URL_KEY.search(key) is not None


def without_credentials(url: str) -> str:
    """Return the URL without user and password, and with `REDACTED` for the values of keys and tokens."""
    return _PARAMETER.sub(r"\1REDACTED", _USER.sub("", url))
