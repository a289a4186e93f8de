"""Attributes that look like usage or messages and that no dialect reads: named, counted, never metadata."""

from __future__ import annotations

import pytest
from tests.support.captures import captures
from tests.support.explanations import explained
from tests.support.lasting import Lasting
from tests.support.receiver import chat_span as receiver_span
from tests.support.receiver import post, request_of, running_receiver
from tests.support.spans import CHAT, RECEIVED_NS, Value, as_json, event, known_columns, row_of, span

from pulse_collector.mapping.spans import map_spans
from pulse_collector.mapping.unread import unread_kind, unread_names

SCOPE = "acme.tracing"
_MESSAGES = as_json([{"role": "user", "content": "How tall is Triglav?"}])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("acme.usage.input_tokens", "usage"),
        ("acme.usage.promptTokens", "usage"),
        ("acme.tokens.output", "usage"),
        ("token_count.completion", "usage"),
        ("acme.total_tokens", "usage"),
        ("acme.request.max_tokens", None),
        ("acme.max_output_tokens", None),
        ("acme.output_tokens_per_second", None),
        ("acme.input_token_price", None),
        ("acme.access_token", None),
        ("acme.prompt", "input"),
        ("acme.prompts.0.text", "input"),
        ("acme.input.messages", "input"),
        ("acme.inputMessages", "input"),
        ("acme.chat_history", "input"),
        ("acme.system_prompt", "input"),
        ("acme.prompt.name", None),
        ("acme.completion", "output"),
        ("acme.output.messages.0.content", "output"),
        ("acme.response.text", "output"),
        ("output", "maybe output"),
        ("acme.input", "maybe input"),
        ("http.response.status_code", None),
        ("messaging.message.id", None),
        ("gen_ai.aggregated_usage.input_tokens", None),
        ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens", None),
        ("anthropic.usage.cacheCreation.Ephemeral5MInputTokens", None),
        ("acme.usage.cache_write_5m_tokens", "usage"),
        ("0", None),
        ("", None),
    ],
)
def test_kind_of_an_unread_name(name: str, kind: str | None) -> None:
    assert unread_kind(name) == kind


def test_unread_messages_are_in_bodies_and_names_in_metadata() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "acme.input.messages": _MESSAGES,
                "acme.response.text": "2864 m",
                "acme.billing.input_tokens": 7,
                "acme.plan": "pro",
            }
        ),
        scope=SCOPE,
    )
    facts = known_columns(row)
    assert facts["metadata"] == {
        "unread": ["acme.input.messages", "acme.response.text", "acme.billing.input_tokens"],
        "attributes": {"acme.billing.input_tokens": 7, "acme.plan": "pro"},
        "scope": {"name": SCOPE},
    }
    assert facts["request_body"] == {
        "acme.input.messages": [{"role": "user", "content": "How tall is Triglav?"}]
    }
    assert facts["response_body"] == {"acme.response.text": "2864 m"}
    assert (row.input_preview, row.output_preview) == ("How tall is Triglav?", "2864 m")


def test_unread_messages_are_added_to_the_body_of_known_content() -> None:
    row = row_of(
        span(
            {**CHAT, "gen_ai.input.messages": _MESSAGES, "acme.system_prompt": "Be brief."},
        ),
        scope=SCOPE,
    )
    body = known_columns(row)["request_body"]
    assert isinstance(body, dict)
    assert body["acme.system_prompt"] == "Be brief."
    assert row.input_preview == "How tall is Triglav?"
    assert "brief" not in str(known_columns(row)["metadata"])


@pytest.mark.parametrize(
    ("five_minutes", "hour"),
    [
        ("cache_creation.ephemeral_5m_input_tokens", "cache_creation.ephemeral_1h_input_tokens"),
        ("cacheCreation.Ephemeral5MInputTokens", "cacheCreation.Ephemeral1HInputTokens"),
    ],
)
def test_five_minute_cache_writes_that_are_read_are_not_reported(five_minutes: str, hour: str) -> None:
    counts = {f"anthropic.usage.{five_minutes}": 100, f"anthropic.usage.{hour}": 88}
    row = row_of(span({**CHAT, **counts}), scope=SCOPE)
    assert (row.cache_write_tokens, row.cache_write_1h_tokens) == (188, 88)
    assert unread_names(row.metadata) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("acme.usage.prompt_tokens", 12), ("acme.usage.prompt_tokens", "12"), ("acme.prompt", "Hi")],
)
def test_span_of_an_unknown_sender_is_stored(name: str, value: Value) -> None:
    row = row_of(span({name: value}, name="step"), scope=SCOPE)
    assert (row.gen_ai, row.model_call, row.operation, row.dialect) == (True, False, None, None)
    assert unread_names(row.metadata) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("input", "x"), ("acme.output", "x"), ("acme.prompt", 3), ("acme.prompt", ""), ("acme.usage.tokens", 0)],
)
def test_names_that_mean_other_things_are_not_reported(name: str, value: Value) -> None:
    row = row_of(span({name: value}, name="GET /"), scope="opentelemetry.instrumentation.asgi")
    assert (row.gen_ai, unread_names(row.metadata)) == (False, [])


def test_indices_of_flattened_lists_are_not_names() -> None:
    row = row_of(span({f"acme.prompts.{index}.text": "x" for index in range(90)}), scope=SCOPE)
    assert unread_names(row.metadata) == ["acme.prompts.N.text"]


def test_content_of_events_is_not_metadata() -> None:
    row = row_of(
        span(CHAT, events=[event("acme.step", {"acme.prompt": "secret words", "acme.number": 1})]),
        scope=SCOPE,
    )
    metadata = known_columns(row)["metadata"]
    assert "secret" not in str(metadata)
    assert "acme.number" in str(metadata)


def test_spans_and_names_are_counted(lasting: Lasting) -> None:
    with running_receiver(lasting) as receiver:
        spans = [
            receiver_span(1, acme__prompt="Hi"),
            receiver_span(2, acme__prompt="Hi", acme__billing__output_tokens=3),
            receiver_span(3),
        ]
        post(receiver, request_of(*spans).SerializeToString())
        assert receiver.metric("pulse_spans_unread_total") == 2
        named = "pulse_unread_attributes_total"
        assert receiver.metric(named, attribute="acme.prompt") == 2
        assert receiver.metric(named, attribute="acme.billing.output_tokens") == 1
        many = [receiver_span(10 + number, **{f"acme{number}__prompt": "Hi"}) for number in range(70)]
        post(receiver, request_of(*many).SerializeToString())
        assert receiver.metric(named, attribute="acme61.prompt") == 1
        assert receiver.metric(named, attribute="others") == 8


def test_explanations_name_them() -> None:
    (explained_span,) = explained(span({**CHAT, "acme.prompt": "Hi"}))
    assert explained_span["unread"] == ["acme.prompt"]


def test_captures_of_known_senders_have_no_unread_names() -> None:
    for capture in captures():
        assert map_spans("p", capture.request, RECEIVED_NS).unread == [], capture.name
