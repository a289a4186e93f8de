"""SQLite and PostgreSQL as backends of tests, with access to their tables."""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import LiteralString, Protocol, cast

import apsw
import psycopg
from tests.storage.backends import Backend
from tests.storage.recount import Query, recount
from tests.support.postgres import any_server, database_url, execute

from pulse_storage import Store, open_storage
from pulse_storage.content.bodies import unpack
from pulse_storage.engines import engine_of


class SqlBackend(Backend, Protocol):
    """A kind of store with tables."""

    def url(self, folder: Path) -> str:
        """Return the URL of the store that lives in this folder."""
        ...

    def verify(self, folder: Path) -> None:
        """Fail unless derived data agrees with the rows. The store may be open."""
        ...

    def execute(self, folder: Path, sql: str) -> None:
        """Change the tables behind the store's back. The store is closed."""
        ...

    def query(self, folder: Path, sql: str) -> list[tuple[object, ...]]:
        """Return the result of a statement. The store is closed."""
        ...

    def blocks(self, folder: Path) -> list[bytes]:
        """Return the blocks of shared content, unpacked. The store is closed."""
        ...


Values = tuple[object, ...]

_DAMAGE = "DELETE FROM content_blocks WHERE id = (SELECT max(id) FROM content_blocks)"
_HAS_BODIES = "has_output_text OR has_request_body OR has_response_body"


@dataclass(frozen=True)
class SqliteBackend:
    """A file for each folder: a copy of an empty store, because migrations take longer than most tests."""

    name: str = "sqlite"

    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'pulse.db'}"

    def open(self, folder: Path) -> Store:
        if not (folder / "pulse.db").exists():
            (folder / "pulse.db").write_bytes(_empty_sqlite_file())
        return open_storage(self.url(folder))

    def text(self, text: str) -> str:
        return text

    def check(self, folder: Path) -> None:
        # The stdlib's module is a second opinion on the file.
        with contextlib.closing(sqlite3.connect(folder / "pulse.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            _verify(lambda sql: connection.execute(sql).fetchall(), "seq")

    def verify(self, folder: Path) -> None:
        # Not the stdlib's module: a second library in this process would release the locks of the first.
        with contextlib.closing(apsw.Connection(str(folder / "pulse.db"))) as connection:
            execute = cast("Callable[[str], Iterable[Values]]", connection.execute)  # pyright: ignore[reportUnknownMemberType]
            _verify(lambda sql: list(execute(sql)), "seq")

    def release(self, folder: Path) -> None:
        pass

    def execute(self, folder: Path, sql: str) -> None:
        connection = sqlite3.connect(folder / "pulse.db")
        with connection:
            assert connection.execute(sql).rowcount
        connection.close()

    def query(self, folder: Path, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(folder / "pulse.db")) as connection:
            return connection.execute(sql).fetchall()

    def damage_content(self, folder: Path) -> None:
        self.execute(folder, _DAMAGE)

    def blocks(self, folder: Path) -> list[bytes]:
        packed = self.query(folder, "SELECT packed FROM content_blocks")
        return [unpack(cast("bytes", block)) for (block,) in packed]


@cache
def _empty_sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/pulse.db"
        engine_of(url).apply(url)
        return Path(folder, "pulse.db").read_bytes()


@dataclass
class PostgresBackend:
    """A database for each folder, emptied and used again: making one takes longer than most tests."""

    name: str = "postgres"
    _running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _server_url: str = ""
    _in_use: dict[Path, str] = field(default_factory=dict[Path, str])
    _free: list[str] = field(default_factory=list[str])
    _made: list[str] = field(default_factory=list[str])
    #: By URL. A new connection reads the whole schema, which takes longer than a query.
    _open: dict[str, psycopg.Connection] = field(default_factory=dict[str, psycopg.Connection])

    def url(self, folder: Path) -> str:
        name = self._in_use.get(folder)
        if name is None:
            name = self._in_use[folder] = self._free.pop() if self._free else self._make()
        return database_url(self._server_url, name)

    def open(self, folder: Path) -> Store:
        return open_storage(self.url(folder))

    def open_new(self, folder: Path) -> Store:
        """Open an empty store in a new database, whose statistics no earlier test has changed."""
        self._in_use[folder] = self._make()
        return self.open(folder)

    def text(self, text: str) -> str:
        # PostgreSQL has no text with NUL.
        return text.replace("\x00", "\ufffd")

    def check(self, folder: Path) -> None:
        self.verify(folder)
        self._run(folder, "; ".join(f"DELETE FROM {table}" for table in _TABLES))
        self._free.append(self._in_use.pop(folder))

    def verify(self, folder: Path) -> None:
        _verify(lambda sql: self._run(folder, sql).fetchall(), "project, id")

    def release(self, folder: Path) -> None:
        # Deleted rows would slow down the next test until they are vacuumed.
        name = self._in_use.pop(folder, None)
        if name is not None:
            connection = self._open.pop(database_url(self._server_url, name), None)
            if connection is not None:
                connection.close()
            execute(self._server_url, f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, folder: Path, sql: str) -> None:
        assert self._run(folder, sql).rowcount

    def query(self, folder: Path, sql: str) -> list[tuple[object, ...]]:
        return self._run(folder, sql).fetchall()

    def damage_content(self, folder: Path) -> None:
        self.execute(folder, _DAMAGE)

    def blocks(self, folder: Path) -> list[bytes]:
        packed = self.query(folder, "SELECT packed FROM content_blocks")
        return [unpack(cast("bytes", block)) for (block,) in packed]

    def _run(self, folder: Path, sql: str) -> psycopg.Cursor[tuple[object, ...]]:
        url = self.url(folder)
        connection = self._open.get(url)
        if connection is None:
            connection = self._open[url] = psycopg.connect(url, autocommit=True)
        return connection.execute(cast("LiteralString", sql))

    def _make(self) -> str:
        if not self._server_url:
            self._begin()
        name = f"pulse_test_{os.getpid()}_{len(self._made)}"
        template = f" TEMPLATE {self._made[0]}_empty" if self._made else ""
        execute(self._server_url, f"CREATE DATABASE {name}{template}")
        self._made.append(name)
        if not template:
            engine_of(database_url(self._server_url, name)).apply(database_url(self._server_url, name))
            execute(self._server_url, f"CREATE DATABASE {name}_empty TEMPLATE {name}")
            self._made.append(f"{name}_empty")
        return name

    def _begin(self) -> None:
        """Start the server, or find the one that is named; it ends with the tests."""
        self._server_url = self._running.enter_context(any_server())
        atexit.register(self._end)

    def _end(self) -> None:
        for connection in self._open.values():
            connection.close()
        for name in self._made:
            execute(self._server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._running.close()


def _verify(query: Query, row_key: str) -> None:
    """Fail unless derived data agrees with the rows, and bodies belong to rows that have some."""
    recount(query)
    assert query(f"SELECT {row_key} FROM span_bodies ORDER BY {row_key}") == query(
        f"SELECT {row_key} FROM spans WHERE {_HAS_BODIES} ORDER BY {row_key}"
    )


_TABLES = (
    "content_garbage", "content_parts", "content_blocks", "span_event_contents", "span_events", "latency_day",
    "rollup_hour", "span_bodies", "spans", "usage_keys", "leases", "erasures", "retention", "reprice_marks",
    "project_prices", "web_session_keys", "web_sessions", "sign_in_tokens", "api_keys", "projects",
)  # fmt: skip

BACKENDS: tuple[SqlBackend, ...] = (SqliteBackend(), PostgresBackend())
