"""`pulse backup` and `pulse restore`: the store as one file, and back."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.progress import Progress
from pulse_server.settings import hide_password
from pulse_server.store import prepare_data_dir
from pulse_storage.backup import back_up, restore


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:  # pyright: ignore[reportPrivateUsage]
    backup = commands.add_parser(
        "backup",
        help="copy the store into one file, while it is in use",
        description="Writes one consistent state of the store: all that was acknowledged when it began.\n"
        "The server may run meanwhile. The file appears whole and checked, or not at all.",
        epilog="Example:\n  pulse backup /backup/pulse.db",
    )
    backup.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    backup.add_argument("--force", action="store_true", help="replace the file if it exists")
    backup.set_defaults(run=run_backup)
    back = commands.add_parser(
        "restore",
        help="put a backup in place as the store",
        description="Checks a backup and makes a copy of it the configured store. Stop the server first.\n"
        "A store that is there already is refused, or moved aside; it is never deleted.",
        epilog="Example:\n  pulse restore /backup/pulse.db --replace",
    )
    back.add_argument("file", metavar="FILE", type=Path, help="a file that `pulse backup` wrote")
    back.add_argument("--replace", action="store_true", help="move a store that is there aside")
    back.set_defaults(run=run_restore)
    for action in (backup, back):
        action.add_argument("--json", action="store_true", help="print one JSON object")
        add_store_settings(action)


def run_backup(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    with Progress() as progress:

        def note(done: int, whole: int) -> None:
            progress.show(f"backing up: {_mib(done)} of {_mib(whole)} MiB")

        size_bytes = back_up(settings.database_url, arguments.file, replace=arguments.force, note=note)
    if arguments.json:
        print(json.dumps({"file": str(arguments.file), "bytes": size_bytes}))
    else:
        print(f"wrote {arguments.file} ({_mib(size_bytes)} MiB), checked and synced")
    return 0


def run_restore(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    if not arguments.file.is_file():
        raise CommandFailed(f"cannot restore {arguments.file}: there is no such file")
    prepare_data_dir(settings.data_dir)
    with Progress() as progress:

        def note(done: int, whole: int) -> None:
            progress.show(f"restoring: {_mib(done)} of {_mib(whole)} MiB")

        aside = restore(arguments.file, settings.database_url, replace=arguments.replace, note=note)
    place = hide_password(settings.database_url)
    if arguments.json:
        print(json.dumps({"store": place, "movedAside": None if aside is None else str(aside)}))
    else:
        print(f"restored {arguments.file} to {place}")
        if aside is not None:
            print(f"the store that was there is now {aside}")
    return 0


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):,.1f}"
