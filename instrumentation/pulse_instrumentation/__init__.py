"""Pulse for applications: records the model calls of the openai and anthropic clients."""

from __future__ import annotations

from pulse_instrumentation.instrumentors import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor
from pulse_instrumentation.observe import observe
from pulse_instrumentation.start import flush, init, shutdown
from pulse_instrumentation.work.api import tool, trace
from pulse_instrumentation.work.contexts import capture_content, session

__all__ = [
    "PulseAnthropicInstrumentor",
    "PulseOpenAIInstrumentor",
    "capture_content",
    "flush",
    "init",
    "observe",
    "session",
    "shutdown",
    "tool",
    "trace",
]
