"""`pulse serve`: run the collector and the query API in one process."""

from __future__ import annotations

import argparse

from pulse_server.arguments import Parser, add_settings, settings_from, settings_without_option
from pulse_server.run import ROLES, serve


def configure(parser: Parser) -> None:
    parser.description = (
        "Runs the collector and the query API until SIGTERM or Ctrl-C.\n"
        "All settings can also be set in the environment."
    )
    parser.epilog = (
        settings_without_option() + "\n\nExample:\n  pulse serve --port 3000 --data-dir ./pulse-data"
    )
    add_settings(
        parser,
        "PULSE_HOST",
        "PORT",
        "PULSE_OTLP_HTTP_PORT",
        "PULSE_OTLP_GRPC_PORT",
        "DATABASE_URL",
        "PULSE_DATA_DIR",
    )
    parser.add_argument("--only", choices=ROLES, help="run only the collector or only the query API")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return serve(settings_from(arguments), arguments.only)
