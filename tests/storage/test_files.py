"""A new file appears whole under its name, or leaves nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pulse_storage import StoreUnusable
from pulse_storage.runtime.files import new_file


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with new_file(target, replace=False) as partial:
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with (
        pytest.raises(StoreUnusable, match="it exists; choose another name, or use --force"),
        new_file(target, replace=False),
    ):
        target.write_text("of another")
    assert target.read_text() == "of another"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_failure_leaves_nothing_and_harms_nothing(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "new"
    target.write_text("old")
    with (
        pytest.raises((KeyboardInterrupt, StoreUnusable), match=r"No space left|^$"),
        new_file(target, replace=True),
    ):
        raise failure
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
