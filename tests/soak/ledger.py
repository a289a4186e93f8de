"""What clients sent, what the server acknowledged, and what it must therefore answer."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

#: An OTel trace id and span id, in hex.
SpanKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SentSpan:
    """A span as it must be found: its key and, of a model call, every filter and value that finds it."""

    key: SpanKey
    facts: tuple[tuple[str, str], ...] = ()
    tokens: int = 0

    @property
    def is_call(self) -> bool:
        """Whether it is a model call, which lists and sums count."""
        return bool(self.facts)


@dataclass
class Ledger:
    """Shared by all clients of a run. An unfinished delivery is repeated until it is acknowledged."""

    acknowledged: dict[SpanKey, SentSpan] = field(default_factory=dict[SpanKey, SentSpan])
    #: Deliveries that may or may not be stored: refused for now, or cancelled by the client.
    unfinished: deque[Callable[[], None]] = field(default_factory=deque[Callable[[], None]])
    #: Delivered again although they were acknowledged.
    redelivered: int = 0
    #: Answers by kind of client and status.
    answers: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, what: str) -> None:
        """Count an answer."""
        with self._lock:
            self.answers[what] += 1

    def acknowledge(self, spans: Sequence[SentSpan]) -> None:
        """Note spans that the server said it stored; they may have been acknowledged before."""
        with self._lock:
            self.redelivered += sum(span.key in self.acknowledged for span in spans)
            self.acknowledged.update((span.key, span) for span in spans)

    def postpone(self, deliver: Callable[[], None]) -> None:
        """Deliver that once more later."""
        with self._lock:
            self.unfinished.append(deliver)

    def take_oldest(self, spare: int) -> Callable[[], None] | None:
        """The delivery that waits longest, if more than `spare` wait."""
        with self._lock:
            return self.unfinished.popleft() if len(self.unfinished) > spare else None

    def take_unfinished(self) -> list[Callable[[], None]]:
        """All deliveries to repeat; each postpones itself again if it is not acknowledged."""
        with self._lock:
            taken = [*self.unfinished]
            self.unfinished.clear()
        return taken

    def fault(self, what: str) -> None:
        """Note an answer that no client may get."""
        with self._lock:
            self.faults.append(what)

    def calls(self) -> list[SentSpan]:
        """The acknowledged model calls."""
        with self._lock:
            return [span for span in self.acknowledged.values() if span.is_call]

    def counts(self) -> Counter[tuple[str, str]]:
        """How many acknowledged model calls each filter and value must find."""
        return Counter(fact for span in self.calls() for fact in span.facts)
