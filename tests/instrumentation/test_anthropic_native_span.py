"""The anthropic client's own spans together with Pulse's: one call is never counted twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest
from tests.support.llm_clients import ANTHROPIC_TRACES_ITSELF

PROGRAM = textwrap.dedent(
    """
    import json
    from opentelemetry import trace
    from pulse_instrumentation import PulseAnthropicInstrumentor
    from tests.instrumentation.recorded import recording_provider
    from tests.support.llm_bodies import message
    from tests.support.llm_clients import anthropic_client
    from tests.support.llm_http import FakeProvider, json_answer

    recorded = recording_provider()
    trace.set_tracer_provider(recorded.provider)
    provider = FakeProvider(*[json_answer(message()) for _ in range(3)])
    before = anthropic_client(provider)
    arguments = dict(model="m", max_tokens=1, messages=[{"role": "user", "content": "Hi"}])

    PulseAnthropicInstrumentor().instrument()
    before.messages.create(**arguments)
    anthropic_client(provider).with_options(timeout=5).messages.create(**arguments)
    PulseAnthropicInstrumentor().uninstrument()
    before.messages.create(**arguments)
    print(json.dumps([
        [
            span.instrumentation_scope.name,
            f"{span.context.trace_id:032x}-{span.context.span_id:016x}",
            provider.requests[index].headers.get("traceparent", "")[3:52],
        ]
        for index, span in enumerate(recorded.raw)
    ]))
    """
)


@pytest.mark.skipif(not ANTHROPIC_TRACES_ITSELF, reason="this client makes no spans")
def test_native_span_is_replaced_and_its_trace_header_is_kept() -> None:
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ).stdout
    spans = json.loads(output)
    assert [scope for scope, _, _ in spans] == [
        "pulse.instrumentation",
        "pulse.instrumentation",
        "com.anthropic.sdk.python",
    ]
    assert all(ids == header for _, ids, header in spans)
