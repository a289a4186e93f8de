"""Each backend in turn, for tests that store what a receiver takes."""

from __future__ import annotations

import pytest
from tests.storage.backends import BACKENDS, Backend


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param
