"""Every store stores projects and keys as the contract requires."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.storage.backends import Backend
from tests.storage.corpus import corpus
from tests.storage.model import snapshot
from tests.storage.test_conformance_events import assemble, part
from tests.support.rows import NOON_NS, SECOND_NS, project

from pulse_storage import Project, ProjectPrices, Store
from pulse_storage.errors import NameTaken
from pulse_storage.keys import KeyRefused, KeyRing, key_digest, key_record, new_key
from pulse_storage.queries.filters import Page, TraceFilter

pytestmark = pytest.mark.anyio


async def test_projects_are_listed_oldest_first(backend: Backend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    assert await storage.list_projects() == []
    for id, created_ns in (("b", 2), ("a", 3), ("c", 1)):
        await storage.create_project(*project(id, created_ns=created_ns))
    assert await storage.list_projects() == [
        Project("c", "project c", 1),
        Project("b", "project b", 2),
        Project("a", "project a", 3),
    ]
    await storage.close()


async def test_key_is_found_by_digest_only(storage: Store) -> None:
    secret = new_key()
    key = key_record(secret, "p", scopes={"read"}, created_ns=NOON_NS, expires_ns=NOON_NS + 1)
    await storage.create_key(key)
    assert await storage.key_by_digest(key_digest(secret)) == key
    assert await storage.key_by_digest(key_digest(new_key())) is None
    assert await storage.key_by_digest(b"") is None
    [first, second] = await storage.list_keys("p")
    assert second == key
    assert first.scopes == {"ingest", "read"}
    assert key not in await storage.list_keys("q")


async def test_key_of_an_unknown_project_is_refused(storage: Store) -> None:
    key = key_record(new_key(), "no-such-project", created_ns=1)
    with pytest.raises(KeyError):
        await storage.create_key(key)
    assert await storage.key_by_digest(key.digest) is None


async def test_failed_creation_of_a_project_leaves_no_rows(storage: Store) -> None:
    before = await storage.list_projects()
    new, _ = project("new")
    with pytest.raises(KeyError):
        await storage.create_project(new, key_record(new_key(), "no-such-project", created_ns=1))
    assert await storage.list_projects() == before
    # The failed transaction is closed: other writes succeed.
    await storage.create_project(*project("new"))
    assert [new] == [one for one in await storage.list_projects() if one not in before]


async def test_project_names_are_unique(storage: Store) -> None:
    new, key = project("new")
    with pytest.raises(NameTaken):
        await storage.create_project(new._replace(name="project p"), key)
    assert await storage.list_keys("new") == []
    with pytest.raises(NameTaken):
        await storage.rename_project("q", "project p")
    assert await storage.rename_project("q", "project q")
    assert await storage.rename_project("p", "other")
    assert await storage.rename_project("q", "project p")
    assert not await storage.rename_project("unknown", "name")
    assert [(one.id, one.name) for one in await storage.list_projects()] == [
        ("p", "other"),
        ("q", "project p"),
    ]


async def test_concurrent_creation_of_one_name_creates_one_project(backend: Backend, tmp_path: Path) -> None:
    storages = [backend.open(tmp_path) for _ in range(3)]
    candidates = [(one._replace(name="shop"), key) for one, key in map(project, "abcdefghi")]
    created = await asyncio.gather(
        *(storages[at % 3].create_project(*candidate) for at, candidate in enumerate(candidates)),
        return_exceptions=True,
    )
    assert [type(error) for error in created].count(NameTaken) == len(candidates) - 1
    assert [one.name for one in await storages[0].list_projects()] == ["shop"]
    for storage in storages:
        await storage.close()


async def test_deleted_project_leaves_no_rows_and_its_number_is_not_reused(storage: Store) -> None:
    rows = corpus(40)
    await storage.ingest(rows, keep_all=True)
    await storage.ingest_events("p", [part(1, rows[0]), part(2, rows[1])], assemble)
    theirs = [row._replace(project_id="q") for row in rows]
    await storage.ingest(theirs, keep_all=True)
    await storage.put_project_prices("p", ProjectPrices('{"prices":[]}', NOON_NS))
    [key] = await storage.list_keys("p")
    before = await snapshot(storage, "q")
    order = await storage.delete_project("p")
    assert (order.subject, order.finished_ns, order.rows) == ("project", None, 0)
    assert await storage.list_projects() == [project("q")[0]]
    assert await storage.key_by_digest(key.digest) is None
    with pytest.raises(KeyError):
        await storage.delete_project("p")
    assert [one.id for one in await storage.unfinished_erasures()] == [order.id]
    done = await storage.maintenance.erase(order)
    assert done.finished_ns is not None
    assert (done.rows, done.log_events) == (len(rows), 2)
    # Too late: rows from a process that has not noticed the deletion.
    late = await storage.ingest(rows, keep_all=True)
    assert len(late.rejected) == len(rows)
    new, key = project("new")
    await storage.create_project(new._replace(name="project p"), key)
    assert await snapshot(storage, "q") == before
    assert (
        await storage.list_traces("new", TraceFilter(operation="all", counted=None), Page(limit=1))
    ).rows == []
    assert await storage.unfinished_erasures() == []


async def test_second_revocation_keeps_the_first_time(storage: Store) -> None:
    [key] = await storage.list_keys("p")
    assert not await storage.revoke_key("q", key.id, 5)
    assert not await storage.revoke_key("p", "unknown", 5)
    assert await storage.revoke_key("p", key.id, 10)
    assert await storage.revoke_key("p", key.id, 20)
    assert await storage.list_keys("p") == [key._replace(revoked_ns=10)]
    assert await storage.key_by_digest(key.digest) == key._replace(revoked_ns=10)
    [other] = await storage.list_keys("q")
    assert other.revoked_ns is None


async def test_use_of_a_key_is_stored_once_a_minute(storage: Store) -> None:
    [key] = await storage.list_keys("p")
    for used_ns, noted_ns in (
        (NOON_NS, NOON_NS),
        (NOON_NS + 59 * SECOND_NS, NOON_NS),
        (NOON_NS + 60 * SECOND_NS, NOON_NS + 60 * SECOND_NS),
        (NOON_NS, NOON_NS + 60 * SECOND_NS),
    ):
        await storage.touch_keys([key.id, "unknown"], used_ns)
        assert await storage.list_keys("p") == [key._replace(last_used_ns=noted_ns)]


async def test_concurrent_first_projects_create_one(backend: Backend, tmp_path: Path) -> None:
    storages = [backend.open(tmp_path) for _ in range(3)]
    candidates = [project(str(number)) for number in range(9)]
    won = await asyncio.gather(
        *(
            storages[number % 3].create_first_project(*candidate)
            for number, candidate in enumerate(candidates)
        )
    )
    assert won.count(True) == 1
    [only] = await storages[0].list_projects()
    assert (only.id, len(await storages[1].list_keys(only.id))) == (str(won.index(True)), 1)
    for storage in storages:
        await storage.close()


async def test_key_ring_refuses_a_revoked_key(storage: Store) -> None:
    secret = new_key()
    await storage.create_key(key_record(secret, "p", created_ns=NOON_NS))
    ring = KeyRing(storage, ttl_s=0)
    record = await ring.check(f"Bearer {secret}", "ingest")
    await ring.flush_used()
    [_, used] = await storage.list_keys("p")
    assert used.last_used_ns is not None
    await storage.revoke_key("p", record.id, NOON_NS)
    with pytest.raises(KeyRefused):
        await ring.check(f"Bearer {secret}", "ingest")


async def test_prices_of_a_project_are_replaced_and_deleted(
    storage: Store,
) -> None:
    assert await storage.project_prices("p") is None
    first, second = ProjectPrices('{"prices":[]}', NOON_NS), ProjectPrices('{"prices":[{}]}', NOON_NS + 1)
    await storage.put_project_prices("p", first)
    assert await storage.project_prices("p") == first
    await storage.put_project_prices("p", second)
    assert await storage.project_prices("p") == second
    assert await storage.project_prices("q") is None
    assert not await storage.delete_project_prices("q")
    assert await storage.delete_project_prices("p")
    assert not await storage.delete_project_prices("p")
    assert await storage.project_prices("p") is None


async def test_prices_of_an_unknown_project_are_refused(storage: Store) -> None:
    with pytest.raises(KeyError):
        await storage.put_project_prices("no-such-project", ProjectPrices('{"prices":[]}', NOON_NS))
    assert await storage.project_prices("no-such-project") is None
    assert not await storage.delete_project_prices("no-such-project")
