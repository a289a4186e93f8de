"""`pulse copy`: everything of one store, carried into another."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack

from pulse_server.arguments import CommandFailed, Parser
from pulse_server.progress import Progress
from pulse_server.settings import hide_password
from pulse_storage import open_storage
from pulse_storage.adapter import StorageAdapter
from pulse_storage.sql.copy.copying import Copied, Side, copy
from pulse_storage.sqlite.connection import sqlite_path


def configure(parser: Parser) -> None:
    parser.description = (
        "Copies projects, keys, prices, policies, rows, content and sums, between SQLite\n"
        "and PostgreSQL either way. The source may serve meanwhile: say it again once it has been\n"
        "stopped, and only what came since is carried. Exit code 1 unless both are found to be the same."
    )
    parser.epilog = "Example:\n  pulse copy sqlite:////var/lib/pulse/pulse.db postgresql://pulse@db/pulse"
    parser.add_argument("source", metavar="SRC", help="URL of the store to read, as in DATABASE_URL")
    parser.add_argument("target", metavar="DST", help="URL of the store to fill; other projects in it stay")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    source, target = str(arguments.source), str(arguments.target)
    if source == target:
        raise CommandFailed("source and target are the same store")
    if source.startswith("sqlite:") and not sqlite_path(source).exists():
        raise CommandFailed(f"cannot copy {source}: there is no such file")
    done = asyncio.run(_copy(source, target))
    verified = all(project.verified for project in done)
    if arguments.json:
        told = {"source": hide_password(source), "target": hide_password(target), "verified": verified}
        print(json.dumps({**told, "projects": [_as_json(project) for project in done]}))
    else:
        for project in done:
            print(
                f"{project.project.name}: {project.source.rows:,} rows, {project.put_rows:,} carried,"
                f" {'verified' if project.verified else 'NOT the same yet'}"
            )
    if not verified:
        raise CommandFailed(
            "the stores differ: rows came while they were compared, or the target has rows of its own;"
            " stop the source and say it again"
        )
    return 0


async def _copy(source_url: str, target_url: str) -> Sequence[Copied]:
    async with AsyncExitStack() as stack:
        source = await _opened(stack, source_url)
        target = await _opened(stack, target_url)
        with Progress() as progress:
            before = 0

            def note(done: Copied, rows: int) -> None:
                nonlocal before
                seen = done.source.rows
                rate = (before + seen) / progress.elapsed_s
                left_s = max(rows - seen, 0) / max(rate, 1.0)
                progress.show(
                    f"{done.project.name}, pass {done.passes}: {seen:,} of {rows:,} rows,"
                    f" {rate:,.0f} rows/s, {left_s:,.0f} s left"
                )
                if seen >= rows:
                    before += seen

            return await copy(source, target, note=note)


async def _opened(stack: AsyncExitStack, url: str) -> StorageAdapter:
    storage = await asyncio.to_thread(open_storage, url)
    stack.push_async_callback(storage.close)
    return storage


def _as_json(done: Copied) -> dict[str, object]:
    return {
        "projectId": done.project.id,
        "name": done.project.name,
        "verified": done.verified,
        "rowsCarried": done.put_rows,
        "logEvents": done.put_events,
        "passes": done.passes,
        "source": _side(done.source),
        "target": _side(done.target),
    }


def _side(side: Side) -> dict[str, object]:
    return {
        "rows": side.rows,
        "calls": side.calls,
        "tokens": side.tokens,
        "cost": side.cost_nano_usd / 1e7,
        "checksum": side.digest.hex(),
    }
