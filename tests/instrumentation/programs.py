"""Run programs in separate processes, and read the spans that they sent to a collector."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from tests.instrumentation.sink import Sink

PRELUDE = """
import os, signal, sys, threading
import openai
import pulse_instrumentation as pulse
from opentelemetry import trace
from tests.support.llm_bodies import chat_chunks, completion
from tests.support.llm_http import FakeProvider, event_answer, json_answer

# Without the other client, whose import takes longer than all the rest of most programs.
def openai_client(provider):
    return openai.OpenAI(api_key="test", max_retries=0, http_client=provider.sync_client())

def begin(model):
    client = openai_client(FakeProvider(event_answer(chat_chunks("Hel", "lo"), done=True)))
    messages = [{"role": "user", "content": "Hi"}]
    stream = client.chat.completions.create(model=model, messages=messages, stream=True)
    next(stream)
    return stream

def call(model="gpt-4o"):
    client = openai_client(FakeProvider(json_answer(completion())))
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])

"""


def run(program: str, url: str, expect: int = 0, **environment: str) -> str:
    """Run a program with the collector in its environment; return its output and error output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        # Far beyond what any takes: it ends those that hang, on a machine that is busy with much else too.
        timeout=180,
        env={
            **os.environ,
            "PYTHONPATH": os.getcwd(),
            "PULSE_API_KEY": "pulse_sk_test",
            "PULSE_API_URL": url,
            **environment,
        },
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


def closed_early(collector: Sink) -> list[str]:
    """Return the names of the spans with `pulse.stream.closed_early`."""
    return [
        span.name
        for delivery in collector.deliveries
        for resource_spans in delivery.request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
        if "pulse.stream.closed_early" in {attribute.key for attribute in span.attributes}
    ]
