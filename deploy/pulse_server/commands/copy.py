"""`pulse copy`: copy all data of one store to another and verify the copy."""

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
from pulse_storage.copying import Copied, Side, copy
from pulse_storage.engines import Store, is_new


def configure(parser: Parser) -> None:
    parser.description = (
        "Copies projects, keys, prices, policies, rows, content and analytics between SQLite and\n"
        "PostgreSQL, in either direction. The source's server may keep running: stop it afterwards and run\n"
        "the command again, which copies only newer data. Exit code 1 unless both stores have equal data."
    )
    parser.epilog = "Example:\n  pulse copy sqlite:////var/lib/pulse/pulse.db postgresql://pulse@db/pulse"
    parser.add_argument("source", metavar="SRC", help="URL of the store to read, as in DATABASE_URL")
    parser.add_argument(
        "target", metavar="DST", help="URL of the store to write; its other projects are kept"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    source, target = str(arguments.source), str(arguments.target)
    if source == target:
        raise CommandFailed("source and target are the same store")
    if is_new(source):
        raise CommandFailed(f"cannot copy {hide_password(source)}: there is no store")
    done = asyncio.run(_copy(source, target))
    verified = all(project.verified for project in done)
    if arguments.json:
        document = {
            "source": hide_password(source),
            "target": hide_password(target),
            "verified": verified,
            "projects": [_as_json(project) for project in done],
        }
        print(json.dumps(document))
    else:
        for project in done:
            print(
                f"{project.project.name}: {project.source.rows:,} rows, {project.put_rows:,} copied,"
                f" {'verified' if project.verified else 'NOT equal yet'}"
            )
    if not verified:
        raise CommandFailed(
            "the stores differ: rows were stored during the comparison, or the target has further rows;"
            " stop the source's server and run the command again"
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


async def _opened(stack: AsyncExitStack, url: str) -> Store:
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
