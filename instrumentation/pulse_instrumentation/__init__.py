"""Record the model calls of the openai and anthropic clients as OpenTelemetry spans.

`init()` records every call of the process and sends the spans to Pulse. `observe()` records one client, and
the two instrumentors record in an application's own OpenTelemetry setup. `session()`, `trace()`, `tool()`
and `capture_content()` group and describe calls.
"""

from __future__ import annotations

from pulse_instrumentation.instrumentors import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor
from pulse_instrumentation.observe import observe
from pulse_instrumentation.start import flush, init, shutdown
from pulse_instrumentation.version import __version__
from pulse_instrumentation.work.api import tool, trace
from pulse_instrumentation.work.contexts import capture_content, session

__all__ = [
    "PulseAnthropicInstrumentor",
    "PulseOpenAIInstrumentor",
    "__version__",
    "capture_content",
    "flush",
    "init",
    "observe",
    "session",
    "shutdown",
    "tool",
    "trace",
]
