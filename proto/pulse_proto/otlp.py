"""Decode OTLP requests and encode OTLP responses, in protobuf and JSON.

Specification: OTLP 1.9, sections "OTLP/HTTP" and "JSON Protobuf Encoding".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import orjson
from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from pulse_proto import otlp_json
from pulse_proto.errors import Unreadable
from pulse_proto.repair_utf8 import decode_with_invalid_utf8

if api_implementation.Type() != "upb":
    raise ImportError(
        "Pulse needs protobuf's compiled backend (upb): the pure Python one is slow and recurses without "
        "a limit. Unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION and install a protobuf wheel of your platform."
    )

RequestT = TypeVar("RequestT", bound=Message)


class Encoding(Enum):
    """Encoding of a message; the value is its media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Signal(Generic[RequestT]):
    """A signal of OTLP: its message types and field names."""

    name: str
    request: type[RequestT]
    response: type[Message]
    #: Field of `partial_success` with the number of rejected items.
    rejected_field: str
    #: Names of the repeated fields from a request to its items: resources, scopes, items.
    path: tuple[str, str, str]


TRACES = Signal(
    "traces",
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
    "rejected_spans",
    ("resource_spans", "scope_spans", "spans"),
)
LOGS = Signal(
    "logs",
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
    "rejected_log_records",
    ("resource_logs", "scope_logs", "log_records"),
)
METRICS = Signal(
    "metrics",
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
    "rejected_data_points",
    ("resource_metrics", "scope_metrics", "metrics"),
)

_MEDIA_TYPES = {
    "application/x-protobuf": Encoding.PROTOBUF,
    "application/protobuf": Encoding.PROTOBUF,
    "application/json": Encoding.JSON,
}


def encoding_of(content_type: str | None) -> Encoding | None:
    """Return the encoding of a Content-Type header, ignoring case and parameters; None if unsupported."""
    if content_type is None:
        return None
    return _MEDIA_TYPES.get(content_type.partition(";")[0].strip().lower())


def decode_request(signal: Signal[RequestT], body: bytes, encoding: Encoding) -> RequestT:
    """Decode a request; an empty body or an empty JSON object is an empty request.

    In protobuf strings, bytes that are not UTF-8 are replaced by U+FFFD, so that one invalid string does not
    reject the whole request. Raises Unreadable.
    """
    if encoding is Encoding.JSON:
        return otlp_json.decode(signal.request, body)
    try:
        return signal.request.FromString(body)
    except DecodeError as error:
        repaired = decode_with_invalid_utf8(signal.request, body)
        if repaired is None:
            raise Unreadable(f"the body is not an {signal.request.DESCRIPTOR.name} in protobuf") from error
        return repaired


def encode_response(
    signal: Signal[RequestT], encoding: Encoding, *, rejected: int = 0, message: str = ""
) -> bytes:
    """Encode the response of a success; with `partial_success` if items are rejected or there is a message.

    A message without rejected items is a warning.
    """
    if encoding is Encoding.JSON:
        if not rejected and not message:
            return b"{}"
        # 64-bit integers are decimal strings in OTLP/JSON.
        count = {_camel(signal.rejected_field): str(rejected)} if rejected else {}
        return orjson.dumps({"partialSuccess": {**count, "errorMessage": message}})
    return encode_grpc_response(signal, rejected=rejected, message=message)


def encode_grpc_response(signal: Signal[RequestT], *, rejected: int = 0, message: str = "") -> bytes:
    """Encode the response of a success in protobuf, as `encode_response` does."""
    if not rejected and not message:
        return b""
    response = signal.response()
    partial = getattr(response, "partial_success")  # noqa: B009 - all three responses have it, Message has not
    setattr(partial, signal.rejected_field, rejected)
    partial.error_message = message
    return response.SerializeToString()


def _camel(snake: str) -> str:
    head, *rest = snake.split("_")
    return head + "".join(word.capitalize() for word in rest)
