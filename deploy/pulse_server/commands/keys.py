"""`pulse keys`: create, list and revoke API keys, directly in the store."""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from pulse_query_api.json_objects import key_object
from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.find_project import find_project
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_server.tables import date, date_or, table
from pulse_storage.keys import DEFAULT_SCOPES, SCOPES, key_record, new_key
from pulse_storage.rows import ApiKey, Project

_DAY_NS = 24 * 3600 * 1_000_000_000


def configure(parser: Parser) -> None:
    parser.description = "Each key belongs to one project. Works directly on the store, without a server."
    parser.epilog = "Example:\n  pulse keys create default --scopes ingest --expires-days 90"
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser(
        "create",
        help="create a key",
        description="Creates a key and prints it; it cannot be shown again.",
        epilog="Example:\n  pulse keys create default --scopes read",
    )
    create.add_argument("project", metavar="PROJECT", help="the project's id or name")
    create.add_argument(
        "--scopes",
        type=_scopes,
        default=DEFAULT_SCOPES,
        help="what the key allows: ingest, read, edit (notes and views), comma-separated"
        " (default: ingest,read)",
    )
    create.add_argument(
        "--expires-days", type=_days, metavar="DAYS", help="days until the key expires (default: never)"
    )
    create.set_defaults(run=run_create)
    show = actions.add_parser(
        "list",
        help="list keys",
        description="Lists the keys of one project or of all projects, with revoked and expired keys.\n"
        "Of each key only the beginning and the end are shown.",
        epilog="Example:\n  pulse keys list default",
    )
    show.add_argument("project", metavar="PROJECT", nargs="?", help="the project's id or name (default: all)")
    show.set_defaults(run=run_list)
    revoke = actions.add_parser(
        "revoke",
        help="revoke a key",
        description="Revokes a key; running servers reject it within five seconds.",
        epilog="Example:\n  pulse keys revoke 0f9c3a52-5d0e-4f3a-9a53-0d6c1c7a7c11",
    )
    revoke.add_argument("key_id", metavar="KEY_ID", help="the key's id, as listed by `pulse keys list`")
    revoke.set_defaults(run=run_revoke)
    for action in (create, show, revoke):
        action.add_argument("--json", action="store_true", help="print JSON with the HTTP API's field names")
        add_store_settings(action)


def run_create(arguments: argparse.Namespace) -> int:
    key, record = asyncio.run(_create(settings_from(arguments), arguments))
    if arguments.json:
        print(json.dumps({**key_object(record, date), "apiKey": key}))
    else:
        print(f"id      {record.id}\nscopes  {_scope_text(record)}\nkey     {key}   (shown only once)")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    found = asyncio.run(_list(settings_from(arguments), arguments.project))
    if arguments.json:
        print(json.dumps([key_object(key, date) for _, key in found]))
    else:
        rows = [
            (
                project.name,
                key.id,
                key.hint,
                _scope_text(key),
                date(key.created_ns),
                date_or(key.last_used_ns, "never"),
                _state(key),
            )
            for project, key in found
        ]
        print(table(("PROJECT", "ID", "KEY", "SCOPES", "CREATED", "LAST USED", "STATE"), rows))
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    asyncio.run(_revoke(settings_from(arguments), arguments.key_id))
    if arguments.json:
        print(json.dumps({"keyId": arguments.key_id, "revoked": True}))
    else:
        print(f"revoked {arguments.key_id}")
    return 0


async def _create(settings: Settings, arguments: argparse.Namespace) -> tuple[str, ApiKey]:
    now_ns = time.time_ns()
    expires_ns = now_ns + arguments.expires_days * _DAY_NS if arguments.expires_days is not None else None
    async with existing_store(settings) as storage:
        project = await find_project(storage, arguments.project)
        key = new_key()
        record = key_record(
            key, project.id, created_ns=now_ns, scopes=arguments.scopes, expires_ns=expires_ns
        )
        await storage.create_key(record)
    return key, record


async def _list(settings: Settings, named: str | None) -> list[tuple[Project, ApiKey]]:
    async with existing_store(settings) as storage:
        projects = await storage.list_projects() if named is None else [await find_project(storage, named)]
        return [(project, key) for project in projects for key in await storage.list_keys(project.id)]


async def _revoke(settings: Settings, key_id: str) -> None:
    async with existing_store(settings) as storage:
        for project in await storage.list_projects():
            if await storage.revoke_key(project.id, key_id, time.time_ns()):
                return
    raise CommandFailed(f"no key has the id '{key_id}'; `pulse keys list` lists the ids")


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not scopes or not SCOPES.issuperset(scopes):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a list of ingest, read and edit, such as ingest,read"
        )
    return scopes


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of days from 1 to 36500")
    return int(text)


def _scope_text(key: ApiKey) -> str:
    return ",".join(sorted(key.scopes))


def _state(key: ApiKey) -> str:
    if key.revoked_ns is not None:
        return "revoked"
    if key.expires_ns is None:
        return "active"
    return "expired" if key.expires_ns <= time.time_ns() else f"until {date(key.expires_ns)}"
