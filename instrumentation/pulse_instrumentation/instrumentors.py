"""The two instrumentors, as OpenTelemetry's tools find them, and the hooks that they install."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import cast
from weakref import WeakSet

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from pulse_instrumentation.content import DEFAULT_PART_LIMIT, Redact
from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.hook import OWN_RECORDER, Hook, base_class
from pulse_instrumentation.libraries import ANTHROPIC, OPENAI
from pulse_instrumentation.recorder import Library, Recorder
from pulse_instrumentation.settings import CallSettings, content_mode

_hooks: dict[type, Hook] = {}
# Clients with a recorder of their own, by whose hooks the classes must stay replaced.
observed: WeakSet[object] = WeakSet()


class _ClientInstrumentor(BaseInstrumentor):
    """Records every call of one library's clients, whether made before or after."""

    _library: Library
    _requirement: str
    _recorder: Recorder | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        return (self._requirement,)

    def _instrument(self, **kwargs: object) -> None:
        """Keywords: `tracer_provider`, `meter_provider`, `capture_content`, `redact`, `provider`."""
        settings = CallSettings(
            content=content_mode(kwargs.get("capture_content"), default="off"),
            provider=cast("str | None", kwargs.get("provider")),
            redact=cast("Redact | None", kwargs.get("redact")),
            part_limit=cast("int", kwargs.get("part_limit", DEFAULT_PART_LIMIT)),
        )
        self._recorder = Recorder(
            self._library,
            settings,
            cast("TracerProvider | None", kwargs.get("tracer_provider")),
            cast("MeterProvider | None", kwargs.get("meter_provider")),
        )
        # Not imported here: an application that never uses the library need not pay for it.
        module = f"{self._library.name}._base_client"
        if module in sys.modules:
            self._install(sys.modules[module])
        else:
            wrapt.register_post_import_hook(self._install, module)

    def _uninstrument(self, **kwargs: object) -> None:
        self._recorder = None
        for owner, hook in list(_hooks.items()):
            if owner.__module__.startswith(f"{self._library.name}."):
                hook.recorder = None
                _remove_if_idle(owner)

    def _install(self, module: object) -> None:
        """Hook the base classes, unless uninstrumented while the import was still to come."""
        if self._recorder is None:
            return
        for name in ("SyncAPIClient", "AsyncAPIClient"):
            try:
                hook_of(base_class(getattr(module, name))).recorder = self._recorder
            except Exception as error:
                report_failure(f"instrumenting {self._library.name}.{name}", error)


class PulseOpenAIInstrumentor(_ClientInstrumentor):
    """Records every call of the openai clients of the process."""

    _library = OPENAI
    _requirement = "openai >= 1.66"


class PulseAnthropicInstrumentor(_ClientInstrumentor):
    """Records every call of the anthropic clients of the process."""

    _library = ANTHROPIC
    _requirement = "anthropic >= 0.49"


def hook_of(owner: type) -> Hook:
    """The hook on a base class, installed if it is not, or not any more."""
    hook = _hooks.get(owner)
    if hook is not None and not hook.installed:
        hook.remove()
        hook = None
    if hook is None:
        hook = _hooks[owner] = Hook(owner)
    return hook


def _remove_if_idle(owner: type) -> None:
    """Remove the hook of a class unless an observed client still needs it."""
    if not any(isinstance(client, owner) and OWN_RECORDER in vars(client) for client in observed):
        _hooks.pop(owner).remove()
