"""Retention, erasure and copies: by the commands, during load on a server, and by the server itself."""

from __future__ import annotations

import asyncio
import json
import random
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.server.load import Load, export_request
from tests.server.serving import Ports, Serving, environ_for, run_pulse, serving
from tests.support.rows import DAY_NS, project, span

from pulse_server.maintenance import run_maintenance_once
from pulse_storage import open_storage
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import SignInToken, WebSession

#: The ports of commands, which do not listen.
_PORTS = Ports(0, 0, 0)


@pytest.mark.slow
def test_retention_commands_set_show_and_apply_policies(tmp_path: Path, database_url: str) -> None:
    environ = environ_for(tmp_path / "data", _PORTS, DATABASE_URL=database_url)
    now_ns = time.time_ns()
    asyncio.run(_store(database_url, now_ns, ages_days=(1, 40, 400), failed_days=(500,)))
    shown = _json(run_pulse("retention", "show", "p", "--json", environ=environ))
    assert (shown["source"], shown["policy"]["rowsDays"]) == ("settings", None)
    options = ("--content-days", "30", "--rows-days", "365", "--keep-errors", "--keep-tag", "gold", "--json")
    stored = _json(run_pulse("retention", "set", "p", *options, environ=environ))
    assert stored["policy"] == {
        "contentDays": 30, "rowsDays": 365, "maxMib": None, "keepErrors": True, "keepTags": ["gold"],
    }  # fmt: skip
    changed = _json(run_pulse("retention", "set", "p", "--content-days", "none", "--json", environ=environ))
    assert (changed["policy"]["contentDays"], changed["policy"]["rowsDays"]) == (None, 365)
    would = _json(run_pulse("retention", "run", "--dry-run", "--json", environ=environ))
    did = _json(run_pulse("retention", "run", "--json", environ=environ))
    assert [row["rows"] for row in would] == [row["rows"] for row in did] == [1]
    assert did[0]["bytes"] > 0
    again = run_pulse("retention", "run", "--project", "p", "--vacuum", environ=environ)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "done")
    back = _json(run_pulse("retention", "set", "p", "--default", "--json", environ=environ))
    assert back["source"] == "settings"
    wrong = run_pulse("retention", "set", "p", "--rows-days", "-1", environ=environ)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    unknown = run_pulse("retention", "show", "unknown", environ=environ)
    # PostgreSQL of the tests runs without fsync: an earlier line warns of that.
    assert (unknown.returncode, unknown.stderr.splitlines()[-1][:7]) == (1, "pulse: ")


@pytest.mark.slow
def test_commands_succeed_during_load_on_a_server(tmp_path: Path, database_url: str) -> None:
    data_dir, copied = tmp_path / "data", tmp_path / "copied" / "pulse.db"
    copied.parent.mkdir()
    source, target = database_url, f"sqlite:///{copied}"
    with serving(data_dir, DATABASE_URL=database_url) as server:
        environ = environ_for(data_dir, server.ports, DATABASE_URL=database_url)
        load = Load(server.ports, server.key, seed=7)
        load.wait_until_acknowledged()
        ran = run_pulse("retention", "run", "--json", environ=environ)
        assert ran.returncode == 0, ran.stderr
        erased = run_pulse(
            "erase", "--project", "default", "--user", "unknown", "--yes", "--json", environ=environ
        )
        assert (erased.returncode, json.loads(erased.stdout)["rows"]) == (0, 0), erased.stderr
        # 1: the server stored rows after the last pass of the copy.
        assert run_pulse("copy", source, target, environ=environ).returncode in (0, 1)
        sent = load.stop()
        assert not sent.refused
        assert server.stop() == 0
    done = _json(run_pulse("copy", source, target, "--json", environ=environ))
    assert done["verified"] is True
    (one,) = done["projects"]
    assert one["source"] == one["target"]
    assert one["source"]["rows"] >= len(sent.acknowledged)
    again = _json(run_pulse("copy", source, target, "--json", environ=environ))
    assert [row["rowsCarried"] for row in again["projects"]] == [0]


