"""Rebuilds lists that were flattened into attribute keys, such as `gen_ai.prompt.0.content`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import Json, to_json

#: A bound against invented indices, above the span limits of every SDK.
_MAX_ENTRIES = 10_000
_MAX_DEPTH = 12
_MAX_DIGITS = 9


def indexed_list(attributes: Mapping[str, AttributeValue], prefix: str) -> list[Json]:
    """Return the list under a prefix that ends in a dot, in the order of its indices; empty if there is none.

    The key segments after the index become nested objects and lists: the writer flattened a document with
    fixed member names.
    """
    if not attributes:
        return []
    root: dict[str, object] = {}
    start = len(prefix)
    for entries, (key, value) in enumerate(item for item in attributes.items() if item[0].startswith(prefix)):
        if entries >= _MAX_ENTRIES:
            break
        path = key[start:].split(".", _MAX_DEPTH)
        if _is_index(path[0]):
            _put(root, path, to_json(value))
    listed = _listed(root)
    return listed if isinstance(listed, list) else []


def _put(node: dict[str, object], path: list[str], value: Json) -> None:
    for step in path[:-1]:
        inner = node.get(step)
        if not isinstance(inner, dict):
            # If one key has both a value and members, the members are kept.
            inner = {}
            node[step] = inner
        node = cast("dict[str, object]", inner)
    if not isinstance(node.get(path[-1]), dict):
        node[path[-1]] = value


def _listed(node: object) -> Json:
    """Return the tree with each object whose keys are all numbers replaced by a list."""
    if not isinstance(node, dict):
        return cast(Json, node)
    tree = cast("dict[str, object]", node)
    if tree and all(_is_index(key) for key in tree):
        return [_listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: _listed(value) for key, value in tree.items()}


def _is_index(step: str) -> bool:
    return len(step) <= _MAX_DIGITS and step.isascii() and step.isdecimal()
