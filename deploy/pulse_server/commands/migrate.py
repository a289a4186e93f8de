"""`pulse migrate`: apply pending schema migrations."""

from __future__ import annotations

import argparse

from pulse_server.arguments import Parser, add_store_settings, settings_from
from pulse_server.store import prepare_data_dir
from pulse_storage.engines import engine_of


def configure(parser: Parser) -> None:
    parser.description = (
        "Applies pending schema migrations. `pulse serve` does this at its start. Several processes may\n"
        "migrate at the same time; after a crash, run it again to resume."
    )
    parser.epilog = "Example:\n  pulse migrate --dry-run"
    parser.add_argument("--dry-run", action="store_true", help="list the pending migrations; change nothing")
    add_store_settings(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    if arguments.dry_run:
        names, done = engine_of(settings.database_url).pending(settings.database_url), "would apply"
    else:
        prepare_data_dir(settings.data_dir)
        names, done = engine_of(settings.database_url).apply(settings.database_url), "applied"
    print("\n".join(f"{done} {name}" for name in names) or "the schema is up to date")
    return 0
