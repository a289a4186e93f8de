"""`pulse backup`: write a consistent copy of the store to one file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pulse_server.arguments import Parser, add_store_settings, settings_from
from pulse_server.progress import Progress
from pulse_server.tables import mib
from pulse_storage.engines import engine_of


def configure(parser: Parser) -> None:
    parser.description = (
        "Writes a consistent copy of the store, with all data acknowledged before the start.\n"
        "The server may keep running. The file is created only when it is complete and checked."
    )
    parser.epilog = "Example:\n  pulse backup /backup/pulse.db"
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_store_settings(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    with Progress() as progress:

        def note(done: int, whole: int) -> None:
            progress.show(f"backing up: {mib(done)} of {mib(whole)} MiB")

        url = settings.database_url
        size_bytes = engine_of(url).back_up(url, arguments.file, replace=arguments.force, note=note)
    if arguments.json:
        print(json.dumps({"file": str(arguments.file), "bytes": size_bytes}))
    else:
        print(f"wrote {arguments.file} ({mib(size_bytes)} MiB), checked and synced")
    return 0
