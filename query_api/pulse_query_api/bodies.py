"""Read and validate the request bodies of the admin routes, with a size limit."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import cast

import orjson
from starlette.requests import Request

from pulse_query_api.errors import ApiError, Detail, InvalidRequest
from pulse_query_api.times import unix_ns
from pulse_storage.keys import DEFAULT_SCOPES, SCOPES
from pulse_storage.maintenance import Subject
from pulse_storage.price_document import (
    MAX_DOCUMENT_BYTES,
    PriceDocument,
    PriceDocumentError,
    Problem,
    read_json,
    read_toml,
)
from pulse_storage.retention import PolicyRefused, RetentionPolicy, policy_from_json
from pulse_storage.rows import PROJECT_NAME, PROJECT_NAME_RULE

_MAX_BODY_BYTES = 16 * 1024


async def read(request: Request) -> Mapping[str, object]:
    """Read the body as a JSON object; an empty body is an empty object.

    Raises ApiError: 400 for anything but a JSON object, 413 for more than 16 KiB.
    """
    body = await _read_bytes(request, _MAX_BODY_BYTES)
    try:
        document: object = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return cast("dict[str, object]", document)


async def price_document(request: Request) -> PriceDocument:
    """Read the body as prices: TOML if the Content-Type is application/toml, else JSON.

    Raises ApiError: 400 for invalid prices, 409 for prices that contradict each other,
    413 for a body that is too large.
    """
    body = await _read_bytes(request, MAX_DOCUMENT_BYTES)
    is_toml = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/toml"
    try:
        return read_toml(body.decode()) if is_toml else read_json(body)
    except UnicodeDecodeError as error:
        raise ApiError(400, "The body is not UTF-8.") from error
    except PriceDocumentError as error:
        problems: list[Detail] = [
            {"path": problem.path, "message": f"{_line_prefix(problem)}{problem.message}"}
            for problem in error.problems
        ]
        raise InvalidRequest(problems, conflict=error.is_conflict) from error


def project_name(document: Mapping[str, object]) -> str:
    """Return the field `name`, trimmed. Raises InvalidRequest if it is missing or no valid project name."""
    fields = Fields(document, ("name",))
    name = document.get("name")
    if not isinstance(name, str) or not PROJECT_NAME.fullmatch(name):
        fields.add_problem("name", PROJECT_NAME_RULE)
    fields.finish()
    return str(name).strip()


def key_request(document: Mapping[str, object]) -> tuple[frozenset[str], int | None]:
    """Return the scopes of a new key (default: ingest, read) and its expiry in Unix nanoseconds or None.

    Raises InvalidRequest: 409 for an expiry in the past.
    """
    fields = Fields(document, ("scopes", "expiresAt"))
    scopes, expires_ns = _scopes(fields), _expiry_ns(fields)
    fields.finish()
    if expires_ns is not None and expires_ns <= time.time_ns():
        raise InvalidRequest([{"path": "expiresAt", "message": "must be in the future"}], conflict=True)
    return scopes, expires_ns


async def _read_bytes(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise ApiError(413, f"The body is larger than {max_bytes} bytes.")
    return bytes(body)


def _line_prefix(problem: Problem) -> str:
    return "" if problem.line is None else f"(line {problem.line}) "


def retention_policy(document: Mapping[str, object]) -> RetentionPolicy:
    """Return a retention policy; a missing limit means no limit. Raises InvalidRequest."""
    try:
        return policy_from_json(document)
    except PolicyRefused as error:
        raise InvalidRequest(
            [{"path": path, "message": message} for path, message in error.problems]
        ) from error


def erasure_request(document: Mapping[str, object]) -> tuple[Subject, str, bool]:
    """Return what to erase (kind of subject and its id), and whether the request is a dry run.

    Raises InvalidRequest unless exactly one of `userId` and `sessionId` is given.
    """
    fields = Fields(document, ("userId", "sessionId", "dryRun"))
    user, session, dry_run = document.get("userId"), document.get("sessionId"), document.get("dryRun", False)
    value = session if user is None else user
    if (user is None) == (session is None):
        fields.add_problem("userId", "or sessionId must be given, but not both")
    elif not isinstance(value, str) or not value.strip() or "\0" in value:
        name = "sessionId" if user is None else "userId"
        fields.add_problem(name, "must be a string that is not blank, without NUL characters")
    if not isinstance(dry_run, bool):
        fields.add_problem("dryRun", "must be true or false")
    fields.finish()
    return ("session_id" if user is None else "user_id"), str(value).strip(), bool(dry_run)


class Fields:
    """The fields of a request's JSON object; collects problems, so that one response lists all of them."""

    def __init__(self, document: Mapping[str, object], names: Collection[str]) -> None:
        self.document = document
        allowed = ", ".join(names)
        self._problems: list[Detail] = [
            {"path": name[:100], "message": f"is not a field of this request; it has {allowed}"}
            for name in document
            if name not in names
        ]

    def add_problem(self, path: str, message: str) -> None:
        """Add a problem: the field's path and the rule that it breaks."""
        self._problems.append({"path": path, "message": message})

    def finish(self) -> None:
        """Raise InvalidRequest with all collected problems; return if there are none."""
        if self._problems:
            raise InvalidRequest(self._problems)


def _scopes(fields: Fields) -> frozenset[str]:
    given = fields.document.get("scopes")
    if given is None:
        return DEFAULT_SCOPES
    scopes = cast("list[object]", given) if isinstance(given, list) else []
    chosen = frozenset(scope for scope in SCOPES if scope in scopes)
    if not scopes or len(chosen) != len(scopes):
        fields.add_problem(
            "scopes", f"must be a list of one or more of {', '.join(sorted(SCOPES))}, without repetition"
        )
    return chosen


def _expiry_ns(fields: Fields) -> int | None:
    given = fields.document.get("expiresAt")
    if given is None:
        return None
    try:
        if isinstance(given, str):
            return unix_ns(given)
    except ValueError:
        pass
    fields.add_problem("expiresAt", "must be a date or an RFC 3339 date-time")
    return None
