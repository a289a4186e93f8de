"""The `pulse` command line: subcommands and exit codes.

Exit codes: 0 for success, 2 for wrong usage or an invalid setting, 1 for any other failure. A failure is one
line on stderr.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Collection, Sequence
from typing import cast

from pulse_server import __version__
from pulse_server.arguments import CommandFailed, Parser, WrongUsage
from pulse_server.settings import SettingError
from pulse_storage.errors import StorageError

#: Commands with their line in `pulse --help`; each is the module of that name in `pulse_server.commands`.
COMMANDS = {
    "serve": "run the collector and the query API",
    "open": "open the pages of a running server, signed in",
    "demo": "record and show real client calls, without accounts or network",
    "projects": "create, list, rename and delete projects",
    "keys": "create, list and revoke keys",
    "prices": "set, show and clear a project's own prices",
    "reprice": "recompute the cost of stored calls at current prices",
    "retention": "set, show and apply retention policies",
    "erase": "delete all data of a user or a session",
    "migrate": "bring the store's schema up to date",
    "backup": "write the store to one file, while it is in use",
    "restore": "restore the store from a backup",
    "copy": "copy all data of one store to another",
    "explain": "explain how spans are mapped and counted",
    "version": "print versions",
    "doctor": "check settings, store, ports and clock",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    # Import only the module of the given command: importing all of them takes most of a second.
    command = next((word for word in words if word in COMMANDS), None)
    parser = build_parser([] if command is None else [command])
    if not words:
        parser.print_help()
        return 0
    arguments = parser.parse_args(words)
    if arguments.version:
        print(f"pulse {__version__}")
        return 0
    if arguments.command is None:
        parser.error("a command is missing")
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except (SettingError, WrongUsage) as error:
        return _fail(error, 2)
    except (CommandFailed, StorageError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`head`, `less`) has closed the pipe; keep the interpreter from flushing to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def build_parser(commands: Collection[str] = COMMANDS.keys()) -> Parser:
    """Build the parser with the help lines of all commands, and with the options of `commands` only."""
    parser = Parser(
        prog="pulse",
        description="LLM observability: an OTLP receiver, a store and a query API in one process.",
        epilog="Example:\n  pulse demo          try it without accounts or network\n"
        "  pulse serve         run it; prints two lines to paste into your application's shell",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, line in COMMANDS.items():
        command = subparsers.add_parser(name, help=line)
        if name in commands:
            module = importlib.import_module(f"pulse_server.commands.{name}")
            cast("Callable[[Parser], None]", module.configure)(command)
    return parser


def _fail(error: Exception, code: int) -> int:
    sys.stdout.flush()
    sys.stderr.write("pulse: " + " ".join(str(error).split()) + "\n")
    return code
