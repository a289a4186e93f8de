"""Streamed responses without a last event, or with one that lacks their items."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.forms import RESPONSES, Form, streamed_forms
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import output_message, response
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, event_answer

from pulse_instrumentation import observe

HEAD = {"gen_ai.response.id": "resp_1", "gen_ai.response.model": "gpt-4o-2024-08-06"}
USAGE = {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7}
COUNTS = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
OPENING = response(status="in_progress", output=[], usage=None)
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"Bonn"}',
    "status": "completed",
}
CUSTOM = {"id": "ct_1", "type": "custom_tool_call", "call_id": "call_2", "name": "sh", "input": "ls -l"}
THOUGHTS = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
MESSAGE = {**output_message("Hello"), "id": "msg_1"}
ITEMS: list[dict[str, Any]] = [THOUGHTS, MESSAGE, CALL, CUSTOM]
PARTS = [
    {"type": "reasoning", "content": "Hm."},
    {"type": "text", "content": "Hello"},
    {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": '{"city":"Bonn"}'},
    {"type": "tool_call", "id": "call_2", "name": "sh", "arguments": "ls -l"},
]
# The fields that each item lacks when it is added, and the events that add them.
EMPTY: dict[str, dict[str, Any]] = {
    "rs_1": {"summary": []},
    "msg_1": {"content": []},
    "fc_1": {"arguments": ""},
    "ct_1": {"input": ""},
}
DELTAS: dict[str, tuple[str, dict[str, Any], str, tuple[str, ...]]] = {
    "rs_1": ("reasoning_summary_text", {"summary_index": 0}, "text", ("H", "m.")),
    "msg_1": ("output_text", {"content_index": 0}, "text", ("Hel", "lo")),
    "fc_1": ("function_call_arguments", {}, "arguments", ('{"city":', '"Bonn"}')),
    "ct_1": ("custom_tool_call_input", {}, "input", ("ls ", "-l")),
}


def events_of(item: dict[str, Any], index: int, *, parts: str) -> list[dict[str, Any]]:
    """Return the events of an item that `parts` names: added, delta, whole, done."""
    place = {"output_index": index, "item_id": item["id"]}
    name, more, field, words = DELTAS[item["id"]]
    added = {
        "type": "response.output_item.added",
        "output_index": index,
        "item": {**item, **EMPTY[item["id"]]},
    }
    whole = {"type": f"response.{name}.done", **place, **more, field: "".join(words)}
    found = {
        "added": [added],
        "delta": [{"type": f"response.{name}.delta", **place, **more, "delta": word} for word in words],
        "whole": [whole],
        "done": [{"type": "response.output_item.done", "output_index": index, "item": item}],
    }
    return [event for part in parts.split() for event in found[part]]


def stream(*parts: str, last: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the events of a stream from those of its items, one argument per item."""
    events: list[dict[str, Any]] = [{"type": "response.created", "response": OPENING}]
    for index, (item, its) in enumerate(zip(ITEMS, parts, strict=True)):
        events += events_of(item, index, parts=its)
    return [*events, last] if last else events


def completed(**changes: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {**response(usage=COUNTS), **changes}}


def output(finish_reason: str | None, parts: list[Any] = PARTS) -> dict[str, Any]:
    return {"gen_ai.output.messages": [{"role": "assistant", "parts": parts, "finish_reason": finish_reason}]}


@streamed_forms
@pytest.mark.parametrize(
    "parts",
    [
        "added delta whole done",
        "added done",
        "done",
        "added delta",
        "added whole",
        "added delta whole",
    ],
)
@pytest.mark.parametrize("final", ["empty", "partial", "whole"])
def test_items_missing_in_the_last_event(instrumented: Recorded, form: Form, parts: str, final: str) -> None:
    left = {"empty": [], "partial": ITEMS[:2], "whole": ITEMS}[final]
    events = stream(*[parts] * 4, last=completed(output=left))
    assert RESPONSES.make(instrumented, form, events) == _streamed(
        form, parts, {**USAGE, "gen_ai.response.finish_reasons": ("tool_calls",), **output("tool_calls")}
    )


@streamed_forms
@pytest.mark.parametrize("parts", ["added delta whole done", "done", "added delta", "added whole"])
def test_items_without_a_last_event(instrumented: Recorded, form: Form, parts: str) -> None:
    assert RESPONSES.make(instrumented, form, stream(*[parts] * 4)) == _streamed(form, parts, output(None))


