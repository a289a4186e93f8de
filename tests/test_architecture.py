"""Rules of the code base: imports between packages and folders, sizes, names, docstrings, forbidden texts."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: The packages of this repository: the folder of each, and the other packages that it may import.
PACKAGES: dict[str, tuple[str, frozenset[str]]] = {
    "pulse_instrumentation": ("instrumentation", frozenset()),
    "pulse_proto": ("proto", frozenset()),
    "pulse_storage": ("storage", frozenset()),
    "pulse_collector": ("collector", frozenset({"pulse_proto", "pulse_storage"})),
    "pulse_query_api": ("query_api", frozenset({"pulse_storage"})),
    "pulse_web": ("query_api", frozenset({"pulse_query_api", "pulse_storage"})),
    "pulse_server": (
        "deploy",
        frozenset({"pulse_collector", "pulse_query_api", "pulse_storage", "pulse_web"}),
    ),
}
_SQL = ("pulse_storage.sql", "pulse_storage.sqlite", "pulse_storage.postgres")
#: Folders of a package, and the folders of the same package that they must not import.
INDEPENDENT_OF: dict[str, tuple[str, ...]] = {
    "pulse_collector.facts": ("pulse_collector.dialects", "pulse_collector.mapping"),
    "pulse_collector.dialects": ("pulse_collector.mapping",),
    "pulse_storage.reconciliation": _SQL,
    "pulse_storage.content": _SQL,
    "pulse_storage.queries": _SQL,
    "pulse_storage.runtime": _SQL,
}
#: What lies directly in pulse_storage: the contract, what collector and query API share, and rooms.
STORAGE_ROOT = {
    *("__init__", "adapter", "control_store", "maintenance", "copying", "rows", "queries", "errors", "ids"),
    *("retention", "repricing", "latency", "keys", "price_document", "trace_json", "engines"),
    *("combined_store", "reconciliation", "content", "runtime", "sql", "sqlite", "postgres"),
}
#: Class names that a package defines more than once; new ones are refused.
REPEATED_CLASS_NAMES: dict[str, set[str]] = {
    "pulse_instrumentation": {"_Options"},
}
#: A file with more lines needs a split.
MAX_FILE_LINES = 400
#: A function with more lines needs a split; these are longer, and must not grow.
MAX_FUNCTION_LINES = 60
LONG_FUNCTIONS = {
    # One entry per column of a row.
    ("pulse_collector", "span_row"): 88,
    # One entry per schema.
    ("pulse_query_api", "schemas"): 66,
    # One call per option.
    ("pulse_server", "configure"): 62,
}
#: The demo's program is an application, not a part of the server: only this file imports the instrumentation.
DEMO_PROGRAM = ROOT / "deploy" / "pulse_server" / "demo" / "program.py"


def sources(package: str) -> list[Path]:
    found = sorted((ROOT / PACKAGES[package][0] / package).rglob("*.py"))
    assert found
    return found


def imported(path: Path) -> set[str]:
    """Return the top-level names that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            names.add(node.module.partition(".")[0])
    return names


