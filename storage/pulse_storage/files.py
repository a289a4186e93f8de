"""Files that appear whole, synced and private, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pulse_storage.errors import StoreUnusable


def partial_file(target: Path) -> Path:
    """An empty file of ours beside the target, which `put` can give its name. Raises StoreUnusable."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    except OSError as error:
        raise StoreUnusable(f"cannot write {target}: {error.strerror}") from error
    os.close(handle)
    return Path(name)


def put(partial: Path, target: Path, *, replace: bool) -> None:
    """Give a finished file its name, in one step that a power cut leaves done or undone."""
    sync(partial)
    if replace:
        partial.replace(target)
    else:
        # Unlike a rename, a link never takes the place of a file that has come meanwhile.
        target.hardlink_to(partial)
    sync(target.parent)


def sync(path: Path) -> None:
    """See that a file, or the names in a directory, are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
