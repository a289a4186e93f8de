"""The option --quick of every benchmark: one short round, to check that the benchmark still runs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence


def add_quick_option(parser: argparse.ArgumentParser, **values: object) -> None:
    """Add `--quick`, which sets the options named here to these values; options after it override them."""
    help_text = "one short round, to check that the benchmark runs; its figures mean nothing"
    parser.add_argument("--quick", action=_SetOptions, nargs=0, const=values, help=help_text)


class _SetOptions(argparse.Action):
    """Sets several options at once. Their values are the `const` of the action."""

    const: Mapping[str, object]

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        for name, value in self.const.items():
            setattr(namespace, name, value)
