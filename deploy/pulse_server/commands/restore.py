"""`pulse restore`: create the store from a backup."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.progress import Progress
from pulse_server.settings import hide_password
from pulse_server.store import prepare_data_dir
from pulse_server.tables import mib
from pulse_storage.engines import engine_of


def configure(parser: Parser) -> None:
    parser.description = (
        "Checks a backup and copies it to the configured store. Stop the server first.\n"
        "If the store exists, it fails, or with --replace moves that store aside; it never deletes it."
    )
    parser.epilog = "Example:\n  pulse restore /backup/pulse.db --replace"
    parser.add_argument("file", metavar="FILE", type=Path, help="a file written by `pulse backup`")
    parser.add_argument("--replace", action="store_true", help="move an existing store aside")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_store_settings(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    if not arguments.file.is_file():
        raise CommandFailed(f"cannot restore {arguments.file}: there is no such file")
    prepare_data_dir(settings.data_dir)
    with Progress() as progress:

        def note(done: int, whole: int) -> None:
            progress.show(f"restoring: {mib(done)} of {mib(whole)} MiB")

        url = settings.database_url
        aside = engine_of(url).restore(arguments.file, url, replace=arguments.replace, note=note)
    place = hide_password(settings.database_url)
    if arguments.json:
        print(json.dumps({"store": place, "movedAside": None if aside is None else str(aside)}))
    else:
        print(f"restored {arguments.file} to {place}")
        if aside is not None:
            print(f"the previous store was moved to {aside}")
    return 0
