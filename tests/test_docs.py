"""The documentation matches the code: settings, routes, commands, links and file names."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.tools.openapi_markdown import openapi_markdown
from docs.tools.pages import OUTSIDE, collect
from starlette.routing import Route

from pulse_query_api.openapi import openapi_document
from pulse_server.app import build_apps
from pulse_server.cli import build_parser
from pulse_server.settings import SETTINGS, read_settings
from pulse_storage import open_storage
from pulse_storage.trace_json import JSON_FIELDS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture
def routes(tmp_path: Path) -> Iterator[list[Route]]:
    """Every route of a whole server."""
    settings = read_settings({"PULSE_DATA_DIR": str(tmp_path)})
    storage = open_storage(settings.database_url)
    apps = build_apps(settings, storage, None)
    yield [route for route in apps.main.routes if isinstance(route, Route)]
    apps.close()
    asyncio.run(storage.close())


def test_every_setting_is_documented_as_the_code_has_it() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (.+) \| (.+) \|$", (DOCS / "settings.md").read_text(), re.MULTILINE
    )
    documented = {
        name: (default.replace("`", ""), meaning.replace("`", "")) for name, default, meaning in rows
    }
    assert documented == {
        setting.name: (setting.default, _with_option(setting.meaning, setting.option)) for setting in SETTINGS
    }


def test_every_route_is_documented(routes: list[Route]) -> None:
    documented = set(re.findall(r"`((?:GET|POST|DELETE|PUT|PATCH) /[^`?]*)`", (DOCS / "api.md").read_text()))
    routed = {
        # One line documents a route for keys and its twin for web sessions.
        f"{method} {re.sub(r':[a-z]+}', '}', route.path.replace('/p/{project}/v1/', '/v1/'))}"
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
        # OTLP ignores a slash at the end; one line for both is enough.
        if not route.path.endswith("/")
    }
    assert {"GET /v1/traces", "POST /v1/traces", "GET /health"} <= routed
    assert routed <= documented, f"docs/api.md lacks {sorted(routed - documented)}"


def test_every_field_of_a_row_is_documented() -> None:
    _, _, section = (DOCS / "api.md").read_text().partition("### Fields of a row")
    named = set(re.findall(r"`([a-z0-9_]+)`", section.partition("### Tokens")[0]))
    assert {*JSON_FIELDS, "request_body", "response_body"} - named == set()


def test_commands_in_the_documentation_exist() -> None:
    parser = build_parser()
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    blocks = [
        block
        for page in pages
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    ]
    commands = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    pulse = [line for line in commands if line.startswith("pulse ")]
    assert len(pulse) > 5
    for line in pulse:
        words = line.partition("#")[0].split()[1:]
        parser.parse_args(words)


def test_make_targets_in_the_documentation_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        documented = set(re.findall(r"^(?:\$ )?make ([a-z-]+)", page.read_text(), re.MULTILINE))
        documented |= set(re.findall(r"`make ([a-z-]+)", page.read_text()))
        assert documented
        assert documented <= targets


def test_site_navigation_has_every_page() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = {*OUTSIDE, *(f"docs/{page.name}" for page in DOCS.glob("*.md"))}
    assert pages <= set(re.findall(r"(\S+\.md)$", navigation, re.MULTILINE))


def test_decisions_are_listed_with_a_status() -> None:
    listed = (DOCS / "adr/README.md").read_text()
    for page in (DOCS / "adr").glob("0*.md"):
        assert f"]({page.name})" in listed
        pattern = r"^Status: (accepted|not used|superseded by (\d{4}))"
        status = re.search(pattern, page.read_text(), re.MULTILINE)
        assert status, f"{page.name} has no line 'Status: …'"
        assert status[2] is None or list((DOCS / "adr").glob(f"{status[2]}-*.md"))


def test_api_reference_has_every_route_and_schema() -> None:
    page = openapi_markdown(openapi_document())
    sections = re.findall(r"^### (.+)$", page, re.MULTILINE)
    assert {"GET /v1/traces", "POST /v1/traces/batch", "DELETE /admin/projects/{project_id}"} <= set(sections)
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert "tracerow" in links
    assert links <= {section.lower() for section in sections}


def test_pages_keep_their_places_in_the_site(tmp_path: Path) -> None:
    collect(tmp_path)
    pages = {str(page.relative_to(tmp_path)) for page in tmp_path.rglob("*.md")}
    assert {*OUTSIDE, "docs/api.md", "docs/adr/README.md", "docs/api-reference.md"} <= pages
    assert "::: pulse_instrumentation" in (tmp_path / "docs/instrumentation-reference.md").read_text()


def test_changelog_has_every_change_once() -> None:
    changes = re.findall(r"^- (.{45})", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert len(changes) > 20
    assert [change for change in changes if changes.count(change) > 1] == []


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*(ROOT / name for name in OUTSIDE), *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_files_that_the_documentation_names_exist() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")):
        for name in re.findall(
            r"`((?:tests|deploy|storage|collector|query_api|docs)/[^`<>*… ]+)`", page.read_text()
        ):
            assert (ROOT / name).exists(), f"{page.relative_to(ROOT)} names {name}"


def test_glossary_names_files_that_exist() -> None:
    folders = {
        "S/": "storage/pulse_storage/",
        "C/": "collector/pulse_collector/",
        "Q/": "query_api/pulse_query_api/",
        "I/": "instrumentation/pulse_instrumentation/",
    }
    glossary = (DOCS / "glossary.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| `([^`]+)` \|$", glossary, re.MULTILINE)
    assert len(rows) > 40
    for term, name in rows:
        path = folders.get(name[:2], name[:2]) + name[2:]
        assert (ROOT / path).exists(), f"the glossary names {path} for {term}"


def _with_option(meaning: str, option: str | None) -> str:
    return f"{meaning} ({option})" if option else meaning
