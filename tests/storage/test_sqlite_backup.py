"""Backups of a SQLite store in use, and stores restored from them."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from tests.storage.model import snapshot
from tests.storage.sql_backends import SqliteBackend
from tests.support.rows import project, span

from pulse_storage import Store, StoreUnusable, open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.rows import SignInToken, WebSession
from pulse_storage.sqlite.engine import SqliteEngine

_Result = TypeVar("_Result")


def test_backup_during_ingest_contains_all_committed_rows(tmp_path: Path) -> None:
    dice = Random(1)
    rows = [span(n, request_body=pack(dice.randbytes(60_000))) for n in range(1, 900)]
    copy = tmp_path / "copy" / "pulse.db"
    copy.parent.mkdir()

    async def run(storage: Store) -> Any:
        await storage.ingest(rows)
        before = await snapshot(storage, "p")
        arrived = 0

        def note(_done: int, _whole: int) -> None:
            nonlocal arrived
            arrived += storage.submit([span(10_000 + arrived)]).result(timeout=30).stored

        url = _url(tmp_path)
        await asyncio.to_thread(lambda: SqliteEngine().back_up(url, copy, replace=False, note=note))
        assert arrived > 0
        return before

    before = _in_store(tmp_path, run, new=True)
    assert [path.name for path in copy.parent.iterdir()] == ["pulse.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert _in_store(copy.parent, lambda storage: snapshot(storage, "p")) == before
    SqliteBackend().check(copy.parent)


def test_backup_is_one_file_readable_in_a_read_only_folder(tmp_path: Path) -> None:
    _in_store(tmp_path, lambda storage: storage.ingest([span()]), new=True)
    SqliteEngine().back_up(_url(tmp_path), tmp_path / "copy.db", replace=False, note=_ignore)
    connection = sqlite3.connect(f"file:{tmp_path / 'copy.db'}?mode=ro", uri=True)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("SELECT count(*) FROM spans").fetchone() == (1,)
    connection.close()


def test_existing_target_is_replaced_only_with_replace(tmp_path: Path) -> None:
    _in_store(tmp_path, lambda storage: storage.ingest([span()]), new=True)
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(StoreUnusable, match="it exists; choose another name, or use --force"):
        SqliteEngine().back_up(_url(tmp_path), target, replace=False, note=_ignore)
    assert target.read_text() == "precious"
    assert (
        SqliteEngine().back_up(_url(tmp_path), target, replace=True, note=_ignore)
        == target.stat().st_size
        > 8
    )


def test_backup_of_a_damaged_store_is_refused(tmp_path: Path) -> None:
    body = pack(b"".join(n.to_bytes(4, "big") * 16 for n in range(5_000)))
    _in_store(
        tmp_path, lambda storage: storage.ingest([span(n, request_body=body) for n in range(1, 60)]), new=True
    )
    with (tmp_path / "pulse.db").open("r+b") as file:
        file.seek(80 * 4096)
        file.write(b"garbage!" * 2048 * 4)
    target = tmp_path / "copy.db"
    target.write_text("the last good one")
    with pytest.raises(StoreUnusable, match="damaged"):
        SqliteEngine().back_up(_url(tmp_path), target, replace=True, note=_ignore)
    assert target.read_text() == "the last good one"
    assert {path.name for path in tmp_path.iterdir()} <= {
        "pulse.db",
        "pulse.db-wal",
        "pulse.db-shm",
        "copy.db",
    }


def test_backup_without_store_or_target_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="there is no such file"):
        SqliteEngine().back_up(_url(tmp_path), tmp_path / "copy.db", replace=False, note=_ignore)
    _in_store(tmp_path, lambda storage: storage.ingest([span()]), new=True)
    with pytest.raises(StoreUnusable, match=r"cannot write .*No such file or directory"):
        SqliteEngine().back_up(_url(tmp_path), tmp_path / "none" / "copy.db", replace=False, note=_ignore)


def test_restored_store_has_the_rows_of_the_backup(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    rows = [span(n, request_body=pack(b"{}")) for n in range(1, 50)]
    _in_store(old, lambda storage: storage.ingest(rows), new=True)
    before = _in_store(old, lambda storage: snapshot(storage, "p"))
    SqliteEngine().back_up(_url(old), tmp_path / "copy.db", replace=False, note=_ignore)
    assert SqliteEngine().restore(tmp_path / "copy.db", _url(new), replace=False, note=_ignore) is None
    assert _in_store(new, lambda storage: snapshot(storage, "p")) == before
    # The restored store accepts rows.
    assert _in_store(new, lambda storage: storage.ingest([span(1), span(77)])).stored == 1
    SqliteBackend().check(new)


def test_backup_has_no_web_sessions_and_no_sign_in_tokens(tmp_path: Path) -> None:
    async def sign_in(storage: Store) -> None:
        await storage.put_web_session(WebSession(b"s", (), True, None, None, 1, 2, None))
        await storage.put_sign_in_token(SignInToken(b"t", True, 2))

    _in_store(tmp_path, sign_in, new=True)
    SqliteEngine().back_up(_url(tmp_path), tmp_path / "copy.db", replace=False, note=_ignore)
    for file, rows in (("pulse.db", 1), ("copy.db", 0)):
        connection = sqlite3.connect(tmp_path / file)
        for table in ("web_sessions", "sign_in_tokens"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
        connection.close()


def test_existing_store_is_moved_aside_only_with_replace(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    _in_store(old, lambda storage: storage.ingest([span(1)]), new=True)
    _in_store(new, lambda storage: storage.ingest([span(2)]), new=True)
    SqliteEngine().back_up(_url(old), tmp_path / "copy.db", replace=False, note=_ignore)
    with pytest.raises(StoreUnusable, match="use --replace to move it aside"):
        SqliteEngine().restore(tmp_path / "copy.db", _url(new), replace=False, note=_ignore)
    aside = SqliteEngine().restore(tmp_path / "copy.db", _url(new), replace=True, note=_ignore)
    assert aside is not None
    assert {path.name for path in new.iterdir()} == {"pulse.db", aside.name}
    assert _numbers(new) == [1]
    aside.rename(tmp_path / "pulse.db")
    assert _numbers(tmp_path) == [2]


def test_restore_over_a_store_in_use_is_refused(tmp_path: Path) -> None:
    _in_store(tmp_path, lambda storage: storage.ingest([span(1)]), new=True)
    SqliteEngine().back_up(_url(tmp_path), tmp_path / "copy.db", replace=False, note=_ignore)

    async def run(storage: Store) -> None:
        await storage.ingest([span(2)])
        with pytest.raises(StoreUnusable, match="another process has it open; stop Pulse first"):
            await asyncio.to_thread(
                lambda: SqliteEngine().restore(
                    tmp_path / "copy.db", _url(tmp_path), replace=True, note=_ignore
                )
            )
        await storage.ingest([span(3)])

    _in_store(tmp_path, run)
    assert _numbers(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"not a database at all" * 100, "not a SQLite database"), (b"", "is empty")],
)
def test_restore_of_an_invalid_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "copy.db").write_bytes(content)
    with pytest.raises(StoreUnusable, match=message):
        SqliteEngine().restore(tmp_path / "copy.db", _url(tmp_path), replace=True, note=_ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]


def test_restore_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    _in_store(tmp_path, lambda storage: storage.ingest([span(1)]), new=True)
    connection = sqlite3.connect(tmp_path / "pulse.db")
    connection.execute("INSERT INTO schema_migrations VALUES ('9999_later', '', 0)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreUnusable, match="9999_later, which this version does not know"):
        SqliteEngine().restore(tmp_path / "pulse.db", _url(tmp_path / "new"), replace=False, note=_ignore)


def _ignore(_done: int, _whole: int) -> None:
    """Ignore the progress."""


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'pulse.db'}"


def _numbers(folder: Path) -> list[int]:
    """Return the span ids in a store as numbers, ascending."""
    found = _in_store(folder, lambda storage: snapshot(storage, "p"))
    return sorted(int.from_bytes(row.otel_span_id, "big") for row in found if row is not None)


def _in_store(
    folder: Path, run: Callable[[Store], Coroutine[Any, Any, _Result]], *, new: bool = False
) -> _Result:
    """Open the store in this folder, await `run` with it, close it; with `new`, create a project first."""

    async def opened() -> _Result:
        storage = open_storage(_url(folder))
        try:
            if new:
                await storage.create_project(*project("p"))
            return await run(storage)
        finally:
            await storage.close()

    return asyncio.run(opened())
