"""Requests are decoded in pieces, completely and in bounded memory."""

from __future__ import annotations

import json
import tracemalloc
from random import Random

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from pulse_proto.bounded import decode_bounded
from pulse_proto.errors import TooManyParts, Unreadable
from pulse_proto.json_parts import MAX_OBJECTS, check_size
from pulse_proto.otlp import LOGS, TRACES, Encoding
from pulse_proto.pieces import MAX_PARTS, PIECE_BYTES, pieces

_TINY = 2 << 20


def _span(number: int, size: int) -> Span:
    return Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name="x" * size,
        attributes=[KeyValue(key="k", value=AnyValue(string_value="v"))],
        start_time_unix_nano=number,
    )


def _request(seed: int, size: int) -> ExportTraceServiceRequest:
    random = Random(seed)
    request, number = ExportTraceServiceRequest(), 1
    for resource in range(3):
        spans = request.resource_spans.add(schema_url=f"r{resource}")
        spans.resource.CopyFrom(
            Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=f"s{resource}"))])
        )
        for scope in range(3):
            of_scope = spans.scope_spans.add(scope=InstrumentationScope(name=f"c{scope}"), schema_url="s")
            for _ in range(random.randrange(40)):
                of_scope.spans.append(_span(number, random.choice((1, size, 3 * size))))
                number += 1
    return request


def _items(request: ExportTraceServiceRequest) -> list[tuple[bytes, bytes, str, str, bytes]]:
    return [
        (
            one.resource.SerializeToString(),
            scope.scope.SerializeToString(),
            one.schema_url,
            scope.schema_url,
            span.SerializeToString(),
        )
        for one in request.resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize("size", [10, 5_000, 60_000])
@pytest.mark.parametrize("seed", range(3))
def test_pieces_have_all_spans_with_their_resources_and_scopes(seed: int, size: int) -> None:
    request = _request(seed, size)
    body = request.SerializeToString()
    found = [ExportTraceServiceRequest.FromString(piece.body) for piece in pieces(TRACES.request, body)]
    assert [item for one in found for item in _items(one)] == _items(request)
    assert all(len(piece.body) <= PIECE_BYTES + 3 * size + 1000 for piece in pieces(TRACES.request, body))


def test_fields_may_be_in_any_order() -> None:
    """Fields of resource and scope may follow the spans, and may be repeated."""
    scope = b"".join(
        some.SerializeToString()
        for some in (
            ScopeSpans(spans=[_span(n, 9_000) for n in range(1, 40)]),
            ScopeSpans(scope=InstrumentationScope(name="c")),
            ScopeSpans(spans=[_span(99, 9_000)]),
            ScopeSpans(scope=InstrumentationScope(version="1")),
        )
    )
    whole = ScopeSpans.FromString(scope)
    body = (
        ResourceSpans(scope_spans=[whole]).SerializeToString()
        + ResourceSpans(resource=Resource(dropped_attributes_count=3)).SerializeToString()
    )
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans.FromString(body)])
    parts = list(decode_bounded(TRACES, request.SerializeToString(), Encoding.PROTOBUF, 1_000))
    assert len(parts) > 1
    assert [item for part in parts if part.request for item in _items(part.request)] == _items(request)


@pytest.mark.parametrize("encoding", [Encoding.PROTOBUF, Encoding.JSON])
@pytest.mark.parametrize("limit", [0, 1, 30, 10_000])
def test_items_over_the_limit_are_counted(encoding: Encoding, limit: int) -> None:
    request = _request(1, 9_000)
    count = len(_items(request))
    body = request.SerializeToString() if encoding is Encoding.PROTOBUF else _as_json(request)
    parts = list(decode_bounded(TRACES, body, encoding, limit))
    kept = sum(len(_items(part.request)) for part in parts if part.request)
    assert kept == min(limit, count)
    assert sum(part.over_limit for part in parts) == count - kept


