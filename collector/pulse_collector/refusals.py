"""What the collector answers when it does not take a request, over HTTP and over gRPC.

Clients retry 503 and UNAVAILABLE and give up on all the others (OTLP specification, "Failures"), so only
trouble that passes by itself may use those two.
"""

from __future__ import annotations

from pulse_proto import status
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import KeyRefused, ScopeMissing

RETRY_AFTER_S = 1


class Refusal(Exception):
    """A request that is not taken: nothing of it is stored (or, for 503, perhaps: resending is safe)."""

    def __init__(self, http_status: int, grpc_code: int, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.grpc_code = grpc_code
        self.message = message
        self.retry_after_s = RETRY_AFTER_S if retry else None


def unreadable(message: str) -> Refusal:
    """The bytes are not what they were announced to be."""
    return Refusal(400, status.INVALID_ARGUMENT, message)


def key_refused() -> Refusal:
    """One text for missing, malformed, unknown, revoked and expired keys."""
    return Refusal(
        401,
        status.UNAUTHENTICATED,
        "A valid Pulse API key is needed: send the header 'authorization: Bearer pulse_sk_…'.",
    )


def scope_missing(scope: str) -> Refusal:
    """A good key that must not do this."""
    return Refusal(
        403, status.PERMISSION_DENIED, f"This API key lacks the scope '{scope}'; use one that has it."
    )


def not_admitted(error: KeyRefused | ScopeMissing | StoreUnavailable) -> Refusal:
    """What the key ring's answer means for a client."""
    if isinstance(error, ScopeMissing):
        return scope_missing(error.scope)
    if isinstance(error, StoreUnavailable):
        # Not a 401: exporters drop their data for good on that.
        return store_unavailable(error)
    return key_refused()


def too_slow() -> Refusal:
    """The body did not arrive in time."""
    return Refusal(408, status.DEADLINE_EXCEEDED, "The request body took too long to arrive.")


def too_large(limit_bytes: int) -> Refusal:
    """Over the limit on the wire or after decompression; the same request can never succeed."""
    return Refusal(
        413,
        status.RESOURCE_EXHAUSTED,
        f"The request is larger than {limit_bytes >> 20} MiB (PULSE_MAX_BODY_MIB); send smaller batches.",
    )


def too_many_parts(reason: object) -> Refusal:
    """Few bytes that would take much memory when decoded; the same request can never succeed."""
    return Refusal(
        413,
        status.RESOURCE_EXHAUSTED,
        f"The request is too large to be decoded: {reason}; send smaller batches.",
    )


def never_fits(limit_bytes: int) -> Refusal:
    """More than all requests together may hold; the same request can never succeed."""
    return Refusal(
        413,
        status.RESOURCE_EXHAUSTED,
        f"The request takes more than {limit_bytes >> 20} MiB when it is decoded (PULSE_MAX_INFLIGHT_MIB);"
        " send smaller batches.",
    )


def unsupported(message: str) -> Refusal:
    """A media type or a compression that is not known."""
    return Refusal(415, status.UNIMPLEMENTED, message)


def overloaded(message: str) -> Refusal:
    """Too much is under way; the client should send the same again."""
    return Refusal(503, status.UNAVAILABLE, message, retry=True)


def out_of_memory() -> Refusal:
    """Memory ran out while the request was handled; others will have given theirs back soon."""
    return overloaded("Pulse has no memory left for this request now; send it again.")


def store_unavailable(reason: object) -> Refusal:
    """The store cannot take writes now; the client should send the same again."""
    return overloaded(f"The store is not available now: {reason}")
