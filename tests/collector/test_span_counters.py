"""Counters: each received span is counted once more, as stored, duplicate, left out or rejected."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from tests.support.lasting import Lasting
from tests.support.receiver import Receiver, running_receiver
from tests.support.rows import span

from pulse_storage.errors import StoreUnavailable
from pulse_storage.rows import SpanRow


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting) as receiver:
        yield receiver


def row_of(receiver: Receiver, number: int, **values: Any) -> SpanRow:
    return span(number, project_id=receiver.project_id)._replace(**values)


def test_rows_sent_to_a_closed_store_count_as_unavailable(receiver: Receiver) -> None:
    receiver.run(receiver.storage.close())
    with pytest.raises(StoreUnavailable):
        receiver.run(receiver.collector.store("batch", [row_of(receiver, 1)]))
    assert receiver.metric("pulse_spans_received_total", transport="batch") == 1
    assert receiver.metric("pulse_spans_rejected_total", reason="unavailable") == 1


def test_rows_that_raise_an_unexpected_error_count_as_failed(receiver: Receiver) -> None:
    # A number in place of a body: the store raises TypeError before it queues the row.
    broken = row_of(receiver, 1, request_body=5)
    with pytest.raises(TypeError):
        receiver.run(receiver.collector.store("batch", [broken]))
    assert receiver.metric("pulse_spans_received_total", transport="batch") == 1
    assert receiver.metric("pulse_spans_rejected_total", reason="failed") == 1


def test_rows_of_a_cancelled_request_count_as_stored(receiver: Receiver) -> None:
    async def cancel_while_waiting() -> None:
        request = asyncio.create_task(receiver.collector.store("batch", [row_of(receiver, 1)]))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        # The writer resolves requests in order: the first one is counted when the second one returns.
        await receiver.storage.ingest([row_of(receiver, 2)])

    receiver.run(cancel_while_waiting())
    assert len(receiver.rows()) == 2
    assert receiver.metric("pulse_spans_received_total", transport="batch") == 1
    assert receiver.metric("pulse_spans_stored_total") == 1