def _as_json(request: ExportTraceServiceRequest) -> bytes:
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "scope_spans": [
                        {"spans": [{"spanId": span.span_id.hex(), "name": span.name} for span in scope.spans]}
                        for scope in one.scope_spans
                    ]
                }
                for one in request.resource_spans
            ]
        }
    ).encode()


def _field(number: int, data: bytes) -> bytes:
    length, out = len(data), bytearray([number << 3 | 2])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes([*out, length]) + data


def _in_scope(items: bytes) -> bytes:
    return _field(1, _field(2, items))


_IDS = _span(1, 1).SerializeToString()


@pytest.mark.parametrize(
    "item",
    [
        _IDS + b"\x5a\x00" * (_TINY // 2),  # events
        _IDS + b"\x6a\x00" * (_TINY // 2),  # links
        _IDS + b"\x4a\x00" * (_TINY // 2),  # attributes
        _IDS + _field(9, _field(2, _field(5, b"\x0a\x00" * (_TINY // 2)))),  # a list in an attribute
    ],
    ids=["events", "links", "attributes", "list"],
)
def test_span_with_too_many_parts_is_refused_alone(item: bytes) -> None:
    good = _span(7, 1)
    body = _in_scope(_field(2, item) + _field(2, good.SerializeToString()))
    parts = list(decode_bounded(TRACES, body, Encoding.PROTOBUF, 1_000))
    assert [part.refused for part in parts if part.refused] == [f"it has more than {MAX_PARTS} parts"]
    assert [span[-1] for part in parts if part.request for span in _items(part.request)] == [
        good.SerializeToString()
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\x00" * _TINY,  # resources
        _in_scope(b"\x12\x00" * _TINY),  # spans
        _field(1, _field(1, b"\x0a\x00" * _TINY)),  # attributes of a resource
    ],
    ids=["resources", "items", "resource attributes"],
)
def test_request_with_too_many_parts_is_refused(body: bytes) -> None:
    with pytest.raises(TooManyParts):
        list(decode_bounded(TRACES, body, Encoding.PROTOBUF, 1_000))
    with pytest.raises(TooManyParts):
        list(decode_bounded(LOGS, body, Encoding.PROTOBUF, 1_000))


def test_malformed_protobuf_is_unreadable() -> None:
    for body in (b"\xff" * _TINY, b"\x0a\xff\xff\xff\x7f" + b"x" * _TINY, b"\x0f" + b"x" * _TINY):
        with pytest.raises(Unreadable):
            list(decode_bounded(TRACES, body, Encoding.PROTOBUF, 1_000))


@pytest.mark.parametrize(
    "text",
    [
        '{"x":[' + "{}," * MAX_OBJECTS + "{}]}",
        '{"x":[' + "[]," * MAX_OBJECTS + "1]}",
        "[" + "1," * 3_000_001 + "1]",
    ],
)
def test_json_with_too_many_values_is_not_parsed(text: str) -> None:
    with pytest.raises(TooManyParts):
        check_size(text.encode())


def test_braces_within_strings_are_not_counted() -> None:
    text = json.dumps({"prompt": '{"a": [1, 2]}, \\"' * 400_000})
    assert text.count("{") + text.count("[") > MAX_OBJECTS
    check_size(text.encode())


def test_json_spans_over_the_limit_need_little_memory() -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 500_000 + b"{}]}]}]}"
    tracemalloc.start()
    try:
        [part] = decode_bounded(TRACES, body, Encoding.JSON, 100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert part.over_limit == 499_901
    assert peak < 100 << 20


def test_log_records_are_split_like_spans() -> None:
    records = [LogRecord(event_name="e", body=AnyValue(string_value="x" * 9_000)) for _ in range(50)]
    request = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]
    )
    parts = list(decode_bounded(LOGS, request.SerializeToString(), Encoding.PROTOBUF, 40))
    kept = sum(
        len(scope.log_records)
        for part in parts
        if part.request
        for one in part.request.resource_logs
        for scope in one.scope_logs
    )
    assert (kept, sum(part.over_limit for part in parts)) == (40, 10)
