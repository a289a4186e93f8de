"""Reads resources and scopes, whose facts hold for all of their spans; cached by content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from pulse_collector.facts.attributes import Attributes, as_text, read_attributes
from pulse_collector.facts.json_text import JsonObject, dump_json
from pulse_collector.facts.metadata import kept_attributes
from pulse_collector.facts.span_facts import clean_text
from pulse_collector.facts.tags import tags_of

_ENVIRONMENT_KEYS = (
    "deployment.environment.name",
    "deployment.environment",
    *("langfuse.environment", "sentry.environment", "env"),
)
_RELEASE_KEYS = ("service.version", "langfuse.release", "sentry.release")
_SESSION_KEYS = ("session.id", "gen_ai.conversation.id", "langfuse.session.id")
_USER_KEYS = ("user.id", "enduser.id", "langfuse.user.id")
_TAGS_KEYS = ("langfuse.trace.tags", "langfuse.tags", "tag.tags")
_MAX_TAGS = 64


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """The facts of a resource: the sending service and its settings."""

    service: str | None
    environment: str | None
    release: str | None
    #: Settings of the sender for all of its spans.
    session: str | None
    user: str | None
    tags: tuple[str, ...]
    #: JSON object of all attributes for the metadata; None if there are none.
    metadata: orjson.Fragment | None


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """The name of an instrumentation scope, and its metadata."""

    name: str | None
    #: JSON object.
    metadata: orjson.Fragment | None


#: Larger ones are not cached. A sender's resource and scopes are the same in every request.
_MAX_REMEMBERED_BYTES = 8 * 1024


def read_resource(resource: Resource) -> ResourceFacts:
    """Return the facts of a resource. The SDK's default name `unknown_service…` counts as no service."""
    written = resource.SerializeToString()
    return _known_resource(written) if len(written) <= _MAX_REMEMBERED_BYTES else _resource(resource)


@lru_cache(maxsize=256)
def _known_resource(written: bytes) -> ResourceFacts:
    return _resource(Resource.FromString(written))


def _resource(resource: Resource) -> ResourceFacts:
    attributes = read_attributes(resource.attributes)
    service = _text(attributes, "service.name")
    if service is not None and service.startswith("unknown_service"):
        service = None
    return ResourceFacts(
        service,
        _first_text(attributes, _ENVIRONMENT_KEYS),
        _first_text(attributes, _RELEASE_KEYS),
        _first_text(attributes, _SESSION_KEYS),
        _first_text(attributes, _USER_KEYS),
        tuple(clean_text(tag) for key in _TAGS_KEYS for tag in tags_of(attributes.get(key)))[:_MAX_TAGS],
        _fragment(kept_attributes(attributes)),
    )


def read_scope(scope: InstrumentationScope) -> ScopeFacts:
    """Return the facts of a scope."""
    written = scope.SerializeToString()
    return _known_scope(written) if len(written) <= _MAX_REMEMBERED_BYTES else _scope(scope)


@lru_cache(maxsize=1024)
def _known_scope(written: bytes) -> ScopeFacts:
    return _scope(InstrumentationScope.FromString(written))


def _scope(scope: InstrumentationScope) -> ScopeFacts:
    facts: JsonObject = {}
    if scope.name:
        facts["name"] = clean_text(scope.name)
    if scope.version:
        facts["version"] = clean_text(scope.version)
    if scope.attributes:
        facts["attributes"] = kept_attributes(read_attributes(scope.attributes))
    name = facts.get("name")
    return ScopeFacts(name if isinstance(name, str) else None, _fragment(facts))


def _text(attributes: Attributes, key: str) -> str | None:
    text = as_text(attributes.get(key))
    return None if text is None else clean_text(text)


def _first_text(attributes: Attributes, keys: Sequence[str]) -> str | None:
    return next((text for key in keys if (text := _text(attributes, key))), None)


def _fragment(document: JsonObject) -> orjson.Fragment | None:
    return orjson.Fragment(dump_json(document)) if document else None
