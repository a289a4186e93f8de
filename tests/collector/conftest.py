"""Runs tests that store rows on each backend."""

from __future__ import annotations

import pytest
from tests.storage.backends import BACKENDS, Backend


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param
