from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pulse_storage import SchemaTooNew, StoreUnusable, open_storage
from pulse_storage.engines import engine_of
from pulse_storage.sql.migrations import known
from pulse_storage.sqlite.engine import SqliteEngine

_NAMES = [migration.name for migration in known("sqlite")]


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'pulse.db'}"


def _execute(folder: Path, sql: str, *bindings: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / "pulse.db")
    try:
        rows = connection.execute(sql, bindings).fetchall()
        connection.commit()
        return rows
    finally:
        connection.close()


def test_pending_lists_what_apply_will_do_and_writes_nothing(tmp_path: Path) -> None:
    assert engine_of(_url(tmp_path)).pending(_url(tmp_path)) == _NAMES
    assert list(tmp_path.iterdir()) == []
    assert engine_of(_url(tmp_path)).apply(_url(tmp_path)) == _NAMES
    assert engine_of(_url(tmp_path)).pending(_url(tmp_path)) == []
    assert engine_of(_url(tmp_path)).apply(_url(tmp_path)) == []


def test_applied_migrations_are_stored_with_checksums(tmp_path: Path) -> None:
    engine_of(_url(tmp_path)).apply(_url(tmp_path))
    rows = _execute(tmp_path, "SELECT name, checksum FROM schema_migrations ORDER BY name")
    assert rows == [(m.name, hashlib.sha256(m.sql.encode()).hexdigest()) for m in known("sqlite")]


def test_half_applied_schema_is_completed(tmp_path: Path) -> None:
    (tmp_path / "pulse.db").touch()
    assert engine_of(_url(tmp_path)).pending(_url(tmp_path)) == _NAMES
    assert engine_of(_url(tmp_path)).apply(_url(tmp_path)) == _NAMES


def test_newer_schema_is_refused_and_not_changed(tmp_path: Path) -> None:
    engine_of(_url(tmp_path)).apply(_url(tmp_path))
    _execute(tmp_path, "INSERT INTO schema_migrations VALUES ('9999_future', 'x', 1)")
    for attempt in (SqliteEngine().pending, SqliteEngine().apply, open_storage):
        with pytest.raises(SchemaTooNew, match="9999_future"):
            attempt(_url(tmp_path))
    assert _execute(tmp_path, "SELECT count(*) FROM schema_migrations") == [(len(_NAMES) + 1,)]


def test_changed_migration_is_refused(tmp_path: Path) -> None:
    engine_of(_url(tmp_path)).apply(_url(tmp_path))
    _execute(tmp_path, "UPDATE schema_migrations SET checksum = 'other' WHERE name = ?", _NAMES[0])
    with pytest.raises(StoreUnusable, match=_NAMES[0]):
        engine_of(_url(tmp_path)).apply(_url(tmp_path))


def test_database_of_another_program_is_refused_and_not_changed(tmp_path: Path) -> None:
    _execute(tmp_path, "CREATE TABLE recipes (name TEXT)")
    for attempt in (SqliteEngine().pending, SqliteEngine().apply, open_storage):
        with pytest.raises(StoreUnusable, match="another program"):
            attempt(_url(tmp_path))
    assert _execute(tmp_path, "SELECT name FROM sqlite_master") == [("recipes",)]


def test_ten_processes_migrate_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pulse_storage.engines import engine_of;"
        " print(*engine_of(sys.argv[1]).apply(sys.argv[1]))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, _url(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(10)
    ]
    outputs = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 10, outputs
    # They may take turns, but each migration is applied by one of them only.
    assert sorted(name for output, _ in outputs for name in output.decode().split()) == _NAMES
    assert _execute(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def test_migration_renames_projects_with_equal_names(tmp_path: Path) -> None:
    engine_of(_url(tmp_path)).apply(_url(tmp_path))
    for undo in (
        "DROP INDEX projects_by_name",
        "ALTER TABLE projects DROP COLUMN deleted_ns",
        "DELETE FROM schema_migrations WHERE name = '0010_project_names'",
    ):
        _execute(tmp_path, undo)
    for id, name in (("aaaaaaaa-1", "shop"), ("bbbbbbbb-2", "shop"), ("cccccccc-3", "bank")):
        _execute(tmp_path, "INSERT INTO projects (id, name, created_ns) VALUES (?, ?, 1)", id, name)
    assert engine_of(_url(tmp_path)).apply(_url(tmp_path)) == ["0010_project_names"]
    names = _execute(tmp_path, "SELECT name FROM projects ORDER BY key")
    assert names == [("shop",), ("shop (bbbbbbbb)",), ("bank",)]
