"""The answers to requests that are not accepted, for HTTP and gRPC.

Clients retry 503 and UNAVAILABLE only (OTLP specification, "Failures"), so these two are for temporary
errors.
"""

from __future__ import annotations

from pulse_proto import status
from pulse_storage.errors import StoreUnavailable
from pulse_storage.keys import KeyRefused, ScopeMissing

RETRY_AFTER_S = 1


class Refusal(Exception):
    """A request that is not accepted.

    Nothing of it is stored; after a 503 something may be: resending is safe.
    """

    def __init__(self, http_status: int, grpc_code: int, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.grpc_code = grpc_code
        self.message = message
        self.retry_after_s = RETRY_AFTER_S if retry else None


def unreadable(message: str) -> Refusal:
    """Return a 400: the bytes are not of the announced encoding or format."""
    return Refusal(400, status.INVALID_ARGUMENT, message)


def key_refused() -> Refusal:
    """Return a 401 for a missing, malformed, unknown, revoked or expired key: one text for all."""
    return Refusal(
        401,
        status.UNAUTHENTICATED,
        "A valid Pulse API key is needed: send the header 'authorization: Bearer pulse_sk_…'.",
    )


def scope_missing(scope: str) -> Refusal:
    """Return a 403: the key is valid but lacks a scope."""
    return Refusal(
        403, status.PERMISSION_DENIED, f"This API key lacks the scope '{scope}'; use one that has it."
    )


def not_admitted(error: KeyRefused | ScopeMissing | StoreUnavailable) -> Refusal:
    """Convert an error of the key ring to a refusal (401, 403, 503)."""
    if isinstance(error, ScopeMissing):
        return scope_missing(error.scope)
    if isinstance(error, StoreUnavailable):
        # Not a 401: exporters would drop their data for good.
        return store_unavailable(error)
    return key_refused()


def too_slow() -> Refusal:
    """Return a 408: the body did not arrive in time."""
    return Refusal(408, status.DEADLINE_EXCEEDED, "The request body took too long to arrive.")


def too_large(limit_bytes: int) -> Refusal:
    """Return a 413: the body exceeds the limit, compressed or decompressed, so it can never succeed."""
    return Refusal(
        413,
        status.RESOURCE_EXHAUSTED,
        f"The request is larger than {limit_bytes >> 20} MiB (PULSE_MAX_BODY_MIB); send smaller batches.",
    )


def too_many_parts(reason: object) -> Refusal:
    """Return a 413: the body would take too much memory when decoded, so it can never succeed."""
    return Refusal(
        413,
        status.RESOURCE_EXHAUSTED,
        f"The request is too large to be decoded: {reason}; send smaller batches.",
    )


def never_fits(limit_bytes: int) -> Refusal:
    """Return a 413: the request exceeds the budget of all requests together, so it can never succeed."""
    return Refusal(
        413,
        status.RESOURCE_EXHAUSTED,
        f"The request takes more than {limit_bytes >> 20} MiB when it is decoded (PULSE_MAX_INFLIGHT_MIB);"
        " send smaller batches.",
    )


def unsupported(message: str) -> Refusal:
    """Return a 415: the media type or the compression is unknown."""
    return Refusal(415, status.UNIMPLEMENTED, message)


def overloaded(message: str) -> Refusal:
    """Return a 503: too many requests are in progress; the client should send the same again."""
    return Refusal(503, status.UNAVAILABLE, message, retry=True)


def out_of_memory() -> Refusal:
    """Return a 503: memory ran out while the request was handled, which is likely to be temporary."""
    return overloaded("Pulse has no memory left for this request now; send it again.")


def store_unavailable(reason: object) -> Refusal:
    """Return a 503: the store does not accept writes now; the client should send the same again."""
    return overloaded(f"The store is not available now: {reason}")
