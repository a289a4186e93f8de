"""`pulse serve`: the collector and the query API in one process."""

from __future__ import annotations

import argparse

from pulse_server.arguments import Parser, add_settings, settings_from, settings_without_option
from pulse_server.run import ROLES, serve


def configure(parser: Parser) -> None:
    parser.description = (
        "Runs the collector and the query API until SIGTERM or Ctrl-C.\n"
        "Each of the settings can be given in the environment too."
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
    parser.add_argument("--only", choices=ROLES, help="run one of the two, beside others on the same store")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return serve(settings_from(arguments), arguments.only)
