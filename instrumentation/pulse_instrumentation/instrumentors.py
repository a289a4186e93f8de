"""The two instrumentors, found by OpenTelemetry's tools as entry points, and the hooks that they install."""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib import import_module
from typing import Self, cast
from weakref import WeakSet

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from pulse_instrumentation.content import DEFAULT_PART_LIMIT, Redact
from pulse_instrumentation.failures import logger, report_failure
from pulse_instrumentation.recording import active
from pulse_instrumentation.recording.hook import BASE_CLASSES, OWN_RECORDER, Hook, base_class
from pulse_instrumentation.recording.libraries import ANTHROPIC, OPENAI
from pulse_instrumentation.recording.recorder import Library, Recorder
from pulse_instrumentation.settings import CallSettings, content_mode

_hooks: dict[type, Hook] = {}
# Clients with their own recorder. Their base classes stay hooked without an instrumentor.
observed: WeakSet[object] = WeakSet()


class _ClientInstrumentor:
    """Records every call of one library's clients, also of clients made before `instrument()`.

    Has all methods of OpenTelemetry's BaseInstrumentor, and is a singleton like it. It does not inherit
    from it, because the import of that class takes several times as long as that of this package.
    """

    _library: Library
    _oldest: tuple[int, int]
    _instance: _ClientInstrumentor | None = None

    def __new__(cls) -> Self:
        if not isinstance(cls._instance, cls):
            cls._instance = super().__new__(cls)
            cls._instance._recorder = None
            cls._instance._any_version = False
        return cls._instance

    _recorder: Recorder | None
    _any_version: bool

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether `instrument()` was called, and `uninstrument()` was not called after it."""
        return self._recorder is not None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the requirement of the client library, such as `openai >= 1.66`."""
        major, minor = self._oldest
        return (f"{self._library.name} >= {major}.{minor}",)

    def instrument(self, **kwargs: object) -> None:
        """Record every call from now on. Logs a warning and changes nothing if called twice.

        Args:
            kwargs: `tracer_provider` and `meter_provider`, by default the global ones; `capture_content`
                (`False`, `True`, `"off"`, `"metadata"`, `"full"`; by default OpenTelemetry's variable, else
                off); `redact`, a function from recorded text to the text to send; `provider`, the name to
                record instead of the detected one; `skip_dep_check=True` to record clients of any version;
                `raise_exception_on_conflict=True`, which `opentelemetry-instrument` passes.

        Raises:
            DependencyConflictError: The library is not installed or too old, and
                `raise_exception_on_conflict` is true.
        """
        if self._recorder is not None:
            logger.warning("%s is on already; uninstrument first.", type(self).__name__)
            return
        self._any_version = kwargs.get("skip_dep_check") is True
        if kwargs.get("raise_exception_on_conflict") is True and not self._any_version:
            self._raise_conflict()
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
        active.set_instrumented(self._library.name, self._recorder)
        # Not imported here, so that an application that never uses the library does not wait for its import.
        module = f"{self._library.name}._base_client"
        if module in sys.modules:
            self._install(sys.modules[module])
        else:
            import wrapt

            wrapt.register_post_import_hook(self._install, module)

    def uninstrument(self, **kwargs: object) -> None:
        """Stop recording, and restore the methods of the client library. Ignores all keywords."""
        if self._recorder is None:
            logger.warning("%s is off already.", type(self).__name__)
            return
        self._recorder = None
        active.set_instrumented(self._library.name, None)
        for owner, hook in list(_hooks.items()):
            if owner.__module__.startswith(f"{self._library.name}."):
                hook.recorder = None
                _remove_if_idle(owner)

    def _raise_conflict(self) -> None:
        from opentelemetry.instrumentation import dependencies

        conflict = dependencies.get_dependency_conflicts(self.instrumentation_dependencies())
        if conflict is not None:
            raise dependencies.DependencyConflictError(conflict)

    def _install(self, module: object) -> None:
        """Install hooks on the base classes of the module, unless `uninstrument()` preceded its import."""
        if self._recorder is None or not (self._any_version or self._is_new_enough()):
            return
        for name in BASE_CLASSES:
            try:
                hook_of(base_class(getattr(module, name))).recorder = self._recorder
            except Exception as error:
                report_failure(f"instrumenting {self._library.name}.{name}", error)

    def _is_new_enough(self) -> bool:
        try:
            found: str = import_module(f"{self._library.name}._version").__version__
            major, minor = found.split(".")[:2]
            if (int(major), int(minor)) >= self._oldest:
                return True
        except (ImportError, AttributeError, ValueError):
            # A version in an unknown form is newer than this package.
            return True
        (wanted,) = self.instrumentation_dependencies()
        logger.error("Calls of %s %s are not recorded; install %s.", self._library.name, found, wanted)
        return False


class PulseOpenAIInstrumentor(_ClientInstrumentor):
    """Records every call of the openai clients of the process."""

    _library = OPENAI
    _oldest = (1, 66)


class PulseAnthropicInstrumentor(_ClientInstrumentor):
    """Records every call of the anthropic clients of the process."""

    _library = ANTHROPIC
    _oldest = (0, 49)


def hook_of(owner: type) -> Hook:
    """Return the hook of a base class; install it if it is absent or another library has replaced it."""
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
