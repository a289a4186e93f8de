"""A pgbouncer in front of a test server, if pgbouncer is installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from tests.support.postgres import Server
from tests.support.waiting import wait_until

_PORT = 6432


class Pooler:
    """A running pooler, which shares few connections of a server among many clients."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str) -> str:
        """Return the URL of one of the server's databases through the pooler."""
        return f"postgresql://postgres@/{database}?host={self._folder}&port={_PORT}"


@contextlib.contextmanager
def pooler(server: Server, mode: Literal["session", "transaction", "statement"]) -> Generator[Pooler]:
    """Run a pooler in this mode with few connections. Skips the test if pgbouncer is not installed."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("no pooler for the tests: install pgbouncer")
    folder = server.folder / f"pooler-{mode}"
    folder.mkdir()
    users, settings = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text('"postgres" ""\n')
    settings.write_text(
        f"""
[databases]
* = host={server.folder} user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = {_PORT}
auth_type = any
auth_file = {users}
pool_mode = {mode}
default_pool_size = {20 if mode == "session" else 3}
"""
    )
    if server.user is not None:
        for path in (folder, users, settings):
            shutil.chown(path, server.user)
    process = subprocess.Popen(
        [program, str(settings)],
        user=server.user,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        there = Pooler(folder)
        _wait_for(process, there.url("postgres"))
        yield there
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    def accepts_connections() -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if process.poll() is not None:
                raise
            return False
        return True

    wait_until(accepts_connections)
