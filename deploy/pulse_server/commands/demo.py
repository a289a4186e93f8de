"""`pulse demo`: record real client calls and show them, without accounts, keys or network."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib.util
import json
import signal
import tempfile
import time
from pathlib import Path

from rich.console import Console

from pulse_server.arguments import CommandFailed, Parser
from pulse_server.demo.provider import Ledger
from pulse_server.demo.readback import Recorded, read_back
from pulse_server.demo.show import show
from pulse_server.demo.stage import RunningServer, run_program, running_provider, running_server
from pulse_storage import open_storage
from pulse_web.sign_in_link import sign_in_link

#: Width of the tables if the output is not a terminal, such as a CI log.
_WIDTH_IN_FILES = 132
_POLL_EVERY_S = 0.5
_REQUIRED_MODULES = (
    "openai",
    "anthropic",
    "pulse_instrumentation",
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp",
)


def configure(parser: Parser) -> None:
    parser.description = (
        "Starts a server on an empty store and a small program that uses the real openai and anthropic\n"
        "clients with a bundled provider, then shows the calls, sessions and analytics that Pulse recorded.\n"
        "It uses only loopback and a temporary directory, which is deleted at the end."
    )
    parser.epilog = "Example:\n  pulse demo --keep"
    parser.add_argument("--keep", action="store_true", help="keep the server running until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print the recorded data as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    _check_dependencies()
    console = Console(quiet=arguments.json, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH_IN_FILES
    # Handle SIGTERM like Ctrl-C; otherwise the server process would keep running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory(prefix="pulse-demo-") as data_dir,
        console.status("starting the server") as status,
        running_server(Path(data_dir)) as server,
        running_provider() as (provider_url, ledger),
    ):
        began = dt.datetime.now(dt.UTC)
        status.update("calling models")
        for step in run_program(server, provider_url):
            console.print(f"  ✓ {step}")
        recorded = read_back(server, began)
        status.stop()
        _check_totals(recorded, ledger)
        _print(console, recorded, ledger, as_json=arguments.json)
        if arguments.keep:
            _keep(server, _link(Path(data_dir), server), as_json=arguments.json)
        else:
            console.print(
                f"All data was read from {server.url}; `pulse demo --keep` keeps that server running and"
                " prints a link to its pages."
            )
    return 0


def _check_dependencies() -> None:
    """Raise CommandFailed if a client library or the instrumentation is not installed."""
    try:
        missing = any(importlib.util.find_spec(name) is None for name in _REQUIRED_MODULES)
    except ModuleNotFoundError:
        missing = True
    if missing:
        raise CommandFailed(
            "the demo needs the openai and anthropic clients and pulse-instrumentation; in a checkout run: "
            "pip install ./instrumentation '.[demo]'"
        )


def _check_totals(recorded: Recorded, ledger: Ledger) -> None:
    """Compare Pulse's totals with the provider's. Raises CommandFailed if they differ."""
    calls = sum(group["calls"] for group in recorded.analytics["costOverTime"])
    errors = sum(group["errors"] for group in recorded.analytics["costOverTime"])
    totals = (len(recorded.traces), calls, errors, recorded.analytics["totalTokens"])
    served = (ledger.calls, ledger.calls, ledger.errors, ledger.input_tokens + ledger.output_tokens)
    if totals != served:
        raise CommandFailed(
            f"Pulse's totals (traces, calls, errors, tokens: {totals}) differ from the provider's {served}; "
            "please report this"
        )


def _print(console: Console, recorded: Recorded, ledger: Ledger, *, as_json: bool) -> None:
    if as_json:
        print(
            json.dumps(
                {
                    "provider": {
                        "calls": ledger.calls,
                        "errors": ledger.errors,
                        "inputTokens": ledger.input_tokens,
                        "outputTokens": ledger.output_tokens,
                    },
                    "traces": recorded.traces,
                    "sessions": [
                        {
                            "sessionId": row.session_id,
                            "userId": row.user_id,
                            "calls": row.calls,
                            "tokens": row.tokens,
                            "cost": row.cost_cents,
                        }
                        for row in recorded.sessions
                    ],
                    "analytics": recorded.analytics,
                }
            ),
            flush=True,
        )
    show(console, recorded)
    billed = ledger.input_tokens + ledger.output_tokens
    recorded_tokens = recorded.analytics["totalTokens"]
    console.print(
        f"The provider served {ledger.calls} calls and {billed:,} tokens; "
        f"Pulse recorded {len(recorded.traces)} calls and {recorded_tokens:,} tokens."
    )


def _link(data_dir: Path, server: RunningServer) -> str:
    """Return a sign-in link of the server on the store in `data_dir`."""

    async def create() -> str:
        storage = open_storage(f"sqlite:///{data_dir / 'pulse.db'}")
        try:
            return (await sign_in_link(storage, server.url))[0]
        finally:
            await storage.close()

    return asyncio.run(create())


def _keep(server: RunningServer, link: str, *, as_json: bool) -> None:
    """Print the server's sign-in link, URL and key, then wait for Ctrl-C."""
    try:
        if as_json:
            print(json.dumps({"url": server.url, "apiKey": server.key, "signIn": link}), flush=True)
        else:
            print(
                f"\nThe pages, for one browser within ten minutes:\n  {link}\n"
                f"The server keeps running at {server.url}, for example:\n"
                f"  curl -H 'Authorization: Bearer {server.key}' '{server.url}/v1/traces?limit=3'\n"
                "Press Ctrl-C to stop it.",
                flush=True,
            )
        while True:
            # Not signal.pause(): after a Ctrl-C just before the call it would wait for another signal.
            time.sleep(_POLL_EVERY_S)
    except KeyboardInterrupt:
        print()
