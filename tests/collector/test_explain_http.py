"""`POST /v1/explain`: accepted keys and bodies, and that nothing is stored."""

from __future__ import annotations

import gzip
from collections.abc import Generator

import httpx2
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from tests.storage.sql_backends import SqlBackend, SqliteBackend
from tests.support.lasting import Lasting
from tests.support.receiver import JSON, NOW_NS, PROTOBUF, Receiver, chat_span, request_of, running_receiver

from pulse_storage.keys import key_record, new_key


@pytest.fixture(scope="session")
def backend() -> SqlBackend:
    """Return one engine: nothing is stored."""
    return SqliteBackend()


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting) as receiver:
        yield receiver


def ask(receiver: Receiver, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(receiver.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://pulse") as client:
            return await client.post(
                "/v1/explain", content=body, headers={**receiver.bearer, **PROTOBUF, **(headers or {})}
            )

    return receiver.run(send())


def test_spans_are_explained_and_not_stored(receiver: Receiver) -> None:
    answer = ask(receiver, request_of(chat_span(1, session__id="chat-42")).SerializeToString())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    explanation = answer.json()
    assert explanation.keys() == {"spans", "logs", "notes"}
    (span,) = explanation["spans"]
    assert span["columns"]["session_id"] == {"value": "chat-42", "from": ["session.id"]}
    assert span["counted"]
    assert receiver.rows() == []
    assert receiver.metric("pulse_spans_received_total", transport="http") == 0


def test_json_with_spans_and_logs_and_compression_are_accepted(receiver: Receiver) -> None:
    body = (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",'
        b'"spanId":"b7ad6b7169203331","name":"chat","attributes":[{"key":"gen_ai.request.model",'
        b'"value":{"stringValue":"gpt-5"}}]}]}]}],"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'
        b'{"stringValue":"GET /"}}]}]}]}'
    )
    explanation = ask(receiver, gzip.compress(body), {**JSON, "content-encoding": "gzip"}).json()
    assert [span["name"] for span in explanation["spans"]] == ["chat"]
    assert [log["declined"] for log in explanation["logs"]] == ["it is not a known gen-ai event"]


def test_log_records_in_protobuf_are_distinguished_from_spans(receiver: Receiver) -> None:
    record = LogRecord(trace_id=b"t" * 16, span_id=b"s" * 8, event_name="gen_ai.user.message")
    logs = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])]
    )
    explanation = ask(receiver, logs.SerializeToString()).json()
    assert explanation["spans"] == []
    assert [(log["event"], log["declined"]) for log in explanation["logs"]] == [("gen_ai.user.message", None)]


@pytest.mark.parametrize("scope", ["read", "ingest"])
def test_key_of_either_scope_is_accepted(receiver: Receiver, scope: str) -> None:
    key = new_key()
    record = key_record(key, receiver.project_id, scopes={scope}, created_ns=NOW_NS)
    receiver.run(receiver.storage.create_key(record))
    answer = ask(receiver, b"", {"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()) == (200, {"spans": [], "logs": [], "notes": []})


@pytest.mark.parametrize(
    ("body", "headers", "status", "detail"),
    [
        (b"", {"authorization": "Bearer nonsense"}, 401, "A valid Pulse API key is needed"),
        (b"", {"content-type": "text/plain"}, 415, "Content-Type must be"),
        (b"", {"content-encoding": "rot13"}, 415, "rot13"),
        (b"\xff\xff", {}, 400, "The request cannot be read"),
        (b'{"resourceMetrics":[]}', JSON, 400, "it contains metrics, which Pulse does not store"),
    ],
)
def test_refusals_are_problem_details(
    receiver: Receiver, body: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    answer = ask(receiver, body, headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert detail in problem["detail"]
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)


def test_body_limit_of_ingest_applies(lasting: Lasting) -> None:
    with running_receiver(lasting, max_body_bytes=1024) as receiver:
        assert ask(receiver, b"x" * 2000).status_code == 413
        assert ask(receiver, gzip.compress(b"x" * 5000), {"content-encoding": "gzip"}).status_code == 413
        assert receiver.collector.budget.held_bytes == 0
