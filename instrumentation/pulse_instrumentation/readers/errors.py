"""Reads failures from answers whose HTTP status reports success."""

from __future__ import annotations

from pulse_instrumentation.fields import field, items, pairs, text
from pulse_instrumentation.readers.operations import Failure

_UNNAMED = "error"
# A longer text, or one with spaces, is a message and not the name of a type.
_MAX_TYPE_LENGTH = 64


def body_failure(response: object) -> Failure | None:
    """Read the failure of a body: its `error`, itself where it is one, or MiniMax's status."""
    if _is_reported(error := field(response, "error")):
        return failure_of(error)
    if field(response, "object") == "error":
        return failure_of(response)
    status = field(response, "base_resp")
    if code := field(status, "status_code"):
        return Failure(str(code), text(field(status, "status_msg")))
    return None


def choices_failure(response: object) -> Failure | None:
    """Read the failure of a body with choices: its own, that of a choice, or that of Groq's extension."""
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
    """Whether a field reports an error: some servers always send it, with nothing in it."""
    return bool(error) and (isinstance(error, str) or any(value for _, value in pairs(error)))


def failure_of(error: object, unnamed: str = _UNNAMED) -> Failure:
    """Read an error object, or an error that is a mere text. `unnamed` is the type of one without a type."""
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
    """A text that can name a type. `error` names none: it is what events with errors are called."""
    name = text(value)
    is_name = name and name != "error" and len(name) <= _MAX_TYPE_LENGTH and not name.count(" ")
    return name if is_name else None


def _number(code: object) -> str | None:
    return code if isinstance(code, str) and code.isdecimal() else None
