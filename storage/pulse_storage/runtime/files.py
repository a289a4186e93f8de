"""Create files atomically: complete, synced and readable by the owner only, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from pulse_storage.errors import StoreUnusable

#: Called with the bytes done and the bytes in total.
NoteBytes = Callable[[int, int], None]


@contextmanager
def new_file(target: Path, *, replace: bool) -> Generator[Path]:
    """Yield a temporary file in the directory of `target`; rename it to `target` when the block ends.

    The rename is atomic, also across a power cut. If the block raises, the file is removed. Raises
    StoreUnusable if `target` exists and `replace` is False, or if it cannot be written.
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
    """Sync a file, or the entries of a directory, to disk."""
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
            # Unlike a rename, a hard link never replaces a file that was created in the meantime.
            target.hardlink_to(partial)
        except FileExistsError as error:
            raise _there_already(target) from error
    sync(target.parent)


def _there_already(target: Path) -> StoreUnusable:
    return StoreUnusable(f"cannot write {target}: it exists; choose another name, or use --force")
