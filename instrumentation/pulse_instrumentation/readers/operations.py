"""What Pulse knows about one kind of model call: the protocol that each API's reader fulfils."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pulse_instrumentation.content import Capture
from pulse_instrumentation.fields import Attributes

Body = Mapping[str, object]


class Fold(Protocol):
    """Takes the chunks of a stream one by one and keeps only what the span will need."""

    def add(self, chunk: object) -> bool:
        """Take one chunk. True when it carries output of the model (not just an opening)."""
        ...

    def response(self) -> object:
        """What has arrived so far, in the shape of the API's whole response."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A response that reports a failure although the HTTP call succeeded."""

    type: str
    message: str | None = None


def no_content(_value: object, _capture: Capture) -> Attributes:
    """The content of a call that has none worth recording."""
    return {}


def no_failure(_response: object) -> Failure | None:
    """The failure of an API that reports failures by HTTP status alone."""
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One API: its operation name and the pure functions that read its bodies.

    `request` and `response` give what is recorded always, the two `_content` functions what is
    recorded only when content is captured.
    """

    name: str
    request: Callable[[Body], Attributes]
    response: Callable[[object], Attributes]
    request_content: Callable[[Body, Capture], Attributes] = no_content
    response_content: Callable[[object, Capture], Attributes] = no_content
    failure: Callable[[object], Failure | None] = no_failure
    fold: Callable[[bool], Fold] | None = None
    """Makes the fold of a stream; its argument says whether content is wanted."""
