"""Hooks of schemathesis: replace what the tool cannot read in the document by the nearest that it can."""

from __future__ import annotations

from typing import Any, cast

import schemathesis


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]
def before_load_schema(_context: object, raw_schema: dict[str, Any]) -> None:
    """Describe the items of pairs together: schemathesis 4.32 refuses `prefixItems` in responses."""
    _replace_prefix_items(raw_schema)


def _replace_prefix_items(node: object) -> None:
    if isinstance(node, list):
        for item in cast("list[object]", node):
            _replace_prefix_items(item)
    elif isinstance(node, dict):
        fields = cast("dict[str, object]", node)
        if "prefixItems" in fields:
            fields["items"] = {"anyOf": fields.pop("prefixItems")}
        for item in fields.values():
            _replace_prefix_items(item)
