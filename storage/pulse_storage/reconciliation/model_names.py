"""Compare names of models: an alias, a dated version and a route are the same model as the bare name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: `us.anthropic.` and its like before the name of a model on Bedrock.
_ROUTE = re.compile(r"^(?:[a-z][a-z-]*\.)+(?=[a-z])")
#: What names one version of a model: a date, three or more digits, Bedrock's `-v1:0`, `-latest`, `-preview`.
_VERSION = re.compile(
    r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{3,8}|latest|preview|exp|experimental|default|v\d+)(?:-\d{2}(?:-\d{2,4})?)?"
    r"|:[\w.-]+)$"
)
_SEPARATORS = re.compile(r"[^a-z0-9]+")


class ModelName(NamedTuple):
    """The parts of a model's name: what every spelling of it has, and its version if it names one."""

    base: str
    version: str


@lru_cache(maxsize=4096)
def model_name(name: str) -> ModelName:
    """Return the parts of a name, without the route to the model: `openai/gpt-4o-2024-08-06` is `gpt4o`."""
    rest = name.strip().lower().rsplit("/", 1)[-1]
    rest = _ROUTE.sub("", rest)
    versions: list[str] = []
    while (found := _VERSION.search(rest)) and found.start() > 0:
        version = _SEPARATORS.sub("", found[0])
        if version not in _NO_VERSIONS:
            versions.append(version)
        rest = rest[: found.start()]
    return ModelName(_SEPARATORS.sub("", rest), ".".join(reversed(versions)))


#: Ends of a name that leave the version open.
_NO_VERSIONS = frozenset({"latest", "default", "free", "v10", "v1"})


def may_be_same_model(one: ModelName, other: ModelName) -> bool:
    """Return whether two names may be of one model: of two different versions they are not."""
    if one.base != other.base:
        return False
    if not one.version or not other.version or one.version == other.version:
        return True
    # One may be more exact: `preview` and `preview-05-20`.
    return one.version.startswith(other.version) or other.version.startswith(one.version)
