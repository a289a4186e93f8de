"""`pulse prices`: set, show and clear a project's own prices, directly in the store."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

from pulse_query_api.json_prices import prices_object
from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.find_project import find_project
from pulse_server.prices_file import read_prices
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_server.tables import date, table
from pulse_storage.price_document import PriceDocument, PriceEntry, TokenPrices, project_version, read_json
from pulse_storage.rows import Project, ProjectPrices

_NOTE = "running servers use them within seconds; `pulse reprice` applies them to stored calls"


def configure(parser: Parser) -> None:
    parser.description = (
        "A project's own prices take precedence over the prices file and the published prices.\n"
        "Works directly on the store, without a server."
    )
    parser.epilog = "Example:\n  pulse prices set default prices.toml"
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    put = actions.add_parser(
        "set",
        help="set or replace a project's prices",
        description="Replaces a project's prices with those of a file; docs/pricing.md describes its format.",
        epilog="Example:\n  pulse prices set default prices.toml",
    )
    put.set_defaults(run=run_set)
    show = actions.add_parser(
        "show",
        help="show a project's prices",
        description="Shows a project's own prices, in dollars per million tokens.",
        epilog="Example:\n  pulse prices show default --json",
    )
    show.set_defaults(run=run_show)
    clear = actions.add_parser(
        "clear",
        help="delete a project's prices",
        description="Deletes a project's own prices; the prices file and the published prices apply again.",
        epilog="Example:\n  pulse prices clear default",
    )
    clear.set_defaults(run=run_clear)
    for action in (put, show, clear):
        action.add_argument("project", metavar="PROJECT", help="the project's id or name")
        action.add_argument("--json", action="store_true", help="print JSON with the HTTP API's field names")
        add_store_settings(action)
    put.add_argument("file", metavar="FILE", type=Path, help="TOML, or JSON if its name ends in .json")


def run_set(arguments: argparse.Namespace) -> int:
    document = read_prices(arguments.file)
    project, prices = asyncio.run(_set(settings_from(arguments), arguments.project, document))
    if arguments.json:
        print(json.dumps(prices_object(project.id, prices, date)))
    else:
        print(f"{project.name}: {len(document.prices)} prices, {project_version(document)}; {_NOTE}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    project, prices = asyncio.run(_show(settings_from(arguments), arguments.project))
    if arguments.json:
        print(json.dumps(prices_object(project.id, prices, date)))
        return 0
    document = read_json(prices.document)
    print(f"{project.name}: {project_version(document)}, set {date(prices.updated_ns)}")
    names = [
        name
        for name in TokenPrices.NAMES
        if any(getattr(entry, name) is not None for entry in document.prices)
    ]
    headings = ("PROVIDER", "MODEL", "FROM", *(name.upper() for name in names), "")
    print(table(headings, [_cells(entry, names) for entry in document.prices]))
    return 0


def run_clear(arguments: argparse.Namespace) -> int:
    project = asyncio.run(_clear(settings_from(arguments), arguments.project))
    if arguments.json:
        print(json.dumps({"projectId": project.id, "cleared": True}))
    else:
        print(f"{project.name}: deleted its own prices")
    return 0


async def _set(settings: Settings, named: str, document: PriceDocument) -> tuple[Project, ProjectPrices]:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        prices = ProjectPrices(document.text, time.time_ns())
        await storage.put_project_prices(project.id, prices)
        return project, prices


async def _show(settings: Settings, named: str) -> tuple[Project, ProjectPrices]:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        prices = await storage.project_prices(project.id)
    if prices is None:
        raise _none(project)
    return project, prices


async def _clear(settings: Settings, named: str) -> Project:
    async with existing_store(settings) as storage:
        project = await find_project(storage, named)
        if not await storage.delete_project_prices(project.id):
            raise _none(project)
    return project


def _none(project: Project) -> CommandFailed:
    return CommandFailed(
        f"project '{project.name}' has no prices of its own; set them with `pulse prices set`"
    )


def _cells(entry: PriceEntry, names: list[str]) -> tuple[str, ...]:
    prices = (getattr(entry, name) for name in names)
    notes = [] if entry.service_tier is None else [f"service tier {entry.service_tier}"]
    notes += [f"above {tier.above} tokens: other prices" for tier in entry.tiers]
    notes += ["overrides reported costs"] if entry.override_reported else []
    return (
        entry.provider or "*",
        entry.model,
        entry.valid_from.date().isoformat() if entry.valid_from is not None else "always",
        *("" if price is None else f"{price:g}" for price in prices),
        ", ".join(notes),
    )
