"""The session, user, tags and metadata of a context, which every span that starts in it gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from pulse_instrumentation import attributes as names
from pulse_instrumentation.fields import Attributes, encodable, text

# In OpenTelemetry's context, so that what propagates spans to threads and tasks propagates the session too.
_KEY = otel_context.create_key("pulse-session")

_NOTHING: Attributes = {}


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """The arguments of one `session()`."""

    session_id: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    baggage: bool = False


def session_context(facts: SessionFacts, context: Context) -> Context:
    """Return the context with the facts merged into those of its session, if it has one."""
    session_id, user_id = facts.session_id, facts.user_id
    if facts.baggage:
        incoming = _baggage().get_all(context)
        session_id = session_id or text(incoming.get(names.SESSION_ID))
        user_id = user_id or text(incoming.get(names.USER_ID))
    merged = _current(context).merge(session_id, user_id, facts.tags, facts.metadata)
    if facts.baggage:
        for name, id in ((names.SESSION_ID, merged.session_id), (names.USER_ID, merged.user_id)):
            if id is not None:
                context = _baggage().set_baggage(name, id, context)
    return otel_context.set_value(_KEY, merged, context)


def _baggage() -> ModuleType:
    # Imported on first use, as few applications use it and the import takes time.
    return import_module("opentelemetry.baggage")


def session_attributes(context: Context | None = None) -> Attributes:
    """Return the span attributes of the session of a context, by default the current one."""
    value = otel_context.get_value(_KEY, context)
    return value.attributes if isinstance(value, _Session) else _NOTHING


@dataclass(frozen=True, slots=True)
class _Session:
    session_id: str | None
    user_id: str | None
    tags: tuple[str, ...]
    metadata: dict[str, object]
    attributes: Attributes

    def merge(
        self,
        session_id: str | None,
        user_id: str | None,
        tags: tuple[str, ...],
        metadata: Mapping[str, object],
    ) -> _Session:
        """Return the session inside this one: given ids replace, tags and metadata are added."""
        session_id = self.session_id if session_id is None else session_id
        user_id = self.user_id if user_id is None else user_id
        tags = tuple(dict.fromkeys((*self.tags, *tags)))
        all_metadata = {**self.metadata, **metadata}
        attributes = _attributes(session_id, user_id, tags, all_metadata)
        return _Session(session_id, user_id, tags, all_metadata, attributes)


_EMPTY = _Session(None, None, (), {}, _NOTHING)


def _current(context: Context) -> _Session:
    value = otel_context.get_value(_KEY, context)
    return value if isinstance(value, _Session) else _EMPTY


def _attributes(
    session_id: str | None, user_id: str | None, tags: tuple[str, ...], metadata: dict[str, object]
) -> Attributes:
    # The most important attributes are last: a span that has too many attributes loses the first ones.
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
