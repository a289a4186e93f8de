"""`POST /v1/traces/batch`: the seed's schema, all or nothing, and the same response to a repeated batch."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Generator
from typing import Any

import httpx2
import orjson
import pytest
from tests.support.lasting import Lasting
from tests.support.receiver import Receiver, running_receiver

from pulse_storage.keys import key_record, new_key
from pulse_storage.retention import RetentionPolicy

_NOV_30_NS = 1_796_000_000_000_000_000
ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
CALL: dict[str, Any] = {
    "trace_id": ID,
    "timestamp": "2026-11-23T10:00:00.123456Z",
    "provider": "openai",
    "model_requested": "gpt-4o-mini",
    "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi?"}]},
    "status": "success",
    "latency_ms": 812.5,
}


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting) as receiver:
        yield receiver


def post(receiver: Receiver, batch: object, headers: dict[str, str] | None = None) -> httpx2.Response:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(receiver.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://pulse") as client:
            content = batch if isinstance(batch, bytes) else orjson.dumps(batch)
            sent = receiver.bearer if headers is None else headers
            return await client.post("/v1/traces/batch", content=content, headers=sent)

    return receiver.run(send())


def call(**fields: Any) -> dict[str, Any]:
    return CALL | {"trace_id": str(uuid.uuid4())} | fields


def test_smallest_trace_comes_back_as_a_row(receiver: Receiver) -> None:
    answer = post(receiver, [CALL])
    assert answer.status_code == 202
    shown = orjson.loads(answer.content)
    assert shown["count"] == 1
    [row] = shown["traces"]
    assert "request_body" not in row
    assert row | CALL | {"request_body": None} == row | {"request_body": None}
    assert (row["model_used"], row["cost_cents"], row["input_tokens"]) == (None, None, None)
    assert (row["operation"], row["counted"], row["input_preview"]) == ("chat", True, "Hi?")


def test_every_field_is_stored(receiver: Receiver) -> None:
    full = call(
        response_body={"choices": []},
        input_tokens=1000,
        output_tokens=20,
        output_text="x" * 2000,
        finish_reason="end_turn",
        cost_cents=0.00135,
        session_id="s-1",
        metadata={"plan": "pro"},
        model_used="gpt-4o-mini-2024-07-18",
        provider_request_id="chatcmpl-1",
        colour="blue",
    )
    [row] = orjson.loads(post(receiver, [full]).content)["traces"]
    assert row["metadata"] == {"plan": "pro", "colour": "blue"}
    assert (row["cost_cents"], row["cost_source"]) == (0.00135, "reported")
    assert (row["output_text"], row["finish_reason"], row["session_id"]) == ("x" * 2000, "stop", "s-1")
    record = receiver.run(receiver.storage.get_trace(receiver.project_id, uuid.UUID(full["trace_id"])))
    assert record is not None
    assert record.response_body == b'{"choices":[]}'
    assert orjson.loads(record.request_body or b"") == CALL["request_body"]


def test_missing_cost_is_computed_and_marked_as_computed(receiver: Receiver) -> None:
    [row] = orjson.loads(post(receiver, [call(input_tokens=1000, output_tokens=100)]).content)["traces"]
    assert row["cost_source"] == "computed"
    assert row["cost_cents"] == pytest.approx(0.021)
    assert row["price_version"].startswith("genai-prices")


def test_ids_and_names_are_trimmed_and_blank_ones_are_unknown(receiver: Receiver) -> None:
    ids = {"session_id": " s-1\n", "model_used": "\tm ", "provider_request_id": " r ", "provider": " openai "}
    blank = {"session_id": " ", "model_used": "", "provider_request_id": "\n"}
    rows = orjson.loads(post(receiver, [call(model_requested=" gpt-4o ", **ids), call(**blank)]).content)[
        "traces"
    ]
    names = ("session_id", "model_requested", "model_used", "provider_request_id", "provider")
    assert [[row[name] for name in names] for row in rows] == [
        ["s-1", "gpt-4o", "m", "r", "openai"],
        [None, CALL["model_requested"], None, None, CALL["provider"]],
    ]
    refused = post(receiver, [call(model_requested="  ")])
    assert (refused.status_code, orjson.loads(refused.content)["details"][0]["path"]) == (
        400,
        "0.model_requested",
    )


def test_error_is_stored_with_type_and_message(receiver: Receiver) -> None:
    failed = call(status="error", error={"type": "RateLimitError", "message": "slow down"})
    [row] = orjson.loads(post(receiver, [failed]).content)["traces"]
    assert (row["status"], row["error"]) == ("error", {"type": "RateLimitError", "message": "slow down"})


def test_same_batch_again_stores_nothing_and_answers_the_same(receiver: Receiver) -> None:
    batch = [call(), call(), CALL]
    first, second = post(receiver, batch), post(receiver, batch)
    assert (second.status_code, second.content) == (202, first.content)
    assert len(receiver.rows()) == 3


def test_same_id_with_another_timestamp_is_the_same_row(receiver: Receiver) -> None:
    first = post(receiver, [CALL])
    again = post(receiver, [CALL | {"timestamp": "2027-01-01T00:00:00Z"}])
    assert again.content == first.content
    assert len(receiver.rows()) == 1


def test_response_larger_than_one_part_is_complete(receiver: Receiver) -> None:
    texts = ["x" * 9_000_000, "y" * 9_000_000, "z", "é" * 9_000_000]
    batch = [call(output_text=text) for text in texts]
    for each in batch:
        assert post(receiver, [each]).status_code == 202
    answer = post(receiver, [each | {"output_text": "short"} for each in batch])
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    shown = orjson.loads(answer.content)
    assert (shown["count"], [row["output_text"] for row in shown["traces"]]) == (4, texts)


def test_rows_come_back_in_input_order(receiver: Receiver) -> None:
    batch = [call(timestamp=f"2026-11-{day:02}T00:00:00Z") for day in (9, 3, 27, 1)]
    shown = orjson.loads(post(receiver, batch).content)["traces"]
    assert [row["trace_id"] for row in shown] == [trace["trace_id"] for trace in batch]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"trace_id": "x"}, "0.trace_id"),
        ({"trace_id": "00000000-0000-0000-0000-000000000000"}, "0.trace_id"),
        ({"timestamp": "yesterday"}, "0.timestamp"),
        ({"timestamp": 1_700_000_000}, "0.timestamp"),
        ({"provider": "OpenAI"}, "0.provider"),
        ({"model_requested": ""}, "0.model_requested"),
        ({"request_body": "text"}, "0.request_body"),
        ({"status": "ok"}, "0.status"),
        ({"latency_ms": -1}, "0.latency_ms"),
        ({"latency_ms": "fast"}, "0.latency_ms"),
        ({"input_tokens": -1}, "0.input_tokens"),
        ({"input_tokens": 1.5}, "0.input_tokens"),
        ({"input_tokens": True}, "0.input_tokens"),
        ({"cost_cents": -0.1}, "0.cost_cents"),
        ({"metadata": []}, "0.metadata"),
    ],
)
def test_one_invalid_trace_refuses_the_batch_and_names_its_place(
    receiver: Receiver, changes: dict[str, Any], path: str
) -> None:
    answer = post(receiver, [CALL | changes, call()])
    assert answer.status_code == 400
    error = orjson.loads(answer.content)
    assert [detail["path"] for detail in error["details"]] == [path]
    assert receiver.rows() == []


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[]", orjson.dumps([call() for _ in range(101)])])
def test_bodies_that_are_not_a_batch_are_refused(receiver: Receiver, body: bytes) -> None:
    answer = post(receiver, body)
    assert answer.status_code == 400
    assert orjson.loads(answer.content)["error"]


def test_hundred_traces_are_a_batch(receiver: Receiver) -> None:
    answer = post(receiver, [call() for _ in range(100)])
    assert orjson.loads(answer.content)["count"] == 100
    assert receiver.metric("pulse_spans_received_total", transport="batch") == 100


def test_compressed_batch_is_accepted(receiver: Receiver) -> None:
    headers = receiver.bearer | {"content-encoding": "gzip"}
    assert post(receiver, gzip.compress(orjson.dumps([CALL])), headers).status_code == 202


def test_unknown_keys_and_read_keys_are_refused(receiver: Receiver) -> None:
    assert post(receiver, [CALL], {}).status_code == 401
    key = new_key()
    receiver.run(
        receiver.storage.create_key(key_record(key, receiver.project_id, scopes={"read"}, created_ns=1))
    )
    answer = post(receiver, [CALL], {"authorization": f"Bearer {key}"})
    assert (answer.status_code, "ingest" in orjson.loads(answer.content)["error"]) == (403, True)
    assert receiver.rows() == []


def test_too_large_a_body_is_refused(lasting: Lasting) -> None:
    with running_receiver(lasting, max_body_bytes=1 << 20) as receiver:
        answer = post(receiver, [call(output_text="x" * (1 << 20))])
        assert answer.status_code == 413
        assert "PULSE_MAX_BODY_MIB" in orjson.loads(answer.content)["error"]


def test_closed_store_is_a_503(receiver: Receiver) -> None:
    receiver.run(receiver.storage.close())
    answer = post(receiver, [CALL])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_text_that_no_store_can_hold_is_corrected(receiver: Receiver) -> None:
    body = orjson.dumps([CALL | {"session_id": "S", "output_text": "T"}])
    body = body.replace(b'"S"', b'"a\\u0000b"').replace(b'"T"', b'"\\u0000"')
    [row] = orjson.loads(post(receiver, body).content)["traces"]
    assert (row["session_id"], row["output_text"]) == ("a�b", "�")


def test_trace_of_a_time_that_retention_deleted_is_a_409(receiver: Receiver) -> None:
    old, new = call(), call(timestamp="2026-11-29T10:00:00Z")
    assert post(receiver, [old]).status_code == 202
    policy = RetentionPolicy(rows_days=1)
    projects = receiver.run(receiver.storage.list_projects())
    receiver.run(receiver.storage.maintenance.apply(projects, policy, _NOV_30_NS))
    answer = post(receiver, [new, old])
    assert answer.status_code == 409
    [detail] = orjson.loads(answer.content)["details"]
    assert (detail["path"], "retention" in detail["message"]) == ("1", True)
    assert [row.trace_id for row in receiver.rows()] == [uuid.UUID(new["trace_id"])]


@pytest.mark.parametrize("timestamp", ["18", "1500000000", "1332-03-23T15:05:11Z", "2200-01-01T00:00:00Z"])
def test_time_that_is_a_number_or_of_no_real_call_is_refused(receiver: Receiver, timestamp: str) -> None:
    answer = post(receiver, [call(timestamp=timestamp)])
    assert answer.status_code == 400
    assert orjson.loads(answer.content)["details"][0]["path"] == "0.timestamp"
