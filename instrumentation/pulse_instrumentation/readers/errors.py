"""Read errors from answers with HTTP status 200."""

from __future__ import annotations

from pulse_instrumentation.fields import field, items, pairs, text
from pulse_instrumentation.readers.operations import Failure

_UNNAMED = "error"
# A longer text, or a text with spaces, is a message and not an error type.
_MAX_TYPE_LENGTH = 64


def body_failure(response: object) -> Failure | None:
    """Return the failure in a body: its `error` field, the body if it is an error, or MiniMax's status."""
    if _is_reported(error := field(response, "error")):
        return failure_of(error)
    if field(response, "object") == "error":
        return failure_of(response)
    status = field(response, "base_resp")
    if code := field(status, "status_code"):
        return Failure(str(code), text(field(status, "status_msg")))
    return None


def choices_failure(response: object) -> Failure | None:
    """Return the failure in a body with choices: of the body, of a choice, or in Groq's `x_groq`."""
    if (failure := body_failure(response)) is not None:
        return failure
    for choice in items(field(response, "choices")):
        if _is_reported(error := field(choice, "error")):
            return failure_of(error)
        if field(choice, "finish_reason") == "error":
            return Failure(_UNNAMED)
    error = field(field(response, "x_groq"), "error")
    return failure_of(error) if _is_reported(error) else None


def _is_reported(error: object) -> bool:
    """Return whether an `error` field reports an error: some servers always send the field, empty."""
    return bool(error) and (isinstance(error, str) or any(value for _, value in pairs(error)))


def failure_of(error: object, unnamed: str = _UNNAMED) -> Failure:
    """Return the failure in an error object or error text. `unnamed` is the type of an error without one."""
    if isinstance(error, str):
        return Failure(_name(error) or unnamed, text(error))
    code = field(error, "code")
    number = str(code) if type(code) is int else _number(code)
    kind = (
        (None if number else _name(code))
        or _name(field(error, "type"))
        or _name(field(field(error, "metadata"), "error_type"))
        or number
    )
    return Failure(kind or unnamed, text(field(error, "message")))


def _name(value: object) -> str | None:
    """Return a text that can be an error type, else None. `error`, the type of error events, is not one."""
    name = text(value)
    is_name = name and name != "error" and len(name) <= _MAX_TYPE_LENGTH and not name.count(" ")
    return name if is_name else None


def _number(code: object) -> str | None:
    return code if isinstance(code, str) and code.isdecimal() else None
