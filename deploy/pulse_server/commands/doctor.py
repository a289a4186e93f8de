"""`pulse doctor`: check settings, store, ports and clock, with a fix for each problem."""

from __future__ import annotations

import argparse
import json

from pulse_server.arguments import Parser, add_settings, settings_from
from pulse_server.doctor import Finding, examine
from pulse_server.settings import SettingError, without_secrets

#: Indents the following lines of a finding below its text.
_BREAK, _INDENTED = "\n", "\n" + " " * 16
_MARKS = {"ok": "ok  ", "warning": "warn", "problem": "FAIL"}


def configure(parser: Parser) -> None:
    parser.description = (
        "Checks what `pulse serve` needs, and prints a fix for each problem. Changes nothing.\n"
        "Exit code 1 if a problem would keep the server from starting."
    )
    parser.epilog = "Example:\n  pulse doctor --json"
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_settings(
        parser,
        "PULSE_HOST",
        "PORT",
        "PULSE_OTLP_HTTP_PORT",
        "PULSE_OTLP_GRPC_PORT",
        "DATABASE_URL",
        "PULSE_DATA_DIR",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    settings = None
    try:
        settings = settings_from(arguments)
        findings = examine(settings)
    except SettingError as error:
        findings = [Finding("settings", "problem", str(error))]
    if arguments.json:
        shown = without_secrets(settings) if settings is not None else {}
        print(json.dumps({"settings": shown, "findings": [finding.as_json() for finding in findings]}))
    else:
        for finding in findings:
            print(f"{_MARKS[finding.level]}  {finding.about:<10}{finding.text.replace(_BREAK, _INDENTED)}")
    return 1 if any(finding.level == "problem" for finding in findings) else 0
