"""Requests that are too large, too slow or too many are refused within the limits of memory and time."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
import zstandard
from google.rpc.status_pb2 import Status  # pyright: ignore[reportMissingTypeStubs]
from tests.storage.sql_backends import SqlBackend, SqliteBackend
from tests.support.lasting import Lasting
from tests.support.receiver import JSON, PROTOBUF, Receiver, chat_span, post, request_of, running_receiver

from pulse_collector.receivers import otlp_http


@pytest.fixture(scope="session")
def backend() -> SqlBackend:
    """Return one engine: the requests are refused before they reach the store."""
    return SqliteBackend()


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting) as receiver:
        yield receiver


@pytest.fixture
def small(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting, max_body_bytes=1 << 20, max_inflight_bytes=2 << 20) as receiver:
        yield receiver


def test_announced_size_over_the_limit_is_refused_at_once(small: Receiver) -> None:
    answer = post(small, bytes((1 << 20) + 1))
    assert answer.status_code == 413
    assert "PULSE_MAX_BODY_MIB" in Status.FromString(answer.content).message


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_bomb_is_refused_after_inflating_no_more_than_the_limit(
    small: Receiver, encoding: str, compress: Any
) -> None:
    answer = post(small, compress(bytes(500 << 20)), PROTOBUF | {"content-encoding": encoding})
    assert answer.status_code == 413
    assert small.collector.budget.held_bytes == 0


def test_unannounced_size_over_the_limit_is_refused(small: Receiver) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(3):
            yield bytes(1 << 19)

    assert post(small, chunks()).status_code == 413


def test_requests_beyond_the_byte_budget_are_answered_503(small: Receiver) -> None:
    with small.collector.budget.reservation() as others:
        others.take(2 << 20)
        answer = post(small, request_of(chat_span(1)).SerializeToString())
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "PULSE_MAX_INFLIGHT_MIB" in Status.FromString(answer.content).message
    assert post(small, request_of(chat_span(1)).SerializeToString()).status_code == 200


def test_slow_body_is_answered_408(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_http, "BODY_DEADLINE_S", 0.01)

    async def chunks() -> AsyncGenerator[bytes]:
        yield b"\x0a"
        await asyncio.Event().wait()

    assert post(receiver, chunks()).status_code == 408


def test_closed_store_is_a_503_and_not_a_401(receiver: Receiver) -> None:
    receiver.run(receiver.storage.close())
    answer = post(receiver, request_of(chat_span(1)).SerializeToString(), JSON)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
