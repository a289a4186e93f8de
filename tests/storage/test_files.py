"""New files are complete under their name, or absent."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pulse_storage import StoreUnusable
from pulse_storage.runtime.files import new_file


def test_file_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with new_file(target, replace=False) as partial:
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_file_created_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with (
        pytest.raises(StoreUnusable, match="it exists; choose another name, or use --force"),
        new_file(target, replace=False),
    ):
        target.write_text("of another")
    assert target.read_text() == "of another"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_failure_removes_the_partial_file_and_keeps_the_old_one(
    tmp_path: Path, failure: BaseException
) -> None:
    target = tmp_path / "new"
    target.write_text("old")
    with (
        pytest.raises((KeyboardInterrupt, StoreUnusable), match=r"No space left|^$"),
        new_file(target, replace=True),
    ):
        raise failure
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
