"""The recorder in force for the process: it decides where spans go that belong to no client."""

from __future__ import annotations

from weakref import ReferenceType, ref

from pulse_instrumentation.recording.recorder import Recorder

_instrumented: dict[str, Recorder] = {}
_observed: ReferenceType[Recorder] | None = None


def instrumented(library: str, recorder: Recorder | None) -> None:
    """Take note of the recorder of an instrumentor, or that there is none any more."""
    if recorder is None:
        _instrumented.pop(library, None)
    else:
        _instrumented[library] = recorder


def observed(recorder: Recorder) -> None:
    """Take note of the recorder of a client; the last one applies, for as long as its client lives."""
    global _observed
    _observed = ref(recorder)


def active_recorder() -> Recorder | None:
    """Return the recorder of `init()` or an instrumentor, else that of the last observed client."""
    for recorder in tuple(_instrumented.values()):
        return recorder
    return None if _observed is None else _observed()
