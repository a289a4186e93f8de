"""The configured store, opened for a command or a server: its directory first."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from pulse_server.arguments import CommandFailed
from pulse_server.banner import where_data_lies
from pulse_server.settings import SettingError, Settings
from pulse_storage import migrate, open_storage
from pulse_storage.adapter import StorageAdapter


@contextlib.asynccontextmanager
async def opened_store(settings: Settings) -> AsyncGenerator[StorageAdapter]:
    """The store, brought up to date, and closed at the end.

    Raises SettingError if the data directory cannot be used, StoreUnusable if the store cannot.
    """
    prepare_data_dir(settings.data_dir)
    # Opening migrates, which may take long: off the loop, so that signals are still heard.
    storage = await asyncio.to_thread(open_storage, settings.database_url)
    try:
        yield storage
    finally:
        await storage.close()


@contextlib.asynccontextmanager
async def existing_store(settings: Settings) -> AsyncGenerator[StorageAdapter]:
    """Open the store as `opened_store` does, but never create it.

    Raises CommandFailed if there is none, for commands that read or change what is stored.
    """
    if await asyncio.to_thread(migrate.is_new, settings.database_url):
        raise CommandFailed(
            f"there is no store at {where_data_lies(settings.database_url)} yet; `pulse serve` creates it,"
            " or set PULSE_DATA_DIR or DATABASE_URL to where yours is"
        )
    async with opened_store(settings) as storage:
        yield storage


def prepare_data_dir(data_dir: Path) -> None:
    """Make the directory and see that files can be made in it; from here on, for the user alone."""
    os.umask(0o077)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise SettingError(
            "PULSE_DATA_DIR", f"cannot write to {data_dir}: a file is in its place; set a directory"
        ) from error
    except OSError as error:
        raise SettingError(
            "PULSE_DATA_DIR",
            f"cannot write to {data_dir} ({error.strerror}); make it writable or set another directory",
        ) from error
