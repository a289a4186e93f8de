"""Report failures of the instrumentation itself: logged once per place, never raised."""

from __future__ import annotations

import logging

logger = logging.getLogger("pulse_instrumentation")

_reported: set[str] = set()


def report_failure(place: str, error: Exception) -> None:
    """Log a failure of the instrumentation once per place and exception type.

    The warning does not contain the exception's message, which could quote a prompt. The traceback is
    logged at debug level.
    """
    key = f"{place}:{type(error).__name__}"
    if key in _reported:
        return
    _reported.add(key)
    logger.warning(
        "Pulse could not record a model call (%s failed with %s); the call itself is not affected. "
        "Set the logger 'pulse_instrumentation' to DEBUG for the traceback.",
        place,
        type(error).__name__,
    )
    logger.debug("The failure in %s", place, exc_info=error)
