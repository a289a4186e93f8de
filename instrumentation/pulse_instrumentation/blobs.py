"""Find base64 media in text, and replace them by type, size and hash.

Media are recognised by a `data:` address, by the bytes that open a file format, or, if long, by looking
like nothing but base64. `blob_fields.py` recognises them by the fields of a JSON value.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from urllib.parse import unquote_to_bytes

SHORTEST = 20
"""A shorter string is not looked at."""

# A shorter run of base64 characters is a word, unless its surroundings declare what it is.
_WINDOW = 40
# From this length on, a run that no known file format opens is base64 if its characters are as mixed.
_LONG_RUN = 128
# From this length on, a string that has no other character is base64 however it looks.
_CERTAIN_RUN = 4096

_CHARACTERS = r"A-Za-z0-9+/_\-"
# All up to the first run of `_WINDOW`, each character looked at once.
_WORDS = re.compile(rf"(?:[{_CHARACTERS}]{{0,{_WINDOW - 1}}}+[^{_CHARACTERS}]++)*+")
_LINE = re.compile(rf"[{_CHARACTERS}]*")
# As it is, and as it stands in JSON text.
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

# How files of common formats begin: images, sound, video, documents, archives, fonts.
_SIGNATURES = (
    *("iVBORw0KGgo", "/9j/", "_9j_", "R0lGODlh", "R0lGODdh", "UklGR", "Qk0", "SUkqAA", "TU0AK", "AAABAA"),
    *("PHN2Zy", "PD94bWwg", "JVBERi0", "UEsDB", "H4sIA", "KLUv/", "Qlpo", "/Td6WFoA", "N3q8ry", "d09GR"),
    *("AAAAFGZ0eX", "AAAAGGZ0eX", "AAAAHGZ0eX", "AAAAIGZ0eX", "AAAAJGZ0eX", "GkXfo", "SUQz", "//uQ", "//sw"),
    *("//vQ", "//NE", "//OE", "T2dnUw", "ZkxhQw", "Rk9STQ"),
)
# Addresses of these types are media in any encoding; those of text are text.
_MEDIA_TYPES = ("image/", "audio/", "video/", "font/", "application/")
_OPENINGS = (*_SIGNATURES, "data:", "Data:", "DATA:")


def whole_blob(value: str) -> str | None:
    """Return the digest, as JSON, of a string that is one piece of media and nothing else."""
    if not value.startswith(_OPENINGS) and find_run(value[:_WINDOW], 0) is None:
        return None
    if value[:5].lower() == "data:":
        return _whole_data_url(value)
    if _run_end(value, 0) < len(value.rstrip()) or not (is_media(value) or len(value) > _CERTAIN_RUN):
        return None
    return described(None, digest(value))


def without_blobs(value: str) -> str:
    """Return a text with each piece of media in it replaced by a note in brackets.

    The note has no quotes, so that JSON and markup around it stay valid. Returns the text itself when
    there is no media in it.
    """
    if ";base64," in value or ";BASE64," in value:
        value = _without_data_urls(value)
    # JSON text may have its slashes escaped, which breaks the runs.
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
    """Return where the next run of at least `_WINDOW` base64 characters begins; None if there is none."""
    found = _end(_WORDS, value, start)
    return found if len(value) - found >= _WINDOW else None


def end_of_run(value: str, position: int) -> int:
    """Return where the run of base64 characters that reaches over a position ends."""
    return _end(_LINE, value, position)


def is_media(run: str) -> bool:
    """Whether a run of base64 characters is media, and no long word, path or hash."""
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
    """Whether a string has the form of base64, as many words have."""
    return _BASE64.fullmatch(value) is not None


def data_url(address: str) -> tuple[str | None, dict[str, object]] | None:
    """Return media type and digest of a `data:` address; None for any other string."""
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
    """Return a media type that has the form of one; None for anything else, which may be content."""
    return value if value and _MIME_TYPE.fullmatch(value) else None


def digest(data: str) -> dict[str, object]:
    """Return size and hash of the bytes that a base64 string encodes; only its length if it is invalid."""
    plain = _ESCAPES.sub(_unescape, data) if "\\" in data or "%" in data else data
    standard = plain.translate(_URL_SAFE) if "-" in plain or "_" in plain else plain
    core = standard.rstrip("=\r\n ")
    try:
        decoded = binascii.a2b_base64(core + "===")
    except (binascii.Error, ValueError):
        return {"size": len(data)}
    return {"size": len(decoded), "sha256": hashlib.sha256(decoded).hexdigest()}


def described(mime_type: str | None, digested: dict[str, object]) -> str | None:
    """Return the digest of media as JSON text; None if the media could not be decoded."""
    if "sha256" not in digested:
        return None
    kind = {"mime_type": mime_type} if mime_type else {}
    return json.dumps({"type": "blob", **kind, **digested}, separators=(",", ":"))


def _whole_data_url(value: str) -> str | None:
    """Return the digest of a `data:` address that is the whole string; None if text follows, or is in it."""
    if (head := _DATA_HEAD.match(value)) is not None:
        if _end(_DATA_BODY, value, head.end()) < len(value.rstrip()):
            return None
    elif not value[5:].lower().startswith(_MEDIA_TYPES):
        return None
    parsed = data_url(value)
    return None if parsed is None else described(*parsed)


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
    """Return where a run of base64 characters ends: after its padding, and after lines that are wrapped."""
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
