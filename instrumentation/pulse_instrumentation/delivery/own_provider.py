"""The tracer provider that Pulse makes when the application has none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import cast

from opentelemetry.sdk.trace import TracerProvider


class OwnTracerProvider(TracerProvider):
    """OpenTelemetry's provider, safe to fork under gevent. Not shut down at exit: the caller does that."""

    def __init__(self) -> None:
        super().__init__(shutdown_on_exit=False)

    def _handle_fork(self) -> None:
        """Update the resource in a forked child as newer SDKs do, but not where threads are greenlets.

        The SDK starts threads for the update. Under gevent, waiting for them makes the child continue the
        parent's work, also a child that gevent forked only to start another program. The clients start a
        program for their first request, so each child would fork further children.
        """
        look_again = cast("Callable[[], None] | None", getattr(super(), "_handle_fork", None))
        if look_again is not None and not _threads_are_greenlets():
            look_again()


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    patched = cast("Callable[[str], bool] | None", getattr(monkey, "is_module_patched", None))
    return patched is not None and patched("threading")
