"""Bodies of the admin routes, read with a bound and checked field by field."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import NoReturn, cast

import orjson
from starlette.requests import Request

from pulse_query_api.errors import ApiError, Detail, InvalidRequest
from pulse_query_api.times import unix_ns
from pulse_storage.keys import SCOPES
from pulse_storage.price_document import (
    MAX_DOCUMENT_BYTES,
    PriceDocument,
    PriceDocumentError,
    Problem,
    read_json,
    read_toml,
)
from pulse_storage.retention import PolicyRefused, RetentionPolicy, policy_from_json
from pulse_storage.upkeep.erasures import Subject

_MAX_BODY_BYTES = 16 * 1024
_MAX_NAME_CHARS = 200


async def read(request: Request) -> Mapping[str, object]:
    """The JSON object that the request carries. Raises ApiError (400, 413)."""
    try:
        document: object = orjson.loads(await _read_bytes(request, _MAX_BODY_BYTES))
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return cast("dict[str, object]", document)


async def price_document(request: Request) -> PriceDocument:
    """The prices that the request carries: JSON, or TOML if it says so. Raises ApiError (400, 413)."""
    body = await _read_bytes(request, MAX_DOCUMENT_BYTES)
    is_toml = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/toml"
    try:
        return read_toml(body.decode()) if is_toml else read_json(body)
    except UnicodeDecodeError as error:
        raise ApiError(400, "The body is not UTF-8.") from error
    except PriceDocumentError as error:
        problems: list[Detail] = [
            {"path": problem.path, "message": f"{_line(problem)}{problem.message}"}
            for problem in error.problems
        ]
        raise InvalidRequest(problems) from error


def project_name(document: Mapping[str, object]) -> str:
    """The `name` of a new project. Raises InvalidRequest."""
    _only(document, ("name",))
    name = document.get("name")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _MAX_NAME_CHARS or not name.isprintable():
        _refuse("name", f"must be a text of 1 to {_MAX_NAME_CHARS} printable characters")
    return name.strip()


def key_request(document: Mapping[str, object]) -> tuple[frozenset[str], int | None]:
    """The `scopes` of a new key (all unless given) and its end in Unix nanoseconds. Raises InvalidRequest."""
    _only(document, ("scopes", "expiresAt"))
    return _scopes(document.get("scopes")), _expiry_ns(document.get("expiresAt"))


async def _read_bytes(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise ApiError(413, f"The body is larger than {max_bytes} bytes.")
    return bytes(body)


def _line(problem: Problem) -> str:
    return "" if problem.line is None else f"(line {problem.line}) "


def retention_policy(document: Mapping[str, object]) -> RetentionPolicy:
    """A project's retention policy; what is left out has no limit. Raises InvalidRequest."""
    try:
        return policy_from_json(document)
    except PolicyRefused as error:
        _refuse(error.path, error.message)


def erasure_request(document: Mapping[str, object]) -> tuple[Subject, str, bool]:
    """Whose data is to be erased, and whether it shall only be counted. Raises InvalidRequest."""
    _only(document, ("userId", "sessionId", "dryRun"))
    user, session = document.get("userId"), document.get("sessionId")
    if (user is None) == (session is None):
        _refuse("userId", "or sessionId must be given, and not both")
    value = session if user is None else user
    if not isinstance(value, str) or not value:
        _refuse("sessionId" if user is None else "userId", "must be a text that is not empty")
    dry_run = document.get("dryRun", False)
    if not isinstance(dry_run, bool):
        _refuse("dryRun", "must be true or false")
    return ("session_id" if user is None else "user_id"), value, dry_run


def _scopes(given: object) -> frozenset[str]:
    if given is None:
        return SCOPES
    scopes = cast("list[object]", given) if isinstance(given, list) else []
    chosen = frozenset(scope for scope in SCOPES if scope in scopes)
    if not scopes or len(chosen) != len(scopes):
        _refuse("scopes", f"must be a list of one or more of {', '.join(sorted(SCOPES))}, each once")
    return chosen


def _expiry_ns(given: object) -> int | None:
    if given is None:
        return None
    try:
        expires_ns = unix_ns(given) if isinstance(given, str) else 0
    except ValueError:
        expires_ns = 0
    if expires_ns <= time.time_ns():
        _refuse("expiresAt", "must be an RFC 3339 date-time in the future")
    return expires_ns


def _only(document: Mapping[str, object], names: Collection[str]) -> None:
    unknown: list[Detail] = [
        {"path": name[:100], "message": f"is not a field of this request; it has {', '.join(names)}"}
        for name in document
        if name not in names
    ]
    if unknown:
        raise InvalidRequest(unknown)


def _refuse(path: str, message: str) -> NoReturn:
    raise InvalidRequest([{"path": path, "message": message}])
