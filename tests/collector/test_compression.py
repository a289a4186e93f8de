"""Content-Encoding: decompression within limits, and refusals."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pulse_collector.compression import codec, inflate
from pulse_collector.refusals import Refusal

LIMIT = 1 << 20
Compress = Callable[[bytes], bytes]


def uncharged(count: int) -> None:
    """Accept any number of bytes."""


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


COMPRESSORS: dict[str, list[Compress]] = {
    "gzip": [gzip.compress],
    "deflate": [zlib.compress, raw_deflate],
    "zstd": [zstandard.compress, zstandard.ZstdCompressor(write_content_size=False).compress],
}
CASES = [(name, compress) for name, compressors in COMPRESSORS.items() for compress in compressors]


@pytest.mark.parametrize(("name", "compress"), CASES)
@given(data=st.binary(max_size=2000))
def test_compressed_bodies_are_decompressed(name: str, compress: Compress, data: bytes) -> None:
    assert inflate(name, compress(data), LIMIT, uncharged) == data


@pytest.mark.parametrize(("name", "compress"), CASES)
def test_large_and_repetitive_bodies_are_decompressed(name: str, compress: Compress) -> None:
    data = bytes(range(256)) * 3000
    assert inflate(name.upper(), compress(data), LIMIT, uncharged) == data


@pytest.mark.parametrize("name", [None, "", "identity", "Identity"])
def test_identity_is_the_body_itself(name: str | None) -> None:
    assert codec(name) is None
    assert inflate(name, b"abc", LIMIT, uncharged) == b"abc"


@pytest.mark.parametrize("name", ["br", "snappy", "gzip, deflate", "x" * 100])
def test_unknown_encodings_are_refused_by_name(name: str) -> None:
    with pytest.raises(Refusal, match=r"not known; use gzip, deflate, zstd") as refused:
        codec(name)
    assert refused.value.http_status == 415


@pytest.mark.parametrize(("name", "compress"), CASES)
def test_bombs_stop_at_the_limit(name: str, compress: Compress) -> None:
    charged: list[int] = []
    with pytest.raises(Refusal) as refused:
        inflate(name, compress(bytes(200 * LIMIT)), LIMIT, charged.append)
    assert refused.value.http_status == 413
    assert sum(charged) <= LIMIT


@pytest.mark.parametrize(("name", "compress"), CASES)
def test_truncated_bodies_are_refused(name: str, compress: Compress) -> None:
    whole = compress(b"abc" * 1000)
    with pytest.raises(Refusal, match=r"not valid|truncated") as refused:
        inflate(name, whole[:-1], LIMIT, uncharged)
    assert refused.value.http_status == 400


@pytest.mark.parametrize("name", COMPRESSORS)
@pytest.mark.parametrize("body", [b"", b"plain text", b"\x1f\x8b garbage behind a gzip header"])
def test_bodies_that_are_not_compressed_are_refused(name: str, body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        inflate(name, body, LIMIT, uncharged)
    assert refused.value.http_status == 400


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_members_are_one_body(name: str) -> None:
    compress = COMPRESSORS[name][0]
    assert inflate(name, compress(b"one ") + compress(b"two"), LIMIT, uncharged) == b"one two"


@pytest.mark.parametrize("name", COMPRESSORS)
def test_garbage_after_the_end_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        inflate(name, COMPRESSORS[name][0](b"abc") + b"garbage", LIMIT, uncharged)
    assert refused.value.http_status == 400


def test_budget_can_stop_decompression() -> None:
    def spent(count: int) -> None:
        raise Refusal(503, 14, "no room")

    with pytest.raises(Refusal, match="no room"):
        inflate("gzip", gzip.compress(b"abc"), LIMIT, spent)
