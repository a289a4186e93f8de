"""`pulse explain` and `POST /v1/explain` as people use them: real command, real server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.server.serving import environ_for, free_ports, run_pulse, serving
from tests.support.captures import FOLDER

from pulse_server.cli import main

SPANS = FOLDER / "openinference" / "a_cache.pb"
LOGGED = FOLDER / "openllmetry-events" / "chat_tools"


def test_the_command_and_the_server_tell_the_same(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        request = urllib.request.Request(
            f"{server.url}/v1/explain",
            SPANS.read_bytes(),
            {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.load(answer)
        request.remove_header("Authorization")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=30)
    printed = run_pulse("explain", str(SPANS), "--json", environ=environ_for(tmp_path / "data", free_ports()))
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout) == told
    assert [span["counted"] for span in told["spans"]] == [False, True]


def test_text_names_columns_their_sources_and_why_a_row_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(SPANS)]) == 0
    printed = capsys.readouterr().out
    assert (
        "dialect                 openinference, told by its scope 'openinference.instrumentation" in printed
    )
    assert "input_tokens          2109  ← llm.token_count.prompt" in printed
    assert "counted                 no: 2 spans tell of the same call" in printed
    assert "input.mime_type: it says nothing that the row does not know already" in printed


def test_a_capture_is_read_with_its_log_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(LOGGED), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["logs"]
    assert all(log["declined"] is None for log in told["logs"])
    assert any("request_body" in span["completed"] for span in told["spans"])


def test_standard_input_is_read(tmp_path: Path) -> None:
    environ = environ_for(tmp_path, free_ports())
    missing = run_pulse("explain", "-", environ=environ)
    assert (missing.returncode, missing.stdout) == (0, "Nothing is in it.\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no file, nor a trace id (32 hexadecimal digits) or the id of a row (a UUID)"),
        (b"\xff\xff", "the body is not an ExportLogsServiceRequest in protobuf"),
        (b'{"spans": []}', "neither 'resourceSpans' nor 'resourceLogs' is in it"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "spans"
    if content is not None:
        path.write_bytes(content)
    assert main(["explain", str(path)]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert message in printed.err
