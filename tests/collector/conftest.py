"""Runs tests that store rows on each backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.storage.sql_backends import BACKENDS, SqlBackend
from tests.support.lasting import Lasting, open_lasting


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> SqlBackend:
    return request.param


@pytest.fixture(scope="module")
def lasting(backend: SqlBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    """Return the store that the receivers of a module share."""
    yield from open_lasting(backend, tmp_path_factory.mktemp("lasting"))
