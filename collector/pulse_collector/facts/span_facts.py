"""The facts of one span while its dialects read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.content import Content
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

#: Ids and names are cut to this length: some databases cannot index longer texts.
MAX_TEXT_CHARS = 1024

NumberColumn = Literal["time_to_first_token_ms", "cost_usd"]


class Event(NamedTuple):
    """A span event."""

    name: str
    time_ns: int
    attributes: dict[str, AttributeValue]


class SpanFacts:
    """The facts of one span on its way to a row. A dialect sets only unset facts: the first value is kept."""

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
        "tools",
        "unread",
    )

    # Written out: a generated dataclass `__init__` with this many mutable fields takes three times as long.
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
        #: True if the span has no parent id.
        self.is_root = is_root
        self.texts: dict[TextColumn, str] = {}
        self.counts: Counts = {}
        self.numbers: dict[NumberColumn, float] = {}
        self.tags: list[str] = []
        #: Raw reasons, one for each choice.
        self.finish_reasons: list[str] = []
        #: The application's own metadata, by its own names.
        self.custom: JsonObject = {}
        #: Attributes without a column.
        self.rest: dict[str, AttributeValue] = {}
        #: Those of `rest` that are parameters of the request, by parameter name.
        self.parameters: dict[str, AttributeValue] = {}
        #: Attributes that are parts of flattened content (`gen_ai.prompt.0.role`).
        self.flattened: dict[str, AttributeValue] = {}
        #: Whether the attributes may contain content.
        self.has_content = True
        #: Notes on what was corrected or is missing.
        self.notes: list[str] = []
        #: Names of attributes that look like usage or messages and that no dialect reads.
        self.unread: tuple[str, ...] = ()
        self.failed = False
        #: Request and response as JSON documents.
        self.request: bytes | None = None
        self.response: bytes | None = None
        #: Tool definitions of a span without messages, for a request that no dialect has.
        self.tools: Content | None = None
        self.input_text: str | None = None
        self.output_text: str | None = None
        self.partner_key: str | None = None
        #: Whether the input tokens exclude cache reads and writes; None: the dialect's table decides.
        self.input_excludes_cache: bool | None = None
        #: True if the sender estimated the cost from a price list: Pulse's own price takes precedence.
        self.cost_is_estimate = False
        #: Terms that may change the price (service tier, fast mode, region), each with whether only the
        #: request has it.
        self.billing: dict[BillingTerm, tuple[str, bool]] | None = None

    def fill(self, column: TextColumn, text: object) -> None:
        """Set a text column if it is unset, trimmed. Ignores blank texts and values that are not text."""
        if isinstance(text, str) and column not in self.texts and (trimmed := text.strip()):
            self.texts[column] = clean_text(trimmed)

    def fill_billing(self, term: BillingTerm, value: object, *, requested: bool = False) -> None:
        """Set a term of billing if it is unset; a term of the response replaces one of the request."""
        if not isinstance(value, str) or not value:
            return
        if self.billing is None:
            self.billing = {}
        known = self.billing.get(term)
        if known is None or (known[1] and not requested):
            self.billing[term] = (value, requested)

    def fill_counts(self, counts: Counts) -> None:
        """Set the counts that are unset."""
        for column, count in counts.items():
            self.counts.setdefault(column, count)


def clean_text(text: str) -> str:
    """Return a text that every store can hold: NUL becomes U+FFFD, and it is cut to MAX_TEXT_CHARS."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS]
