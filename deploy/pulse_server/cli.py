"""`pulse`: one command, its subcommands, and what the shell is told.

Exit codes: 0 done; 2 wrong usage or a setting that cannot be used; 1 anything else. A failure is one line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pulse_server.arguments import CommandFailed, Parser, WrongUsage
from pulse_server.commands import (
    backup,
    copy,
    demo,
    doctor,
    erase,
    explain,
    keys,
    migrate,
    prices,
    projects,
    reprice,
    retention,
    serve,
    version,
)
from pulse_server.settings import SettingError
from pulse_storage.errors import StorageError

_COMMANDS = (
    serve,
    demo,
    projects,
    keys,
    prices,
    reprice,
    retention,
    erase,
    migrate,
    backup,
    copy,
    explain,
    version,
    doctor,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = build_parser().parse_args(argv)
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
        # The reader (`head`, `less`) has enough; keep the interpreter from flushing into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def build_parser() -> Parser:
    """The whole command line, for `main` and for tests of the documentation."""
    parser = Parser(
        prog="pulse",
        description="LLM observability: an OTLP receiver, a store and a query API in one process.",
        epilog="Example:\n  pulse demo          see it work, without accounts or network\n"
        "  pulse serve         run it; prints the two lines to paste into your application's shell",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def _fail(error: Exception, code: int) -> int:
    sys.stdout.flush()
    sys.stderr.write("pulse: " + " ".join(str(error).split()) + "\n")
    return code
