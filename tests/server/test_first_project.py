"""The first project's key: created once, written completely, and the same for servers that start at once."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse_server.arguments import CommandFailed
from pulse_server.first_project import ensure_first_project
from pulse_server.settings import Settings, read_settings
from pulse_storage import Store, open_storage
from pulse_storage.keys import key_digest, key_record, new_key
from pulse_storage.rows import ApiKey, Project


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Return the settings of an empty data directory."""
    (tmp_path / "data").mkdir()
    return read_settings({"PULSE_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": database_url})


@pytest.fixture
def storage(settings: Settings) -> Iterator[Store]:
    """Open an empty store in the data directory."""
    storage = open_storage(settings.database_url)
    yield storage
    asyncio.run(storage.close())


def test_servers_that_start_at_once_use_one_project_and_key(settings: Settings, storage: Store) -> None:
    async def start_together() -> tuple[list[str | None], list[Project]]:
        keys = await asyncio.gather(*(ensure_first_project(storage, settings) for _ in range(8)))
        return keys, await storage.list_projects()

    keys, projects = asyncio.run(start_together())
    assert [project.name for project in projects] == ["default"]
    assert set(keys) == {(settings.data_dir / "default.key").read_text().strip()}
    assert [path.name for path in settings.data_dir.glob("default.key*")] == ["default.key"]


def test_start_after_a_crash_uses_the_key_that_was_written(settings: Settings, storage: Store) -> None:
    left = new_key()
    (settings.data_dir / "default.key").write_text(f"{left}\n")
    assert asyncio.run(ensure_first_project(storage, settings)) == left
    assert asyncio.run(storage.key_by_digest(key_digest(left))) is not None


def test_key_of_another_project_in_the_environment_is_ignored(settings: Settings, storage: Store) -> None:
    first = asyncio.run(ensure_first_project(storage, settings))
    foreign = dataclasses.replace(settings, api_key=new_key())
    assert asyncio.run(ensure_first_project(storage, foreign)) == first


def test_key_file_without_a_key_is_unchanged(settings: Settings, storage: Store) -> None:
    key_file = settings.data_dir / "default.key"
    key_file.write_text("pulse_sk_\n")
    with pytest.raises(CommandFailed, match="contains no API key; move it away"):
        asyncio.run(ensure_first_project(storage, settings))
    assert key_file.read_text() == "pulse_sk_\n"
    assert asyncio.run(storage.list_projects()) == []


def test_invalid_key_is_not_returned(settings: Settings, storage: Store) -> None:
    key = asyncio.run(ensure_first_project(storage, settings))
    assert key is not None
    (record,) = asyncio.run(_keys(storage))
    asyncio.run(storage.revoke_key(record.project_id, record.id, time.time_ns()))
    assert asyncio.run(ensure_first_project(storage, settings)) is None


def test_store_with_projects_gets_no_default_project(settings: Settings, storage: Store) -> None:
    shop = Project(id="shop", name="shop", created_ns=1)
    asyncio.run(storage.create_project(shop, key_record(new_key(), "shop", created_ns=1)))
    assert asyncio.run(ensure_first_project(storage, settings)) is None
    assert asyncio.run(storage.list_projects()) == [shop]
    assert not (settings.data_dir / "default.key").exists()


async def _keys(storage: Store) -> list[ApiKey]:
    return [key for project in await storage.list_projects() for key in await storage.list_keys(project.id)]
