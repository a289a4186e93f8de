"""The seed's trace schema: validates the body of `POST /v1/traces/batch`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

MAX_TRACES = 100


def _whole(value: object) -> object:
    """Convert 5.0 to 5, which are the same number in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


#: No real call uses more tokens; a larger number is an error that would distort every sum.
_Tokens = Annotated[int, Field(strict=True, ge=0, le=10_000_000_000), BeforeValidator(_whole)]
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1024)]


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


#: A blank id means no id, as in an attribute of a span.
_Id = Annotated[_Name | None, BeforeValidator(_blank_is_none)]


_DATE_FIRST = re.compile(r"\s*[0-9]{4}-")


def _iso_8601(value: object) -> object:
    """Reject numbers, also as texts: pydantic would read them as Unix times and guess the unit."""
    if not isinstance(value, str) or not _DATE_FIRST.match(value):
        raise ValueError("must be an ISO 8601 date and time")
    return value


def _storable(value: datetime) -> datetime:
    """Reject times that nanoseconds in 64 bits cannot hold, and all of their centuries."""
    if not 1800 <= value.year < 2200:
        raise ValueError("must be a time from 1800 to 2199")
    return value


def _not_nil(value: UUID) -> UUID:
    if not value.int:
        raise ValueError("must not be the nil UUID")
    return value


class BatchTrace(BaseModel):
    """One call in the seed's schema. Further keys are stored in `metadata`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    trace_id: Annotated[UUID, AfterValidator(_not_nil)]
    timestamp: Annotated[datetime, BeforeValidator(_iso_8601), AfterValidator(_storable)]
    provider: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    model_requested: _Name
    request_body: dict[str, Any]
    status: Literal["success", "error"]
    latency_ms: Annotated[float, Field(strict=True, ge=0, le=1e12, allow_inf_nan=False)]
    response_body: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    input_tokens: _Tokens | None = None
    output_tokens: _Tokens | None = None
    output_text: str | None = None
    finish_reason: str | None = None
    cost_cents: Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)] | None = None
    session_id: _Id = None
    metadata: dict[str, Any] | None = None
    model_used: _Id = None
    provider_request_id: _Id = None


_BATCH = TypeAdapter(Annotated[list[BatchTrace], Field(min_length=1, max_length=MAX_TRACES)])


class InvalidBatch(ValueError):
    """The body is not a valid batch. `details` has each place (`0.latency_ms`) and its rule."""

    def __init__(self, sentence: str, details: list[dict[str, str]]) -> None:
        super().__init__(sentence)
        self.details = details


def read_batch(body: bytes) -> list[BatchTrace]:
    """Return the calls of a request body. Raises InvalidBatch if any of them is invalid."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidBatch(f"The body is not JSON: {error}.", []) from error
    try:
        return _BATCH.validate_python(document)
    except ValidationError as error:
        details = [
            {"path": ".".join(str(step) for step in found["loc"]), "message": _message(found)}
            for found in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidBatch("The batch is not valid; nothing of it was stored.", details) from error


#: Prefixes of pydantic's error types, and the rule in words.
_RULES = (
    ("missing", "is required"),
    ("uuid", "must be a UUID"),
    ("datetime", "must be an ISO 8601 date and time such as 2030-01-31T08:30:00Z"),
    ("string_pattern", "must be a lower-case provider name such as openai"),
    ("string_too", "must have 1 to 1024 characters"),
    ("string", "must be a text"),
    ("int", "must be a whole number"),
    ("float", "must be a number"),
    ("finite", "must be a finite number"),
    ("dict", "must be a JSON object"),
    ("model", "must be a JSON object"),
    ("list", "must be a JSON array of traces"),
    ("too_short", "must have 1 to 100 traces"),
    ("too_long", "must have 1 to 100 traces"),
    ("literal", "must be success or error"),
)


def _message(error: ErrorDetails) -> str:
    """Return the rule that a value violates, in the words of the contract."""
    bounds = error.get("ctx", {})
    if error["type"] == "greater_than_equal":
        return f"must be at least {bounds['ge']:g}"
    if error["type"] == "less_than_equal":
        return f"must be at most {bounds['le']:g}"
    rule = next((rule for start, rule in _RULES if error["type"].startswith(start)), None)
    return rule or error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
