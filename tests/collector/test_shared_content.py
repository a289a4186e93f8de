"""Conversations through each receiver: every turn is read back unchanged, and stored in shared parts."""

from __future__ import annotations

import uuid
from collections.abc import Generator

import orjson
import pytest
from tests.collector.test_batch import call
from tests.collector.test_batch import post as post_batch
from tests.support.conversations import Conversations
from tests.support.lasting import Lasting
from tests.support.receiver import Receiver, post, request_of, running_receiver
from tests.support.spans import chat_span

from pulse_collector.mapping.spans import map_spans
from pulse_storage.content.documents import SharedDocument

SAID = [orjson.loads(document) for document in Conversations(spaced=True).chat(6)]


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting) as receiver:
        yield receiver


def test_turns_sent_as_spans_are_read_back_unchanged(receiver: Receiver) -> None:
    spans = [
        chat_span(
            span_id=number,
            **{
                "gen_ai.request.model": "gpt-5",
                "gen_ai.input.messages": orjson.dumps(document["messages"]).decode(),
            },
        )
        for number, document in enumerate(SAID, 1)
    ]
    request = request_of(*spans)
    packed = [row.request_body for row in map_spans(receiver.project_id, request, 0).rows]
    assert sum(isinstance(body, SharedDocument) for body in packed) >= 5
    post(receiver, request.SerializeToString())
    found = {
        record.otel_span_id: orjson.loads(record.request_body or b"")["messages"]
        for row in receiver.rows()
        if (record := receiver.run(receiver.storage.get_trace(receiver.project_id, row.trace_id)))
    }
    assert found == {span.span_id: document["messages"] for span, document in zip(spans, SAID, strict=True)}


def test_turns_sent_as_a_batch_are_read_back_unchanged(receiver: Receiver) -> None:
    calls = [call(request_body=document) for document in SAID]
    assert post_batch(receiver, calls).status_code == 202
    for sent in calls:
        trace_id = uuid.UUID(sent["trace_id"])
        record = receiver.run(receiver.storage.get_trace(receiver.project_id, trace_id))
        assert record is not None
        assert orjson.loads(record.request_body or b"") == sent["request_body"]
