"""Builds the metadata of a row: a JSON object of all values without a column.

The application's own metadata is at the top level. Further members: `attributes` (without a column, by their
full keys), `resource`, `scope`, `events`, `notes` (what was wrong with the span), `usage` and
`finish_reasons` (if no column has them), and `unread`: names of attributes that look like usage or messages
and that no dialect reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

import orjson

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import Json, JsonObject, dump_json, to_json, without_nul

_MAX_TEXT_CHARS = 8 * 1024
_MAX_ATTRIBUTES = 256
_MAX_BYTES = 64 * 1024
_RESERVED = frozenset(
    {"attributes", "resource", "scope", "events", "notes", "usage", "finish_reasons", "unread"}
)

#: Settings and credentials of the sender's process, which some instrumentors write into attributes.
_SECRET = re.compile(
    r"LANGSMITH_|LANGCHAIN_|process\.environment_variable|process\.command"
    r"|authorization|api[-_.]?key(?!_(?:alias|name|user_|user$|end_user|team_|org_|organization_|project_)"
    r"|_(?:spend|max_budget|model_max_budget|request_route)$)|cookie|password|passwd|secret|credential|private[-_.]?key"
    r"|(?:access|auth|refresh|session|bearer)[-_.]?token|access[-_.]?key|connection[-_.]?string|llm\.headers",
    re.IGNORECASE,
)


def metadata_json(
    *,
    custom: JsonObject,
    derived: JsonObject,
    attributes: Mapping[str, AttributeValue],
    resource: orjson.Fragment | None,
    scope: orjson.Fragment | None,
    events: list[Json],
    notes: list[str],
) -> str:
    """Return the JSON text of a row's metadata, of bounded size; `notes` reports what was cut.

    `attributes` must not contain secrets. `derived` has members that Pulse adds (`usage`, `finish_reasons`).
    """
    if not custom and len(attributes) <= _MAX_ATTRIBUTES:
        text = _short(derived, attributes, resource, scope, events, notes)
        if text is not None:
            return text
    kept = kept_attributes(attributes)
    document: dict[str, object] = {}
    for key, value in custom.items():
        if key in _RESERVED:
            kept[key] = value
        elif not is_secret(key):
            document[key] = _cut(value)
    document.update(derived)
    if kept:
        document["attributes"] = kept
    if resource is not None:
        document["resource"] = resource
    if scope is not None:
        document["scope"] = scope
    if events:
        document["events"] = events
    if len(attributes) > _MAX_ATTRIBUTES:
        notes = [*notes, f"of {len(attributes)} attributes the first {_MAX_ATTRIBUTES} were kept"]
    if notes:
        document["notes"] = notes
    text = _dump(document)
    if len(text) <= _MAX_BYTES:
        return text.decode()
    return _shortened(document, notes).decode()


def _short(
    derived: JsonObject,
    attributes: Mapping[str, AttributeValue],
    resource: orjson.Fragment | None,
    scope: orjson.Fragment | None,
    events: list[Json],
    notes: list[str],
) -> str | None:
    """Return the metadata if it is so short that no value needs to be cut; else None."""
    document: dict[str, object] = {**derived}
    if attributes:
        document["attributes"] = attributes
    if resource is not None:
        document["resource"] = resource
    if scope is not None:
        document["scope"] = scope
    if events:
        document["events"] = events
    if notes:
        document["notes"] = notes
    try:
        written = orjson.dumps(document)
    except (TypeError, ValueError):
        return None
    return without_nul(written).decode() if len(written) <= _MAX_TEXT_CHARS else None


def kept_attributes(attributes: Mapping[str, AttributeValue]) -> JsonObject:
    """Return attributes to store: without secrets, long texts cut, at most 256 of them."""
    kept: JsonObject = {}
    for key, value in attributes.items():
        if is_secret(key):
            continue
        # Two in three are short texts or numbers, which need no call.
        if (
            (type(value) is str and len(value) <= _MAX_TEXT_CHARS)
            or type(value) is int
            or type(value) is float
        ):
            kept[key] = value
        else:
            kept[key] = _cut(value)
        if len(kept) == _MAX_ATTRIBUTES:
            break
    return kept


@lru_cache(maxsize=8192)
def is_secret(key: str) -> bool:
    """Return whether an attribute's name is that of a secret or of private settings."""
    return _SECRET.search(key) is not None


def _cut(value: AttributeValue) -> Json:
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT_CHARS else value[:_MAX_TEXT_CHARS] + "…"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return _cut(to_json(value))
    try:
        document = to_json(value)
    except RecursionError:
        return "nested too deeply to be kept"
    written = dump_json(document)
    if len(written) <= _MAX_TEXT_CHARS:
        return document
    return written[:_MAX_TEXT_CHARS].decode(errors="ignore") + "…"


def _shortened(document: dict[str, object], notes: list[str]) -> bytes:
    """Return the object without its largest members, so that it fits the size limit; add a note."""
    sizes: list[tuple[int, str, str | None]] = []
    for name, member in document.items():
        if name in ("attributes", "resource") and isinstance(member, dict):
            members = cast("dict[str, object]", member)
            sizes += [(len(_dump({key: value})), name, key) for key, value in members.items()]
        else:
            sizes.append((len(_dump({name: member})), name, None))
    shortened: dict[str, object] = {}
    room = _MAX_BYTES - 1024
    for size, name, key in sorted(sizes, key=lambda item: item[0]):
        room -= size
        if room < 0:
            break
        if key is None:
            shortened[name] = document[name]
        else:
            members = cast("dict[str, object]", document[name])
            cast("dict[str, object]", shortened.setdefault(name, {}))[key] = members[key]
    shortened["notes"] = [*notes, "metadata was too long: its largest members were left out"]
    return _dump(shortened)


def _dump(document: dict[str, object]) -> bytes:
    try:
        written = orjson.dumps(document)
    except (TypeError, ValueError):
        written = dump_json(cast(Json, _without_fragments(document)))
    return without_nul(written)


def _without_fragments(document: dict[str, object]) -> object:
    return {
        key: cast(object, orjson.loads(orjson.dumps(value))) if isinstance(value, orjson.Fragment) else value
        for key, value in document.items()
    }
