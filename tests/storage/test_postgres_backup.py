"""Backups of a PostgreSQL store: by pg_dump where it is, and what to do where it is not."""

from __future__ import annotations

import asyncio
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.storage.backends import Backend, PostgresBackend
from tests.support.rows import project, span

from pulse_storage import StoreUnusable
from pulse_storage.backup import back_up, restore


def test_a_store_in_use_is_dumped_as_a_whole(backend: Backend, tmp_path: Path) -> None:
    if not isinstance(backend, PostgresBackend):
        pytest.skip("of PostgreSQL only")
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not on the path")
    storage = backend.open(tmp_path)
    asyncio.run(storage.create_project(*project("p")))
    assert storage.submit([span(1)]).result(timeout=30).stored == 1
    target, url = tmp_path / "copy.dump", backend.url(tmp_path)
    assert back_up(url, target, replace=False, note=_nobody) == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    listed = subprocess.run(["pg_restore", "--list", str(target)], capture_output=True, text=True, check=True)
    assert "TABLE DATA public projects" in listed.stdout
    with pytest.raises(StoreUnusable, match="it exists; choose another name, or say --force"):
        back_up(url, target, replace=False, note=_nobody)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.dump"]
    asyncio.run(storage.close())
    backend.check(tmp_path)


def test_without_pg_dump_the_mend_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        StoreUnusable, match=r"pg_dump is not on the path; install .* pulse copy DATABASE_URL"
    ):
        back_up("postgresql://u:secret@localhost/pulse", tmp_path / "f", replace=False, note=_nobody)


def test_the_password_is_on_no_command_line_and_in_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(
        '#!/bin/sh\necho "$@" >&2; test "$PGPASSWORD" = "s:e/c ret" || echo unset >&2; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(StoreUnusable) as failed:
        back_up(
            "postgresql://u:s%3Ae%2Fc%20ret@db:5/pulse?sslmode=disable",
            tmp_path / "f",
            replace=False,
            note=_nobody,
        )
    assert "--dbname=postgresql://u@db:5/pulse?sslmode=disable" in str(failed.value)
    assert "unset" not in str(failed.value)
    assert "ret" not in str(failed.value).replace("restore", "")
    assert not (tmp_path / "f").exists()


def test_restoring_says_how_it_is_done(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="pg_restore"):
        restore(tmp_path / "f", "postgresql://localhost/pulse", replace=True, note=_nobody)


def _nobody(_done: int, _whole: int) -> None:
    """Nobody wants to know."""
