"""Compare names of models: an alias, a dated version and a route are the same model as the bare name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: A route before the name of a model on Bedrock: `us.anthropic.`.
_ROUTE = re.compile(r"^(?:[a-z][a-z-]*\.)+(?=[a-z])")
#: A suffix that names a version: a date, three or more digits, Bedrock's `-v1:0`, `-latest`, `-preview`.
_VERSION = re.compile(
    r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{3,8}|latest|preview|exp|experimental|default|v\d+)(?:-\d{2}(?:-\d{2,4})?)?"
    r"|:[\w.-]+)$"
)
_SEPARATORS = re.compile(r"[^a-z0-9]+")


class ModelName(NamedTuple):
    """A model's name without separators and version, and its version (empty if there is none)."""

    base: str
    version: str


@lru_cache(maxsize=4096)
def model_name(name: str) -> ModelName:
    """Split a name into base and version: `openai/gpt-4o-2024-08-06` is `gpt4o` and `20240806`."""
    base = name.strip().lower().rsplit("/", 1)[-1]
    base = _ROUTE.sub("", base)
    versions: list[str] = []
    while (found := _VERSION.search(base)) and found.start() > 0:
        version = _SEPARATORS.sub("", found[0])
        if version not in _NO_VERSIONS:
            versions.append(version)
        base = base[: found.start()]
    return ModelName(_SEPARATORS.sub("", base), ".".join(reversed(versions)))


#: Suffixes that do not name one version.
_NO_VERSIONS = frozenset({"latest", "default", "free", "v10", "v1"})


def may_be_same_model(one: ModelName, other: ModelName) -> bool:
    """Return whether two names may be of one model: equal bases, and versions that do not contradict."""
    if one.base != other.base:
        return False
    if not one.version or not other.version or one.version == other.version:
        return True
    # One version may be more exact: `preview` and `preview-05-20`.
    return one.version.startswith(other.version) or other.version.startswith(one.version)
