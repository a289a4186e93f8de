"""Parse and validate custom prices: a prices file, or the prices of a project.

The document is TOML or JSON with a list `prices`. Each entry has a model, optionally a provider, and prices
in dollars per million tokens (docs/pricing.md).
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Annotated, ClassVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

#: First part of the `price_version` of project prices; a prices file has its name there.
PROJECT_LABEL = "project"
#: Maximum size of a document.
MAX_DOCUMENT_BYTES = 256 * 1024
MAX_ENTRIES = 1_000
MAX_TIERS = 16
#: Maximum price per million tokens or per call: a higher one is a mistake.
MAX_DOLLARS = 1_000_000
MAX_ABOVE_TOKENS = 10_000_000_000
MAX_PATTERN_CHARS = 256
#: Maximum number of problems in one error message.
_MAX_LISTED = 3

_Dollars = Annotated[float, Field(ge=0, le=MAX_DOLLARS)]
_Pattern = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_CHARS)]


class PriceDocumentError(ValueError):
    """The document is invalid; `problems` has the path, message and, if known, line of each error.

    `is_conflict` is true if each entry is valid, but two contradict each other.
    """

    def __init__(self, problems: list[Problem], *, is_conflict: bool = False) -> None:
        more = f"; and {len(problems) - _MAX_LISTED} more" if len(problems) > _MAX_LISTED else ""
        super().__init__("; ".join(map(str, problems[:_MAX_LISTED])) + more)
        self.problems = problems
        self.is_conflict = is_conflict


class Problem(BaseModel):
    """One error in a document."""

    #: Path of the field, such as `prices.0.input`; empty for the whole document.
    path: str
    message: str
    #: From 1; None in JSON.
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.path} {self.message}" if self.path else f"{where}{self.message}"


def _moment(value: object) -> object:
    """Parse a TOML date or date-time, or an ISO 8601 text; without a time zone it is UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date or a date and time, as 2026-01-01") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError("must be a date or a date and time, as 2026-01-01")
    return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _whole(value: object) -> object:
    """Convert 5.0 to 5, which are the same number in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class TokenPrices(BaseModel):
    """Dollars per million tokens, and per call. A part without a price has the price of its whole."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    #: The prices of tokens, in the order in which they are documented.
    NAMES: ClassVar[tuple[str, ...]] = (
        "input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning",
        "input_audio", "output_audio", "input_image", "output_image", "per_call",
    )  # fmt: skip

    input: _Dollars | None = None
    output: _Dollars | None = None
    cache_read: _Dollars | None = None
    cache_write: _Dollars | None = None
    cache_write_1h: _Dollars | None = None
    reasoning: _Dollars | None = None
    input_audio: _Dollars | None = None
    output_audio: _Dollars | None = None
    input_image: _Dollars | None = None
    output_image: _Dollars | None = None
    per_call: _Dollars | None = None


class PriceTier(TokenPrices):
    """Prices that replace those of the entry for all tokens of a call with more input tokens than `above`."""

    above: Annotated[int, Field(ge=0, le=MAX_ABOVE_TOKENS), BeforeValidator(_whole)]


class PriceEntry(TokenPrices):
    """The prices of all models that match a pattern: `*` matches any text, `?` any character."""

    model: _Pattern
    #: Provider name as in `SpanRow.provider`; None matches all.
    provider: _Pattern | None = None
    #: Service tier to which the prices apply, case-insensitive; None is any tier without an entry of its own.
    service_tier: _Pattern | None = None
    #: Start of validity in UTC; None is always.
    valid_from: Annotated[datetime | None, BeforeValidator(_moment)] = None
    override_reported: bool = False
    tiers: Annotated[list[PriceTier], Field(max_length=MAX_TIERS)] = []

    @model_validator(mode="after")
    def _is_complete(self) -> PriceEntry:
        if self.per_call is None and (self.input is None or self.output is None):
            raise ValueError("needs input and output (0 where it is free), or per_call")
        return self


