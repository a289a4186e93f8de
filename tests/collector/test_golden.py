"""Golden rows of all dialects: each `golden/<dialect>/<case>.span.json` maps to `<case>.row.json`.

A span file has the attributes of a span and its name. Scope, resource, parent, duration, status and events
are there if they are not the builder's defaults. `{"$json": …}` is a text with this JSON, as many senders
write it. A row file has all known columns of the row (`known_columns`), with bodies as JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from tests.support.spans import Value, as_json, event, known_columns, row_of, span

from pulse_collector.dialects import DIALECTS

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*.span.json"))


@pytest.mark.parametrize("case", CASES)
def test_golden_span_maps_to_its_row(case: str) -> None:
    given: dict[str, Any] = orjson.loads((GOLDEN / case).read_bytes())
    row = row_of(
        span(
            _attributes(given["attributes"]),
            name=given["name"],
            parent_id=given.get("parent_id", 0),
            duration_ms=given.get("duration_ms", 250.0),
            status=Status.StatusCode.Value(f"STATUS_CODE_{given.get('status', 'UNSET')}"),
            message=given.get("message", ""),
            events=[
                event(one["name"], _attributes(one["attributes"]), after_ms=one.get("after_ms", 0.0))
                for one in given.get("events", ())
            ],
        ),
        scope=given.get("scope", ""),
        resource=_attributes(given.get("resource", {})),
    )
    expected = orjson.loads((GOLDEN / case.replace(".span.", ".row.")).read_bytes())
    assert orjson.loads(orjson.dumps(known_columns(row))) == expected
    assert case.partition("/")[0] == expected.get("dialect", "none")


def test_every_row_file_has_a_span_file() -> None:
    rows = {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*.row.json")}
    assert rows == {case.replace(".span.", ".row.") for case in CASES}


def test_every_dialect_has_a_golden_row() -> None:
    assert {dialect.name for dialect in DIALECTS} == {case.partition("/")[0] for case in CASES} - {"none"}


def _attributes(attributes: dict[str, Any]) -> dict[str, Value]:
    return {key: _value(value) for key, value in attributes.items()}


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return [_value(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    return as_json(members["$json"]) if members.keys() == {"$json"} else _attributes(members)
