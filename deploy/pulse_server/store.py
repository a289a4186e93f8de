"""Open the configured store for a command or a server, and prepare its directory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from pulse_server.arguments import CommandFailed
from pulse_server.banner import store_location
from pulse_server.settings import SettingError, Settings
from pulse_storage import ReadPriority, open_storage
from pulse_storage.engines import Store, is_new


@contextlib.asynccontextmanager
async def opened_store(settings: Settings, priority: ReadPriority | None = None) -> AsyncGenerator[Store]:
    """Open the configured store, creating it and applying migrations if needed; close it at the end.

    Raises SettingError if the data directory cannot be used, StoreUnusable if the store cannot.
    """
    prepare_data_dir(settings.data_dir)
    # In a thread: opening may run long migrations, and the event loop has to handle signals meanwhile.
    storage = await asyncio.to_thread(open_storage, settings.database_url, priority=priority)
    try:
        yield storage
    finally:
        await storage.close()


@contextlib.asynccontextmanager
async def existing_store(settings: Settings) -> AsyncGenerator[Store]:
    """Open the configured store as `opened_store` does, but never create it.

    Raises CommandFailed if it does not exist, and the errors of `opened_store`.
    """
    if await asyncio.to_thread(is_new, settings.database_url):
        raise CommandFailed(
            f"there is no store at {store_location(settings.database_url)} yet; `pulse serve` creates it,"
            " or set PULSE_DATA_DIR or DATABASE_URL to an existing one"
        )
    async with opened_store(settings) as storage:
        yield storage


def prepare_data_dir(data_dir: Path) -> None:
    """Create the directory with mode 0700 and check that it is writable; set the umask to 0077.

    Raises SettingError if it cannot be created or written.
    """
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
