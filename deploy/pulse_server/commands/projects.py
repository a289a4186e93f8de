"""`pulse projects`: tenants, straight on the store."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import uuid

from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.settings import Settings
from pulse_server.store import opened_store
from pulse_server.tables import date, table
from pulse_storage.keys import key_record, new_key
from pulse_storage.rows import Project

_MAX_NAME_CHARS = 200


def configure(parser: Parser) -> None:
    parser.description = "Projects own keys and all that is stored with them. Needs the store, no server."
    parser.epilog = "Example:\n  pulse projects create shop"
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser(
        "create",
        help="create a project and its first key",
        description="Creates a project with one key, and prints the key: this once.",
        epilog="Example:\n  pulse projects create shop --json",
    )
    create.add_argument("name", metavar="NAME", help=f"1 to {_MAX_NAME_CHARS} characters")
    create.set_defaults(run=run_create)
    show = actions.add_parser(
        "list",
        help="list projects",
        description="Lists all projects, oldest first.",
        epilog="Example:\n  pulse projects list --json",
    )
    show.set_defaults(run=run_list)
    for action in (create, show):
        action.add_argument("--json", action="store_true", help="print JSON, with the names of the HTTP API")
        add_store_settings(action)


def run_create(arguments: argparse.Namespace) -> int:
    name = str(arguments.name).strip()
    if not 1 <= len(name) <= _MAX_NAME_CHARS:
        raise CommandFailed(f"a project's name has 1 to {_MAX_NAME_CHARS} characters")
    project, key = asyncio.run(_create(settings_from(arguments), name))
    if arguments.json:
        print(json.dumps({"projectId": project.id, "apiKey": key, "name": project.name}))
    else:
        print(f"project  {project.name}\nid       {project.id}\nkey      {key}   (shown this once)")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    projects = asyncio.run(_list(settings_from(arguments)))
    if arguments.json:
        print(json.dumps([_as_json(project) for project in projects]))
    else:
        rows = [(project.name, project.id, date(project.created_ns)) for project in projects]
        print(table(("NAME", "ID", "CREATED"), rows))
    return 0


async def _create(settings: Settings, name: str) -> tuple[Project, str]:
    key, now_ns = new_key(), time.time_ns()
    project = Project(id=str(uuid.uuid4()), name=name, created_ns=now_ns)
    async with opened_store(settings) as storage:
        await storage.create_project(project, key_record(key, project.id, created_ns=now_ns))
    return project, key


async def _list(settings: Settings) -> list[Project]:
    async with opened_store(settings) as storage:
        return await storage.list_projects()


def _as_json(project: Project) -> dict[str, str]:
    return {"projectId": project.id, "name": project.name, "createdAt": date(project.created_ns)}
