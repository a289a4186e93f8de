"""Hooks of the whole test run: Hypothesis profiles, and garbage collection without the collected tests."""

from __future__ import annotations

import gc
from importlib.util import find_spec

# The environment with the oldest clients has no Hypothesis.
if find_spec("hypothesis") is not None:
    from hypothesis import settings

    # Without a deadline: a test must not fail because the machine is busy.
    settings.register_profile("full", deadline=None)
    # `make test`.
    settings.register_profile("fast", max_examples=15, deadline=None)
    settings.load_profile("full")


def pytest_collection_finish() -> None:
    """Exempt modules and collected tests from garbage collection: it takes 0.3 s with them."""
    gc.collect()
    gc.freeze()
