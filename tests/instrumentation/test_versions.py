"""The oldest versions that are promised are those that `make test-oldest` runs on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pulse_instrumentation import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor

ROOT = Path(__file__).parents[2]
_NAME_AND_VERSION = re.compile(r"^([a-z-]+) ?[>=]= ?([0-9][0-9a-z.]*)", re.MULTILINE)


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "instrumentation/pyproject.toml").read_text())["project"]


def _versions(*texts: str) -> dict[str, str]:
    return dict(_NAME_AND_VERSION.findall("\n".join(texts)))


def test_pins_of_the_oldest_run_are_the_lower_bounds() -> None:
    extras = _project()["optional-dependencies"]
    floors = _versions(*_project()["dependencies"], *extras["export"], *extras["instruments"])
    pins = _versions((ROOT / "deploy/requirements/oldest.txt").read_text())
    assert {"anthropic", "openai", "opentelemetry-api", "opentelemetry-sdk", "wrapt"} <= set(floors)
    for name, floor in floors.items():
        assert re.fullmatch(rf"{re.escape(floor)}(\.0)*", pins[name]), f"{name}>={floor} runs as {pins[name]}"


def test_instrumentors_ask_for_what_the_package_declares() -> None:
    declared = _versions(*_project()["optional-dependencies"]["instruments"])
    asked = _versions(
        *PulseOpenAIInstrumentor().instrumentation_dependencies(),
        *PulseAnthropicInstrumentor().instrumentation_dependencies(),
    )
    assert asked == declared


def test_no_dependency_has_an_upper_bound() -> None:
    project = _project()
    for requirements in (project["dependencies"], *project["optional-dependencies"].values()):
        assert not re.search(r"[<~!]|==", " ".join(requirements)), requirements


def test_base_install_needs_the_api_the_instrumentation_package_and_wrapt_only() -> None:
    assert set(_versions(*_project()["dependencies"])) == {
        "opentelemetry-api",
        "opentelemetry-instrumentation",
        "wrapt",
    }
