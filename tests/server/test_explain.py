"""`pulse explain` and `POST /v1/explain`, tested with the real command and server."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.server.serving import environ_for, free_ports, run_pulse, serving
from tests.support.captures import FOLDER

from pulse_collector.mapping.spans import map_spans
from pulse_server.cli import main
from pulse_storage import open_storage
from pulse_storage.keys import key_record, new_key
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.rows import Project, TraceRecord

SPANS = FOLDER / "openinference" / "a_cache.pb"
LOGGED = FOLDER / "openllmetry-events" / "chat_tools"


@pytest.mark.slow
def test_command_and_server_return_the_same_explanation(tmp_path: Path, database_url: str) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[[prices]]\nmodel = "claude-*"\ninput = 1.0\noutput = 2.0\n')
    environ = {"DATABASE_URL": database_url, "PULSE_PRICES_FILE": str(prices)}
    with (
        serving(tmp_path / "data", None, "--only", "collector", **environ) as server,
        # Explanations are also served by a process with the role `query`.
        serving(tmp_path / "data", None, "--only", "query", **environ) as query,
    ):
        request = urllib.request.Request(
            f"{query.url}/v1/explain",
            SPANS.read_bytes(),
            {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            explanation = json.load(answer)
        request.remove_header("Authorization")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=30)
    printed = run_pulse(
        "explain", str(SPANS), "--json", environ=environ_for(tmp_path / "data", free_ports(), **environ)
    )
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout) == explanation
    assert [span["counted"] for span in explanation["spans"]] == [False, True]


def test_command_uses_the_prices_of_file_and_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prices_file = tmp_path / "prices.toml"
    prices_file.write_text('[[prices]]\nmodel = "claude-*"\ninput = 1.0\noutput = 2.0\n')
    own = tmp_path / "own.toml"
    own.write_text('[[prices]]\nmodel = "claude-*"\nper_call = 5.0\n')
    environ = environ_for(tmp_path / "data", free_ports()) | {"PULSE_PRICES_FILE": str(prices_file)}
    assert run_pulse("projects", "create", "shop", environ=environ).returncode == 0
    assert run_pulse("prices", "set", "shop", str(own), environ=environ).returncode == 0
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def explained_cost(*options: str) -> tuple[object, object]:
        assert main(["explain", str(SPANS), "--json", *options]) == 0
        spans = json.loads(capsys.readouterr().out)["spans"]
        return spans[-1]["columns"]["cost_cents"]["value"], spans[-1]["cost"]

    cost, why = explained_cost()
    # 2109 input tokens at 1 dollar per million, 12 output tokens at 2.
    assert cost == 0.2133
    assert "computed by prices.toml@" in str(why)
    cost, why = explained_cost("--project", "shop")
    assert cost == 500.0
    assert "computed by project@" in str(why)


def test_unknown_project_is_a_one_line_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["projects", "create", "shop"]) == 0
    assert main(["explain", str(SPANS), "--project", "unknown"]) == 1
    assert "no project has the id or name 'unknown'" in capsys.readouterr().err


def test_text_has_columns_sources_and_reasons_of_counting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(SPANS)]) == 0
    printed = capsys.readouterr().out
    assert (
        "dialect                   openinference, recognised by its scope 'openinference.instrumentation"
        in printed
    )
    assert "input_tokens            2109  ← llm.token_count.prompt" in printed
    assert "counted                   no: 2 spans describe the same call" in printed
    assert "input.mime_type: the row already has what it contains" in printed


def test_companion_file_of_log_records_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(LOGGED), "--json"]) == 0
    explanation = json.loads(capsys.readouterr().out)
    assert explanation["logs"]
    assert all(log["declined"] is None for log in explanation["logs"])
    assert any("request_body" in span["completed"] for span in explanation["spans"])


def test_standard_input_is_read(tmp_path: Path) -> None:
    environ = environ_for(tmp_path, free_ports())
    missing = run_pulse("explain", "-", environ=environ)
    assert (missing.returncode, missing.stdout) == (0, "The request is empty.\n")


def test_stored_trace_and_stored_row_are_explained(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    request = ExportTraceServiceRequest.FromString(SPANS.read_bytes())
    trace_id = request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()

    async def store() -> list[TraceRecord]:
        storage = open_storage(database_url)
        for name in ("other", "shop"):
            key = key_record(new_key(), name, created_ns=0)
            await storage.create_project(Project(name, name, 0), key)
        await storage.ingest(map_spans("shop", request, 0).rows)
        where = TraceFilter(operation="all", counted=None)
        rows = (await storage.list_traces("shop", where, Page(order="asc"))).rows
        await storage.close()
        return rows

    rows = asyncio.run(store())
    assert main(["explain", trace_id, "--json"]) == 0
    explanation = json.loads(capsys.readouterr().out)
    assert [span["counted"] for span in explanation["spans"]] == [row.counted for row in rows]
    assert [span["columns"]["trace_id"]["value"] for span in explanation["spans"]] == [
        str(row.trace_id) for row in rows
    ]
    assert "read from the store, which does not keep the attributes" in explanation["notes"][0]

    [counted] = [row for row in rows if row.counted]
    assert main(["explain", str(counted.trace_id)]) == 0
    printed = capsys.readouterr().out
    assert "counted                   yes: 2 spans describe the same call" in printed
    assert "input_tokens            2109" in printed
    assert printed.count("counted    ") == 1

    assert main(["explain", "f" * 32]) == 1
    assert "no project of the store has a trace or row with the id ffff" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is neither a file, nor a trace id (32 hexadecimal digits), nor a row's id (a UUID)"),
        (b"\xff\xff", "the body is not an ExportLogsServiceRequest in protobuf"),
        (b'{"spans": []}', "neither 'resourceSpans' nor 'resourceLogs'"),
    ],
)
def test_unreadable_target_is_a_one_line_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "spans"
    if content is not None:
        path.write_bytes(content)
    assert main(["explain", str(path)]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert message in printed.err
