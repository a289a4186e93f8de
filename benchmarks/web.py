"""Measures the web pages in Chromium: first paint, rows, key presses, memory.

    python -m benchmarks.web [--quick] [--rows 100000] [--repeat 9]

Each figure of the list of calls is shown next to that of an empty page, measured in turn in the same browser.
The empty page is what browser and machine take, the difference what the pages take. Each page is opened in a
new browser context, without a cache. Needs Chromium (the setting CHROMIUM, or on PATH) and built pages.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from tests.query_api.support import call
from tests.support.waiting import wait_until
from tests.web.browser import find_chromium, sign_in

from benchmarks.quick import add_quick_option
from benchmarks.servers import KEY, running
from pulse_storage import open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.engines import Store
from pulse_storage.keys import key_record
from pulse_storage.rows import Project, SpanRow

_PROJECT = "benchmark"
_DAYS = 30
_BATCH = 2000
_ROUND_TRIP_MS = 50
_KEYS = 40
_MODELS = [("openai", "gpt-5-mini"), ("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5")]
_BODY = pack(b'{"messages":[{"role":"user","content":"What is a pulse?"}]}')
_FIRST_ROW = '[role="row"][aria-rowindex="2"]'
_CHOSEN = '[role="row"][aria-selected="true"]'

#: Records when the first row exists, and the time of each key press to the frame after it.
_OBSERVE = """
globalThis.pulseTimes = {row: null, keys: []};
const look = () => {
  if (document.querySelector('ROW') === null) return;
  pulseTimes.row = performance.now();
  observer.disconnect();
};
const observer = new MutationObserver(look);
observer.observe(document, {childList: true, subtree: true});
addEventListener("keydown", ({timeStamp}) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => pulseTimes.keys.push(performance.now() - timeStamp);
  channel.port2.postMessage(null);
}), {capture: true});
""".replace("ROW", _FIRST_ROW)
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    """Fill a store, serve it, open its pages in turn with an empty page, and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=9)
    add_quick_option(parser, rows=500, repeat=1)
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        raise SystemExit("no Chromium found: install it, or set CHROMIUM to its program")
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_fill(Path(name), options.rows))
        with (
            running("store", Path(name)) as server,
            _empty_page() as empty_url,
            sync_playwright() as playwright,
        ):
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=program, args=arguments)
            print(f"{options.rows} calls, Chromium {browser.version}, {options.repeat} rounds, medians\n")
            visits = Visits(browser, f"http://127.0.0.1:{server.main_port}", empty_url)
            _measure(visits, options.repeat)
            browser.close()


