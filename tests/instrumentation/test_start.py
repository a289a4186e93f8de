"""`init()`, `flush()` and `shutdown()` in separate processes, with a collector on loopback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from tests.instrumentation.programs import closed_early, run
from tests.instrumentation.sink import Sink, sink


@pytest.fixture(name="collector")
def collector_fixture() -> Iterator[Sink]:
    with sink() as state:
        yield state


def test_init_sends_calls_of_both_clients_at_exit(collector: Sink) -> None:
    run(
        """
        from tests.support.llm_bodies import message
        from tests.support.llm_clients import anthropic_client
        pulse.init(service_name="shop", environment="test", release="1.2")
        call()
        client = anthropic_client(FakeProvider(json_answer(message())))
        client.messages.create(model="claude", max_tokens=1, messages=[{"role": "user", "content": "Hi"}])
        """,
        collector.url,
    )
    (delivery,) = collector.deliveries
    assert delivery.names == ["chat gpt-4o", "chat claude"]
    assert delivery.path == "/v1/traces"
    assert delivery.headers["authorization"] == "Bearer pulse_sk_test"
    assert delivery.headers["content-type"] == "application/x-protobuf"
    assert delivery.headers["content-encoding"] == "gzip"
    resource = delivery.resource
    assert resource["service.name"] == "shop"
    assert resource["deployment.environment.name"] == "test"
    assert resource["service.version"] == "1.2"


@pytest.mark.slow
def test_init_records_content_unless_switched_off(collector: Sink) -> None:
    run("pulse.init(); call()", collector.url)
    run("pulse.init(capture_content=False); call()", collector.url)
    run(
        "pulse.init(); call()",
        collector.url,
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="NO_CONTENT",
    )
    bodies = [delivery.request.SerializeToString() for delivery in collector.deliveries]
    assert [b"gen_ai.input.messages" in body for body in bodies] == [True, False, False]


def test_init_uses_the_applications_provider(collector: Sink) -> None:
    run(
        """
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        mine = TracerProvider(resource=Resource({"service.name": "mine", "team": "a"}))
        trace.set_tracer_provider(mine)
        pulse.init(environment="test")
        assert trace.get_tracer_provider() is mine
        with trace.get_tracer("app").start_as_current_span("work"):
            call()
        """,
        collector.url,
    )
    (delivery,) = collector.deliveries
    assert delivery.names == ["chat gpt-4o", "work"]
    assert delivery.resource["service.name"] == "mine"
    assert delivery.resource["team"] == "a"
    assert delivery.resource["deployment.environment.name"] == "test"


def test_init_twice_sends_once(collector: Sink) -> None:
    run("pulse.init(); pulse.init(); call()", collector.url)
    assert collector.names == ["chat gpt-4o"]


def test_disabled_init_sends_nothing(collector: Sink) -> None:
    run("pulse.init(enabled=False); call(); assert pulse.flush()", collector.url)
    run("pulse.init(); call(); assert pulse.flush()", collector.url, OTEL_SDK_DISABLED="true")
    assert collector.deliveries == []


def test_flush_sends_now_and_shutdown_restores_the_clients(collector: Sink) -> None:
    run(
        """
        import openai._base_client as base
        original = base.SyncAPIClient.request
        pulse.init()
        call("first")
        assert pulse.flush()
        pulse.shutdown()
        call("second")
        assert base.SyncAPIClient.request is original
        pulse.init()
        call("third")
        """,
        collector.url,
    )
    assert collector.names == ["chat first", "chat third"]


def test_missing_key_is_logged(collector: Sink) -> None:
    output = run("pulse.init(); call()", collector.url, PULSE_API_KEY="")
    assert "PULSE_API_KEY" in output


def test_exporter_variables_with_a_pulse_key_configure_init(collector: Sink) -> None:
    key = "pulse_sk_00000000-0000-4000-8000-000000000001"
    run(
        "pulse.init(); call()",
        "",
        PULSE_API_KEY="",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS=f"x-a=b,authorization=Bearer%20{key}",
    )
    [delivery] = collector.deliveries
    assert delivery.headers["authorization"] == f"Bearer {key}"


def test_endpoint_of_another_backend_is_not_used(collector: Sink) -> None:
    output = run(
        "pulse.init(); call()",
        "http://127.0.0.1:9",
        PULSE_API_KEY="",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20another-secret",
    )
    assert "Pulse has no API key" in output
    assert not collector.deliveries


def test_url_without_scheme_is_logged() -> None:
    output = run("pulse.init(); call()", "127.0.0.1:9")
    assert "api_url (or PULSE_API_URL) '127.0.0.1:9' is not a URL; use http://HOST:PORT." in output


def test_process_that_ends_without_a_collector_logs_the_loss() -> None:
    output = run("pulse.init(); call(); pulse.flush(1); call()", "http://127.0.0.1:9")
    assert "Pulse lost 2 spans" in output
    assert output.count("Pulse keeps spans and retries (http://127.0.0.1:9/v1/traces cannot be reached") == 1


def test_process_ends_before_an_unresponsive_collector_times_out(collector: Sink) -> None:
    collector.hang = threading.Event()
    output = run(
        """
        import atexit, time
        atexit.register(lambda: print("waited", time.monotonic() - ended < 8))
        pulse.init()
        call()
        ended = time.monotonic()
        """,
        collector.url,
    )
    assert "waited True" in output


def test_open_and_dropped_streams_are_sent_at_exit(collector: Sink) -> None:
    run(
        """
        pulse.init()
        dropped = begin("dropped")
        del dropped
        kept = begin("kept")
        done = begin("done")
        list(done)
        """,
        collector.url,
    )
    assert sorted(collector.names) == ["chat done", "chat dropped", "chat kept"]
    assert sorted(closed_early(collector)) == ["chat dropped", "chat kept"]


def test_sigterm_sends_spans_and_ends_the_process(collector: Sink) -> None:
    program = """
        pulse.init()
        call()
        stream = begin("open")
        os.kill(os.getpid(), signal.SIGTERM)
        """
    run(program, collector.url, expect=-signal.SIGTERM)
    assert collector.names == ["chat gpt-4o", "chat open"]
    assert closed_early(collector) == ["chat open"]


def test_sigterm_handler_of_the_application_is_called(collector: Sink) -> None:
    output = run(
        """
        signal.signal(signal.SIGTERM, lambda number, frame: print("mine", number, frame is not None))
        pulse.init()
        call()
        stream = begin("open")
        os.kill(os.getpid(), signal.SIGTERM)
        print("alive", len(list(stream)))
        """,
        collector.url,
    )
    assert output.split("\n")[:2] == [f"mine {int(signal.SIGTERM)} True", "alive 4"]
    assert collector.names == ["chat gpt-4o", "chat open"]
    assert closed_early(collector) == []
