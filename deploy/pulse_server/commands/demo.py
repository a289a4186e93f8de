"""`pulse demo`: real client calls recorded and shown, without accounts, keys or network."""

from __future__ import annotations

import argparse
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

#: Columns of the tables when nobody watches, as in a log of CI.
_WIDTH_IN_FILES = 132
_LISTEN_EVERY_S = 0.5
_NEEDED = ("openai", "anthropic", "pulse_instrumentation", "opentelemetry.sdk", "opentelemetry.exporter.otlp")


def configure(parser: Parser) -> None:
    parser.description = (
        "Starts a server on an empty store and a small program that uses the real openai and\n"
        "anthropic clients against a bundled provider, then shows what Pulse recorded of it.\n"
        "Everything stays on loopback and in a temporary directory, and is gone afterwards."
    )
    parser.epilog = "Example:\n  pulse demo --keep"
    parser.add_argument("--keep", action="store_true", help="keep the server running until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print what was read back as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    _need_clients()
    console = Console(quiet=arguments.json, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH_IN_FILES
    # Without this, a demo that is told to stop would leave its server behind.
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
        _check(recorded, ledger)
        _print(console, recorded, ledger, as_json=arguments.json)
        if arguments.keep:
            _keep(server, as_json=arguments.json)
        else:
            console.print(
                f"All of it was read back from {server.url}; `pulse demo --keep` leaves that running."
            )
    return 0


def _need_clients() -> None:
    try:
        missing = any(importlib.util.find_spec(name) is None for name in _NEEDED)
    except ModuleNotFoundError:
        missing = True
    if missing:
        raise CommandFailed(
            "the demo needs the real clients and pulse-instrumentation; in a checkout of Pulse run: "
            "pip install ./instrumentation '.[demo]'"
        )


def _check(recorded: Recorded, ledger: Ledger) -> None:
    """Hold what Pulse tells against what the provider served; the demo shows no wrong number."""
    calls = sum(group["calls"] for group in recorded.analytics["costOverTime"])
    errors = sum(group["errors"] for group in recorded.analytics["costOverTime"])
    told = (len(recorded.traces), calls, errors, recorded.analytics["totalTokens"])
    served = (ledger.calls, ledger.calls, ledger.errors, ledger.input_tokens + ledger.output_tokens)
    if told != served:
        raise CommandFailed(
            f"Pulse's numbers (traces, calls, errors, tokens: {told}) are not the provider's {served}; "
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
    told = recorded.analytics["totalTokens"]
    console.print(
        f"The provider served {ledger.calls} calls and {billed:,} tokens; "
        f"Pulse recorded {len(recorded.traces)} calls and {told:,} tokens."
    )


def _keep(server: RunningServer, *, as_json: bool) -> None:
    """Say how to look around, then wait for Ctrl-C, which may come as soon as that is said."""
    try:
        if as_json:
            print(json.dumps({"url": server.url, "apiKey": server.key}), flush=True)
        else:
            print(
                f"\nThe server keeps running at {server.url}, for example:\n"
                f"  curl -H 'Authorization: Bearer {server.key}' '{server.url}/v1/traces?limit=3'\n"
                "Press Ctrl-C to stop it.",
                flush=True,
            )
        while True:
            # Not signal.pause(): a Ctrl-C that comes just before it would be heeded at the next signal only.
            time.sleep(_LISTEN_EVERY_S)
    except KeyboardInterrupt:
        print()
