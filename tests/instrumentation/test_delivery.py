"""Sending ended spans to the collector: batches, bounds, retries, logged losses."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer
from tests.instrumentation.sink import Sink, sink

from pulse_instrumentation.delivery import processor as delivery
from pulse_instrumentation.delivery import span_queue
from pulse_instrumentation.delivery.processor import PulseSpanProcessor, pause_s
from pulse_instrumentation.delivery.sender import Outcome, Sender
from pulse_instrumentation.recording.abandoned import end_soon


@pytest.fixture(name="collector")
def collector_fixture() -> Iterator[Sink]:
    with sink() as state:
        yield state


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_BACKOFF_S", 0.01)


@contextmanager
def tracing(url: str, **options: Any) -> Generator[tuple[Tracer, PulseSpanProcessor]]:
    options = {"batch_size": 512, "flush_interval_ms": 60_000, **options}
    processor = PulseSpanProcessor(Sender(url, "pulse_sk_test"), **options)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    yield provider.get_tracer("test"), processor
    processor.shutdown()


def end_spans(tracer: Tracer, *names: str, **attributes: Any) -> None:
    for name in names:
        tracer.start_span(name, attributes=attributes).end()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until another thread has made a condition true; fail after 30 seconds."""
    beat = threading.Event()
    for _ in range(3000):
        if condition():
            return
        beat.wait(0.01)
    raise AssertionError("it did not come to pass in 30 seconds")


def test_spans_are_sent_in_batches_of_the_configured_size(collector: Sink) -> None:
    with tracing(collector.url, batch_size=2) as (tracer, processor):
        end_spans(tracer, "a", "b", "c", "d", "e")
        assert processor.force_flush()
    assert collector.names == ["a", "b", "c", "d", "e"]
    assert max(len(delivery.names) for delivery in collector.deliveries) == 2


def test_full_batch_is_sent_without_waiting_for_the_interval(collector: Sink) -> None:
    with tracing(collector.url, batch_size=2) as (tracer, _):
        end_spans(tracer, "a", "b")
        wait_until(lambda: collector.names == ["a", "b"])


def test_interval_sends_an_incomplete_batch(collector: Sink) -> None:
    with tracing(collector.url, flush_interval_ms=10) as (tracer, _):
        end_spans(tracer, "a")
        wait_until(lambda: collector.names == ["a"])


def test_batches_are_bounded_in_bytes(collector: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_queue, "MAX_BATCH_BYTES", 10_000)
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a", "b", "c", text="x" * 6_000)
        assert processor.force_flush()
    assert [delivery.names for delivery in collector.deliveries] == [["a"], ["b"], ["c"]]


def test_batch_is_resent_to_a_busy_collector(collector: Sink) -> None:
    collector.statuses = [503, 429, 502]
    with tracing(collector.url, batch_size=1) as (tracer, _):
        end_spans(tracer, "a")
        wait_until(lambda: collector.names == ["a"])
    assert collector.refused == 3


def test_collector_that_recovers_receives_all_queued_spans() -> None:
    with sink() as first:
        url = first.url
    port = int(url.rpartition(":")[2])
    with tracing(url, batch_size=1) as (tracer, processor):
        end_spans(tracer, "a", "b")
        assert not processor.force_flush()
        end_spans(tracer, "c")
        with sink(port) as second:
            wait_until(lambda: second.names == ["a", "b", "c"])


def test_shutdown_retries_with_a_busy_collector(collector: Sink, caplog: pytest.LogCaptureFixture) -> None:
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a")
        collector.statuses = [503, 429]
        processor.shutdown()
    assert collector.names == ["a"]
    assert caplog.records == []


def test_flush_does_not_wait_for_an_absent_collector() -> None:
    with sink() as gone:
        url = gone.url
    with tracing(url) as (tracer, processor):
        end_spans(tracer, "a")
        assert not processor.force_flush(60_000)


def test_missing_route_is_logged_with_the_fix(collector: Sink, caplog: pytest.LogCaptureFixture) -> None:
    collector.statuses = [404]
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a")
        processor.force_flush()
    message = caplog.records[0].getMessage()
    assert "HTTP 404" in message
    assert "PULSE_API_URL is the address of the server, without a path" in message


def test_rejected_batch_is_dropped_and_logged_once(collector: Sink, caplog: pytest.LogCaptureFixture) -> None:
    collector.statuses = [401, 401]
    with tracing(collector.url) as (tracer, processor):
        for name in ("a", "b", "c"):
            end_spans(tracer, name)
            processor.force_flush()
    assert collector.names == ["c"]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "check api_key or PULSE_API_KEY" in messages[0]
    assert "Pulse lost 2 spans" in messages[1]


def test_batch_too_large_for_the_collector_is_halved(collector: Sink) -> None:
    collector.accepts_at_most = 1
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a", "b", "c")
        assert processor.force_flush()
    assert collector.names == ["a", "b", "c"]


