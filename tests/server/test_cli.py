"""The commands that work on the store without a server, their output and their exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pulse_server.commands
from pulse_server.cli import COMMANDS, main
from pulse_server.settings import SETTINGS
from pulse_storage import open_storage
from pulse_storage.keys import key_digest
from pulse_storage.rows import ApiKey


@pytest.fixture(autouse=True)
def _data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    for name in list(os.environ):
        if name.startswith("PULSE_") or name in ("PORT", "DATABASE_URL", "ADMIN_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PULSE_DATA_DIR", str(tmp_path / "data"))


def test_created_project_has_a_key_that_works(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    created = _json(capsys, "projects", "create", "shop", "--json")
    assert (created.keys(), created["name"]) == ({"projectId", "apiKey", "name"}, "shop")
    key = _stored_key(database_url, created["apiKey"])
    assert key is not None
    assert (key.project_id, key.scopes) == (created["projectId"], {"ingest", "read"})
    assert [row["projectId"] for row in _json(capsys, "projects", "list", "--json")] == [created["projectId"]]


def test_key_is_created_listed_and_revoked(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    _json(capsys, "projects", "create", "shop", "--json")
    created = _json(capsys, "keys", "create", "shop", "--scopes", "read", "--expires-days", "1", "--json")
    assert created["scopes"] == ["read"]
    assert created["expiresAt"] > created["createdAt"]
    assert main(["keys", "revoke", created["keyId"]]) == 0
    capsys.readouterr()
    listed = _json(capsys, "keys", "list", "shop", "--json")
    assert [(row["scopes"], row["revokedAt"] is not None) for row in listed] == [
        (["ingest", "read"], False),
        (["read"], True),
    ]
    assert created["apiKey"] not in json.dumps(listed)
    key = _stored_key(database_url, created["apiKey"])
    assert key is not None
    assert key.revoked_ns is not None


def test_lists_are_printed_as_tables(capsys: pytest.CaptureFixture[str]) -> None:
    _json(capsys, "projects", "create", "a shop", "--json")
    assert main(["projects", "list"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["NAME", "ID", "CREATED"]
    assert row.startswith("a shop  ")
    assert main(["keys", "list"]) == 0
    assert "pulse_sk_" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (
            ["keys", "create", "unknown"],
            "no project has the id or name 'unknown'; `pulse projects list` lists all projects",
        ),
        (["keys", "revoke", "none"], "no key has the id 'none'; `pulse keys list` lists the ids"),
        (
            ["projects", "create", "  "],
            "a project's name must be a text of 1 to 200 characters, not blank and without control"
            " characters",
        ),
    ],
)
def test_failure_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], arguments: list[str], output: str
) -> None:
    _json(capsys, "projects", "create", "shop", "--json")
    assert main(arguments) == 1
    assert capsys.readouterr() == ("", f"pulse: {output}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["serve", "--port"],
        ["serve", "--only", "both"],
        ["keys", "create", "shop", "--scopes", "admin"],
        ["keys", "create", "shop", "--expires-days", "0"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out, captured.err.count("\n")) == (2, "", 1)
    assert captured.err.startswith("pulse")


def test_second_project_with_the_same_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    _json(capsys, "projects", "create", "shop", "--json")
    assert main(["projects", "create", "shop"]) == 1
    output = "there is already a project named 'shop'; to add a key to it, run: pulse keys create 'shop'"
    assert capsys.readouterr() == ("", f"pulse: {output}\n")
    assert len(_json(capsys, "projects", "list", "--json")) == 1


def test_project_is_renamed_and_deleted_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    created = _json(capsys, "projects", "create", "shop", "--json")
    _json(capsys, "projects", "create", "bank", "--json")
    assert main(["projects", "rename", "shop", "bank"]) == 1
    assert "there is already a project named 'bank'" in capsys.readouterr().err
    renamed = _json(capsys, "projects", "rename", "shop", "web shop", "--json")
    assert (renamed["projectId"], renamed["name"]) == (created["projectId"], "web shop")
    for options, output in (
        ([], "deleting cannot be undone: confirm with --confirm 'web shop'"),
        (["--confirm", "shop"], "nothing was deleted: the project's name is 'web shop', not 'shop'"),
    ):
        assert main(["projects", "delete", "web shop", *options]) == 1
        assert capsys.readouterr().err == f"pulse: {output}\n"
    deleted = _json(capsys, "projects", "delete", "web shop", "--confirm", "web shop", "--json")
    assert (deleted["by"], deleted["finishedAt"] is not None) == ("project", True)
    assert [row["name"] for row in _json(capsys, "projects", "list", "--json")] == ["bank"]


@pytest.mark.parametrize(
    "command",
    [
        ["keys", "list"],
        ["keys", "create", "shop"],
        ["keys", "revoke", "x"],
        ["projects", "list"],
        ["projects", "rename", "a", "b"],
        ["projects", "delete", "a", "--confirm", "a"],
        ["prices", "show", "shop"],
        ["retention", "show", "shop"],
        ["retention", "run"],
        ["erase", "--project", "shop", "--user", "u", "--yes"],
        ["reprice", "--from", "2026-01-01", "--to", "2026-02-01"],
        ["explain", "0" * 32],
    ],
    ids=" ".join,
)
def test_command_on_stored_data_does_not_create_a_store(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1
    output = capsys.readouterr().err
    assert f"there is no store at {tmp_path / 'data' / 'pulse.db'} yet; `pulse serve` creates it" in output
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        (["srve"], 2, "pulse: unknown command 'srve'; did you mean serve?"),
        (["help", "srve"], 2, "pulse: unknown command 'srve'; did you mean serve?"),
        (["serve", "--prot", "3"], 2, "pulse serve: unknown option --prot; did you mean --port?"),
        (["keys", "crate"], 2, "pulse keys: unknown action 'crate'; did you mean create?"),
        (
            ["projects", "list", "--jsn"],
            2,
            "pulse projects list: unknown option --jsn; did you mean --json?",
        ),
        (["serve", "--only", "both"], 2, "pulse serve: --only: 'both' is not one of collector, query"),
    ],
)
def test_misspelled_word_gets_a_suggestion(
    arguments: list[str], code: int, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (ended.value.code, capsys.readouterr().err.startswith(output)) == (code, True)


def test_invalid_value_is_reported_with_the_option_or_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "x")
    assert main(["serve"]) == 2
    assert main(["serve", "--port", "abc"]) == 2
    assert main(["keys", "list", "--database-url", "mysql://x"]) == 2
    starts = [line.split("'")[0] for line in capsys.readouterr().err.splitlines()]
    assert starts == ["pulse: PORT: ", "pulse: --port: ", "pulse: --database-url: "]


@pytest.mark.parametrize("words", [[], ["help"], ["--help"]], ids=" ".join)
def test_help_and_no_command_print_the_same_page(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if words:
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    else:
        assert main(words) == 0
    assert capsys.readouterr().out.startswith("usage: pulse [-h] [--version] COMMAND ...\n")


def test_version_option_prints_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"pulse \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_migrate_lists_then_applies_migrations_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--dry-run"]) == 0
    would = capsys.readouterr().out
    assert "would apply 0001_spans\n" in would
    assert not (tmp_path / "data").exists()
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out == would.replace("would apply", "applied")
    for arguments in (["migrate"], ["migrate", "--dry-run"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out == "the schema is up to date\n"


def test_version_prints_pulse_first(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "version", "--json")
    assert next(iter(found)) == "pulse"
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"pulse         {found['pulse']}\n")


def test_doctor_of_a_valid_setup_reports_ok_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PORT", "PULSE_OTLP_HTTP_PORT", "PULSE_OTLP_GRPC_PORT"):
        monkeypatch.setenv(name, "0")
    found = _json(capsys, "doctor", "--json")
    assert {finding["about"] for finding in found["findings"]} >= {
        "settings",
        "data",
        "store",
        "port",
        "clock",
    }
    assert all(finding["level"] == "ok" for finding in found["findings"])
    assert found["settings"]["PULSE_DATA_DIR"] == str(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_doctor_reports_problems_that_prevent_a_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    (tmp_path / "data" / "pulse.db").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("PULSE_HOST", "192.0.2.1")
    assert main(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    wrong = {(finding["about"], finding["level"]) for finding in findings if finding["level"] != "ok"}
    assert wrong == {("data", "warning"), ("store", "problem"), ("port", "problem")}


def test_doctor_reports_an_invalid_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_KEEP_SPANS", "some")
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out == "FAIL  settings  PULSE_KEEP_SPANS: 'some' is not one of genai, all\n"


def test_every_module_of_commands_is_a_command() -> None:
    assert {module.name for module in pkgutil.iter_modules(pulse_server.commands.__path__)} == set(COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        *([name] for name in COMMANDS),
        *(["projects", action] for action in ("create", "list", "rename", "delete")),
        *(["keys", action] for action in ("create", "list", "revoke")),
        *(["prices", action] for action in ("set", "show", "clear")),
        *(["retention", action] for action in ("set", "show", "run")),
    ],
    ids=" ".join,
)
def test_every_command_has_help_with_an_example(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    output = capsys.readouterr().out
    assert ended.value.code == 0
    assert re.search(rf"^Examples?:\n  pulse {' '.join(command)}\b", output, re.MULTILINE)


@pytest.mark.parametrize("columns", ["20", "80", "200"])
def test_help_of_serve_lists_settings_without_an_option(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    output = " ".join(capsys.readouterr().out.split())
    for setting in SETTINGS:
        if setting.option is None:
            assert f" {setting.name} {setting.meaning} (default: {setting.default}) " in output


def test_help_lists_every_command_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    output = " ".join(capsys.readouterr().out.split())
    for name, line in COMMANDS.items():
        assert f" {name} {line} " in output


def test_command_imports_only_what_it_needs() -> None:
    program = "import sys; from pulse_server.cli import main; main(['version']); print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    modules = output.splitlines()[-1].split()
    assert "pulse_server.commands.version" in modules
    assert not {"grpc", "starlette", "uvicorn", "pydantic", "rich", "pulse_server.run"} & set(modules)


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(arguments) == 0
    return json.loads(capsys.readouterr().out)


def _stored_key(database_url: str, key: str) -> ApiKey | None:
    async def find() -> ApiKey | None:
        storage = open_storage(database_url)
        found = await storage.key_by_digest(key_digest(key))
        await storage.close()
        return found

    return asyncio.run(find())
