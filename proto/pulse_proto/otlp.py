"""OTLP requests from bytes, and the answers back, in the encoding of the request.

Source of the rules: OTLP specification 1.9, sections "OTLP/HTTP" and "JSON Protobuf Encoding".
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

from pulse_proto import otlp_json, salvage
from pulse_proto.errors import Unreadable

if api_implementation.Type() != "upb":
    raise ImportError(
        "Pulse needs protobuf's compiled backend (upb): the pure Python one is slow and recurses without "
        "a limit. Unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION and install a protobuf wheel of your platform."
    )

RequestT = TypeVar("RequestT", bound=Message)


class Encoding(Enum):
    """How a message travels; the value is its media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Signal(Generic[RequestT]):
    """One of OTLP's signals: its messages, and the name of its refusal count."""

    name: str
    request: type[RequestT]
    response: type[Message]
    rejected_field: str
    #: The fields that lead to its items: in the request, in a resource's part, in a scope's part.
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
    """The encoding that a Content-Type header names, whatever its case and parameters; None if not ours."""
    if content_type is None:
        return None
    return _MEDIA_TYPES.get(content_type.partition(";")[0].strip().lower())


def decode_request(signal: Signal[RequestT], body: bytes, encoding: Encoding) -> RequestT:
    """The request within `body`; no bytes, or an empty JSON object, is an empty request.

    Protobuf text that is not UTF-8 is mended with U+FFFD rather than refused: one bad name must not cost
    the batch. Raises Unreadable.
    """
    if encoding is Encoding.JSON:
        return otlp_json.decode(signal.request, body)
    try:
        return signal.request.FromString(body)
    except DecodeError as error:
        mended = salvage.mend_text(signal.request, body)
        if mended is None:
            raise Unreadable(f"the body is not an {signal.request.DESCRIPTOR.name} in protobuf") from error
        return mended


def encode_response(
    signal: Signal[RequestT], encoding: Encoding, *, rejected: int = 0, message: str = ""
) -> bytes:
    """A success: empty when all was taken, else with partial_success (a message alone is a warning)."""
    if encoding is Encoding.JSON:
        if not rejected and not message:
            return b"{}"
        # 64-bit integers are decimal strings in OTLP/JSON.
        count = {_camel(signal.rejected_field): str(rejected)} if rejected else {}
        return orjson.dumps({"partialSuccess": {**count, "errorMessage": message}})
    return encode_grpc_response(signal, rejected=rejected, message=message)


def encode_grpc_response(signal: Signal[RequestT], *, rejected: int = 0, message: str = "") -> bytes:
    """`encode_response` in protobuf."""
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