class PriceDocument(BaseModel):
    """Validated entries, in the order of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    prices: Annotated[list[PriceEntry], Field(max_length=MAX_ENTRIES)]

    @cached_property
    def text(self) -> str:
        """The document as canonical JSON: equal for documents with equal prices."""
        entries = [entry.model_dump(mode="json", exclude_defaults=True) for entry in self.prices]
        return json.dumps({"prices": entries}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        """The first eight hexadecimal digits of the SHA-256 of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:8]


def project_version(document: PriceDocument) -> str:
    """Return the `price_version` of costs computed from project prices."""
    return f"{PROJECT_LABEL}@{document.digest}"


def read_toml(text: str) -> PriceDocument:
    """Parse a TOML text. Raises PriceDocumentError, with line numbers."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r" \(at line (\d+),", str(error))
        if line is None:
            raise PriceDocumentError([Problem(path="", message=f"is not TOML: {error}")]) from error
        message = f"is not TOML: {str(error)[: line.start()]}"
        raise PriceDocumentError([Problem(path="", message=message, line=int(line[1]))]) from error
    return _checked(found, text)


def read_json(text: str | bytes) -> PriceDocument:
    """Parse a JSON text. Raises PriceDocumentError."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise PriceDocumentError([Problem(path="", message=f"is not JSON: {error}")]) from error
    return _checked(found, None)


def _checked(found: object, toml: str | None) -> PriceDocument:
    try:
        document = PriceDocument.model_validate(found)
    except ValidationError as error:
        problems: list[Problem] = []
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            path = ".".join(map(str, one["loc"]))
            problems.append(Problem(path=path, message=_message(one), line=_line(one["loc"], toml)))
        raise PriceDocumentError(problems) from error
    seen: set[tuple[object, ...]] = set()
    conflicts: list[Problem] = []
    for index, entry in enumerate(document.prices):
        named = (entry.provider or "*", entry.model, entry.service_tier, entry.valid_from)
        messages: list[str] = []
        if named in seen:
            messages.append(f"repeats {entry.model!r}; entries for the same model need different valid_from")
        if len({tier.above for tier in entry.tiers}) < len(entry.tiers):
            messages.append("has two tiers above the same number of tokens")
        line = _line(("prices", index), toml) if messages else None
        conflicts += [Problem(path=f"prices.{index}", message=message, line=line) for message in messages]
        seen.add(named)
    if conflicts:
        raise PriceDocumentError(conflicts, is_conflict=True)
    return document


def _message(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        if len(error["loc"]) == 1:
            return "is not known; a document has only the list prices"
        names = (
            "above"
            if "tiers" in error["loc"]
            else "model, provider, service_tier, valid_from, override_reported, tiers"
        )
        return f"is not known; there are {names}, {', '.join(TokenPrices.NAMES)}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return _WORDS.get(error["type"], message)


_WORDS = {"missing": "is missing", "model_type": "must be a table"}
_ENTRY = re.compile(r"^\s*\[\[\s*prices\s*\]\]", re.MULTILINE)


def _line(place: tuple[int | str, ...], toml: str | None) -> int | None:
    """Return the line of a field in a TOML text, else that of its `[[prices]]` entry; None if not found."""
    if toml is None:
        return None
    if len(place) < 2 or not isinstance(place[1], int):
        field = re.search(rf"^\s*\[*\s*{re.escape(str(place[0]))}\b", toml, re.MULTILINE) if place else None
        return None if field is None else _line_at(toml, field)
    entries = list(_ENTRY.finditer(toml))
    if place[1] >= len(entries):
        return None
    entry = entries[place[1]]
    end = entries[place[1] + 1].start() if place[1] + 1 < len(entries) else len(toml)
    if len(place) > 2:
        field = re.compile(rf"^[ \t]*[\"']?{re.escape(str(place[2]))}[\"']?\s*=", re.MULTILINE)
        found = field.search(toml, entry.end(), end)
        if found is not None:
            return _line_at(toml, found)
    return _line_at(toml, entry)


def _line_at(text: str, found: re.Match[str]) -> int:
    start = found.start() + len(found[0]) - len(found[0].lstrip())
    return text.count("\n", 0, start) + 1
