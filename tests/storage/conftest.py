"""Fixtures: each backend in turn with a store of it, and a PostgreSQL server that may be harmed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.storage.backends import Backend, lasting_store
from tests.storage.memory.backend import MemoryBackend
from tests.storage.sql_backends import BACKENDS
from tests.support.postgres import Server, own_server
from tests.support.rows import project

from pulse_storage import Store


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


#: The promise that the in-memory store does not keep is durability: these tests read after the last close.
_NOT_DURABLE = {
    "test_acknowledged_row_is_there_after_reopening",
    "test_close_commits_what_waits",
    "test_damaged_content_is_logged_and_its_row_is_returned",
}
_MEMORY = MemoryBackend()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the conformance suite on every store, all other tests on the stores with tables."""
    if "backend" not in metafunc.fixturenames:
        return
    is_contract = Path(metafunc.definition.path).name.startswith("test_conformance")
    backends: list[Backend] = [*BACKENDS]
    if is_contract and metafunc.function.__name__ not in _NOT_DURABLE:
        backends.append(_MEMORY)
    metafunc.parametrize("backend", backends, ids=[backend.name for backend in backends], scope="session")


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
