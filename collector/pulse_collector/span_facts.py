"""What one span says, while its dialect is still reading it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pulse_collector.attributes import AttributeValue
from pulse_collector.json_text import Json, JsonObject
from pulse_collector.usage import CountColumn, Counts

TextColumn = Literal[
    "provider",
    "model_requested",
    "model_used",
    "provider_request_id",
    "session_id",
    "user_id",
    "service",
    "environment",
    "release",
    "error_type",
    "error_message",
]

#: Longer ids and names are cut: some databases cannot index more.
MAX_TEXT_CHARS = 1024

NumberColumn = Literal["time_to_first_token_ms", "cost_usd"]


class Event(NamedTuple):
    """A span event."""

    name: str
    time_ns: int
    attributes: dict[str, AttributeValue]


@dataclass(slots=True)
class SpanFacts:
    """One span on its way to a row. Dialects fill gaps here; what is set first stays."""

    name: str
    scope: str | None
    attributes: dict[str, AttributeValue]
    events: list[Event]
    start_ns: int
    latency_ms: float | None
    operation: str | None = None
    model_call: bool = False
    texts: dict[TextColumn, str] = field(default_factory=dict[TextColumn, str])
    counts: Counts = field(default_factory=dict[CountColumn, int])
    numbers: dict[NumberColumn, float] = field(default_factory=dict[NumberColumn, float])
    tags: list[str] = field(default_factory=list[str])
    #: Raw, one for each choice.
    finish_reasons: list[str] = field(default_factory=list[str])
    #: What the application said of the call in its own words.
    custom: JsonObject = field(default_factory=dict[str, Json])
    #: Attributes that no column holds.
    rest: dict[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])
    failed: bool = False
    #: JSON documents.
    request: bytes | None = None
    response: bytes | None = None
    input_text: str | None = None
    output_text: str | None = None
    partner_key: str | None = None
    #: The input tokens leave out what was read from or written to the cache.
    input_excludes_cache: bool = False
    #: The cost was estimated by the sender from a price list, so that ours is the better one.
    cost_is_estimate: bool = False

    def fill(self, column: TextColumn, text: object) -> None:
        """Set a text that is not known yet; anything but a text with something in it is passed over."""
        if isinstance(text, str) and text and column not in self.texts:
            self.texts[column] = clean_text(text)

    def fill_counts(self, counts: Counts) -> None:
        """Add the counts that are not known yet."""
        for column, count in counts.items():
            self.counts.setdefault(column, count)


def clean_text(text: str) -> str:
    """A text that every store can hold in a column: no NUL, and no longer than an id or a name can be."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS]
