"""With other instrumentors: which one records a call, and that its span has the session."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from tests.instrumentation.recorded import Recorded, SpanValue
from tests.support.llm_bodies import chat_chunks, completion
from tests.support.llm_clients import KINDS, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer

import pulse_instrumentation as pulse
from pulse_instrumentation.delivery.processor import PulseSpanProcessor
from pulse_instrumentation.delivery.sender import Sender

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
WHO = {
    "gen_ai.conversation.id": "s-1",
    "session.id": "s-1",
    "user.id": "u-1",
    "pulse.tags": ("beta",),
    "pulse.metadata.plan": "pro",
}
GENAI, INFERENCE = {"gen_ai.operation.name": "chat"}, {"openinference.span.kind": "LLM"}
CLIENTS = [
    ("opentelemetry.instrumentation.openai.v1", {"gen_ai.system": "OpenAI"}),
    ("opentelemetry.instrumentation.openai", {"llm.request.type": "chat"}),
    ("opentelemetry.instrumentation.openai_v2", GENAI),
    ("opentelemetry.instrumentation.anthropic.v1", {"gen_ai.system": "Anthropic"}),
    ("opentelemetry.instrumentation.genai.openai", GENAI),
    ("opentelemetry.instrumentation.genai.anthropic", GENAI),
    ("openinference.instrumentation.openai", INFERENCE),
    ("openinference.instrumentation.anthropic", INFERENCE),
    ("openlit.otel.tracing", GENAI),
    ("openlit.instrumentation.openai", GENAI),
    ("logfire.openai", GENAI),
    ("logfire.anthropic", GENAI),
]
FRAMEWORKS = [
    ("openinference.instrumentation.openai_agents", INFERENCE),
    ("opentelemetry.instrumentation.openai_agents", GENAI),
    ("opentelemetry.instrumentation.genai.openai_agents", GENAI),
    ("openinference.instrumentation.langchain", INFERENCE),
    ("opentelemetry.instrumentation.langchain", GENAI),
    ("logfire.openai_agents", GENAI),
    ("my.app", GENAI),
]


def session() -> Any:
    return pulse.session("s-1", user_id="u-1", tags=["beta"], metadata={"plan": "pro"})


def call(kind: str, streamed: bool = False) -> Any:
    answer = event_answer(chat_chunks("Hi"), done=True) if streamed else json_answer(completion())
    client = openai_client(FakeProvider(answer), kind)
    return result_of(client.chat.completions.create(**CHAT, stream=streamed))


def spans_inside(
    recorded: Recorded, scope: str, attributes: dict[str, Any], kind: str, streamed: bool = False
) -> list[SpanValue]:
    """Return the spans of a call inside a span of another instrumentor."""
    tracer = recorded.provider.get_tracer(scope)
    with session(), tracer.start_as_current_span("theirs", attributes=attributes):
        call(kind, streamed)
    return recorded.spans


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scope", "attributes"), CLIENTS)
def test_span_of_another_client_instrumentor_has_the_session(
    instrumented: Recorded, scope: str, attributes: dict[str, Any], kind: str, streamed: bool
) -> None:
    (theirs,) = spans_inside(instrumented, scope, attributes, kind, streamed)
    assert theirs.attributes == {**attributes, **WHO}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scope", "attributes"), FRAMEWORKS)
def test_call_below_a_framework_span_is_recorded(
    instrumented: Recorded, scope: str, attributes: dict[str, Any], kind: str
) -> None:
    names = [span.name for span in spans_inside(instrumented, scope, attributes, kind)]
    assert names == ["chat gpt-4o", "theirs"]


def test_existing_session_of_a_span_is_kept(instrumented: Recorded) -> None:
    own = {"openinference.span.kind": "LLM", "session.id": "theirs", "user.id": "theirs"}
    (theirs,) = spans_inside(instrumented, "openinference.instrumentation.openai", own, "sync")
    assert theirs.attributes == {**own, "pulse.tags": ("beta",), "pulse.metadata.plan": "pro"}


def test_framework_span_that_suppresses_the_call_has_the_session(instrumented: Recorded) -> None:
    tracer = instrumented.provider.get_tracer("opentelemetry.instrumentation.langchain")
    with session(), tracer.start_as_current_span("theirs"):
        token = otel_context.attach(otel_context.set_value("suppress_language_model_instrumentation", True))
        call("sync")
        otel_context.detach(token)
    assert instrumented.attributes == WHO


def test_application_span_around_a_suppressed_call_is_unchanged(instrumented: Recorded) -> None:
    tracer = instrumented.provider.get_tracer("my.app")
    with session(), tracer.start_as_current_span("mine", attributes={"a": 1}):
        token = otel_context.attach(otel_context.set_value("suppress_instrumentation", True))
        call("sync")
        otel_context.detach(token)
    assert instrumented.attributes == {"a": 1}


@pytest.mark.parametrize(
    ("scope", "attributes", "shared"),
    [
        *((scope, {}, True) for scope, _ in CLIENTS),
        ("opentelemetry.instrumentation.langchain", {}, True),
        ("openinference.instrumentation.crewai", {}, True),
        ("traceloop.tracer", {}, True),
        ("some.agent", {"gen_ai.operation.name": "invoke_agent"}, True),
        ("some.agent", {"llm.model_name": "m"}, True),
        ("opentelemetry.instrumentation.httpx", {"url.full": "https://x"}, False),
        ("my.app", {}, False),
    ],
)
def test_processor_sets_the_session_when_a_span_starts(
    recorded: Recorded, scope: str, attributes: dict[str, Any], shared: bool
) -> None:
    """Also for a call that Pulse does not record, or a span that is never the current one."""
    recorded.provider.add_span_processor(processor())
    with session():
        recorded.provider.get_tracer(scope).start_span("theirs", attributes=attributes).end()
    assert recorded.attributes == {**attributes, **(WHO if shared else {})}


def test_processor_uses_the_context_that_a_span_starts_in(recorded: Recorded) -> None:
    recorded.provider.add_span_processor(processor())
    tracer = recorded.provider.get_tracer("openinference.instrumentation.openai")
    with session():
        there = otel_context.get_current()
    tracer.start_span("theirs", there).end()
    tracer.start_span("outside").end()
    assert [span.attributes for span in recorded.spans] == [WHO, {}]


def processor() -> PulseSpanProcessor:
    return PulseSpanProcessor(Sender("http://127.0.0.1:9", None), batch_size=512, flush_interval_ms=600_000)


def test_failing_session_leaves_the_span_unchanged(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise RuntimeError("ours is broken")

    monkeypatch.setattr("pulse_instrumentation.delivery.processor.share_session", fails)
    provider: TracerProvider = recorded.provider
    provider.add_span_processor(processor())
    provider.get_tracer("openinference.instrumentation.openai").start_span("theirs").end()
    assert recorded.only.name == "theirs"
