"""`pulse retention`: set, show and apply the retention policies of projects."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace

from pulse_query_api.json_objects import retention_object
from pulse_server.arguments import CommandFailed, Parser, add_store_settings, settings_from
from pulse_server.find_project import find_project
from pulse_server.progress import Progress
from pulse_server.settings import Settings
from pulse_server.store import existing_store
from pulse_server.tables import date, date_or, mib, table
from pulse_storage.engines import Store
from pulse_storage.maintenance import RetentionProgress, RetentionReport
from pulse_storage.retention import PolicyRefused, RetentionPolicy, policy_from_json
from pulse_storage.rows import Project


def configure(parser: Parser) -> None:
    parser.description = (
        "A policy limits the age of content, the age of rows and the size of a project. Works directly on\n"
        "the store, without a server; running servers apply policies every PULSE_RETENTION_EVERY_MINUTES."
    )
    parser.epilog = "Example:\n  pulse retention set shop --content-days 30 --keep-errors"
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    change = actions.add_parser(
        "set",
        help="set a project's own policy",
        description="Changes the given fields of a project's policy and keeps the other fields.\n"
        "'none' removes a limit.",
        epilog="Example:\n  pulse retention set shop --content-days 30 --rows-days none --keep-tag golden",
    )
    change.add_argument("project", metavar="PROJECT", help="the project's id or name")
    change.add_argument(
        "--content-days", type=_limit, metavar="DAYS", help="delete the content of calls older than this"
    )
    change.add_argument("--rows-days", type=_limit, metavar="DAYS", help="delete rows older than this")
    change.add_argument(
        "--max-mib",
        type=_limit,
        metavar="MIB",
        help="delete the oldest data above this size",
    )
    change.add_argument(
        "--keep-errors", action=argparse.BooleanOptionalAction, help="exempt failed calls from every limit"
    )
    change.add_argument(
        "--keep-tag", action="append", metavar="TAG", help="exempt calls with this tag (can be repeated)"
    )
    change.add_argument("--no-keep-tags", action="store_true", help="exempt no tag")
    change.add_argument(
        "--default", action="store_true", help="remove the project's policy; PULSE_RETENTION_* apply again"
    )
    change.set_defaults(run=run_set)
    show = actions.add_parser(
        "show",
        help="show a project's policy",
        description="Shows a project's policy, and the start of its remaining content and rows.",
        epilog="Example:\n  pulse retention show shop",
    )
    show.add_argument("project", metavar="PROJECT", help="the project's id or name")
    show.set_defaults(run=run_show)
    now = actions.add_parser(
        "run",
        help="delete what the policies have expired",
        description="Deletes the content and rows that the policies have expired. Servers may keep running.\n"
        "It can be interrupted and run again at any time. Analytics still count deleted rows.",
        epilog="Example:\n  pulse retention run --dry-run",
    )
    now.add_argument("--project", metavar="PROJECT", help="the id or name of one project (default: all)")
    now.add_argument("--dry-run", action="store_true", help="print what would be deleted; change nothing")
    now.add_argument(
        "--vacuum",
        action="store_true",
        help="then run VACUUM; with SQLite this shrinks the file, and writes wait meanwhile",
    )
    now.set_defaults(run=run_now)
    for action in (change, show, now):
        action.add_argument("--json", action="store_true", help="print JSON with the HTTP API's field names")
        add_store_settings(action)


def run_set(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)

    async def change() -> tuple[Project, RetentionPolicy | None, RetentionProgress]:
        async with existing_store(settings) as storage:
            project = await find_project(storage, arguments.project)
            own = await storage.retention_policy(project.id)
            policy = None if arguments.default else _changed(own or settings.retention, arguments)
            await storage.set_retention_policy(project.id, policy)
            return project, policy, await storage.maintenance.progress(project.id)

    _show(*asyncio.run(change()), settings, as_json=arguments.json)
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    settings = settings_from(arguments)

    async def find() -> tuple[Project, RetentionPolicy | None, RetentionProgress]:
        async with existing_store(settings) as storage:
            project = await find_project(storage, arguments.project)
            return (
                project,
                await storage.retention_policy(project.id),
                await storage.maintenance.progress(project.id),
            )

    _show(*asyncio.run(find()), settings, as_json=arguments.json)
    return 0


def run_now(arguments: argparse.Namespace) -> int:
    reports = asyncio.run(_run(settings_from(arguments), arguments))
    if arguments.json:
        print(json.dumps([_as_json(report) for report in reports]))
        return 0
    headings = ("PROJECT", "ID", "ROWS", "CONTENTS", "MIB", "POLICY")
    rows = [
        (
            report.project.name,
            report.project.id,
            f"{report.rows:,}",
            f"{report.contents:,}",
            mib(report.size_bytes),
            _policy_text(report.policy),
        )
        for report in reports
    ]
    print(table(headings, rows))
    for report in reports:
        if report.plan.over_bytes:
            print(
                f"{report.project.name} remains {mib(report.plan.over_bytes)} MiB above its size limit:"
                " its remaining rows are exempt or less than a day old"
            )
    print("nothing was changed; MIB is an estimate" if arguments.dry_run else "done")
    return 0


async def _run(settings: Settings, arguments: argparse.Namespace) -> Sequence[RetentionReport]:
    async with existing_store(settings) as storage:
        projects = await _projects(storage, arguments.project)
        if arguments.dry_run:
            return await storage.maintenance.preview(projects, settings.retention, time.time_ns())
        with Progress() as progress:

            def note(report: RetentionReport) -> None:
                progress.show(
                    f"{report.project.name}: {report.rows:,} of {report.plan.rows or '?'} rows,"
                    f" content of {report.contents:,} rows, {mib(report.size_bytes)} MiB"
                )

            reports = await storage.maintenance.apply(projects, settings.retention, time.time_ns(), note=note)
            if arguments.vacuum:
                progress.show("rewriting the file", now=True)
                await storage.maintenance.compact()
        return reports


async def _projects(storage: Store, named: str | None) -> list[Project]:
    return await storage.list_projects() if named is None else [await find_project(storage, named)]


def _changed(policy: RetentionPolicy, arguments: argparse.Namespace) -> RetentionPolicy:
    limits = {
        "content_days": arguments.content_days,
        "rows_days": arguments.rows_days,
        "max_mib": arguments.max_mib,
    }
    for name, limit in limits.items():
        if limit is not None:
            policy = replace(policy, **{name: limit or None})  # pyright: ignore[reportArgumentType]
    if arguments.keep_errors is not None:
        policy = replace(policy, keep_errors=arguments.keep_errors)
    if arguments.no_keep_tags or arguments.keep_tag:
        policy = replace(policy, keep_tags=tuple(arguments.keep_tag or ()))
    try:
        return policy_from_json({**policy.as_json(), "keepTags": list(policy.keep_tags)})
    except PolicyRefused as error:
        raise CommandFailed(str(error)) from error


def _limit(text: str) -> int:
    """Parse a limit: a positive whole number, or 0 for 'none'. Raises ArgumentTypeError."""
    if text.lower() == "none":
        return 0
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is neither a positive whole number nor 'none'")
    return int(text)


def _show(
    project: Project,
    own: RetentionPolicy | None,
    progress: RetentionProgress,
    settings: Settings,
    *,
    as_json: bool,
) -> None:
    policy = own or settings.retention
    if as_json:
        document = retention_object(
            project.id,
            policy,
            is_own=own is not None,
            content_from_ns=progress.content_from_ns,
            rows_from_ns=progress.rows_from_ns,
            format_time=date,
        )
        print(json.dumps(document))
        return
    print(f"project       {project.name} ({project.id})")
    print(f"policy        {_policy_text(policy)}{' (default from the settings)' if own is None else ''}")
    print(f"content from  {date_or(progress.content_from_ns, 'the beginning')}")
    print(f"rows from     {date_or(progress.rows_from_ns, 'the beginning')}")


def _policy_text(policy: RetentionPolicy) -> str:
    if policy.keeps_everything:
        return "keeps everything"
    limits = [
        f"content {policy.content_days} days" if policy.content_days else "",
        f"rows {policy.rows_days} days" if policy.rows_days else "",
        f"at most {policy.max_mib} MiB" if policy.max_mib else "",
        "keeps errors" if policy.keep_errors else "",
        f"keeps tags {', '.join(policy.keep_tags)}" if policy.keep_tags else "",
    ]
    return "; ".join(limit for limit in limits if limit)


def _as_json(report: RetentionReport) -> dict[str, object]:
    planned = report.plan
    return {
        "projectId": report.project.id,
        "policy": report.policy.as_json(),
        "rows": report.rows,
        "contents": report.contents,
        "bytes": report.size_bytes,
        "contentFrom": date_or(planned.content_before_ns, None),
        "rowsFrom": date_or(planned.rows_before_ns, None),
        "overBytes": planned.over_bytes,
    }
