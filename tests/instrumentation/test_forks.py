"""Forked processes: each sends only its own spans, and ends as without Pulse."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from tests.instrumentation.programs import closed_early, run
from tests.instrumentation.sink import Sink, sink

from pulse_instrumentation.delivery.own_provider import OwnTracerProvider

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(name="collector")
def collector_fixture() -> Iterator[Sink]:
    with sink() as state:
        yield state


@pytest.mark.skipif(not hasattr(TracerProvider, "_handle_fork"), reason="this SDK does nothing at forks")
@pytest.mark.parametrize(("patched", "looks"), [("threading", 0), ("socket", 1)])
def test_own_provider_starts_no_threads_in_a_forked_child_under_gevent(
    monkeypatch: pytest.MonkeyPatch, patched: str, looks: int
) -> None:
    def is_module_patched(name: str) -> bool:
        return name == patched

    looked: list[object] = []

    def update_resource(_provider: object, resource: object) -> None:
        looked.append(resource)

    monkey: Any = SimpleNamespace(is_module_patched=is_module_patched)
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    monkeypatch.setattr(TracerProvider, "_update_resource", update_resource)
    OwnTracerProvider()._handle_fork()  # pyright: ignore[reportPrivateUsage]
    assert len(looked) == looks


def test_forked_children_send_their_own_spans_only(collector: Sink) -> None:
    run(
        """
        import multiprocessing
        pulse.init()
        call("parent")
        child = os.fork()
        if not child:
            call("forked")
            sys.exit(0)
        os.waitpid(child, 0)
        process = multiprocessing.get_context("fork").Process(target=call, args=("worker",))
        process.start()
        process.join()
        """,
        collector.url,
    )
    assert sorted(collector.names) == ["chat forked", "chat parent", "chat worker"]


def test_repeated_forks_keep_no_state_in_the_parent(collector: Sink) -> None:
    run(
        """
        import threading
        pulse.init()
        call("parent")
        assert pulse.flush()
        before = threading.active_count(), len(os.listdir("/dev/fd"))
        for _ in range(5):
            call("parent")
            child = os.fork()
            if not child:
                call("forked")
                os._exit(0 if pulse.flush() else 1)
            assert os.waitpid(child, 0)[1] == 0
        assert (threading.active_count(), len(os.listdir("/dev/fd"))) == before
        """,
        collector.url,
    )
    assert sorted(collector.names) == ["chat forked"] * 5 + ["chat parent"] * 6


def test_forked_child_does_not_end_the_streams_of_its_parent(collector: Sink) -> None:
    run(
        """
        import gc
        pulse.init()
        stream, left = begin("read by the parent"), begin("left by the parent")
        del left
        gc.collect()
        child = os.fork()
        if not child:
            del stream
            gc.collect()
            call("child")
            sys.exit(0)
        os.waitpid(child, 0)
        list(stream)
        """,
        collector.url,
    )
    assert sorted(collector.names) == ["chat child", "chat left by the parent", "chat read by the parent"]
    assert closed_early(collector) == ["chat left by the parent"]


def test_multiprocessing_child_that_calls_init_sends_at_its_end(collector: Sink) -> None:
    run(
        """
        import multiprocessing
        def work():
            pulse.init()
            call("worker")
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
        """,
        collector.url,
    )
    assert collector.names == ["chat worker"]


def test_forked_child_ends_when_its_forking_thread_ends(collector: Sink) -> None:
    run(
        """
        pulse.init(flush_interval_ms=100)
        def fork():
            child = os.fork()
            call("thread" if child else "child")
            if child:
                os.waitpid(child, 0)
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
        """,
        collector.url,
    )
    assert sorted(collector.names) == ["chat child", "chat thread"]


@pytest.mark.parametrize("starts", ["before the fork", "in the child"])
def test_multiprocessing_child_busy_in_c_code_terminates_at_once(starts: str, collector: Sink) -> None:
    run(
        """
        import multiprocessing
        starts = os.environ["STARTS"]
        if starts == "before the fork":
            pulse.init()
        def work(begun):
            if starts == "in the child":
                pulse.init()
            call("worker")
            assert pulse.flush()
            begun.send(None)
            sum(range(10**15))  # Python looks at no signal meanwhile.
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=work, args=(there,))
        process.start()
        there.close()  # So that a worker that fails early is met as the end of the pipe.
        here.recv()
        process.terminate()
        process.join(30)
        ended = process.exitcode
        process.kill()
        assert ended == -signal.SIGTERM, ended
        """,
        collector.url,
        STARTS=starts,
    )
    assert collector.names == ["chat worker"]
