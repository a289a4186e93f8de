"""google.rpc.Status, the body of OTLP error responses, in protobuf and JSON."""

from __future__ import annotations

import orjson
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2  # pyright: ignore[reportMissingTypeStubs]
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from pulse_proto.otlp import Encoding

INVALID_ARGUMENT: int = code_pb2.INVALID_ARGUMENT
UNAUTHENTICATED: int = code_pb2.UNAUTHENTICATED
PERMISSION_DENIED: int = code_pb2.PERMISSION_DENIED
NOT_FOUND: int = code_pb2.NOT_FOUND
RESOURCE_EXHAUSTED: int = code_pb2.RESOURCE_EXHAUSTED
UNIMPLEMENTED: int = code_pb2.UNIMPLEMENTED
DEADLINE_EXCEEDED: int = code_pb2.DEADLINE_EXCEEDED
UNAVAILABLE: int = code_pb2.UNAVAILABLE
INTERNAL: int = code_pb2.INTERNAL


def status(code: int, message: str, *, retry_after_s: int | None = None) -> Status:
    """Create a Status; `retry_after_s` adds a RetryInfo, without which clients do not retry some codes."""
    result = Status(code=code, message=message)
    if retry_after_s is not None:
        detail = Any()
        detail.Pack(retry_info(retry_after_s))
        result.details.append(detail)
    return result


def retry_info(retry_after_s: int) -> RetryInfo:
    """Create a RetryInfo with the given delay in seconds."""
    return RetryInfo(retry_delay=Duration(seconds=retry_after_s))


def encode_status(result: Status, encoding: Encoding) -> bytes:
    """Encode the body of an HTTP error response.

    JSON has no details: the Retry-After header has the same information.
    """
    if encoding is Encoding.JSON:
        return orjson.dumps({"code": result.code, "message": result.message})
    return result.SerializeToString()
