"""Lists that were flattened into attribute keys, such as `gen_ai.prompt.0.content`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import Json, to_json

#: More entries than any span limit lets through; a bound against made-up indices.
_MAX_ENTRIES = 10_000
_MAX_DEPTH = 12
_MAX_DIGITS = 9


def indexed_list(attributes: Mapping[str, AttributeValue], prefix: str) -> list[Json]:
    """The list below a prefix that ends in a dot: indices in order, gaps closed; empty if none.

    Every key after the index becomes nested objects and lists, since here the writer flattened a document
    whose keys are known words; keys that are data never come this way.
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
            # A value and a subtree under one key: the subtree is the richer.
            inner = {}
            node[step] = inner
        node = cast("dict[str, object]", inner)
    if not isinstance(node.get(path[-1]), dict):
        node[path[-1]] = value


def _listed(node: object) -> Json:
    """The tree with every object whose keys are all numbers made a list."""
    if not isinstance(node, dict):
        return cast(Json, node)
    tree = cast("dict[str, object]", node)
    if tree and all(_is_index(key) for key in tree):
        return [_listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: _listed(value) for key, value in tree.items()}


def _is_index(step: str) -> bool:
    return len(step) <= _MAX_DIGITS and step.isascii() and step.isdecimal()
