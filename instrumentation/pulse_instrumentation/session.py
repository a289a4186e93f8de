"""Who a model call belongs to: the session, user, tags and metadata in force where it is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from pulse_instrumentation import attributes as names
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import Attributes, encodable, text

# In OpenTelemetry's context, so that whatever carries spans to threads and tasks carries it too.
_KEY = otel_context.create_key("pulse-session")

_NOTHING: Attributes = {}


def session(
    session_id: str | None = None,
    *,
    user_id: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    baggage: bool = False,
) -> AbstractContextManager[None]:
    """Give every model call made inside the `with` block these facts.

    Sessions nest: the inner id and user win, tags add up, metadata keys are merged. The facts are
    read when a call starts, so a stream keeps those of the place that asked for it. With `baggage`
    the two ids travel to other services in OpenTelemetry's baggage, and an id that is not given is
    taken from the baggage that came in.
    """
    return _in_context(lambda context: _context(context, session_id, user_id, tags, metadata, baggage))


@contextmanager
def _in_context(change: Callable[[Context], Context]) -> Generator[None]:
    """The block runs in the changed context; in the present one when the change fails."""
    context = otel_context.get_current()
    try:
        context = change(context)
    except Exception as error:
        report_failure("session()", error)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def _context(
    context: Context,
    session_id: str | None,
    user_id: str | None,
    tags: Iterable[str],
    metadata: Mapping[str, object] | None,
    baggage: bool,
) -> Context:
    if baggage:
        incoming = _baggage().get_all(context)
        session_id = session_id or text(incoming.get(names.SESSION_ID))
        user_id = user_id or text(incoming.get(names.USER_ID))
    given = (tags,) if isinstance(tags, str) else tuple(tags)
    merged = _current(context).merged(session_id, user_id, given, dict(metadata or {}))
    if baggage:
        for name, id in ((names.SESSION_ID, merged.session_id), (names.USER_ID, merged.user_id)):
            if id is not None:
                context = _baggage().set_baggage(name, id, context)
    return otel_context.set_value(_KEY, merged, context)


def _baggage() -> ModuleType:
    # Imported by those who use it: few do, and all would wait for it.
    return import_module("opentelemetry.baggage")


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
    # What matters most stands last: a span that has too many attributes loses the first ones.
    attributes: Attributes = {
        encodable(f"{names.METADATA_PREFIX}{key}"): _metadata_value(value) for key, value in metadata.items()
    }
    if tags:
        attributes[names.TAGS] = [encodable(str(tag)) for tag in tags]
    if user_id is not None:
        attributes[names.USER_ID] = encodable(str(user_id))
    if session_id is not None:
        attributes[names.CONVERSATION_ID] = attributes[names.SESSION_ID] = encodable(str(session_id))
    return attributes


def _metadata_value(value: object) -> str | bool | int | float:
    if isinstance(value, str):
        return encodable(value)
    # OTLP has no integers beyond 64 bits.
    if isinstance(value, (bool, float)) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    try:
        return encodable(json.dumps(value, ensure_ascii=False, default=str))
    except (TypeError, ValueError, RecursionError):
        return f"<{type(value).__name__}>"
