"""`pulse projects`: create, list, rename and delete projects, directly in the store."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid

from pulse_query_api.json_objects import project_object
from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.find_project import find_project
from pulse_server.progress import Progress
from pulse_server.settings import Settings
from pulse_server.store import existing_store, opened_store
from pulse_server.tables import date, table
from pulse_storage.engines import Store
from pulse_storage.errors import NameTaken
from pulse_storage.keys import key_record, new_key
from pulse_storage.maintenance import Erasure
from pulse_storage.rows import PROJECT_NAME, PROJECT_NAME_RULE, Project


def configure(parser: Parser) -> None:
    parser.description = (
        "A project has API keys and the data sent with them. Works directly on the store, without a server."
    )
    parser.epilog = "Example:\n  pulse projects create shop"
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser(
        "create",
        help="create a project and its first key",
        description="Creates a project with one key and prints the key, which cannot be shown again.",
        epilog="Example:\n  pulse projects create shop --json",
    )
    create.add_argument("name", metavar="NAME", help="a unique name of 1 to 200 characters")
    create.set_defaults(run=run_create)
    show = actions.add_parser(
        "list",
        help="list projects",
        description="Lists all projects, oldest first.",
        epilog="Example:\n  pulse projects list --json",
    )
    show.set_defaults(run=run_list)
    rename = actions.add_parser(
        "rename",
        help="rename a project",
        description="Renames a project; its id, keys and data stay the same.",
        epilog="Example:\n  pulse projects rename shop web-shop",
    )
    rename.add_argument("project", metavar="PROJECT", help="the project's id or name")
    rename.add_argument("name", metavar="NAME", help="the new name: unique, 1 to 200 characters")
    rename.set_defaults(run=run_rename)
    delete = actions.add_parser(
        "delete",
        help="delete a project with all its data",
        description="Deletes a project, its keys and all its data, after you have typed its name.\n"
        "If interrupted, a running server finishes the deletion. It cannot be undone.",
        epilog="Example:\n  pulse projects delete shop",
    )
    delete.add_argument("project", metavar="PROJECT", help="the project's id or name")
    delete.add_argument("--confirm", metavar="NAME", help="the project's name; deletes it without asking")
    delete.set_defaults(run=run_delete)
    for action in (create, show, rename, delete):
        action.add_argument("--json", action="store_true", help="print JSON with the HTTP API's field names")
        add_store_settings(action)


def run_create(arguments: argparse.Namespace) -> int:
    name = _checked(arguments.name)
    project, key = asyncio.run(_create(settings_from(arguments), name))
    if arguments.json:
        print(json.dumps({"projectId": project.id, "apiKey": key, "name": project.name}))
    else:
        print(f"project  {project.name}\nid       {project.id}\nkey      {key}   (shown only once)")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    projects = asyncio.run(_list(settings_from(arguments)))
    if arguments.json:
        print(json.dumps([project_object(project, date) for project in projects]))
    else:
        rows = [(project.name, project.id, date(project.created_ns)) for project in projects]
        print(table(("NAME", "ID", "CREATED"), rows))
    return 0


def run_rename(arguments: argparse.Namespace) -> int:
    name = _checked(arguments.name)
    project = asyncio.run(_rename(settings_from(arguments), arguments.project, name))
    if arguments.json:
        print(json.dumps(project_object(project._replace(name=name), date)))
    else:
        print(f"renamed {project.name} to {name}")
    return 0


def run_delete(arguments: argparse.Namespace) -> int:
    done = asyncio.run(_delete(settings_from(arguments), arguments.project, arguments.confirm))
    if arguments.json:
        print(json.dumps(done.as_json()))
    else:
        print(f"deleted the project, {done.rows:,} rows and {done.log_events:,} log events")
    return 0


async def _create(settings: Settings, name: str) -> tuple[Project, str]:
    key, now_ns = new_key(), time.time_ns()
    project = Project(id=str(uuid.uuid4()), name=name, created_ns=now_ns)
    async with opened_store(settings) as storage:
        try:
            await storage.create_project(project, key_record(key, project.id, created_ns=now_ns))
        except NameTaken as error:
            raise CommandFailed(f"{error}; to add a key to it, run: pulse keys create '{name}'") from error
    return project, key


async def _list(settings: Settings) -> list[Project]:
    async with existing_store(settings) as storage:
        return await storage.list_projects()


async def _rename(settings: Settings, named: str, name: str) -> Project:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        await storage.rename_project(project.id, name)
        return project


async def _delete(settings: Settings, named: str, confirmed: str | None) -> Erasure:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        await _confirm(storage, project, confirmed)
        ordered = await storage.delete_project(project.id)
        with Progress() as progress:
            return await storage.maintenance.erase(
                ordered,
                note=lambda erasure: progress.show(f"{erasure.rows:,} rows deleted, checking for late rows"),
            )


async def _confirm(storage: Store, project: Project, confirmed: str | None) -> None:
    """Check that `confirmed` is the project's name; if it is None, ask for the name on the terminal.

    Raises CommandFailed if it is another name, or if there is no terminal.
    """
    if confirmed is None:
        if not sys.stdin.isatty():
            raise CommandFailed(f"deleting cannot be undone: confirm with --confirm '{project.name}'")
        keys = len(await storage.list_keys(project.id))
        sys.stderr.write(
            f"Project '{project.name}', its keys ({keys}) and all its data will be deleted permanently."
            " Type its name to continue: "
        )
        sys.stderr.flush()
        confirmed = sys.stdin.readline().strip()
    if confirmed != project.name:
        raise CommandFailed(f"nothing was deleted: the project's name is '{project.name}', not '{confirmed}'")


def _checked(name: str) -> str:
    if not PROJECT_NAME.fullmatch(name):
        raise CommandFailed(f"a project's name {PROJECT_NAME_RULE}")
    return name.strip()