def test_call_too_large_for_the_collector_is_sent_without_its_content(
    collector: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    collector.accepts_bytes = 1000
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a")
        end_spans(tracer, "b", **{"gen_ai.input.messages": "x" * 2000, "gen_ai.usage.input_tokens": 7})
        end_spans(tracer, "c")
        assert processor.force_flush()
        end_spans(tracer, "d", other="x" * 2000)
        assert not processor.force_flush()
    assert collector.names == ["a", "b", "c"]
    (span,) = collector.deliveries[1].request.resource_spans[0].scope_spans[0].spans
    found = {attribute.key: attribute.value for attribute in span.attributes}
    assert set(found) == {"gen_ai.usage.input_tokens", "pulse.content.too_large"}
    assert found["gen_ai.usage.input_tokens"].int_value == 7
    assert found["pulse.content.too_large"].bool_value
    assert "Pulse lost 1 spans. 1: HTTP 413" in caplog.records[-1].getMessage()


def test_spans_that_pulse_rejects_are_counted(collector: Sink, caplog: pytest.LogCaptureFixture) -> None:
    collector.rejected = 1
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a", "b")
        assert not processor.force_flush()
    assert "Pulse lost 1 spans" in caplog.records[-1].getMessage()


def test_losses_are_logged_by_a_bounded_number_of_reasons(
    collector: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    with tracing(collector.url, max_queue_bytes=15_000) as (tracer, processor):
        collector.statuses = [400, *range(402, 412), 400]
        for name in "abcdefghijkl":
            end_spans(tracer, name)
            assert not processor.force_flush()
        end_spans(tracer, "too large", text="x" * 20_000)
    (_, total) = [record.getMessage() for record in caplog.records]
    assert total.startswith("Pulse lost 13 spans. ")
    assert f"2: HTTP 400 from {collector.url}" in total
    assert "other reasons" in total
    assert total.count(";") == 8


def test_full_queue_keeps_the_first_spans(collector: Sink, caplog: pytest.LogCaptureFixture) -> None:
    with tracing(collector.url, max_queue_bytes=15_000) as (tracer, processor):
        end_spans(tracer, "a", "b", "c", "d", text="x" * 6_000)
        assert processor.force_flush()
        end_spans(tracer, "e")
        processor.force_flush()
    assert collector.names == ["a", "b", "e"]
    assert "the queue is full" in caplog.records[0].getMessage()
    assert "Pulse lost 2 spans" in caplog.records[-1].getMessage()


def test_span_that_cannot_be_encoded_is_dropped_alone(
    collector: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a")
        end_spans(tracer, "b\ud83d")
        end_spans(tracer, "c")
        processor.force_flush()
    assert collector.names == ["a", "c"]
    assert "Pulse lost 1 spans" in caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("retry_after_s", "least_s", "most_s"), [(None, 3.2, 4.8), (7.0, 7.0, 7.0), (0.0, 0.4, 0.5)]
)
def test_next_attempt_waits_for_retry_after_within_bounds(
    monkeypatch: pytest.MonkeyPatch, retry_after_s: float | None, least_s: float, most_s: float
) -> None:
    monkeypatch.setattr(delivery, "FIRST_BACKOFF_S", 0.5)
    outcome = Outcome("retry", retry_after_s=retry_after_s)
    assert least_s <= pause_s(outcome, backoff_s=4.0) <= most_s


def test_redirect_is_not_followed_with_the_key(collector: Sink) -> None:
    with sink() as elsewhere:
        collector.statuses = [307]
        collector.headers = {"Location": elsewhere.url}
        with tracing(collector.url) as (tracer, processor):
            end_spans(tracer, "a")
            assert not processor.force_flush()
        assert elsewhere.deliveries == []


def test_ending_a_span_does_not_wait_for_an_unresponsive_collector(collector: Sink) -> None:
    collector.hang = threading.Event()
    with tracing(collector.url, batch_size=1) as (tracer, processor):
        end_spans(tracer, *"abc")
        assert not processor.force_flush(1)
        collector.hang.set()
        wait_until(lambda: collector.names == ["a", "b", "c"])


def test_nothing_is_sent_after_shutdown(collector: Sink, caplog: pytest.LogCaptureFixture) -> None:
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a")
        processor.shutdown()
        end_spans(tracer, "b")
        processor.shutdown()
    assert collector.names == ["a"]
    assert caplog.records == []


def test_export_creates_no_spans(collector: Sink) -> None:
    from opentelemetry.instrumentation.utils import is_instrumentation_enabled

    enabled: list[bool] = []

    class Watching(Sender):
        def send(self, body: bytes, timeout_s: float) -> Any:
            enabled.append(is_instrumentation_enabled())
            return super().send(body, timeout_s)

    processor = PulseSpanProcessor(Watching(collector.url, None), batch_size=1, flush_interval_ms=60_000)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    end_spans(provider.get_tracer("test"), "a")
    assert processor.force_flush()
    processor.shutdown()
    assert enabled == [False]


def test_losses_are_logged_as_warnings(collector: Sink, caplog: pytest.LogCaptureFixture) -> None:
    collector.statuses = [400]
    with tracing(collector.url) as (tracer, processor):
        end_spans(tracer, "a")
        processor.force_flush()
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_queue_class_is_looked_up_when_the_thread_starts(
    collector: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gevent replaces threads and queues after the import of Pulse, as in gunicorn's preloaded workers."""
    waited: list[object] = []

    class Later(queue.SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            waited.append(self)
            return super().get(block, timeout)

    with tracing(collector.url) as (tracer, processor):
        monkeypatch.setattr(queue, "SimpleQueue", Later)
        end_spans(tracer, "a")
        assert processor.force_flush()
    # The queue of the sending thread, and the queue of the caller of `force_flush()`.
    assert len({id(queue_) for queue_ in waited}) >= 2
    assert collector.names == ["a"]


def test_flush_sends_abandoned_spans(collector: Sink) -> None:
    with tracing(collector.url) as (tracer, processor):
        span = tracer.start_span("dropped")
        end_soon(span.end)
        assert processor.force_flush()
    assert collector.names == ["dropped"]
