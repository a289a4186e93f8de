"""Opens web pages and an empty page in new contexts of Chromium, and measures each visit."""

from __future__ import annotations

import json
import statistics
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page
from tests.support.waiting import wait_until
from tests.web.browser import sign_in

from benchmarks.servers import KEY

_KEYS = 40
#: The longest time to a usable page before a visit fails; that of a busy machine.
_TIMEOUT_MS = 120_000

#: Records when the page is usable, tasks of 50 ms and more, and the time from each key press to its frame.
_OBSERVE = """
globalThis.pulseTimes = {usable: null, keys: [], tasks: []};
const afterFrame = (record) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = record;
  channel.port2.postMessage(null);
});
const look = () => {
  if (document.querySelector(USABLE) === null) return;
  observer.disconnect();
  afterFrame(() => { pulseTimes.usable = performance.now(); });
};
const observer = new MutationObserver(look);
observer.observe(document, {childList: true, subtree: true});
new PerformanceObserver((list) => pulseTimes.tasks.push(...list.getEntries().map((task) => task.duration)))
  .observe({type: "longtask", buffered: true});
addEventListener("keydown", ({timeStamp}) => afterFrame(
  () => pulseTimes.keys.push(performance.now() - timeStamp)), {capture: true});
"""
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
_SLOWEST_DATA = """Math.max(0, ...performance.getEntriesByType("resource")
  .filter(({name}) => name.includes("/v1/")).map(({duration}) => duration))"""


@dataclass(frozen=True, slots=True)
class Target:
    """A page to visit."""

    name: str
    url: str
    #: Selector of an element that exists once the page is usable.
    usable: str
    #: Key that moves the chosen row, pressed repeatedly; None for pages without rows.
    key: str | None = None


class Protocol:
    """Chromium's DevTools protocol of one page."""

    def __init__(self, page: Page) -> None:
        self._session: Any = page.context.new_cdp_session(page)
        self.received_bytes = 0
        self._session.on("Network.loadingFinished", self._add)
        self.send("Network.enable")
        self.send("Performance.enable")

    def send(self, method: str, parameters: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Run a command and return its result."""
        return self._session.send(method, parameters)

    def metric(self, name: str) -> float:
        """Return one of Chromium's totals since the page began, times in seconds."""
        metrics = self.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == name)

    def _add(self, event: Mapping[str, Any]) -> None:
        self.received_bytes += event["encodedDataLength"]


class Visits:
    """Visits pages, each time in a new signed-in context without a cache."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url

    def paint(self, target: Target, latency_ms: int) -> dict[str, float]:
        """Return first paint and time to usable in milliseconds, with an additional time per request."""
        with self._context(target) as context:
            page = context.new_page()
            protocol = Protocol(page)
            network = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
            protocol.send("Network.emulateNetworkConditions", {**network, "latency": latency_ms})
            return _times(page, target)

    def measure(self, target: Target) -> dict[str, float]:
        """Return all figures of one visit by name; those of keys only if the page has a key."""
        with self._context(target) as context:
            page = context.new_page()
            protocol = Protocol(page)
            times = _times(page, target)
            page.wait_for_load_state("networkidle")
            protocol.send("HeapProfiler.collectGarbage")
            figures = {
                **times,
                "longest task, ms": page.evaluate("Math.max(0, ...pulseTimes.tasks)"),
                "slowest data, ms": page.evaluate(_SLOWEST_DATA),
                "received, kB": protocol.received_bytes / 1000,
                "heap after collection, MB": protocol.send("Runtime.getHeapUsage")["usedSize"] / 1e6,
                "elements": page.evaluate("document.getElementsByTagName('*').length"),
            }
            return figures if target.key is None else figures | _keys(page, protocol, target.key)

    @contextmanager
    def _context(self, target: Target) -> Generator[BrowserContext]:
        context = self._browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(_TIMEOUT_MS)
        sign_in(context, self._url, KEY)
        context.add_init_script(_OBSERVE.replace("USABLE", json.dumps(target.usable)))
        yield context
        context.close()


def _times(page: Page, target: Target) -> dict[str, float]:
    page.goto(target.url)
    page.wait_for_selector(target.usable)
    # Not wait_for_function: it evaluates texts in the page, which the page's Content-Security-Policy forbids.
    wait_until(lambda: page.evaluate("pulseTimes.usable") is not None)
    wait_until(lambda: page.evaluate(_FIRST_PAINT) is not None)
    return {"first paint, ms": page.evaluate(_FIRST_PAINT), "usable, ms": page.evaluate("pulseTimes.usable")}


def _keys(page: Page, protocol: Protocol, key: str) -> dict[str, float]:
    """Press a key repeatedly, each time after the frame of the press before."""
    before_s = protocol.metric("ScriptDuration")
    for number in range(1, _KEYS + 1):
        page.keyboard.press(key)
        while page.evaluate("pulseTimes.keys.length") < number:
            pass
    script_ms = (protocol.metric("ScriptDuration") - before_s) * 1000 / _KEYS
    times_ms = page.evaluate("pulseTimes.keys")
    return {"key to frame, p95 ms": statistics.quantiles(times_ms, n=20)[18], "script per key, ms": script_ms}


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
def empty_page() -> Generator[str]:
    """Serve the empty page; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
