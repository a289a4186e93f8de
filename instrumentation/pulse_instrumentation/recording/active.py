"""The recorder of the process, which decides where the spans of `trace()` and `tool()` go."""

from __future__ import annotations

from weakref import ReferenceType, ref

from pulse_instrumentation.recording.recorder import Recorder

_instrumented: dict[str, Recorder] = {}
_observed: ReferenceType[Recorder] | None = None


def set_instrumented(library: str, recorder: Recorder | None) -> None:
    """Set the recorder of an instrumentor; None removes it."""
    if recorder is None:
        _instrumented.pop(library, None)
    else:
        _instrumented[library] = recorder


def set_observed(recorder: Recorder) -> None:
    """Set the recorder of the last observed client, by a weak reference, so until the client is freed."""
    global _observed
    _observed = ref(recorder)


def active_recorder() -> Recorder | None:
    """Return the recorder of `init()` or an instrumentor, else that of the last observed client."""
    for recorder in tuple(_instrumented.values()):
        return recorder
    return None if _observed is None else _observed()
