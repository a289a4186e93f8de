"""`pulse version`: print the versions of Pulse and of its main dependencies."""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version

import apsw

from pulse_server import __version__
from pulse_server.arguments import Parser


def configure(parser: Parser) -> None:
    parser.description = "Prints the versions of Pulse, Python and the main dependencies."
    parser.epilog = "Example:\n  pulse version --json"
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    found = versions()
    if arguments.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:<14}{value}" for name, value in found.items()))
    return 0


def versions() -> dict[str, str]:
    """Return the versions by name, `pulse` first."""
    return {
        "pulse": __version__,
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
        "genai-prices": version("genai-prices"),
    }
