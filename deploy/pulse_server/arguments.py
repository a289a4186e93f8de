"""The command-line parser: usage errors of one line, and options that are settings."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from typing import NoReturn

from pulse_server.settings import SETTINGS, Settings, read_settings


class CommandFailed(Exception):
    """The command did not do what it was told; the message is one line that says why. Exit code 1."""


class WrongUsage(Exception):
    """What the command was given cannot be used; the message says what would do. Exit code 2."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that answers wrong usage with one line, and keeps the layout of its examples."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **kwargs,  # pyright: ignore[reportArgumentType]
        )

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message} (see `{self.prog} --help`)\n")
        raise SystemExit(2)


def add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Give the parser the options of these settings; what is said there replaces the environment."""
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
    """The options of every command that works straight on the store."""
    add_settings(parser, "DATABASE_URL", "PULSE_DATA_DIR")


def settings_from(arguments: argparse.Namespace) -> Settings:
    """The settings of this process: its environment, then its options. Raises SettingError."""
    options = {
        name.removeprefix("setting:"): value
        for name, value in vars(arguments).items()
        if name.startswith("setting:") and value is not None
    }
    return read_settings(os.environ, options)


def settings_without_option() -> str:
    """The settings that only the environment takes, as a paragraph of a --help page."""
    settings = [setting for setting in SETTINGS if setting.option is None]
    meanings_at = 4 + max(len(setting.name) for setting in settings)
    # As wide as argparse makes its own paragraphs.
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
    return "Settings taken from the environment only:\n" + "\n".join(lines)
