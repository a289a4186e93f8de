"""Each benchmark runs to its end with --quick and prints its tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.postgres import any_server
from tests.web.browser import chromium, require_built_pages

ROOT = Path(__file__).parents[1]

#: The title or first column of each table, by benchmark.
TABLES = {
    "content": ("20 turns", "stored"),
    "counting": ("us of CPU per span",),
    "ingest": ("acked",),
    "instrumentation_overhead": ("| openai chat |", "95 % intervals"),
    "mapping": ("us of CPU per span",),
    "query_api": ("route",),
    "reads_during_ingest": ("list of 50, alone", "list of 50, during ingest"),
    "web": (
        "Calls  ",
        "Home  ",
        "Trace  ",
        "Call with a message",
        "Call with 2,000",
        "Call with JSON",
        "usable, ms",
    ),
    "storage": ("CPU µs/row", "read, p50 / p99 ms", "newest 50 alone"),
    "trees": ("large trace on top",),
}
#: Benchmarks whose quick run takes 3 s or more.
SLOW = {"counting", "ingest", "instrumentation_overhead", "storage", "web"}
#: Programs that a benchmark starts.
PROGRAMS = {"floor", "instrumentation_calls"}


def test_every_benchmark_has_a_quick_run() -> None:
    paths = (ROOT / "benchmarks").glob("*.py")
    runnable = {path.stem for path in paths if '__name__ == "__main__"' in path.read_text()}
    assert runnable == TABLES.keys() | PROGRAMS


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in TABLES]
)
def test_quick_run_prints_its_tables(name: str) -> None:
    if name == "web":
        chromium()
        require_built_pages()
    printed = _run(name)
    assert [table for table in TABLES[name] if table not in printed] == []


@pytest.mark.slow
def test_quick_run_of_counting_on_postgres_prints_its_table() -> None:
    assert "us of CPU per span" in _run("counting", "--engine", "postgres")


@pytest.mark.slow
def test_quick_run_of_web_on_postgres_prints_its_tables() -> None:
    chromium()
    require_built_pages()
    assert "key to frame, p95 ms" in _run("web", "--engine", "postgres", "--pages", "Calls")


@pytest.mark.slow
def test_quick_run_of_storage_on_postgres_prints_its_tables() -> None:
    with any_server() as url:
        printed = _run("storage", "--postgres", url)
    assert "Postgres" in printed


def _run(name: str, *options: str) -> str:
    """Run a benchmark with --quick; return its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