class Protocol:
    """Chromium's DevTools protocol of one page."""

    def __init__(self, page: Page) -> None:
        self._session: Any = page.context.new_cdp_session(page)

    def send(self, method: str, parameters: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Run a command and return its result."""
        return self._session.send(method, parameters)


class Visits:
    """Opens the list of calls and the empty page, each time in a new signed-in context."""

    def __init__(self, browser: Browser, url: str, empty_url: str) -> None:
        self._browser = browser
        self._url = url
        self._empty_url = empty_url

    def open(self, *, is_calls: bool, latency_ms: int = 0) -> tuple[Page, Protocol]:
        """Return the list of calls or the empty page, loaded with the given additional time per request."""
        context = self._browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        sign_in(context, self._url, KEY)
        context.add_init_script(_OBSERVE)
        page = context.new_page()
        protocol = Protocol(page)
        url = f"{self._url}/p/{_PROJECT}/calls?range=30d" if is_calls else self._empty_url
        if latency_ms:
            protocol.send("Network.enable")
            network = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
            protocol.send("Network.emulateNetworkConditions", {**network, "latency": latency_ms})
        page.goto(url)
        wait_until(lambda: page.evaluate(_FIRST_PAINT) is not None)
        if is_calls:
            page.wait_for_selector(_FIRST_ROW)
        return page, protocol


class _EmptyPage(BaseHTTPRequestHandler):
    """Answers every request with a page without scripts and styles."""

    def do_GET(self) -> None:
        document = b"<!doctype html><html lang=en><title>Empty</title><p>Empty</p>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def _empty_page() -> Generator[str]:
    """Serve the empty page; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


Figure = Callable[[bool], float]


def _measure(visits: Visits, repeat: int) -> None:
    slow = f"{_ROUND_TRIP_MS} ms round trip"
    figures: dict[str, Figure] = {
        "first paint, ms": lambda is_calls: _first_paint_ms(visits, is_calls, 0),
        f"first paint, {slow}, ms": lambda is_calls: _first_paint_ms(visits, is_calls, _ROUND_TRIP_MS),
        "key j to frame, p95 ms": lambda is_calls: _key_to_frame_ms(visits, is_calls),
        "script per key j, ms": lambda is_calls: _script_per_key_ms(visits, is_calls),
        "heap after collection, MB": lambda is_calls: _heap_mb(visits, is_calls),
    }
    print(f"{'figure':40}{'Calls':>10}{'empty':>10}{'difference':>12}")
    for name, figure in figures.items():
        pairs = [(figure(True), figure(False)) for _ in range(repeat)]
        of_calls, of_empty = (statistics.median(values) for values in zip(*pairs, strict=True))
        difference = statistics.median(first - second for first, second in pairs)
        print(f"{name:40}{of_calls:10.1f}{of_empty:10.1f}{difference:12.1f}")
    for name, latency_ms in (("first row, ms", 0), (f"first row, {slow}, ms", _ROUND_TRIP_MS)):
        times_ms = [_first_row_ms(visits, latency_ms) for _ in range(repeat)]
        print(f"{name:40}{statistics.median(times_ms):10.1f}")


def _first_paint_ms(visits: Visits, is_calls: bool, latency_ms: int) -> float:
    page, _ = visits.open(is_calls=is_calls, latency_ms=latency_ms)
    return _closed(page, page.evaluate(_FIRST_PAINT))


def _first_row_ms(visits: Visits, latency_ms: int) -> float:
    page, _ = visits.open(is_calls=True, latency_ms=latency_ms)
    return _closed(page, page.evaluate("pulseTimes.row"))


def _key_to_frame_ms(visits: Visits, is_calls: bool) -> float:
    page, _ = visits.open(is_calls=is_calls)
    _press(page, is_calls)
    times: Sequence[float] = page.evaluate("pulseTimes.keys")
    return _closed(page, statistics.quantiles(times, n=20)[18])


def _script_per_key_ms(visits: Visits, is_calls: bool) -> float:
    page, protocol = visits.open(is_calls=is_calls)
    protocol.send("Performance.enable")
    before = _metric(protocol, "ScriptDuration")
    _press(page, is_calls)
    return _closed(page, (_metric(protocol, "ScriptDuration") - before) * 1000 / _KEYS)


def _heap_mb(visits: Visits, is_calls: bool) -> float:
    page, protocol = visits.open(is_calls=is_calls)
    protocol.send("HeapProfiler.collectGarbage")
    return _closed(page, protocol.send("Runtime.getHeapUsage")["usedSize"] / 1e6)


def _press(page: Page, is_calls: bool) -> None:
    """Press j repeatedly, each time after the frame of the key before. In the list each key moves a row."""
    for number in range(1, _KEYS + 1):
        page.keyboard.press("j")
        while page.evaluate("pulseTimes.keys.length") < number:
            pass
    if is_calls and page.locator(_CHOSEN).get_attribute("aria-rowindex") != str(_KEYS + 1):
        raise SystemExit("the key j does not move the chosen row")


def _metric(protocol: Protocol, name: str) -> float:
    metrics = protocol.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == name)


def _closed(page: Page, figure: float) -> float:
    page.context.close()
    return figure


async def _fill(folder: Path, rows: int) -> None:
    storage = open_storage(f"sqlite:///{folder / 'pulse.db'}")
    await storage.create_project(Project(_PROJECT, _PROJECT, 1), key_record(KEY, _PROJECT, created_ns=1))
    await _ingest(storage, list(_rows(rows)))
    await storage.close()


async def _ingest(storage: Store, rows: Sequence[SpanRow]) -> None:
    for start in range(0, len(rows), _BATCH):
        await storage.ingest(rows[start : start + _BATCH])


def _rows(count: int) -> Iterator[SpanRow]:
    """Yield calls spread evenly over the last days in time order, 4 % failed, in sessions of ten."""
    dice = random.Random(7)
    range_ns = _DAYS * 86_400_000_000_000
    start_ns = time.time_ns() - range_ns
    for number in range(1, count + 1):
        provider, model = dice.choice(_MODELS)
        failed = dice.random() < 0.04
        yield call(
            number,
            _PROJECT,
            start_ns=start_ns + number * range_ns // (count + 1),
            latency_ms=dice.lognormvariate(6.5, 0.8),
            provider=provider,
            model_requested=model,
            model_used=model,
            status="error" if failed else "success",
            error_type="timeout" if failed else None,
            session_id=f"session-{number // 10}",
            user_id=f"user-{number % 500}",
            request_body=_BODY,
            response_body=_BODY,
        )


if __name__ == "__main__":
    main()
