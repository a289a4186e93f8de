"""The real application over a real store, and tenants to ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient
from tests.query_api.support import ADMIN_KEY, Tenant, new_tenant
from tests.storage.backends import BACKENDS, Backend

from pulse_query_api import create_app
from pulse_storage.adapter import StorageAdapter
from pulse_storage.keys import KeyRing


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each kind of store in turn."""
    return request.param


@pytest.fixture
def storage(backend: Backend, tmp_path: Path) -> Iterator[StorageAdapter]:
    """An empty store, which is checked after the test."""
    storage = backend.open(tmp_path)
    yield storage
    asyncio.run(storage.close())
    backend.check(tmp_path)


@pytest.fixture
def registry() -> CollectorRegistry:
    """The metrics that the application shows."""
    return CollectorRegistry()


@pytest.fixture
def client(storage: StorageAdapter, registry: CollectorRegistry) -> Iterator[TestClient]:
    """The application; keys are looked up each time, so that revoking one shows at once."""
    app = create_app(storage, KeyRing(storage, ttl_s=-1), admin_key=ADMIN_KEY, registry=registry)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def tenant(client: TestClient, storage: StorageAdapter) -> Tenant:
    """A project with one key."""
    return new_tenant(client, storage, "shop")
