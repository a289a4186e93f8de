"""Spans of the instrumented clients, collected in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from tests.instrumentation.recorded import Recorded, recording_provider

from pulse_instrumentation import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor


@pytest.fixture
def recorded() -> Recorded:
    """What has been recorded so far, on a provider of its own."""
    return recording_provider()


@pytest.fixture
def provider(recorded: Recorded) -> TracerProvider:
    """The tracer provider behind `recorded`."""
    return recorded.provider


@pytest.fixture
def instrumented(recorded: Recorded) -> Iterator[Recorded]:
    """Both instrumentors on, content captured."""
    instrumentors = (PulseOpenAIInstrumentor(), PulseAnthropicInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=recorded.provider, capture_content=True)
    yield recorded
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
