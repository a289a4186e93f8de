"""The content mode of a context: it replaces the mode of the process or client for calls that start in it."""

from __future__ import annotations

from dataclasses import replace

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from pulse_instrumentation.content import Capture, ContentMode

_KEY = otel_context.create_key("pulse-capture-content")


def content_context(mode: ContentMode, context: Context) -> Context:
    """Return the context with this content mode."""
    return otel_context.set_value(_KEY, mode, context)


def capture_in(context: Context, capture: Capture) -> Capture:
    """Return the capture with the content mode of the context, if that has one."""
    mode = context.get(_KEY)
    return capture if mode is None or mode == capture.mode else replace(capture, mode=mode)
