"""Read an exception: its type, HTTP status, request id and message."""

from __future__ import annotations

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import Capture
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import Attributes, field, integer


def error_attributes(error: BaseException) -> Attributes:
    """Return the span attributes of an exception, without its message."""
    attributes: Attributes = {names.ERROR_TYPE: type(error).__name__}
    try:
        if (status := integer(field(error, "status_code"))) is not None:
            attributes[names.HTTP_STATUS_CODE] = status
        if isinstance(request_id := field(error, "request_id"), str):
            attributes[names.RESPONSE_REQUEST_ID] = request_id
    except KeyboardInterrupt:
        raise
    except BaseException as failure:
        # A property may run code of the application, as `__str__` may.
        if isinstance(failure, Exception):
            report_failure(f"reading a {type(error).__name__}", failure)
    return attributes


def completion_of(error: BaseException | None) -> object:
    """Return the completion that the client could not parse; None for any other exception."""
    # Not by `error.__dict__`, which a class of the application may override.
    fields: dict[str, object] = {} if error is None else object.__getattribute__(error, "__dict__")
    return fields.get("completion")


def error_words(error: BaseException, capture: Capture) -> str | None:
    """Return the message of an exception; None if content is not recorded, or the message is empty.

    The message may quote the prompt, so it is content. `__str__` may be code of the application: an exception
    that it raises is reported in the log, so that the span still gets its status.
    """
    if not capture.full:
        return None
    try:
        return capture.error_message(str(error)) or None
    except KeyboardInterrupt:
        raise
    except BaseException as failure:
        if isinstance(failure, Exception):
            report_failure(f"the message of a {type(error).__name__}", failure)
        return None
