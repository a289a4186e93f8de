"""Backups of a PostgreSQL store: by pg_dump where it is, and what to do where it is not."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.storage.corpus import corpus
from tests.storage.model import snapshot
from tests.storage.recount import recount
from tests.support.postgres import Server, execute
from tests.support.rows import project, span

from pulse_storage import StoreUnusable, open_storage
from pulse_storage.postgres.engine import PostgresEngine
from pulse_storage.rows import SignInToken, WebSession


def test_a_store_in_use_is_dumped_and_restored_as_a_whole(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{server.programs}{os.pathsep}{os.environ['PATH']}")
    _skip_without_programs_for(server)
    url = server.store("dumped")
    storage = open_storage(url)
    asyncio.run(storage.create_project(*project("p")))
    rows = corpus(4)
    assert storage.submit(rows, keep_all=True).result(timeout=30).stored == len(rows)
    asyncio.run(storage.put_web_session(WebSession(b"s", (), True, None, None, 1, 2, None)))
    asyncio.run(storage.put_sign_in_token(SignInToken(b"t", True, 2)))
    target = tmp_path / "copy.dump"
    assert (
        PostgresEngine().back_up(url, target, replace=False, note=_ignore_progress) == target.stat().st_size
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(StoreUnusable, match="it exists; choose another name, or use --force"):
        PostgresEngine().back_up(url, target, replace=False, note=_ignore_progress)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.dump"]
    # What comes after it is not in it.
    late = span(9_000)
    assert storage.submit([late]).result(timeout=30).stored == 1
    execute(server.url(), "CREATE DATABASE restored")
    subprocess.run(["pg_restore", "--no-owner", f"--dbname={server.url('restored')}", target], check=True)
    again = open_storage(server.url("restored"))
    found, expected = (asyncio.run(snapshot(store, "p")) for store in (again, storage))
    assert len(found) == len(rows)
    assert asyncio.run(again.web_session(b"s")) is None
    assert asyncio.run(again.use_sign_in_token(b"t", 1)) is None
    assert found == [row for row in expected if row is None or row.otel_span_id != late.otel_span_id]
    # It is a store like any other: what it has is not stored twice, and new rows find their numbers.
    result = again.submit([*rows, late], keep_all=True).result(timeout=30)
    assert (result.stored, result.duplicates) == (1, len(rows))
    assert asyncio.run(snapshot(again, "p")) == expected
    for store in (storage, again):
        asyncio.run(store.close())
    recount(lambda sql: execute(server.url("restored"), sql))


def _skip_without_programs_for(server: Server) -> None:
    """pg_dump refuses a server that is newer than itself; it need not come with the server's programs."""
    for program in ("pg_dump", "pg_restore"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on the path")
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r" (\d+)", said)
        [(number,)] = execute(server.url(), "SHOW server_version_num")
        if version is None or int(version[1]) < int(str(number)) // 10_000:
            pytest.skip(f"{said.strip()} is older than the server ({number})")


def test_error_without_pg_dump_names_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        StoreUnusable, match=r"pg_dump is not on the path; install .* pulse copy DATABASE_URL"
    ):
        PostgresEngine().back_up(
            "postgresql://u:secret@localhost/pulse", tmp_path / "f", replace=False, note=_ignore_progress
        )


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
        PostgresEngine().back_up(
            "postgresql://u:s%3Ae%2Fc%20ret@db:5/pulse?sslmode=disable",
            tmp_path / "f",
            replace=False,
            note=_ignore_progress,
        )
    assert "--dbname=postgresql://u@db:5/pulse?sslmode=disable" in str(failed.value)
    assert "unset" not in str(failed.value)
    assert "ret" not in str(failed.value).replace("restore", "")
    assert not (tmp_path / "f").exists()


def test_restoring_says_how_it_is_done(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="pg_restore"):
        PostgresEngine().restore(
            tmp_path / "f", "postgresql://localhost/pulse", replace=True, note=_ignore_progress
        )


def _ignore_progress(_done: int, _whole: int) -> None:
    """Do nothing."""
