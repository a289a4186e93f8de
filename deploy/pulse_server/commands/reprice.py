"""`pulse reprice`: recompute the cost of stored calls at current prices."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from typing import TypeAlias

from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.stored import span_pricing
from pulse_query_api.times import unix_ns
from pulse_server.arguments import Parser, WrongUsage, add_store_settings, settings_from
from pulse_server.find_project import find_project
from pulse_server.prices_file import file_prices
from pulse_server.prices_in_force import prices_in_force
from pulse_server.progress import Progress
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_server.tables import date, table
from pulse_storage.repricing import ModelCosts, Repriced, RepriceJob
from pulse_storage.rows import Project
from pulse_storage.trace_json import NANO_USD_PER_CENT

_Found: TypeAlias = list[tuple[Project, Repriced]]


def configure(parser: Parser) -> None:
    parser.description = (
        "Recomputes the cost of stored calls with the current price list, using the prices valid at the\n"
        "time of each call. Prints the difference by model, and changes rows and analytics. Reported costs\n"
        "are kept unless a custom price overrides them. Servers may keep running. After an interruption\n"
        "the same command resumes."
    )
    parser.epilog = "Example:\n  pulse reprice --from 2026-11-01 --to 2026-12-01 --dry-run"
    parser.add_argument(
        "--from",
        dest="since",
        type=_time_ns,
        required=True,
        metavar="DATE",
        help="first time of calls to reprice (a date or date-time, UTC)",
    )
    parser.add_argument(
        "--to",
        dest="before",
        type=_time_ns,
        required=True,
        metavar="DATE",
        help="time before which calls are repriced",
    )
    parser.add_argument("--project", help="a project's id or name (default: all projects)")
    parser.add_argument("--dry-run", action="store_true", help="print the difference; change nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_store_settings(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)
    file = file_prices(settings)
    if arguments.since >= arguments.before:
        raise WrongUsage("--to must be later than --from")
    found = asyncio.run(_reprice(settings, file, arguments))
    if arguments.json:
        print(json.dumps(_as_json(found, arguments)))
    else:
        print(_as_text(found, dry_run=arguments.dry_run))
    return 0


async def _reprice(settings: Settings, file: CustomPrices | None, arguments: argparse.Namespace) -> _Found:
    found: _Found = []
    async with existing_store(settings) as storage:
        if arguments.project is None:
            projects = await storage.list_projects()
        else:
            projects = [await find_project(storage, arguments.project)]
        with Progress() as progress:
            for project in projects:
                prices = await prices_in_force(storage, project, file)
                job = RepriceJob(arguments.since, arguments.before, prices.version)
                price = span_pricing(prices)
                so_far = None if arguments.dry_run else await storage.repriced_so_far(project.id, job)
                so_far = so_far or Repriced()
                while not so_far.done:
                    so_far = await storage.reprice(project.id, job, price, so_far, dry_run=arguments.dry_run)
                    progress.show(_progress(project, so_far))
                found.append((project, so_far))
    return found


def _progress(project: Project, so_far: Repriced) -> str:
    # The first six bytes of a row id are its time in milliseconds (`ids.row_id`).
    at = f", at {date(int.from_bytes(so_far.position[:6], 'big') * 1_000_000)}" if so_far.position else ""
    return f"repricing {project.name}: {so_far.calls:,} calls, {so_far.changed:,} changed{at}"


def _as_text(found: _Found, *, dry_run: bool) -> str:
    models: dict[tuple[str | None, str | None], ModelCosts] = {}
    for _, repriced in found:
        for key, costs in repriced.models.items():
            models[key] = models.get(key, ModelCosts()).plus(costs)
    calls = sum(repriced.calls for _, repriced in found)
    changed = sum(repriced.changed for _, repriced in found)
    verb = "would change" if dry_run else "changed"
    summary = f"read {calls:,} rows of calls, {verb} {changed:,}; costs in cents"
    if not models:
        return summary
    headings = ("PROVIDER", "MODEL", "CALLS", "BEFORE", "AFTER", "DIFFERENCE", "NEWLY PRICED", "UNPRICED")
    rows = [
        _cells(provider or "-", model or "-", costs) for (provider, model), costs in _by_difference(models)
    ]
    total = ModelCosts()
    for costs in models.values():
        total = total.plus(costs)
    return f"{table(headings, [*rows, _cells('', 'all', total)])}\n\n{summary}"


def _by_difference(
    models: Mapping[tuple[str | None, str | None], ModelCosts],
) -> list[tuple[tuple[str | None, str | None], ModelCosts]]:
    """Sort models by the absolute difference of their costs, largest first."""
    return sorted(
        models.items(),
        key=lambda item: (-abs(item[1].after_nano_usd - item[1].before_nano_usd), str(item[0])),
    )


def _cells(provider: str, model: str, costs: ModelCosts) -> tuple[str, ...]:
    difference = costs.after_nano_usd - costs.before_nano_usd
    return (
        provider,
        model,
        f"{costs.calls:,}",
        f"{costs.before_nano_usd / NANO_USD_PER_CENT:,.4f}",
        f"{costs.after_nano_usd / NANO_USD_PER_CENT:,.4f}",
        f"{difference / NANO_USD_PER_CENT:+,.4f}",
        f"{costs.newly_priced:,}",
        f"{costs.unpriced:,}",
    )


def _as_json(found: _Found, arguments: argparse.Namespace) -> dict[str, object]:
    return {
        "from": date(arguments.since),
        "to": date(arguments.before),
        "dryRun": arguments.dry_run,
        "projects": [
            {
                "projectId": project.id,
                "name": project.name,
                "calls": repriced.calls,
                "changed": repriced.changed,
                "models": [
                    {
                        "provider": provider,
                        "model": model,
                        "calls": costs.calls,
                        "costBefore": costs.before_nano_usd / NANO_USD_PER_CENT,
                        "costAfter": costs.after_nano_usd / NANO_USD_PER_CENT,
                        "difference": (costs.after_nano_usd - costs.before_nano_usd) / NANO_USD_PER_CENT,
                        "newlyPriced": int(costs.newly_priced),
                        "unpriced": int(costs.unpriced),
                    }
                    for (provider, model), costs in _by_difference(repriced.models)
                ],
            }
            for project, repriced in found
        ],
    }


def _time_ns(text: str) -> int:
    try:
        return unix_ns(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a date; use the form 2026-11-01 or 2026-11-01T12:00:00Z"
        ) from None
