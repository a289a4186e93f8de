"""The tracer provider that Pulse makes when the application has none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import cast

from opentelemetry.sdk.trace import TracerProvider


class OwnTracerProvider(TracerProvider):
    """OpenTelemetry's provider, safe to fork under gevent; whoever made it shuts it down."""

    def __init__(self) -> None:
        super().__init__(shutdown_on_exit=False)

    def _handle_fork(self) -> None:
        """Look at the resource again in a forked child, as newer versions of the SDK do.

        It starts threads for that. Where threads are greenlets, waiting for them lets the child go on
        with the work of its parent, even one that gevent has forked only to start another program:
        the clients do that for their first request, so each child would fork more children.
        """
        look_again = cast("Callable[[], None] | None", getattr(super(), "_handle_fork", None))
        if look_again is not None and not _threads_are_greenlets():
            look_again()


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    patched = cast("Callable[[str], bool] | None", getattr(monkey, "is_module_patched", None))
    return patched is not None and patched("threading")
