"""`pulse erase`: delete all data of one user or one session."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.find_project import find_project
from pulse_server.progress import Progress
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_storage.maintenance import Erasure, Subject


def configure(parser: Parser) -> None:
    parser.description = (
        "Deletes all rows of a user or session with their content, and subtracts them from analytics.\n"
        "It can be interrupted and run again; servers may keep running. It cannot be undone."
    )
    parser.epilog = "Example:\n  pulse erase --project shop --user u-1042 --dry-run"
    parser.add_argument("--project", metavar="PROJECT", required=True, help="the project's id or name")
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--user", metavar="USER", type=_id, help="delete all data of this user id")
    subject.add_argument("--session", metavar="SESSION", type=_id, help="delete all data of this session id")
    parser.add_argument(
        "--dry-run", action="store_true", help="print how many rows would be deleted; change nothing"
    )
    parser.add_argument("--yes", action="store_true", help="delete without asking for confirmation")
    parser.add_argument("--json", action="store_true", help="print JSON with the HTTP API's field names")
    add_store_settings(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    subject: Subject = "user_id" if arguments.user is not None else "session_id"
    value: str = arguments.user if arguments.user is not None else arguments.session
    settings = settings_from(arguments)
    if arguments.dry_run:
        rows, calls = asyncio.run(_count(settings, arguments.project, subject, value))
        if arguments.json:
            print(json.dumps({"rows": rows, "calls": calls}))
        else:
            print(f"{rows:,} rows would be deleted, {calls:,} of them counted calls; nothing was changed")
        return 0
    if not arguments.yes:
        _confirm(asyncio.run(_count(settings, arguments.project, subject, value))[0])
    done = asyncio.run(_erase(settings, arguments.project, subject, value))
    if arguments.json:
        print(json.dumps(done.as_json()))
    else:
        print(f"deleted {done.rows:,} rows ({done.calls:,} counted calls) and {done.log_events:,} log events")
    return 0


def _id(text: str) -> str:
    """Trim an id, as the collector trims stored ids. Raises ArgumentTypeError if it is blank."""
    trimmed = text.strip()
    if not trimmed:
        raise argparse.ArgumentTypeError("must not be blank")
    return trimmed


def _confirm(rows: int) -> None:
    """Ask for confirmation on the terminal. Raises CommandFailed if it is refused or there is no terminal."""
    if not sys.stdin.isatty():
        raise CommandFailed("deleting cannot be undone: confirm with --yes, or see how much with --dry-run")
    sys.stderr.write(f"{rows:,} rows will be deleted permanently. Type yes to continue: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise CommandFailed("nothing was deleted")


async def _count(settings: Settings, named: str, subject: Subject, value: str) -> tuple[int, int]:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        return await storage.maintenance.count_erasable(project.id, subject, value)


async def _erase(settings: Settings, named: str, subject: Subject, value: str) -> Erasure:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        ordered = await storage.order_erasure(project.id, subject, value)
        with Progress() as progress:
            return await storage.maintenance.erase(
                ordered, note=lambda erasure: progress.show(f"{erasure.rows:,} rows deleted")
            )
