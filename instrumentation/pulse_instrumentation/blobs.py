"""Find base64 media in text, and replace them by type, size and hash.

Media are recognised by a `data:` URL, by the first bytes of a known file format, or, if long, by their mix of
base64 characters. `blob_fields.py` recognises media by the fields of a JSON value.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from urllib.parse import unquote_to_bytes

SHORTEST = 20
"""Shorter strings are not searched for media. In characters."""

# A shorter run of base64 characters is a word, unless a `data:` URL or a field declares it as media.
_WINDOW = 40
# From this length on, a run without the first bytes of a known format is media if its characters are mixed.
_LONG_RUN = 128
# From this length on, a string with only base64 characters is media, whatever its mix of characters.
_CERTAIN_RUN = 4096

_CHARACTERS = r"A-Za-z0-9+/_\-"
# Everything before the first run of `_WINDOW` characters; possessive, so that matching takes linear time.
_WORDS = re.compile(rf"(?:[{_CHARACTERS}]{{0,{_WINDOW - 1}}}+[^{_CHARACTERS}]++)*+")
_LINE = re.compile(rf"[{_CHARACTERS}]*")
# A line end, and a line end escaped in JSON text.
_LINE_END = re.compile(r"\r?\n|(?:\\r)?\\n")
_PADDING = re.compile(r"={0,2}")
# The lengths at which encoders wrap lines.
_WRAPPED = range(48, 81)
_DATA_HEAD = re.compile(r"data:([^,;\s\"'<>()\\]{0,100})(?:;[^,;\s\"'<>()\\]{1,100})*;base64,", re.IGNORECASE)
_DATA_BODY = re.compile(
    rf"(?:[{_CHARACTERS}]++|\\/|%2[bf]|\r?\n|(?:\\r)?\\n)*+(?:=|%3d){{0,2}}", re.IGNORECASE
)
_BASE64 = re.compile(rf"[{_CHARACTERS}\s]+={{0,2}}\s*")
_MIME_TYPE = re.compile(r"[\w.+\-]{1,64}/[\w.+\-*]{1,64}")
_ESCAPES = re.compile(r"\\/|%2[bf]|%3d|\\[rn]", re.IGNORECASE)
_URL_SAFE = str.maketrans("-_", "+/")

# The base64 of the first bytes of common formats: images, sound, video, documents, archives, fonts.
_SIGNATURES = (
    *("iVBORw0KGgo", "/9j/", "_9j_", "R0lGODlh", "R0lGODdh", "UklGR", "Qk0", "SUkqAA", "TU0AK", "AAABAA"),
    *("PHN2Zy", "PD94bWwg", "JVBERi0", "UEsDB", "H4sIA", "KLUv/", "Qlpo", "/Td6WFoA", "N3q8ry", "d09GR"),
    *("AAAAFGZ0eX", "AAAAGGZ0eX", "AAAAHGZ0eX", "AAAAIGZ0eX", "AAAAJGZ0eX", "GkXfo", "SUQz", "//uQ", "//sw"),
    *("//vQ", "//NE", "//OE", "T2dnUw", "ZkxhQw", "Rk9STQ"),
)
# A `data:` URL of one of these types is media in any encoding; a `data:` URL of text is text.
_MEDIA_TYPES = ("image/", "audio/", "video/", "font/", "application/")
_OPENINGS = (*_SIGNATURES, "data:", "Data:", "DATA:")


def whole_blob(value: str) -> str | None:
    """Return the digest, as JSON text, of a string that consists of one piece of media, else None."""
    if not value.startswith(_OPENINGS) and find_run(value[:_WINDOW], 0) is None:
        return None
    if value[:5].lower() == "data:":
        return _whole_data_url(value)
    if _run_end(value, 0) < len(value.rstrip()) or not (is_media(value) or len(value) > _CERTAIN_RUN):
        return None
    return digest_text(None, digest(value))


def without_blobs(value: str) -> str:
    """Return a text with each piece of media replaced by a note in brackets; the same text if it has none.

    The note has no quotes, so that JSON or markup that contains it stays valid.
    """
    if ";base64," in value or ";BASE64," in value:
        value = _without_data_urls(value)
    # JSON text may have escaped slashes, whose backslashes would interrupt the runs.
    searched = value.replace("\\/", "/") if "\\/" in value else value
    start = find_run(searched, 0)
    pieces: list[str] = []
    kept = 0
    while start is not None:
        end = _run_end(searched, start)
        run = searched[start:end]
        if is_media(run) and "sha256" in (digested := digest(run)):
            pieces += (searched[kept:start], _note(None, digested))
            kept = end
        start = find_run(searched, max(end, start + 1))
    return "".join((*pieces, searched[kept:])) if pieces else value


def find_run(value: str, start: int) -> int | None:
    """Return the position of the next run of at least `_WINDOW` base64 characters; None if there is none."""
    found = _end(_WORDS, value, start)
    return found if len(value) - found >= _WINDOW else None


def end_of_run(value: str, position: int) -> int:
    """Return the end of the run of base64 characters that contains a position."""
    return _end(_LINE, value, position)


def is_media(run: str) -> bool:
    """Return whether a run of base64 characters is media, and not a long word, path or hash."""
    if len(run) >= SHORTEST and run.startswith(_SIGNATURES):
        return True
    if len(run) < _LONG_RUN:
        return False
    sample = run[:1024]
    size = len(sample)
    upper = sum(map(sample.count, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    lower = sum(map(sample.count, "abcdefghijklmnopqrstuvwxyz"))
    separators = sum(map(sample.count, "/-_+"))
    return upper >= size * 0.08 and lower >= size * 0.08 and separators <= size * 0.12


def is_base64(value: str) -> bool:
    """Return whether a string has only base64 characters and padding. True for most words too."""
    return _BASE64.fullmatch(value) is not None


def data_url(address: str) -> tuple[str | None, dict[str, object]] | None:
    """Return the media type and digest of a `data:` URL; None for any other string."""
    if address[:5].lower() != "data:":
        return None
    header, comma, data = address[5:].partition(",")
    if not comma:
        return None, digest(header)
    mime_type, *parameters = header.split(";")
    if any(parameter.strip().lower() == "base64" for parameter in parameters):
        return mime_name(mime_type), digest(data)
    content = unquote_to_bytes(data)
    return mime_name(mime_type), {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def mime_name(value: str | None) -> str | None:
    """Return the text if it has the form of a media type; None for any other text, which may be content."""
    return value if value and _MIME_TYPE.fullmatch(value) else None


def digest(data: str) -> dict[str, object]:
    """Return size and SHA-256 of the bytes that a base64 string encodes; only its length if it is invalid."""
    plain = _ESCAPES.sub(_unescape, data) if "\\" in data or "%" in data else data
    standard = plain.translate(_URL_SAFE) if "-" in plain or "_" in plain else plain
    core = standard.rstrip("=\r\n ")
    try:
        decoded = binascii.a2b_base64(core + "===")
    except (binascii.Error, ValueError):
        return {"size": len(data)}
    return {"size": len(decoded), "sha256": hashlib.sha256(decoded).hexdigest()}


def digest_text(mime_type: str | None, digested: dict[str, object]) -> str | None:
    """Return the digest of media as JSON text; None if the media could not be decoded."""
    if "sha256" not in digested:
        return None
    kind = {"mime_type": mime_type} if mime_type else {}
    return json.dumps({"type": "blob", **kind, **digested}, separators=(",", ":"))


def _whole_data_url(value: str) -> str | None:
    """Return the digest of a string that consists of one `data:` URL; None if it contains other text."""
    if (head := _DATA_HEAD.match(value)) is not None:
        if _end(_DATA_BODY, value, head.end()) < len(value.rstrip()):
            return None
    elif not value[5:].lower().startswith(_MEDIA_TYPES):
        return None
    parsed = data_url(value)
    return None if parsed is None else digest_text(*parsed)


def _without_data_urls(value: str) -> str:
    pieces: list[str] = []
    kept = 0
    for head in _DATA_HEAD.finditer(value):
        body = _DATA_BODY.match(value, head.end())
        if body is None or head.start() < kept:
            continue
        pieces += (value[kept : head.start()], _note(mime_name(head.group(1)), digest(body.group())))
        kept = body.end()
    return "".join((*pieces, value[kept:])) if pieces else value


def _run_end(value: str, start: int) -> int:
    """Return the end of a run of base64 characters, including padding and further wrapped lines."""
    end = _end(_LINE, value, start)
    width = end - start
    while width in _WRAPPED and (line := _end(_LINE_END, value, end)) > end:
        following = _end(_LINE, value, line)
        if not 0 < following - line <= width:
            break
        end = following
        if end - line < width:
            break
    return _end(_PADDING, value, end)


def _end(pattern: re.Pattern[str], value: str, start: int) -> int:
    match = pattern.match(value, start)
    return start if match is None else match.end()


def _note(mime_type: str | None, digested: dict[str, object]) -> str:
    hashed = f" sha256:{digested['sha256']}" if "sha256" in digested else ""
    return f"[blob {mime_type or 'base64'} {digested['size']} bytes{hashed}]"


def _unescape(match: re.Match[str]) -> str:
    escape = match.group().lower()
    return {"\\/": "/", "%2b": "+", "%2f": "/", "%3d": "="}.get(escape, "")
