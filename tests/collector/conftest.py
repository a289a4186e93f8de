"""Runs tests that store rows on each backend."""

from __future__ import annotations

import pytest
from tests.storage.sql_backends import BACKENDS, SqlBackend


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> SqlBackend:
    return request.param
