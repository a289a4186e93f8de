"""Files that appear whole, synced and private, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pulse_storage.errors import StoreUnusable


@contextmanager
def new_file(target: Path, *, replace: bool) -> Generator[Path]:
    """An empty file of ours beside the target, which gets its name once the block has filled it.

    That is one step, which a power cut leaves done or undone; if the block fails nothing is left. Raises
    StoreUnusable: `target` exists and `replace` was not said, or it cannot be written.
    """
    if target.exists() and not replace:
        raise _there_already(target)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            _put(partial, target, replace=replace)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnusable(f"cannot write {target}: {error.strerror}") from error


def sync(path: Path) -> None:
    """See that a file, or the names in a directory, are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(partial: Path, target: Path, *, replace: bool) -> None:
    sync(partial)
    if replace:
        partial.replace(target)
    else:
        try:
            # Unlike a rename, a link never takes the place of a file that has come meanwhile.
            target.hardlink_to(partial)
        except FileExistsError as error:
            raise _there_already(target) from error
    sync(target.parent)


def _there_already(target: Path) -> StoreUnusable:
    return StoreUnusable(f"cannot write {target}: it exists; choose another name, or say --force")
