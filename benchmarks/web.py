"""Measures the web pages in Chromium: first paint, time to usable, bytes, memory, key presses.

    python -m benchmarks.web [--quick] [--rows 1000000] [--spans 50000] [--repeat 9]
        [--engine sqlite|postgres] [--folder DIR] [--pages Calls Trace]

Each page is visited in turn with an empty page in the same browser. The figures of the empty page are what
browser and machine take, the differences what the pages take. Each visit is a new browser context, without a
cache. A page is usable at the frame after its first row, tile or message exists. Needs Chromium (the setting
CHROMIUM, or on PATH) and built pages. With --folder, a SQLite store is kept there and filled only once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.query_api.support import visible_id
from tests.support.postgres import any_server
from tests.web.browser import find_chromium

from benchmarks.quick import add_quick_option
from benchmarks.servers import running
from benchmarks.storage_engines import Engine, Postgres, Sqlite
from benchmarks.tree_rows import LARGE_TRACE
from benchmarks.web_rows import PROJECT, fill, large_contents
from benchmarks.web_visits import Target, Visits, empty_page
from pulse_storage import open_storage
from pulse_storage.queries.filters import Page, TraceFilter

_ROUND_TRIP_MS = 50
_PAGES = ("Calls", "Home", "Trace", "Messages")
_ROW = '[role="row"][aria-rowindex="2"]'


def main() -> None:
    """Fill a store, serve it, visit its pages in turn with an empty page, and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--spans", type=int, default=50_000, help="spans of the large trace")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--engine", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--folder", type=Path, help="keep the SQLite store here")
    parser.add_argument("--pages", nargs="*", choices=_PAGES, default=_PAGES)
    add_quick_option(parser, rows=500, spans=200, repeat=1)
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        raise SystemExit("no Chromium found: install it, or set CHROMIUM to its program")
    with _data_dir(options.folder) as data_dir, _engine(options.engine, data_dir) as engine:
        contents = asyncio.run(_contents(engine, options.rows, options.spans))
        with (
            running("store", data_dir, DATABASE_URL=engine.url) as server,
            empty_page() as empty_url,
            sync_playwright() as playwright,
        ):
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=program, args=arguments)
            print(
                f"{options.rows} calls, {options.engine}, Chromium {browser.version}, medians of"
                f" {options.repeat} rounds; load of the machine {os.getloadavg()[0]:.1f}"
            )
            url = f"http://127.0.0.1:{server.main_port}"
            visits = Visits(browser, url)
            empty = Target("empty", empty_url, "p")
            for page, target in _targets(f"{url}/p/{PROJECT}", contents):
                if page in options.pages:
                    _compare(visits, target, empty, options.repeat)
            browser.close()


@contextmanager
def _data_dir(folder: Path | None) -> Generator[Path]:
    """Yield the folder, made if it does not exist, or without one a temporary folder."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


@contextmanager
def _engine(name: str, data_dir: Path) -> Generator[Engine]:
    """Yield a SQLite store in the folder, or an empty database of a temporary PostgreSQL server."""
    if name == "sqlite":
        yield Sqlite(data_dir)
        return
    with any_server() as server_url:
        yield Postgres(server_url, "pulse_benchmark_web")


async def _contents(engine: Engine, rows: int, spans: int) -> dict[str, str]:
    """Fill the store if it is empty; return the ids of the calls with large contents by name."""
    storage = open_storage(engine.url, max_queue_mib=512)
    made = large_contents()
    if not engine.is_filled:
        await fill(storage, rows, spans, made.values())
        await storage.close()
        return {name: visible_id(row) for name, row in made.items()}
    ids: dict[str, str] = {}
    for name, row in made.items():
        where = TraceFilter(otel_trace_id=row.otel_trace_id)
        [stored] = (await storage.list_traces(PROJECT, where, Page())).rows
        ids[name] = str(stored.trace_id)
    await storage.close()
    return ids


def _targets(url: str, contents: dict[str, str]) -> Iterable[tuple[str, Target]]:
    """Yield pages with the option's word for them; `url` is that of the project."""
    yield "Calls", Target("Calls", f"{url}/calls?range=30d", _ROW, key="j")
    yield "Home", Target("Home", f"{url}/home?range=30d", ".tiles .tile")
    trace = f"{url}/traces/{LARGE_TRACE.hex()}"
    yield "Trace", Target("Trace", trace, f'[role="treegrid"] {_ROW}', key="j")
    for name, id in contents.items():
        yield "Messages", Target(f"Call with {name}", f"{url}/calls/{id}", ".messages article.message")


def _compare(visits: Visits, target: Target, empty: Target, repeat: int) -> None:
    """Visit a page and the empty page in turn, and print the medians of both and of the differences."""
    print(f"\n{target.name:40}{'page':>10}{'empty':>10}{'difference':>12}")
    empty = replace(empty, key=target.key)
    _print(_rounds(visits.measure, target, empty, repeat))
    slow = _rounds(lambda page: visits.paint(page, _ROUND_TRIP_MS), target, empty, repeat)
    _print({f"{name}, {_ROUND_TRIP_MS} ms round trip": pairs for name, pairs in slow.items()})


_Pairs = dict[str, Sequence[tuple[float, float]]]


def _rounds(
    visit: Callable[[Target], dict[str, float]], target: Target, empty: Target, repeat: int
) -> _Pairs:
    """Return the figures of each round by name: those of the page with those of the empty page."""
    rounds = [(visit(target), visit(empty)) for _ in range(repeat)]
    return {name: [(page[name], blank[name]) for page, blank in rounds] for name in rounds[0][0]}


def _print(figures: _Pairs) -> None:
    for name, pairs in figures.items():
        of_page, of_empty = (statistics.median(values) for values in zip(*pairs, strict=True))
        difference = statistics.median(page - blank for page, blank in pairs)
        print(f"{name:40}{of_page:10.1f}{of_empty:10.1f}{difference:12.1f}", flush=True)


if __name__ == "__main__":
    main()
