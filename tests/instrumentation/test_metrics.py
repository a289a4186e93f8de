"""The gen_ai metrics: one point per call, only with a meter provider."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import chat_chunks, completion
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, event_answer, json_answer

import pulse_instrumentation as pulse

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
WHO = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "server.address": "api.openai.com",
    "server.port": 443,
}


def points(reader: InMemoryMetricReader) -> dict[str, list[HistogramDataPoint]]:
    data = reader.get_metrics_data()
    found: dict[str, list[HistogramDataPoint]] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                found[metric.name] = [p for p in metric.data.data_points if isinstance(p, HistogramDataPoint)]
    return found


@pytest.fixture(name="reader")
def reader_fixture() -> InMemoryMetricReader:
    return InMemoryMetricReader()


def test_streamed_call_records_one_point_of_each_metric(
    recorded: Recorded, reader: InMemoryMetricReader
) -> None:
    meters = MeterProvider([reader], shutdown_on_exit=False)
    client = openai_client(FakeProvider(event_answer(chat_chunks(*"abcdef"), done=True)))
    pulse.observe(client, tracer_provider=recorded.provider, meter_provider=meters)
    list(client.chat.completions.create(**CHAT, stream=True))
    found = points(reader)
    assert {name: [(p.attributes, p.count) for p in data] for name, data in found.items()} == {
        "gen_ai.client.operation.duration": [(WHO, 1)],
        "gen_ai.client.operation.time_to_first_chunk": [(WHO, 1)],
        "gen_ai.client.token.usage": [
            ({**WHO, "gen_ai.token.type": "input"}, 1),
            ({**WHO, "gen_ai.token.type": "output"}, 1),
        ],
    }
    assert [point.sum for point in found["gen_ai.client.token.usage"]] == [11, 7]
    meters.shutdown()


def test_failed_call_is_measured_with_its_error(recorded: Recorded, reader: InMemoryMetricReader) -> None:
    meters = MeterProvider([reader], shutdown_on_exit=False)
    client = openai_client(FakeProvider(json_answer({}, status=429)))
    pulse.observe(client, tracer_provider=recorded.provider, meter_provider=meters)
    with pytest.raises(Exception, match="429"):
        client.chat.completions.create(**CHAT)
    (point,) = points(reader)["gen_ai.client.operation.duration"]
    assert (point.attributes or {})["error.type"] == "RateLimitError"
    meters.shutdown()


def test_unsampled_calls_are_measured(reader: InMemoryMetricReader) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    meters = MeterProvider([reader], shutdown_on_exit=False)
    client = openai_client(FakeProvider(json_answer(completion())))
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    pulse.observe(client, tracer_provider=unsampled, meter_provider=meters)
    client.chat.completions.create(**CHAT)
    assert [point.sum for point in points(reader)["gen_ai.client.token.usage"]] == [11, 7]
    meters.shutdown()
