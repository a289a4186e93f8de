"""The engines that `benchmarks.storage` measures, with CPU, bytes written and disk use of each."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from tests.support.postgres import database_url, execute


class Usage(NamedTuple):
    """Totals since the start."""

    cpu_s: float
    written_bytes: int
    disk_bytes: int


class Engine(Protocol):
    """One store."""

    url: str
    #: True if the store existed before the benchmark.
    is_filled: bool

    def usage(self) -> Usage:
        """Return CPU and bytes written of this process and of the server, and the size on disk."""
        ...


class Sqlite:
    """A SQLite file in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "pulse.db"
        self.url = f"sqlite:///{self._path}"
        self.is_filled = self._path.exists()

    def usage(self) -> Usage:
        """See Engine."""
        size = sum(file.stat().st_size for file in self._path.parent.glob("pulse.db*"))
        return Usage(time.process_time(), _bytes_written(), size)


class Postgres:
    """A database on a server of this machine; bytes written are those of its WAL."""

    def __init__(self, server_url: str, name: str) -> None:
        self.url = database_url(server_url, name)
        names = execute(server_url, "SELECT datname::text FROM pg_database")
        self.is_filled = (name,) in names
        if not self.is_filled:
            execute(server_url, f"CREATE DATABASE {name}")
        self._postmaster = _postmaster(server_url)

    def usage(self) -> Usage:
        """See Engine."""
        [(log, size)] = execute(
            self.url,
            "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint, pg_database_size(current_database())",
        )
        cpu_s = time.process_time() + _cpu_s_of(self._postmaster)
        return Usage(cpu_s, cast("int", log), cast("int", size))


def _postmaster(server_url: str) -> int | None:
    """Return the pid of the server's first process; None if its data directory is not readable here."""
    [(folder,)] = execute(server_url, "SHOW data_directory")
    try:
        return int((Path(cast("str", folder)) / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _cpu_s_of(postmaster: int | None) -> float:
    """Return the CPU seconds of a server's processes, ended ones included; for None, of all servers here."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            if name == "postgres" and postmaster in {None, int(stat.parent.name), int(fields[1])}:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _bytes_written() -> int:
    """Return the bytes that this process has written to disks; 0 where the system does not report them."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes")), 0)
