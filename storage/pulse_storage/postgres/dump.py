"""Backs up a PostgreSQL store with pg_dump."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from pulse_storage.errors import StoreUnusable
from pulse_storage.runtime.files import new_file

#: Sessions that have ended must not come back with a restored dump.
_WITHOUT = [
    f"--exclude-table-data={table}" for table in ("web_session_keys", "web_sessions", "sign_in_tokens")
]


def dump_database(url: str, target: Path, *, replace: bool) -> int:
    """Write a dump of the database to `target` in the custom format of pg_dump; return its size in bytes.

    The dump is one consistent snapshot, also while the store is in use. The file appears complete, or not at
    all. Raises StoreUnusable if pg_dump is not on the path or fails, or `target` exists without `replace`.
    """
    program = shutil.which("pg_dump")
    if program is None:
        raise StoreUnusable(
            "cannot back up PostgreSQL: pg_dump is not on the path; install PostgreSQL's client programs,"
            " use your provider's snapshots, or copy the store to a file: pulse copy DATABASE_URL sqlite:///FILE"
        )
    address, environ = _without_password(url)
    with new_file(target, replace=replace) as partial:
        done = subprocess.run(
            [program, "--format=custom", "--no-owner", *_WITHOUT, f"--file={partial}", f"--dbname={address}"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            if "server version mismatch" in said:
                said += "; put the pg_dump of the server's version, or of a newer one, first on the path"
            raise StoreUnusable(f"cannot back up PostgreSQL: {said}")
        return partial.stat().st_size


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL without password, which other users of the machine may see, and its environment."""
    parts = urlsplit(url)
    environ = dict(os.environ)
    if parts.password is None:
        return url, environ
    environ["PGPASSWORD"] = unquote(parts.password)
    user, _, host = parts.netloc.rpartition("@")
    place = f"{user.partition(':')[0]}@{host}"
    return urlunsplit(parts._replace(netloc=place)), environ
