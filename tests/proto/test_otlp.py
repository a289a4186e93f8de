"""OTLP requests are decoded by the rules of OTLP; invalid ones are refused with a reason."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import RetryInfo  # pyright: ignore[reportMissingTypeStubs]
from google.rpc.status_pb2 import Status  # pyright: ignore[reportMissingTypeStubs]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from pulse_proto import otlp
from pulse_proto.errors import Unreadable
from pulse_proto.otlp import Encoding
from pulse_proto.status import RESOURCE_EXHAUSTED, encode_status, status


def request(*spans: Span) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])


def from_json(document: object) -> ExportTraceServiceRequest:
    return otlp.decode_request(otlp.TRACES, json.dumps(document).encode(), Encoding.JSON)


def span_json(**fields: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}


def only_span(message: ExportTraceServiceRequest) -> Span:
    return message.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("application/x-protobuf", Encoding.PROTOBUF),
        ("Application/X-Protobuf; charset=utf-8", Encoding.PROTOBUF),
        ("application/protobuf", Encoding.PROTOBUF),
        ("application/json;charset=UTF-8", Encoding.JSON),
        ("text/plain", None),
        ("", None),
        (None, None),
    ],
)
def test_content_type_names_the_encoding(header: str | None, encoding: Encoding | None) -> None:
    assert otlp.encoding_of(header) is encoding


@pytest.mark.parametrize("body", [b"", b"{}", b'{"resourceSpans": null}', b'{"resourceSpans": []}'])
def test_empty_json_is_an_empty_request(body: bytes) -> None:
    assert otlp.decode_request(otlp.TRACES, body, Encoding.JSON) == ExportTraceServiceRequest()


@pytest.mark.parametrize("body", [b" \n", b'{"resourceSpans": [null]}'])
def test_blank_text_and_null_resources_are_not_otlp_json(body: bytes) -> None:
    with pytest.raises(Unreadable):
        otlp.decode_request(otlp.TRACES, body, Encoding.JSON)


def test_empty_protobuf_is_an_empty_request() -> None:
    assert otlp.decode_request(otlp.TRACES, b"", Encoding.PROTOBUF) == ExportTraceServiceRequest()


def test_json_ids_are_hexadecimal_in_any_case() -> None:
    span = only_span(from_json(span_json(traceId="AB" * 16, spanId="cd" * 8, parentSpanId="")))
    assert (span.trace_id, span.span_id, span.parent_span_id) == (b"\xab" * 16, b"\xcd" * 8, b"")


def test_json_ids_in_base64_are_refused() -> None:
    with pytest.raises(Unreadable, match="traceId must be hexadecimal"):
        from_json(span_json(traceId=base64.b64encode(b"\xfe" * 16).decode()))


@pytest.mark.parametrize("time", ["18446744073709551615", 18446744073709551615])
def test_json_64_bit_integers_are_strings_or_numbers(time: object) -> None:
    assert only_span(from_json(span_json(startTimeUnixNano=time))).start_time_unix_nano == 2**64 - 1


def test_json_enums_are_integers_or_names() -> None:
    assert only_span(from_json(span_json(kind=3))).kind == Span.SPAN_KIND_CLIENT
    assert only_span(from_json(span_json(kind="SPAN_KIND_CLIENT"))).kind == Span.SPAN_KIND_CLIENT


def test_json_snake_case_is_accepted_and_unknown_fields_ignored() -> None:
    span: dict[str, Any] = {"trace_id": "00" * 16, "new": {}}
    document = {"resource_spans": [{"scope_spans": [{"spans": [span]}]}]}
    assert only_span(from_json(document)).trace_id == bytes(16)


def test_json_values_of_every_type_are_decoded() -> None:
    values: dict[str, Any] = {
        "stringValue": "é",
        "boolValue": True,
        "intValue": "-5",
        "doubleValue": "Infinity",
        "bytesValue": base64.b64encode(b"\x00\xff").decode(),
        "arrayValue": {"values": [{"intValue": 1}]},
        "kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]},
    }
    span = only_span(
        from_json(span_json(attributes=[{"key": k, "value": {k: v}} for k, v in values.items()]))
    )
    assert [attribute.value for attribute in span.attributes] == [
        AnyValue(string_value="é"),
        AnyValue(bool_value=True),
        AnyValue(int_value=-5),
        AnyValue(double_value=float("inf")),
        AnyValue(bytes_value=b"\x00\xff"),
        AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)])),
        AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(bool_value=False))])),
    ]


def test_json_with_a_lone_surrogate_is_accepted() -> None:
    body = json.dumps(span_json(name="\ud83d!")).encode()
    assert only_span(otlp.decode_request(otlp.TRACES, body, Encoding.JSON)).name == "�!"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "must be a JSON object"),
        (b"{", "not JSON"),
        (b'{"resourceSpans": 1}', "resourceSpans must be a list"),
        (b'{"resourceSpans": [1]}', "resourceSpans must be an object"),
        (b'{"resourceSpans": NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"resourceSpans": "\\ud800', "not JSON"),
        (orjson.dumps(span_json(startTimeUnixNano="1" * 100_000)), "must be an integer"),
        (orjson.dumps(span_json(startTimeUnixNano=-1)), "ScopeSpans|Span|spans"),
        (orjson.dumps(span_json(name=5)), "name must be a string"),
        (orjson.dumps(span_json(kind=True)), "kind must be an integer"),
    ],
)
def test_invalid_json_is_refused_with_the_field(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        otlp.decode_request(otlp.TRACES, body, Encoding.JSON)


def nested_json(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return span_json(attributes=[{"key": "k", "value": value}])


def test_json_nesting_is_bounded() -> None:
    assert only_span(from_json(nested_json(40))).attributes[0].key == "k"
    with pytest.raises(Unreadable, match="nested"):
        from_json(nested_json(90))


@pytest.mark.parametrize("body", [b"\xff\xff", b"\x0a\x05abc", b"not protobuf at all"])
def test_malformed_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable, match="not an ExportTraceServiceRequest"):
        otlp.decode_request(otlp.TRACES, body, Encoding.PROTOBUF)


def test_invalid_utf8_in_protobuf_strings_is_replaced() -> None:
    good = Span(name="good", trace_id=b"\xff" * 16)
    bad = Span(name="b@d", attributes=[KeyValue(key="k@", value=AnyValue(string_value="v@"))])
    body = request(good, bad).SerializeToString().replace(b"@", b"\xc3")
    spans = otlp.decode_request(otlp.TRACES, body, Encoding.PROTOBUF).resource_spans[0].scope_spans[0].spans
    assert spans[0] == good
    assert spans[1].name == "b�d"
    assert spans[1].attributes[0] == KeyValue(key="k�", value=AnyValue(string_value="v�"))


def array_value(values: list[AnyValue]) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


any_values = st.recursive(
    st.builds(AnyValue, string_value=st.text(st.characters(exclude_categories=("Cs",))))
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats(allow_nan=False))
    | st.builds(AnyValue, bytes_value=st.binary()),
    lambda inner: st.builds(array_value, st.lists(inner, max_size=3)),
    max_leaves=5,
)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1), st.lists(any_values, max_size=4))
def test_json_and_protobuf_decode_to_the_same_request(
    trace_id: bytes, time: int, values: list[AnyValue]
) -> None:
    span = Span(
        trace_id=trace_id,
        start_time_unix_nano=time,
        attributes=[KeyValue(key=f"k{n}", value=value) for n, value in enumerate(values)],
    )
    document: dict[str, Any] = MessageToDict(request(span))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = trace_id.hex()
    assert from_json(document) == request(span)


def test_success_is_empty_in_both_encodings() -> None:
    assert otlp.encode_response(otlp.TRACES, Encoding.PROTOBUF) == b""
    assert otlp.encode_response(otlp.TRACES, Encoding.JSON) == b"{}"


def test_partial_success_has_count_and_message() -> None:
    protobuf = otlp.encode_response(otlp.TRACES, Encoding.PROTOBUF, rejected=2, message="no span id")
    answer = ExportTraceServiceResponse.FromString(protobuf)
    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (2, "no span id")
    assert orjson.loads(otlp.encode_response(otlp.LOGS, Encoding.JSON, rejected=2, message="why")) == {
        "partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "why"}
    }


def test_error_body_is_a_status_with_retry_info() -> None:
    error = status(RESOURCE_EXHAUSTED, "slow down", retry_after_s=1)
    assert orjson.loads(encode_status(error, Encoding.JSON)) == {"code": 8, "message": "slow down"}
    read = Status.FromString(encode_status(error, Encoding.PROTOBUF))
    retry = RetryInfo()
    assert read.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 1
