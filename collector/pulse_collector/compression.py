"""Decompresses bodies by their Content-Encoding, never beyond a limit.

gzip and deflate use isal (2.5 times as fast as zlib), zstd uses zstandard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, cast

import zstandard
from isal import isal_zlib

from pulse_collector.refusals import too_large, unreadable, unsupported

#: Called with each further number of decompressed bytes before they are kept; may raise to stop.
Charge = Callable[[int], None]
#: Converts a compressed body to decompressed pieces of bounded size.
Codec = Callable[[bytes], Iterator[bytes]]

_CHUNK_BYTES = 256 * 1024
#: zstandard cannot bound its output, but an input block of 4 bytes makes at most 128 KiB.
_ZSTD_SLICE_BYTES = 512
_ZSTD_MAX_WINDOW_BYTES = 64 * 1024 * 1024

_GZIP_WBITS = 31
_ZLIB_WBITS = 15
_RAW_WBITS = -15


#: isal's stubs declare its exception class as an instance.
_DAMAGED = (cast(type[Exception], isal_zlib.error), zstandard.ZstdError)


class _Inflater(Protocol):
    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def codec(content_encoding: str | None) -> Codec | None:
    """Return the decoder of a Content-Encoding; None for identity. Raises Refusal (415)."""
    encoding = (content_encoding or "identity").strip().lower()
    if encoding == "identity":
        return None
    if encoding not in _CODECS:
        raise unsupported(
            f"Content-Encoding {encoding[:40]!r} is not known; use {', '.join(_CODECS)} or none."
        )
    return _CODECS[encoding]


def inflate(content_encoding: str | None, body: bytes, limit_bytes: int, charge: Charge) -> bytes:
    """Return the body without its Content-Encoding.

    Raises Refusal: 400 for damaged or truncated data, 413 above the limit, 415 for an unknown encoding. Also
    raises what `charge` raises.
    """
    make_chunks = codec(content_encoding)
    if make_chunks is None:
        return body
    chunks: list[bytes] = []
    total_bytes = 0
    try:
        for chunk in make_chunks(body):
            total_bytes += len(chunk)
            if total_bytes > limit_bytes:
                raise too_large(limit_bytes)
            charge(len(chunk))
            chunks.append(chunk)
    except _DAMAGED as error:
        raise unreadable(f"The body is not valid {content_encoding}: {error}") from error
    return b"".join(chunks)


def _gzip(body: bytes) -> Iterator[bytes]:
    """Yield the data of all gzip members: RFC 1952 allows several in one body."""
    rest = body
    while rest:
        inflater = _inflater(_GZIP_WBITS)
        yield from _drain(inflater, rest, "gzip")
        rest = inflater.unused_data
    if not body:
        raise unreadable("The body is not valid gzip: it is empty.")


def _deflate(body: bytes) -> Iterator[bytes]:
    """Yield the data of a zlib stream (RFC 9110), or of the raw deflate that some clients send."""
    is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    inflater = _inflater(_ZLIB_WBITS if is_zlib else _RAW_WBITS)
    yield from _drain(inflater, body, "deflate")
    if inflater.unused_data:
        raise unreadable("The body is not valid deflate: bytes follow its end.")


def _inflater(wbits: int) -> _Inflater:
    return cast(_Inflater, isal_zlib.decompressobj(wbits))  # pyright: ignore[reportUnknownMemberType]


def _drain(inflater: _Inflater, data: bytes, name: str) -> Iterator[bytes]:
    while True:
        chunk = inflater.decompress(data, _CHUNK_BYTES)
        if chunk:
            yield chunk
        if inflater.eof:
            return
        data = inflater.unconsumed_tail
        if not data and not chunk:
            raise unreadable(f"The body is not valid {name}: it is truncated.")


def _zstd(body: bytes) -> Iterator[bytes]:
    rest = memoryview(body)
    while rest:
        inflater = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES).decompressobj()
        while rest and not inflater.eof:
            yield inflater.decompress(rest[:_ZSTD_SLICE_BYTES])
            rest = rest[_ZSTD_SLICE_BYTES:]
        if not inflater.eof:
            raise unreadable("The body is not valid zstd: it is truncated.")
        if inflater.unused_data:
            rest = memoryview(inflater.unused_data + bytes(rest))
    if not body:
        raise unreadable("The body is not valid zstd: it is empty.")


_CODECS: dict[str, Codec] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
