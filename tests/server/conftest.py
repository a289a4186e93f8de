"""Fixtures for tests that run a server or a command on a store of each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.sql_backends import BACKENDS, SqlBackend


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> SqlBackend:
    return request.param


@pytest.fixture
def database_url(backend: SqlBackend, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty store of each engine; SQLite's file is in the data directory `data`."""
    folder = tmp_path / "data"
    yield backend.url(folder)
    backend.release(folder)
