"""`tool()`: arguments and results of every type, recorded only with content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from tests.instrumentation.recorded import Recorded
from tests.instrumentation.work_spans import (
    ARGUMENTS,
    KINDS,
    RESULT,
    Hostile,
    consumed,
    decorated,
    execution,
    same_value,
)

import pulse_instrumentation as pulse


def _weather(city: Any) -> Any:
    return {"city": city, "sun": True}


@pytest.mark.parametrize("kind", KINDS)
def test_tool_records_arguments_and_result(instrumented: Recorded, kind: str) -> None:
    function = decorated(kind, pulse.tool("look up"), _weather)
    consumed(kind, function, "Bern")
    given = {"city": "Bern", "sun": True}
    result = json.dumps(["<dict>"] * 2 if "generator" in kind else given, separators=(",", ":"))
    assert instrumented.spans == [
        execution("look up", attributes={ARGUMENTS: '{"args":["Bern"]}', RESULT: result})
    ]


@pytest.mark.parametrize("mode", ["off", "metadata"])
@pytest.mark.parametrize("kind", KINDS)
def test_tool_records_no_content_unless_captured(instrumented: Recorded, kind: str, mode: Any) -> None:
    function = decorated(kind, pulse.tool("look up"), same_value)
    with pulse.capture_content(mode):
        consumed(kind, function, "secret")
        with pulse.tool("block", arguments={"a": "secret"}) as block:
            block.record_result("secret")
        with pytest.raises(ValueError, match="secret"), pulse.trace("fails"):
            raise ValueError("secret")
    assert "secret" not in str(instrumented.spans)
    assert [span.attributes.get("error.type") for span in instrumented.spans] == [None, None, "ValueError"]


def test_tool_block_records_given_arguments_and_result(instrumented: Recorded) -> None:
    with pulse.tool("look up", arguments={"city": "Bern"}, call_id="call_1") as tool:
        tool.record_result("sunny")
    facts = {"gen_ai.tool.call.id": "call_1", ARGUMENTS: '{"city":"Bern"}', RESULT: "sunny"}
    assert instrumented.spans == [execution("look up", attributes=facts)]


@dataclass
class Weather:
    city: str
    degrees: float


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (None, "null"),
        (Weather("Bern", 21.5), '{"city":"Bern","degrees":21.5}'),
        ([float("nan"), {1: (2,)}], '["nan",{"1":[2]}]'),
        (Hostile(), "<Hostile>"),
        (iter([1]), "<list_iterator>"),
        (b"bytes", "<bytes>"),
    ],
    ids=range(7),
)
def test_result_of_any_type_is_returned_and_recorded(
    instrumented: Recorded, value: Any, expected: str
) -> None:
    assert pulse.tool("look up")(lambda: value)() is value
    assert instrumented.attributes[RESULT] == expected


def test_very_large_result_is_truncated(instrumented: Recorded) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in ("long " * 1_000_000, list(range(1_000_000)), endless):
        pulse.tool("look up")(lambda value=value: value)()
    assert all(len(span.attributes[RESULT]) <= 64 * 1024 for span in instrumented.spans)


def test_iterator_argument_is_not_consumed(instrumented: Recorded) -> None:
    assert pulse.tool("sum")(sum)(iter([1, 2])) == 3
    assert instrumented.attributes[RESULT] == "3"
