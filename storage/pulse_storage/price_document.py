"""A document of custom prices: what a prices file and a project's own prices consist of, read and checked.

It is TOML or JSON of one shape: a list `prices` of entries, each with a model, perhaps a provider, and prices
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

#: The place of a `price_version` where a prices file has its name.
PROJECT_LABEL = "project"
#: A document may take this many bytes.
MAX_DOCUMENT_BYTES = 256 * 1024
MAX_ENTRIES = 1_000
MAX_TIERS = 16
#: A million dollars per million tokens, or for one call, is a mistake.
MAX_DOLLARS = 1_000_000
MAX_ABOVE_TOKENS = 10_000_000_000
MAX_PATTERN_CHARS = 256
#: Problems that one message names.
_TOLD = 3

_Dollars = Annotated[float, Field(ge=0, le=MAX_DOLLARS)]
_Pattern = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_CHARS)]


class PriceDocumentError(ValueError):
    """The document cannot be used; `problems` names each place, what it must be, and its line if known."""

    def __init__(self, problems: list[Problem]) -> None:
        more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        super().__init__("; ".join(map(str, problems[:_TOLD])) + more)
        self.problems = problems


class Problem(BaseModel):
    """One thing that is wrong with a document."""

    #: As `prices.0.input`; empty if it is the document as a whole.
    path: str
    message: str
    #: From 1; None in JSON.
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.path} {self.message}" if self.path else f"{where}{self.message}"


def _moment(value: object) -> object:
    """A TOML date or time, or a text in ISO 8601; what has no zone is UTC."""
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


class TokenPrices(BaseModel):
    """Dollars per million tokens, and per call. A part without a price costs what its whole costs."""

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
    """What differs for calls with more input tokens than `above`; it holds for all tokens of such a call."""

    above: Annotated[int, Field(ge=0, le=MAX_ABOVE_TOKENS)]


class PriceEntry(TokenPrices):
    """The price of the models that it names. `*` stands for any text, `?` for any character."""

    model: _Pattern
    #: As Pulse names it; None is any.
    provider: _Pattern | None = None
    #: The moment from which it holds, in UTC; None is always.
    valid_from: Annotated[datetime | None, BeforeValidator(_moment)] = None
    override_reported: bool = False
    tiers: Annotated[list[PriceTier], Field(max_length=MAX_TIERS)] = []

    @model_validator(mode="after")
    def _is_complete(self) -> PriceEntry:
        if self.per_call is None and (self.input is None or self.output is None):
            raise ValueError("needs input and output (0 where it is free), or per_call")
        if len({tier.above for tier in self.tiers}) < len(self.tiers):
            raise ValueError("has two tiers above the same number of tokens")
        return self


class PriceDocument(BaseModel):
    """Checked entries, in the order of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    prices: Annotated[list[PriceEntry], Field(max_length=MAX_ENTRIES)]

    @cached_property
    def text(self) -> str:
        """The document as JSON, the same for all that say the same."""
        entries = [entry.model_dump(mode="json", exclude_defaults=True) for entry in self.prices]
        return json.dumps({"prices": entries}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        """Eight hexadecimal digits that change when a price does."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:8]


def project_version(document: PriceDocument) -> str:
    """What `price_version` says of costs by a project's own prices."""
    return f"{PROJECT_LABEL}@{document.digest}"


def read_toml(text: str) -> PriceDocument:
    """The document in a TOML text. Raises PriceDocumentError, with lines."""
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
    """The document in a JSON text. Raises PriceDocumentError."""
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
    repeated: list[Problem] = []
    for index, entry in enumerate(document.prices):
        named = (entry.provider or "*", entry.model, entry.valid_from)
        if named in seen:
            message = f"repeats {entry.model!r}; entries for the same model need different valid_from"
            place = ("prices", index)
            repeated.append(Problem(path=f"prices.{index}", message=message, line=_line(place, toml)))
        seen.add(named)
    if repeated:
        raise PriceDocumentError(repeated)
    return document


def _message(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        if len(error["loc"]) == 1:
            return "is not known; a document has only the list prices"
        names = (
            "above" if "tiers" in error["loc"] else "model, provider, valid_from, override_reported, tiers"
        )
        return f"is not known; there are {names}, {', '.join(TokenPrices.NAMES)}"
    said = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return _WORDS.get(error["type"], said)


_WORDS = {"missing": "is missing", "model_type": "must be a table"}
_ENTRY = re.compile(r"^\s*\[\[\s*prices\s*\]\]", re.MULTILINE)


def _line(place: tuple[int | str, ...], toml: str | None) -> int | None:
    """The line of a field, else of its entry, where entries are written as `[[prices]]`."""
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
