"""`pulse erase`: everything of one user or one session, deleted."""

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
from pulse_storage.sql.maintenance.erase import erase
from pulse_storage.sql.tables.erasures import Erasure, Subject


def configure(parser: Parser) -> None:
    parser.description = (
        "Deletes all rows of a user or a session with their content; sums go down too.\n"
        "It can be stopped and started again; running servers may go on. There is no way back."
    )
    parser.epilog = "Example:\n  pulse erase --project shop --user u-1042 --dry-run"
    parser.add_argument("--project", metavar="PROJECT", required=True, help="the project's id or name")
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user", metavar="USER", type=_id, help="all of this user")
    whom.add_argument("--session", metavar="SESSION", type=_id, help="all of this session")
    parser.add_argument("--dry-run", action="store_true", help="say how much would go, change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON, with the names of the HTTP API")
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
            print(f"{rows:,} rows would be erased, {calls:,} of them counted calls; nothing was changed")
        return 0
    if not arguments.yes:
        _ask(asyncio.run(_count(settings, arguments.project, subject, value))[0])
    done = asyncio.run(_erase(settings, arguments.project, subject, value))
    if arguments.json:
        print(json.dumps(done.as_json()))
    else:
        print(f"erased {done.rows:,} rows and {done.log_events:,} log events, {done.calls:,} counted calls")
    return 0


def _id(text: str) -> str:
    """Trim an id, as collectors trim what they store. Raises ArgumentTypeError for a blank one."""
    trimmed = text.strip()
    if not trimmed:
        raise argparse.ArgumentTypeError("must not be blank")
    return trimmed


def _ask(rows: int) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed("erasing cannot be undone: say --yes, or --dry-run to see how much would go")
    sys.stderr.write(f"{rows:,} rows will be erased for good. Type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise CommandFailed("nothing was erased")


async def _count(settings: Settings, named: str, subject: Subject, value: str) -> tuple[int, int]:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        return await storage.upkeep.erasable(project.id, subject, value)


async def _erase(settings: Settings, named: str, subject: Subject, value: str) -> Erasure:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        ordered = await storage.upkeep.order_erasure(project.id, subject, value)
        with Progress() as progress:
            return await erase(
                storage, ordered, note=lambda erasure: progress.show(f"{erasure.rows:,} rows erased")
            )
