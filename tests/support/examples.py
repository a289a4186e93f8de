"""The number of Hypothesis examples of a property, by profile."""

from __future__ import annotations

from hypothesis import settings

_DEFAULT = 100
_FEWEST = 5


def examples(full: int) -> int:
    """Return `full` in the default profile, and proportionally fewer (at least five) in a faster one."""
    return max(_FEWEST, full * settings().max_examples // _DEFAULT) if full > _FEWEST else full
