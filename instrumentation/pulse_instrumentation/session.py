"""Who a model call belongs to: the session, user, tags and metadata in force where it is made."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context

from pulse_instrumentation import attributes as names
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import Attributes

if TYPE_CHECKING:
    from opentelemetry.context import Context

# In OpenTelemetry's context, so that whatever carries spans to threads and tasks carries it too.
_KEY = otel_context.create_key("pulse-session")

_NOTHING: Attributes = {}


def session(
    session_id: str | None = None,
    *,
    user_id: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
) -> AbstractContextManager[None]:
    """Give every model call made inside the `with` block (or decorated function) these facts.

    Sessions nest: the inner id and user win, tags add up, metadata keys are merged. The facts are
    read when a call starts, so a stream keeps those of the place that asked for it.
    """
    try:
        given = (tags,) if isinstance(tags, str) else tuple(tags)
        return _session(session_id, user_id, given, dict(metadata or {}))
    except Exception as error:
        report_failure("session()", error)
        return _session(session_id, user_id, (), {})


@contextmanager
def _session(
    session_id: str | None, user_id: str | None, tags: tuple[str, ...], metadata: dict[str, object]
) -> Generator[None]:
    merged = _current(otel_context.get_current()).merged(session_id, user_id, tags, metadata)
    token = otel_context.attach(otel_context.set_value(_KEY, merged))
    try:
        yield
    finally:
        otel_context.detach(token)


def session_attributes(context: Context | None = None) -> Attributes:
    """The span attributes of the session in force in a context (the current one by default)."""
    value = otel_context.get_value(_KEY, context)
    return value.attributes if isinstance(value, _Session) else _NOTHING


@dataclass(frozen=True, slots=True)
class _Session:
    session_id: str | None
    user_id: str | None
    tags: tuple[str, ...]
    metadata: dict[str, object]
    attributes: Attributes

    def merged(
        self,
        session_id: str | None,
        user_id: str | None,
        tags: tuple[str, ...],
        metadata: dict[str, object],
    ) -> _Session:
        session_id = self.session_id if session_id is None else session_id
        user_id = self.user_id if user_id is None else user_id
        tags = tuple(dict.fromkeys((*self.tags, *tags)))
        metadata = {**self.metadata, **metadata}
        return _Session(session_id, user_id, tags, metadata, _attributes(session_id, user_id, tags, metadata))


_EMPTY = _Session(None, None, (), {}, _NOTHING)


def _current(context: Context) -> _Session:
    value = otel_context.get_value(_KEY, context)
    return value if isinstance(value, _Session) else _EMPTY


def _attributes(
    session_id: str | None, user_id: str | None, tags: tuple[str, ...], metadata: dict[str, object]
) -> Attributes:
    attributes: Attributes = {}
    if session_id is not None:
        attributes[names.CONVERSATION_ID] = attributes[names.SESSION_ID] = str(session_id)
    if user_id is not None:
        attributes[names.USER_ID] = str(user_id)
    if tags:
        attributes[names.TAGS] = [str(tag) for tag in tags]
    for key, value in metadata.items():
        attributes[f"{names.METADATA_PREFIX}{key}"] = _metadata_value(value)
    return attributes


def _metadata_value(value: object) -> str | bool | int | float:
    if isinstance(value, (str, bool, int, float)):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return f"<{type(value).__name__}>"
