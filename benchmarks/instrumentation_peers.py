"""The compared instrumentations: how to install each, switch it on and switch it off."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

Classes = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Peer:
    """An instrumentation: its packages and the instrumentor classes in them."""

    name: str
    packages: tuple[str, ...] = ()
    """Packages to install in addition to the clients; none if it runs in the environment of the benchmark."""
    classes: Classes = ()
    environment: dict[str, str] = field(default_factory=lambda: {})
    """Variables that turn the recording of content off, where that is not the default."""


PEERS = (
    # Bare compared with bare: the difference is the noise of the machine.
    Peer("noise"),
    Peer(
        "pulse",
        classes=(
            ("pulse_instrumentation", "PulseOpenAIInstrumentor"),
            ("pulse_instrumentation", "PulseAnthropicInstrumentor"),
        ),
    ),
    Peer(
        "genai",
        (
            "opentelemetry-instrumentation-genai-openai==1.3b0",
            "opentelemetry-instrumentation-genai-anthropic==1.3b0",
        ),
        (
            ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
            ("opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
        ),
    ),
    Peer(
        "openinference",
        ("openinference-instrumentation-openai==0.1.66", "openinference-instrumentation-anthropic==3.1.0"),
        (
            ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
            ("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
        ),
        {"OPENINFERENCE_HIDE_INPUTS": "true", "OPENINFERENCE_HIDE_OUTPUTS": "true"},
    ),
    Peer(
        "openllmetry",
        ("opentelemetry-instrumentation-openai==0.62.4", "opentelemetry-instrumentation-anthropic==0.62.4"),
        (
            ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
            ("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
        ),
        {"TRACELOOP_TRACE_CONTENT": "false"},
    ),
    # Has no switch for content.
    Peer("logfire", ("logfire==5.2.0",)),
)

_CLIENTS = ("openai", "anthropic")


# A span with one of these attributes recorded a complete call.
_OUTPUT_TOKENS = ("gen_ai.usage.output_tokens", "llm.token_count.completion")


@dataclass(frozen=True)
class Switch:
    """Functions that turn a peer on and off."""

    on: Callable[[], None]
    off: Callable[[], None]
    recorded: Callable[[], int]
    """Return the number of calls recorded with tokens since the last call of this function."""


class _Counted(SpanExporter):
    """An exporter that discards spans and counts those with the tokens of a call."""

    def __init__(self) -> None:
        self.calls = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.calls += sum(any(name in (span.attributes or {}) for name in _OUTPUT_TOKENS) for span in spans)
        return SpanExportResult.SUCCESS


def switch(peer: Peer) -> Switch:
    """Return the switch of a peer.

    The caller has imported all modules of the clients that its calls use: `off` restores their methods.
    """
    exporter = _Counted()
    processor = BatchSpanProcessor(exporter)
    methods = _methods()

    def recorded() -> int:
        processor.force_flush()
        calls, exporter.calls = exporter.calls, 0
        return calls

    def restore() -> None:
        # Some peers leave wrappers behind; they would accumulate and slow the bare client.
        for owner, name, method in methods:
            if vars(owner)[name] is not method:
                setattr(owner, name, method)

    if peer.name == "noise":
        return Switch(lambda: None, restore, recorded)
    if peer.name == "logfire":
        return Switch(*_switch_logfire(processor, restore), recorded)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    instrumentors = [getattr(importlib.import_module(module), name)() for module, name in peer.classes]

    def on() -> None:
        for instrumentor in instrumentors:
            instrumentor.instrument(tracer_provider=provider)

    def off() -> None:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()
        restore()

    return Switch(on, off, recorded)


def _switch_logfire(
    processor: BatchSpanProcessor, restore: Callable[[], None]
) -> tuple[Callable[[], None], Callable[[], None]]:
    os.environ["LOGFIRE_IGNORE_NO_CONFIG"] = "1"
    logfire: Any = importlib.import_module("logfire")
    logfire.configure(
        send_to_logfire=False,
        console=False,
        metrics=False,
        inspect_arguments=False,
        additional_span_processors=[processor],
    )
    undo: list[Any] = []

    def on() -> None:
        undo.extend((logfire.instrument_openai(), logfire.instrument_anthropic()))
        for block in undo:
            # It is on already, but only a context that was entered can be exited.
            block.__enter__()

    def off() -> None:
        while undo:
            undo.pop().__exit__(None, None, None)
        restore()

    return on, off


def _methods() -> list[tuple[type, str, object]]:
    """Return every method of the clients' classes that an instrumentation could replace."""
    for client in _CLIENTS:
        importlib.import_module(f"{client}.resources")
    classes = {
        value
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in _CLIENTS
        for value in list(vars(module).values())
        if isinstance(value, type) and not name.partition(".")[2].startswith("types")
    }
    return [
        (owner, name, method)
        for owner in classes
        if owner.__module__.partition(".")[0] in _CLIENTS
        for name, method in vars(owner).items()
        if callable(method) and not name.startswith("__")
    ]
