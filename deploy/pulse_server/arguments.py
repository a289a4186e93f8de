"""The command-line parser: one-line usage errors, and options that set settings."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import Any, NoReturn

from pulse_server.settings import SETTINGS, Settings, read_settings

#: argparse's message for an invalid choice; since Python 3.12 the choices have no quotes.
_WRONG_CHOICE = re.compile(
    r"argument (?P<what>[\w-]+): invalid choice: '(?P<given>.*)' \(choose from (?P<choices>.*)\)", re.DOTALL
)


class CommandFailed(Exception):
    """A command failed; the message is one line with the reason and the fix. Exit code 1."""


class WrongUsage(Exception):
    """An argument or a file given to a command is invalid; the message has the fix. Exit code 2."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports wrong usage in one line and keeps line breaks of its help texts."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **kwargs,  # pyright: ignore[reportArgumentType]
        )

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]  # its overloads are wider
        self, args: Any = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse the arguments; exit on an unknown option with the most similar option of this command."""
        parsed, unknown = super().parse_known_args(args, namespace)
        option = next((word.partition("=")[0] for word in unknown if word.startswith("-")), None)
        if option is not None:
            options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", self.format_help())
            self.error(f"unknown option {option}{did_you_mean(option, options)}")
        if unknown:
            self.error(f"unexpected argument '{unknown[0]}'")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        """Write one line and exit with code 2; for an invalid choice with the most similar choice."""
        wrong = _WRONG_CHOICE.fullmatch(message)
        if wrong is not None:
            choices = re.findall(r"[\w-]+", wrong["choices"])
            nearest = did_you_mean(wrong["given"], choices)
            message = (
                f"unknown {wrong['what'].lower()} '{wrong['given']}'{nearest}"
                if nearest
                else f"{wrong['what']}: '{wrong['given']}' is not one of {', '.join(choices)}"
            )
        sys.stderr.write(f"{self.prog}: {message} (see `{self.prog} --help`)\n")
        raise SystemExit(2)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" with the most similar of the known words, or "" if none is similar."""
    nearest = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the options of the named settings to a parser; an option takes precedence over the environment."""
    group = parser.add_argument_group("settings")
    for setting in SETTINGS:
        if setting.name in names and setting.option is not None:
            group.add_argument(
                setting.option,
                dest=f"setting:{setting.name}",
                metavar=setting.option.rpartition("-")[2].upper(),
                help=f"{setting.meaning} (env {setting.name}; default: {setting.default})",
            )


def add_store_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that open the store: --database-url and --data-dir."""
    add_settings(parser, "DATABASE_URL", "PULSE_DATA_DIR")


def settings_from(arguments: argparse.Namespace) -> Settings:
    """Read the settings from the parsed options and the environment. Raises SettingError."""
    options = {
        name.removeprefix("setting:"): value
        for name, value in vars(arguments).items()
        if name.startswith("setting:") and value is not None
    }
    return read_settings(os.environ, options)


def settings_without_option() -> str:
    """Return a --help paragraph with the settings that have no option, wrapped to the terminal's width."""
    settings = [setting for setting in SETTINGS if setting.option is None]
    meanings_at = 4 + max(len(setting.name) for setting in settings)
    # The width that argparse uses.
    columns = max(shutil.get_terminal_size().columns - 2, meanings_at + 20)
    lines = [
        textwrap.fill(
            f"{setting.meaning} (default: {setting.default})",
            columns,
            initial_indent=f"  {setting.name}".ljust(meanings_at),
            subsequent_indent=" " * meanings_at,
            break_on_hyphens=False,
        )
        for setting in settings
    ]
    return "Settings without an option, read from the environment:\n" + "\n".join(lines)
