from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pulse_query_api.times import unix_ns
from pulse_storage.rows import TraceRecord
from pulse_storage.trace_json import cents, rfc3339, trace_object

_INT64 = st.integers(-(1 << 63), (1 << 63) - 1)

_RECORD = TraceRecord(
    trace_id=UUID("019ac0de-0000-8000-8000-00000000beef"),
    project_id="p1",
    otel_trace_id=bytes.fromhex("0af7651916cd43dd8448eb211c80319c"),
    otel_span_id=bytes.fromhex("b7ad6b7169203331"),
    parent_span_id=bytes.fromhex("00f067aa0ba902b7"),
    start_ns=1_795_420_800_123_456_789,
    latency_ms=812.25,
    operation="chat",
    name="chat claude-sonnet-4-5",
    provider="anthropic",
    model_requested="claude-sonnet-4-5",
    model_used="claude-sonnet-4-5-20250929",
    provider_request_id="msg_1",
    dialect="otel-genai",
    input_tokens=2109,
    output_tokens=12,
    cache_read_tokens=1900,
    cache_write_tokens=188,
    reasoning_tokens=0,
    cache_write_1h_tokens=88,
    input_audio_tokens=None,
    input_image_tokens=7,
    output_audio_tokens=None,
    output_image_tokens=None,
    usage_source="reported",
    service_tier="priority",
    cost_nano_usd=13_500,
    cost_source="computed",
    price_version="2026-11-01",
    status="error",
    error_type="rate_limit",
    error_message="slow down",
    finish_reason="stop",
    time_to_first_token_ms=99.5,
    session_id="chat-42",
    user_id="u1",
    tags=("beta", "eu"),
    service="shop",
    environment="prod",
    release="1.2.3",
    input_preview="Hi",
    output_preview="Hello",
    output_text="Hello",
    metadata='{"plan":"pro"}',
    counted=True,
    request_body=b'{"messages":[{"role":"user","content":"Hi"}]}',
    response_body=None,
)


def test_complete_row_has_every_field_of_the_contract() -> None:
    assert orjson.loads(orjson.dumps(trace_object(_RECORD, bodies=True))) == {
        "trace_id": "019ac0de-0000-8000-8000-00000000beef",
        "project_id": "p1",
        "session_id": "chat-42",
        "timestamp": "2026-11-23T08:00:00.123456Z",
        "latency_ms": 812.25,
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "model_used": "claude-sonnet-4-5-20250929",
        "provider_request_id": "msg_1",
        "request_body": {"messages": [{"role": "user", "content": "Hi"}]},
        "response_body": None,
        "input_tokens": 2109,
        "output_tokens": 12,
        "output_text": "Hello",
        "finish_reason": "stop",
        "status": "error",
        "error": {"type": "rate_limit", "message": "slow down"},
        "cost_cents": 0.00135,
        "metadata": {"plan": "pro"},
        "operation": "chat",
        "name": "chat claude-sonnet-4-5",
        "otel_trace_id": "0af7651916cd43dd8448eb211c80319c",
        "otel_span_id": "b7ad6b7169203331",
        "parent_span_id": "00f067aa0ba902b7",
        "user_id": "u1",
        "tags": ["beta", "eu"],
        "service": "shop",
        "environment": "prod",
        "release": "1.2.3",
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "reasoning_tokens": 0,
        "time_to_first_token_ms": 99.5,
        "cost_source": "computed",
        "price_version": "2026-11-01",
        "usage_source": "reported",
        "service_tier": "priority",
        "input_preview": "Hi",
        "output_preview": "Hello",
        "dialect": "otel-genai",
        "counted": True,
        "cache_write_1h_tokens": 88,
        "input_audio_tokens": None,
        "input_image_tokens": 7,
        "output_audio_tokens": None,
        "output_image_tokens": None,
    }


def test_row_without_bodies_lacks_only_the_body_fields() -> None:
    whole = trace_object(_RECORD, bodies=True)
    listed = trace_object(_RECORD, bodies=False)
    assert set(whole) - set(listed) == {"request_body", "response_body"}


def test_unknown_values_are_null_and_never_zero() -> None:
    bare = _RECORD._replace(
        latency_ms=None, cost_nano_usd=None, metadata=None, error_type=None, error_message=None,
        parent_span_id=None, input_tokens=None, tags=(),
    )  # fmt: skip
    shown = orjson.loads(orjson.dumps(trace_object(bare, bodies=False)))
    unknown = ("latency_ms", "cost_cents", "metadata", "error", "parent_span_id", "input_tokens")
    assert [shown[name] for name in unknown] == [None] * 6
    assert shown["tags"] == []


def test_costs_are_written_without_exponent() -> None:
    amounts = {0: b"0.0", 1: b"0.0000001", 99: b"0.0000099", 13_500: b"0.00135", 10_000_000: b"1.0"}
    assert {nano: orjson.dumps(cents(nano)) for nano in amounts} == amounts


@given(_INT64 | st.integers(0, 10**6))
def test_costs_are_exact_to_the_nano_dollar(nano_usd: int) -> None:
    written = orjson.dumps(cents(nano_usd)).decode()
    assert Decimal(written) == Decimal(nano_usd) / 10**7
    assert "e" not in written


@given(_INT64)
def test_times_are_exact_to_the_microsecond(time_ns: int) -> None:
    shown = rfc3339(time_ns)
    assert len(shown) == len("2026-11-23T08:00:00.123456Z")
    assert unix_ns(shown) == max(time_ns // 1000 * 1000, -(1 << 63))
