"""Data that bodies contain as base64: decodes it and recognises images by their first bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_MAX_HEAD_CHARS = 200


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of a base64 text, also of the URL-safe alphabet, without padding, or with line ends.

    Returns None for any other text.
    """
    try:
        plain = text.encode("ascii")
        if b"\n" in plain or b"\r" in plain:
            plain = plain.replace(b"\n", b"").replace(b"\r", b"")
        if b"-" in plain or b"_" in plain:
            plain = plain.translate(_URL_SAFE)
        plain = plain.rstrip(b"=")
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None


def split_data_url(url: str) -> tuple[str | None, str] | None:
    """Return media type and base64 text of a `data:` URL; None for another URL, or without base64."""
    if url[:5].lower() != "data:":
        return None
    head, comma, _ = url[5 : 5 + _MAX_HEAD_CHARS].partition(",")
    if not comma or not head.lower().endswith(";base64"):
        return None
    return head.partition(";")[0].lower() or None, url[5 + len(head) + 1 :]


def data_digest(data: bytes) -> str:
    """Return the SHA-256 of data in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def image_type(data: bytes) -> str | None:
    """Return the media type of a PNG, JPEG, GIF, WebP or AVIF image by its first bytes, else None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return None
