"""The unit tests of the scripts of the pages, run by node's test runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "query_api" / "web"
_FILES = sorted(path.relative_to(WEB).as_posix() for path in (WEB / "app").rglob("*.test.ts"))


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("file", _FILES)
def test_unit_tests_of_a_file_pass(file: str) -> None:
    command = [sys.executable, str(WEB / "node.py"), "--test", "--test-reporter=spec", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