def module_name(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path, known: Collection[str]) -> set[str]:
    """Return the known modules that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            # A name imported from a package is one of its modules, or a name that its __init__ defines.
            names |= {name if name in known else node.module for name in below}
    return names & set(known)


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_packages_below_it(package: str) -> None:
    _, below = PACKAGES[package]
    for path in sources(package):
        others = imported(path) & PACKAGES.keys() - {package}
        allowed = {"pulse_instrumentation"} if path == DEMO_PROGRAM else below
        assert others <= allowed, f"{path.relative_to(ROOT)} imports {sorted(others - allowed)}"


def test_packages_have_no_import_cycles() -> None:
    # Imports for types only count as well: readers follow them too.
    for package, (folder, _) in PACKAGES.items():
        files = {module_name(path, ROOT / folder): path for path in sources(package)}
        graph = {name: imported_modules(path, files) - {name} for name, path in files.items()}
        assert any(graph.values()), package
        graphlib.TopologicalSorter(graph).prepare()  # Raises CycleError with the names.


@pytest.mark.parametrize("folder", INDEPENDENT_OF)
def test_folder_of_a_package_imports_nothing_above_it(folder: str) -> None:
    package = folder.partition(".")[0]
    root = ROOT / PACKAGES[package][0]
    files = {module_name(path, root): path for path in sources(package)}
    inside = [name for name in files if name == folder or name.startswith(f"{folder}.")]
    assert inside
    for name in inside:
        above = [
            other
            for other in imported_modules(files[name], files)
            if any(other == top or other.startswith(f"{top}.") for top in INDEPENDENT_OF[folder])
        ]
        assert not above, f"{name} imports {sorted(above)}"


def test_instrumentation_imports_no_server_code() -> None:
    dependencies = tomllib.loads((ROOT / "instrumentation" / "pyproject.toml").read_text())["project"][
        "dependencies"
    ]
    names = {re.split(r"[^a-z0-9-]", dependency)[0] for dependency in dependencies}
    assert not names & {"grpcio", "starlette", "uvicorn", "apsw", "pulse-server"}
    modules = subprocess.run(
        [sys.executable, "-c", "import sys, pulse_instrumentation; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    servers = {"starlette", "grpc", "apsw", "openai", "anthropic", *PACKAGES} - {"pulse_instrumentation"}
    assert not servers & set(modules)


def test_routes_have_no_sql_and_services_no_requests() -> None:
    for path in sources("pulse_query_api"):
        text = path.read_text()
        assert "apsw" not in imported(path)
        assert not re.search(r"\bSELECT\b|\bINSERT INTO\b", text), path
        if path.parent.name == "services":
            assert "starlette" not in imported(path), path


def test_no_top_level_folder_is_importable() -> None:
    folders = {folder for folder, _ in PACKAGES.values()}
    assert not [folder for folder in folders if (ROOT / folder / "__init__.py").exists()]
    # `import proto` is proto-plus, even with the root of the repository on the path.
    origin = subprocess.run(
        [sys.executable, "-c", "import proto; print(proto.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert Path(origin).parent.parent.name == "site-packages"


@pytest.mark.parametrize("package", PACKAGES)
def test_class_names_are_unique_within_a_package(package: str) -> None:
    names = Counter(
        node.name
        for path in sources(package)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    repeated = {name for name, times in names.items() if times > 1}
    assert repeated <= REPEATED_CLASS_NAMES.get(package, set()), package


@pytest.mark.parametrize("package", PACKAGES)
def test_source_files_have_at_most_400_lines(package: str) -> None:
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in sources(package)}
    assert {name: count for name, count in lines.items() if count > MAX_FILE_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_have_at_most_60_lines(package: str) -> None:
    too_long: list[str] = []
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > LONG_FUNCTIONS.get((package, node.name), MAX_FUNCTION_LINES):
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert too_long == []


@pytest.mark.parametrize("package", PACKAGES)
def test_source_file_begins_with_a_docstring(package: str) -> None:
    for path in sources(package):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        first_line = docstring.partition("\n")[0]
        assert len(first_line) > 15, f"{path.relative_to(ROOT)} opens with {first_line!r}"


def test_pins_have_hashes_and_no_addresses() -> None:
    for path in (ROOT / "deploy" / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text, path
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert pins
        assert all(re.match(r"[a-z0-9-]+==\S+ (; .+ )?\\$", pin) for pin in pins), path
        assert text.count("==") <= text.count("--hash=sha256:"), path


def test_committed_files_name_no_registry_and_no_local_path() -> None:
    # Concatenated, so that this file does not contain them.
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "debian" + ".org/debian")
    places = ("/work" + "/main", "/root" + "/")
    forbidden = re.compile("|".join([*map(re.escape, hosts), *places]))
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found: list[str] = []
    for name in filter(None, listed):
        path = ROOT / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            found += [f"{name}: {match[0]}" for match in forbidden.finditer(text)]
    assert found == []


def test_memory_store_imports_no_sql() -> None:
    folder = ROOT / "tests" / "storage" / "memory"
    for path in folder.glob("*.py"):
        modules = [
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
        ]
        assert not [module for module in modules if module.startswith(_SQL)], path
