"""Fixtures that collect the spans of the instrumented clients in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from tests.instrumentation.recorded import Recorded, recording_provider

from pulse_instrumentation import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor


@pytest.fixture
def recorded() -> Recorded:
    """The spans recorded so far, of a new provider."""
    return recording_provider()


@pytest.fixture
def provider(recorded: Recorded) -> TracerProvider:
    """The tracer provider of `recorded`."""
    return recorded.provider


@pytest.fixture
def instrumented(recorded: Recorded) -> Iterator[Recorded]:
    """The spans recorded so far, with both instrumentors on and content captured."""
    instrumentors = (PulseOpenAIInstrumentor(), PulseAnthropicInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=recorded.provider, capture_content=True)
    yield recorded
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
