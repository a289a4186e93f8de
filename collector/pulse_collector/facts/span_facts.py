"""What one span says, while its dialect is still reading it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.cost_names import BillingTerm
from pulse_collector.facts.json_text import JsonObject
from pulse_collector.facts.usage import Counts

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


class SpanFacts:
    """One span on its way to a row. Dialects fill gaps here; what is set first stays."""

    __slots__ = (
        "attributes",
        "billing",
        "cost_is_estimate",
        "counts",
        "custom",
        "events",
        "failed",
        "finish_reasons",
        "flattened",
        "has_content",
        "input_excludes_cache",
        "input_text",
        "is_root",
        "latency_ms",
        "model_call",
        "name",
        "notes",
        "numbers",
        "operation",
        "output_text",
        "parameters",
        "partner_key",
        "request",
        "response",
        "rest",
        "scope",
        "start_ns",
        "tags",
        "texts",
        "unread",
    )

    # Written out, since a dataclass of this many mutable fields takes three times as long to make.
    def __init__(
        self,
        name: str,
        scope: str | None,
        attributes: dict[str, AttributeValue],
        events: Sequence[Event],
        start_ns: int,
        latency_ms: float | None,
        operation: str | None,
        model_call: bool,
        is_root: bool,
    ) -> None:
        self.name = name
        self.scope = scope
        self.attributes = attributes
        self.events = events
        self.start_ns = start_ns
        self.latency_ms = latency_ms
        self.operation = operation
        self.model_call = model_call
        #: The span names no parent.
        self.is_root = is_root
        self.texts: dict[TextColumn, str] = {}
        self.counts: Counts = {}
        self.numbers: dict[NumberColumn, float] = {}
        self.tags: list[str] = []
        #: Raw, one for each choice.
        self.finish_reasons: list[str] = []
        #: What the application said of the call in its own words.
        self.custom: JsonObject = {}
        #: Attributes that no column holds.
        self.rest: dict[str, AttributeValue] = {}
        #: Those of them that are parameters of the request, by their own names.
        self.parameters: dict[str, AttributeValue] = {}
        #: Attributes that are parts of flattened content (`gen_ai.prompt.0.role`).
        self.flattened: dict[str, AttributeValue] = {}
        #: Whether there may be content in the attributes.
        self.has_content = True
        #: What was mended, or is missing, in words.
        self.notes: list[str] = []
        #: Names of attributes that look like usage or messages and that no dialect reads.
        self.unread: tuple[str, ...] = ()
        self.failed = False
        #: JSON documents.
        self.request: bytes | None = None
        self.response: bytes | None = None
        self.input_text: str | None = None
        self.output_text: str | None = None
        self.partner_key: str | None = None
        #: Whether the input tokens leave out what was read from or written to the cache; None: as the
        #: dialect's table says.
        self.input_excludes_cache: bool | None = None
        #: The cost was estimated by the sender from a price list, so that ours is the better one.
        self.cost_is_estimate = False
        #: What may change the price (service tier, fast mode, place of inference), and whether it was only
        #: asked for.
        self.billing: dict[BillingTerm, tuple[str, bool]] | None = None

    def fill(self, column: TextColumn, text: object) -> None:
        """Set a text, trimmed, that is not known yet; pass over blank texts and what is no text."""
        if isinstance(text, str) and column not in self.texts and (trimmed := text.strip()):
            self.texts[column] = clean_text(trimmed)

    def fill_billing(self, term: BillingTerm, value: object, *, asked: bool = False) -> None:
        """Set a term of billing that is not known yet; the answer's replaces one that was only asked for."""
        if not isinstance(value, str) or not value:
            return
        if self.billing is None:
            self.billing = {}
        known = self.billing.get(term)
        if known is None or (known[1] and not asked):
            self.billing[term] = (value, asked)

    def fill_counts(self, counts: Counts) -> None:
        """Add the counts that are not known yet."""
        for column, count in counts.items():
            self.counts.setdefault(column, count)


def clean_text(text: str) -> str:
    """A text that every store can hold in a column: no NUL, and no longer than an id or a name can be."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS]
