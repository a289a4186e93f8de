"""The lower bounds of the dependencies are the versions that `make test-oldest` runs with."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.instrumentation import dependencies
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import completion
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, json_answer

import pulse_instrumentation as pulse
from pulse_instrumentation import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor

ROOT = Path(__file__).parents[2]
_NAME_AND_VERSION = re.compile(r"^([a-z-]+) ?[>=]= ?([0-9][0-9a-z.]*)", re.MULTILINE)


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "instrumentation/pyproject.toml").read_text())["project"]


def _versions(*texts: str) -> dict[str, str]:
    return dict(_NAME_AND_VERSION.findall("\n".join(texts)))


def test_pins_of_the_oldest_environment_are_the_lower_bounds() -> None:
    extras = _project()["optional-dependencies"]
    floors = _versions(*_project()["dependencies"], *extras["export"], *extras["instruments-any"])
    pins = _versions((ROOT / "deploy/requirements/oldest.txt").read_text())
    assert {"anthropic", "openai", "opentelemetry-api", "opentelemetry-sdk", "wrapt"} <= set(floors)
    for name, floor in floors.items():
        assert re.fullmatch(rf"{re.escape(floor)}(\.0)*", pins[name]), f"{name}>={floor} runs as {pins[name]}"


def test_instrumentors_require_the_declared_versions() -> None:
    declared = _versions(*_project()["optional-dependencies"]["instruments-any"])
    asked = _versions(
        *PulseOpenAIInstrumentor().instrumentation_dependencies(),
        *PulseAnthropicInstrumentor().instrumentation_dependencies(),
    )
    assert asked == declared


class _Declared(Distribution):
    """The package as its project file declares it, which may be newer than the installed metadata."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        lines = [
            f'Requires-Dist: {requirement}; extra == "{extra}"'
            for extra, requirements in _project()["optional-dependencies"].items()
            for requirement in requirements
        ]
        return "\n".join(["Metadata-Version: 2.4", "Name: pulse-instrumentation", *lines, "", ""])

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        raise FileNotFoundError(path)


@pytest.mark.parametrize("installed", ["openai", "anthropic"])
def test_opentelemetry_instrument_needs_only_one_of_the_clients(
    installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name != installed:
            raise PackageNotFoundError(name)
        return "99.0"

    monkeypatch.setattr(dependencies, "version", version)
    declared = _Declared()
    assert any("anthropic" in requirement for requirement in declared.requires or ())
    assert dependencies.get_dist_dependency_conflicts(declared) is None


def test_no_dependency_has_an_upper_bound() -> None:
    project = _project()
    for requirements in (project["dependencies"], *project["optional-dependencies"].values()):
        assert not re.search(r"[<~!]|==", " ".join(requirements)), requirements


def test_base_install_has_three_dependencies() -> None:
    assert set(_versions(*_project()["dependencies"])) == {
        "opentelemetry-api",
        "opentelemetry-instrumentation",
        "wrapt",
    }


def test_package_version_is_the_version_of_its_spans(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(completion())))
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    with pulse.trace("work"):
        pass
    scopes = [span.instrumentation_scope for span in instrumented.raw]
    assert [scope and scope.version for scope in scopes] == [pulse.__version__] * 2
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", pulse.__version__)