def _streamed(form: Form, parts: str, answered: dict[str, Any]) -> Any:
    """Return the expected span: only deltas and finished items set the time to the first chunk."""
    span = RESPONSES.span(form, {**HEAD, **answered})
    if "delta" not in parts and "done" not in parts:
        del span.attributes["gen_ai.response.time_to_first_chunk"]
    return span


@streamed_forms
def test_pieces_without_an_item(instrumented: Recorded, form: Form) -> None:
    # The events do not contain the function's name.
    events = stream("delta", "delta", "delta", "delta", last=completed(output=[]))
    unnamed = [{**PARTS[2], "id": None, "name": None}, {**PARTS[3], "id": None, "name": None}]
    assert RESPONSES.make(instrumented, form, events) == RESPONSES.span(
        form,
        {
            **HEAD,
            **USAGE,
            "gen_ai.response.finish_reasons": ("tool_calls",),
            **output("tool_calls", [*PARTS[:2], *unnamed]),
        },
    )


@streamed_forms
def test_unfinished_call_keeps_its_received_arguments(instrumented: Recorded, form: Form) -> None:
    events = stream("done", "done", "added delta", "added", last=None)[:-2]
    assert RESPONSES.make(instrumented, form, events) == RESPONSES.span(
        form, {**HEAD, **output(None, [*PARTS[:2], {**PARTS[2], "arguments": '{"city":'}])}
    )


@streamed_forms
def test_incomplete_response_keeps_its_open_item(instrumented: Recorded, form: Form) -> None:
    body = response(
        status="incomplete",
        usage=COUNTS,
        incomplete_details={"reason": "max_output_tokens"},
        # The response has the open item, but without its text.
        output=[THOUGHTS, {**MESSAGE, "content": [{"type": "output_text", "text": ""}]}],
    )
    last = {"type": "response.incomplete", "response": body}
    events = stream("done", "added delta", "", "", last=last)
    assert RESPONSES.make(instrumented, form, events) == RESPONSES.span(
        form,
        {
            **HEAD,
            **USAGE,
            "gen_ai.response.finish_reasons": ("max_output_tokens",),
            **output("max_output_tokens", PARTS[:2]),
        },
    )


@streamed_forms
def test_items_with_other_ids_in_the_last_event_are_not_repeated(instrumented: Recorded, form: Form) -> None:
    others = [{**item, "id": f"other_{index}"} for index, item in enumerate(ITEMS)]
    events = stream(*["added delta done"] * 4, last=completed(output=others))
    assert RESPONSES.make(instrumented, form, events) == RESPONSES.span(
        form, {**HEAD, **USAGE, "gen_ai.response.finish_reasons": ("tool_calls",), **output("tool_calls")}
    )


@streamed_forms
def test_items_that_all_have_index_0(instrumented: Recorded, form: Form) -> None:
    events = stream(*["added delta done"] * 4, last=completed(output=[]))
    for event in events:
        if "output_index" in event:
            event["output_index"] = 0
    assert RESPONSES.make(instrumented, form, events) == RESPONSES.span(
        form, {**HEAD, **USAGE, "gen_ai.response.finish_reasons": ("tool_calls",), **output("tool_calls")}
    )


@streamed_forms
def test_last_event_without_id_and_status(instrumented: Recorded, form: Form) -> None:
    last = {"type": "response.completed", "response": {"id": "", "model": "", "usage": COUNTS}}
    events = stream("done", "done", "", "", last=last)
    assert RESPONSES.make(instrumented, form, events) == RESPONSES.span(
        form,
        {**HEAD, **USAGE, "gen_ai.response.finish_reasons": ("stop",), **output("stop", PARTS[:2])},
    )


def test_finish_reason_without_content(recorded: Recorded) -> None:
    events = stream("", "", "added delta done", "", last=completed(output=[]))
    client = openai_client(FakeProvider(event_answer(events)))
    observe(client, tracer_provider=recorded.provider, capture_content=False)
    list(client.responses.create(model="m", input="Hi", stream=True))
    span = recorded.only
    assert span.status is StatusCode.UNSET
    assert span.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert "gen_ai.output.messages" not in span.attributes
