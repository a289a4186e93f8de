"""Celery's workers, which exit by `os._exit()`: spans are sent at Celery's signals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.instrumentation.programs import run
from tests.instrumentation.sink import Sink, sink

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# The part of Celery that Pulse uses: signals that call their receivers with keyword arguments.
_SIGNALS = """
class Signal:
    def __init__(self):
        self.receivers = {}

    def connect(self, receiver, *, weak, dispatch_uid):
        assert not weak
        self.receivers.setdefault(dispatch_uid, receiver)

    def send(self, sender, **facts):
        for receiver in self.receivers.values():
            receiver(signal=self, sender=sender, **facts)

task_postrun = Signal()
worker_process_shutdown = Signal()
"""


@pytest.fixture(name="collector")
def collector_fixture() -> Iterator[Sink]:
    with sink() as state:
        yield state


@pytest.fixture(name="library")
def library_fixture(tmp_path: Path) -> str:
    package = tmp_path / "celery"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "signals.py").write_text(_SIGNALS)
    return str(tmp_path)


@pytest.mark.parametrize("imported", ["before", "after"])
def test_worker_that_ends_sends_queued_spans(imported: str, library: str, collector: Sink) -> None:
    run(
        """
        sys.path.append(os.environ["LIBRARY"])
        if os.environ["IMPORTED"] == "before":
            import celery.signals
        pulse.init()
        import celery.signals
        worker = os.fork()
        if not worker:
            call("task")
            celery.signals.worker_process_shutdown.send(None, pid=os.getpid(), exitcode=0)
            os._exit(0)
        os.waitpid(worker, 0)
        """,
        collector.url,
        LIBRARY=library,
        IMPORTED=imported,
    )
    assert collector.names == ["chat task"]


def test_worker_sends_after_each_task_without_waiting_for_the_interval(library: str, collector: Sink) -> None:
    run(
        """
        sys.path.append(os.environ["LIBRARY"])
        import celery.signals
        from pulse_instrumentation import start
        pulse.init(flush_interval_ms=600_000)
        worker = os.fork()
        if not worker:
            for model in ("first", "second"):
                call(model)
                celery.signals.task_postrun.send(None, task_id="1", state="SUCCESS")
                while start._running.processor._queue:
                    threading.Event().wait(0.01)
            call("in a running task")
            os._exit(0)
        os.waitpid(worker, 0)
        """,
        collector.url,
        LIBRARY=library,
    )
    assert collector.names == ["chat first", "chat second"]