def test_erase_of_a_user_needs_the_option_yes(tmp_path: Path, database_url: str) -> None:
    environ = environ_for(tmp_path / "data", _PORTS, DATABASE_URL=database_url)
    asyncio.run(_store(database_url, time.time_ns(), ages_days=(1, 2, 3)))
    user = ("--project", "p", "--user", " ana ")
    counted = _json(run_pulse("erase", *user, "--dry-run", "--json", environ=environ))
    assert counted == {"rows": 3, "calls": 3}
    unconfirmed = run_pulse("erase", *user, environ=environ)
    assert (unconfirmed.returncode, unconfirmed.stdout) == (1, "")
    assert "confirm with --yes" in unconfirmed.stderr
    done = _json(run_pulse("erase", *user, "--yes", "--json", environ=environ))
    assert (done["rows"], done["calls"], done["finishedAt"] is not None) == (3, 3, True)
    assert "ana" not in json.dumps(done)
    for wrong in ((*user, "--session", "s"), ("--project", "p", "--user", " ")):
        refused = run_pulse("erase", *wrong, environ=environ)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def test_maintenance_applies_retention_and_finishes_erasures(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> tuple[int, list[Any]]:
        storage = open_storage(database_url)
        await storage.order_erasure("p", "session_id", "s40")
        await run_maintenance_once(storage, RetentionPolicy(rows_days=365))
        left = (await storage.count_traces("p", TraceFilter())).rows
        unfinished = await storage.unfinished_erasures()
        await storage.close()
        return left, list(unfinished)

    asyncio.run(_store(database_url, time.time_ns(), ages_days=(0, 1, 40, 400)))
    with caplog.at_level("INFO", logger="pulse.maintenance"):
        assert asyncio.run(work()) == (2, [])
    messages = [record.getMessage() for record in caplog.records]
    assert any(message.startswith("retention of project p: deleted 1 rows") for message in messages)
    assert any("deleted 1 rows" in message and message.startswith("erasure ") for message in messages)


def test_span_older_than_the_retention_is_refused_with_the_reason(tmp_path: Path, database_url: str) -> None:
    data_dir = tmp_path / "data"
    settings = {"DATABASE_URL": database_url, "PULSE_RETENTION_ROWS_DAYS": "1"}
    with serving(data_dir, None, **settings) as server:
        environ = environ_for(data_dir, server.ports, **settings)
        assert run_pulse("retention", "run", environ=environ).returncode == 0
        answer = _export(server, time.time_ns() - 3 * DAY_NS)
        assert "this project no longer keeps rows of that time (retention)" in answer
        assert _export(server, time.time_ns()) == ""


def _export(server: Serving, start_ns: int) -> str:
    """Send one span that starts then; return the error message of the response."""
    _, body = export_request(random.Random(start_ns), 1)
    message = ExportTraceServiceRequest.FromString(body)
    made = message.resource_spans[0].scope_spans[0].spans[0]
    made.start_time_unix_nano, made.end_time_unix_nano = start_ns, start_ns + 1
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-protobuf"}
    request = urllib.request.Request(f"{server.url}/v1/traces", message.SerializeToString(), headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return ExportTraceServiceResponse.FromString(answer.read()).partial_success.error_message


async def _store(
    database_url: str, now_ns: int, *, ages_days: tuple[int, ...], failed_days: tuple[int, ...] = ()
) -> None:
    storage = open_storage(database_url)
    made, key = project("p")
    await storage.create_project(made._replace(name="p"), key)
    for days in (*ages_days, *failed_days):
        status = "error" if days in failed_days else "success"
        row = span(
            days + 1, start_ns=now_ns - days * DAY_NS, status=status, user_id="ana", session_id=f"s{days}"
        )
        await storage.ingest([row])
    await storage.close()


def _json(finished: Any) -> Any:
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_maintenance_deletes_expired_sessions_and_tokens(database_url: str) -> None:
    async def run() -> list[object]:
        storage = open_storage(database_url)
        later_ns = time.time_ns() + DAY_NS
        for digest, expires_ns in ((b"expired", 1), (b"valid", later_ns)):
            await storage.put_web_session(WebSession(digest, (), True, None, None, 0, expires_ns, None))
            await storage.put_sign_in_token(SignInToken(digest, False, expires_ns))
        await run_maintenance_once(storage, None)
        found: list[object] = [await storage.web_session(digest) for digest in (b"expired", b"valid")]
        found += [await storage.use_sign_in_token(digest, 0) for digest in (b"expired", b"valid")]
        await storage.close()
        return found

    assert [row is not None for row in asyncio.run(run())] == [False, True, False, True]
