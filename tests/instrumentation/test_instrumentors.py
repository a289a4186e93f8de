"""The instrumentors as OpenTelemetry's tools use them: entry points, repeated calls, `uninstrument()`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from typing import Any

import openai._base_client as base
import wrapt
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import completion
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, json_answer

from pulse_instrumentation import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}


def test_entry_points_name_the_instrumentors() -> None:
    found = entry_points(group="opentelemetry_instrumentor")
    ours = {point.name: point.load() for point in found if point.name.startswith("pulse_")}
    assert ours == {
        "pulse_openai": PulseOpenAIInstrumentor,
        "pulse_anthropic": PulseAnthropicInstrumentor,
    }


def test_instrumentor_records_no_content_by_default(recorded: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(completion())))
    instrumentor = PulseOpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=recorded.provider)
    try:
        client.chat.completions.create(**CHAT)
    finally:
        instrumentor.uninstrument()
    attributes = recorded.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 11
    assert not [name for name in attributes if name.endswith(("messages", "instructions"))]


def test_uninstrument_restores_the_clients_own_methods(recorded: Recorded) -> None:
    classes = (base.SyncAPIClient, base.AsyncAPIClient)
    before = [vars(client)["request"] for client in classes]
    instrumentor = PulseOpenAIInstrumentor()
    for _ in range(2):
        instrumentor.instrument(tracer_provider=recorded.provider)
        assert [vars(client)["request"] for client in classes] != before
        instrumentor.uninstrument()
        assert [vars(client)["request"] for client in classes] == before


def test_wrapper_of_the_hook_survives_uninstrument(recorded: Recorded) -> None:
    original = vars(base.SyncAPIClient)["request"]
    seen: list[str] = []

    def theirs(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append("theirs")
        return wrapped(*args, **kwargs)

    instrumentor = PulseOpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=recorded.provider)
    wrapt.wrap_function_wrapper(base, "SyncAPIClient.request", theirs)
    try:
        instrumentor.uninstrument()
        client = openai_client(FakeProvider(*(json_answer(completion()) for _ in range(2))))
        client.chat.completions.create(**CHAT)
        assert (seen, recorded.spans) == (["theirs"], [])
        instrumentor.instrument(tracer_provider=recorded.provider)
        client.chat.completions.create(**CHAT)
        assert (len(seen), len(recorded.spans)) == (2, 1)
        instrumentor.uninstrument()
    finally:
        base.SyncAPIClient.request = original


def test_wrapper_below_the_hook_receives_its_client(recorded: Recorded) -> None:
    original = vars(base.SyncAPIClient)["request"]
    seen: list[Any] = []

    def theirs(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append(instance)
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(base, "SyncAPIClient.request", theirs)
    instrumentor = PulseOpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=recorded.provider)
    try:
        client = openai_client(FakeProvider(json_answer(completion())))
        client.chat.completions.create(**CHAT)
    finally:
        instrumentor.uninstrument()
        base.SyncAPIClient.request = original
    assert (seen, len(recorded.spans)) == ([client], 1)


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ).stdout


def test_clients_imported_after_instrumenting_are_recorded() -> None:
    output = run(
        """
        import sys
        from pulse_instrumentation import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor
        from tests.instrumentation.recorded import recording_provider
        recorded = recording_provider()
        for instrumentor in (PulseOpenAIInstrumentor(), PulseAnthropicInstrumentor()):
            instrumentor.instrument(tracer_provider=recorded.provider)
        print("openai" in sys.modules or "anthropic" in sys.modules)
        PulseAnthropicInstrumentor().uninstrument()
        from tests.support.llm_bodies import completion, message
        from tests.support.llm_clients import anthropic_client, openai_client
        from tests.support.llm_http import FakeProvider, json_answer
        messages = [{"role": "user", "content": "Hi"}]
        client = openai_client(FakeProvider(json_answer(completion())))
        client.chat.completions.create(model="gpt-4o", messages=messages)
        client = anthropic_client(FakeProvider(json_answer(message())))
        client.messages.create(model="m", max_tokens=1, messages=messages)
        print([span.name for span in recorded.spans])
        """
    )
    assert output == "False\n['chat gpt-4o']\n"


def test_module_level_client_is_recorded(recorded: Recorded) -> None:
    output = run(
        """
        import openai
        from pulse_instrumentation import PulseOpenAIInstrumentor
        from tests.instrumentation.recorded import recording_provider
        from tests.support.llm_bodies import completion
        from tests.support.llm_http import FakeProvider, json_answer
        recorded = recording_provider()
        PulseOpenAIInstrumentor().instrument(tracer_provider=recorded.provider)
        openai.api_key = "test"
        openai.http_client = FakeProvider(json_answer(completion())).sync_client()
        openai.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
        print([span.name for span in recorded.spans])
        """
    )
    assert output == "['chat gpt-4o']\n"
