"""`capture_content(mode)`: another choice about content for the calls of one block."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from pulse_instrumentation.content import Capture, ContentMode
from pulse_instrumentation.settings import content_mode

_KEY = otel_context.create_key("pulse-capture-content")


@contextmanager
def capture_content(mode: bool | ContentMode) -> Generator[None]:
    """Record the calls that start inside the `with` block with this much of their content.

    Wins over what the process or the client was told. An unknown mode records no content.
    """
    chosen = content_mode(mode, default="off")
    token = otel_context.attach(otel_context.set_value(_KEY, chosen))
    try:
        yield
    finally:
        otel_context.detach(token)


def capture_in(context: Context, capture: Capture) -> Capture:
    """The capture with the mode in force in a context."""
    mode = context.get(_KEY)
    return capture if mode is None or mode == capture.mode else replace(capture, mode=mode)
