"""Fixtures: the real application on a real store of each engine, and a project with a key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN_KEY, Tenant, new_tenant
from tests.storage.sql_backends import BACKENDS, SqlBackend
from tests.support.lasting import Lasting, open_lasting

from pulse_query_api.app import create_app
from pulse_storage.engines import Store
from pulse_storage.keys import KeyRing


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> SqlBackend:
    """Return each storage engine in turn."""
    return request.param


@pytest.fixture(scope="module")
def lasting(backend: SqlBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    """Return the store that the tests of a module share."""
    yield from open_lasting(backend, tmp_path_factory.mktemp("lasting"))


@pytest.fixture
def storage(lasting: Lasting) -> Iterator[Store]:
    """Return a store without projects; check it and delete all projects after the test."""
    yield lasting.storage
    asyncio.run(lasting.clear())


@pytest.fixture
def store_folder(lasting: Lasting) -> Path:
    """Return the folder of the store, for a test that opens it as another process does."""
    return lasting.folder


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return the registry that the application serves at `/metrics`."""
    return CollectorRegistry()


@pytest.fixture
def client(storage: Store, registry: CollectorRegistry) -> Iterator[TestClient]:
    """Return a client of the application, whose key cache is off so that revocation works immediately."""
    app = create_app(storage, KeyRing(storage, ttl_s=-1), admin_key=ADMIN_KEY, registry=registry)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def tenant(client: TestClient, storage: Store) -> Tenant:
    """Create a project with one key."""
    return new_tenant(client, storage, "shop")
