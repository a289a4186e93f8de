"""A provider of models that exists only as an HTTP transport: scripted answers, recorded requests."""

from __future__ import annotations

import importlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import openai

# The clients moved from httpx to httpx2; the oldest supported ones still use the former.
http: Any = importlib.import_module("httpx2" if hasattr(openai, "_httpx2") else "httpx")

Json = Mapping[str, Any]


@dataclass
class Body(http.SyncByteStream, http.AsyncByteStream):  # pyright: ignore[reportUntypedBaseClass]
    """A body in pieces that may end with an error, and records whether it was closed."""

    pieces: Iterable[bytes]
    breaks_with: BaseException | None = None
    closed: bool = False
    before_each: Callable[[], None] | None = None

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if self.before_each is not None:
                self.before_each()
            yield piece
        if self.breaks_with is not None:
            raise self.breaks_with

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class Answer:
    """One scripted HTTP answer."""

    body: Body
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {})


def json_answer(value: object, status: int = 200, **headers: str) -> Answer:
    """Return an answer with a JSON document; keywords such as `retry_after_ms="1"` become headers."""
    answer = raw_answer(json.dumps(value).encode(), status=status)
    extra = {name.replace("_", "-"): text for name, text in headers.items()}
    return replace(answer, headers={**answer.headers, **extra})


def raw_answer(data: bytes, content_type: str = "application/json", status: int = 200) -> Answer:
    """Return an answer with these bytes."""
    return Answer(Body([data]), status, {"content-type": content_type})


def event_answer(
    events: Iterable[Json], *, done: bool = False, breaks_with: BaseException | None = None
) -> Answer:
    """Return an answer of server-sent events, one piece each, with Anthropic's event line when typed."""
    pieces = [_event(event) for event in events]
    if done:
        pieces.append(b"data: [DONE]\n\n")
    return Answer(Body(pieces, breaks_with), headers={"content-type": "text/event-stream"})


def _event(event: Json) -> bytes:
    kind = event.get("type")
    head = f"event: {kind}\n" if isinstance(kind, str) else ""
    return f"{head}data: {json.dumps(event)}\n\n".encode()


class FakeProvider:
    """Responds to each request with the next scripted answer and records the request."""

    def __init__(self, *answers: Answer | BaseException) -> None:
        self.answers: deque[Answer | BaseException] = deque(answers)
        self.requests: list[Any] = []
        self.during_request: Callable[[], None] | None = None

    def add(self, *answers: Answer | BaseException) -> FakeProvider:
        """Script more answers."""
        self.answers.extend(answers)
        return self

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies received."""
        return [json.loads(request.content) for request in self.requests]

    def sync_client(self) -> Any:
        """Return an HTTP client whose requests all go to this provider."""
        return http.Client(transport=http.MockTransport(self._handle))

    def async_client(self) -> Any:
        """Return an asyncio HTTP client whose requests all go to this provider."""
        return http.AsyncClient(transport=http.MockTransport(self._handle))

    def _handle(self, request: Any) -> Any:
        self.requests.append(request)
        if self.during_request is not None:
            self.during_request()
        answer = self.answers.popleft()
        if isinstance(answer, BaseException):
            raise answer
        return http.Response(answer.status, headers=answer.headers, stream=answer.body)
