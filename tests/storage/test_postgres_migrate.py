"""PostgreSQL's schema: brought up to date by one of many processes, whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys

import psycopg
import pytest
from tests.support.postgres import Server, execute
from tests.support.waiting import wait_until

from pulse_storage import SchemaTooNew, StoreUnusable, open_storage
from pulse_storage.engines import engine_of
from pulse_storage.postgres.engine import PostgresEngine
from pulse_storage.sql.migrations import known

_NAMES = [migration.name for migration in known("postgres")]
_APPLY = (
    "import sys; from pulse_storage.engines import engine_of;"
    " print(*engine_of(sys.argv[1]).apply(sys.argv[1]))"
)
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"


def _database(server: Server, name: str) -> str:
    execute(server.url(), f"CREATE DATABASE {name}")
    return server.url(name)


def _applying(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _APPLY, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_pending_lists_what_apply_will_do_and_writes_nothing(server: Server) -> None:
    url = _database(server, "pending")
    assert engine_of(url).pending(url) == _NAMES
    assert execute(url, _TABLES) == []
    assert engine_of(url).apply(url) == _NAMES
    assert engine_of(url).pending(url) == engine_of(url).apply(url) == []


def test_processes_that_start_at_once_agree(server: Server) -> None:
    url = _database(server, "at_once")
    started = [_applying(url) for _ in range(6)]
    outputs = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 6, outputs
    assert sorted(name for output, _ in outputs for name in output.split()) == _NAMES


def test_kill_9_in_the_middle_leaves_nothing_and_the_next_one_goes_on(server: Server) -> None:
    url = _database(server, "killed")
    with psycopg.connect(url) as other:
        # Another process that creates this table waits for this transaction, halfway through the schema.
        other.execute("CREATE TABLE leases (name text)")
        process = _applying(url)
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'killed' AND wait_event_type = 'Lock'"
        )
        _wait_until(url, waiting, 1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        other.rollback()
    _wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'killed'", 1)
    assert execute(url, _TABLES) == []
    assert engine_of(url).apply(url) == _NAMES
    assert execute(url, _TABLES) == execute(server.store("unharmed"), _TABLES)


def test_newer_and_edited_schemas_and_other_programs_are_refused_and_left_alone(server: Server) -> None:
    newer, edited, other = server.store("newer"), server.store("edited"), _database(server, "other")
    execute(newer, "INSERT INTO schema_migrations VALUES ('9999_later', '', 0)")
    execute(edited, "UPDATE schema_migrations SET checksum = 'other'")
    execute(other, "CREATE TABLE projects (title text)")
    for url, error, words in (
        (newer, SchemaTooNew, "9999_later, which this version does not know"),
        (edited, StoreUnusable, "differs from the migration that was applied"),
        (other, StoreUnusable, "tables of another program"),
    ):
        before = execute(url, _TABLES)
        for attempt in (PostgresEngine().pending, PostgresEngine().apply, open_storage):
            with pytest.raises(error, match=words):
                attempt(url)
        assert execute(url, _TABLES) == before


def test_migration_renames_projects_with_equal_names(server: Server) -> None:
    url = server.store("same_names")
    for undo in (
        "DROP INDEX projects_by_name",
        "ALTER TABLE projects DROP COLUMN deleted_ns",
        "DELETE FROM schema_migrations WHERE name = '0003_project_names'",
    ):
        execute(url, undo)
    for id, name in (("aaaaaaaa-1", "shop"), ("bbbbbbbb-2", "shop"), ("cccccccc-3", "bank")):
        execute(url, f"INSERT INTO projects (id, name, created_ns) VALUES ('{id}', '{name}', 1)")
    assert engine_of(url).apply(url) == ["0003_project_names"]
    names = execute(url, "SELECT name FROM projects ORDER BY key")
    assert names == [("shop",), ("shop (bbbbbbbb)",), ("bank",)]


def _wait_until(url: str, counting: str, number: int) -> None:
    wait_until(lambda: execute(url, counting) == [(number,)])
