"""Fixtures: each backend in turn with a store of it, and a PostgreSQL server that may be harmed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.storage.backends import BACKENDS, Backend, lasting_store
from tests.support.postgres import Server, own_server
from tests.support.rows import project

from pulse_storage import Store


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


@pytest.fixture
async def storage(backend: Backend, tmp_path: Path) -> AsyncIterator[Store]:
    """An open store that is checked after the test."""
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    await storage.create_project(*project("q"))
    yield storage
    await storage.close()
    backend.check(tmp_path)


@pytest.fixture(scope="module")
def lasting(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples of a property, each in a project of its own; checked after the last."""
    yield from lasting_store(backend, tmp_path_factory.mktemp("lasting"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL server that the tests of one file may crash, stop and set up as they like."""
    with own_server() as server:
        yield server
