"""The protocol of the readers: the functions that read the bodies of one API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pulse_instrumentation.content import Capture
from pulse_instrumentation.fields import Attributes

Body = Mapping[str, object]


class Fold(Protocol):
    """Folds the chunks of a stream, and keeps only the data that the span needs."""

    def add(self, chunk: object) -> bool:
        """Fold one chunk. Return True if it contains output of the model."""
        ...

    def response(self) -> object:
        """Return the data of all chunks so far, in the form of the API's response."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that a response with HTTP status 200 reports."""

    type: str
    message: str | None = None


def no_content(_value: object, _capture: Capture) -> Attributes:
    """Return no attributes, for an API whose content is not recorded."""
    return {}


def no_failure(_response: object) -> Failure | None:
    """Return None, for an API that reports errors only by HTTP status."""
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One API: its operation name and the pure functions that read its bodies.

    `request` and `response` return the attributes that are always recorded, the two `_content` functions
    those that are recorded only with content.
    """

    name: str
    request: Callable[[Body], Attributes]
    response: Callable[[object], Attributes]
    request_content: Callable[[Body, Capture], Attributes] = no_content
    response_content: Callable[[object, Capture], Attributes] = no_content
    failure: Callable[[object], Failure | None] = no_failure
    fold: Callable[[bool], Fold] | None = None
    """Creates the fold of a stream; the argument is whether content is recorded."""
