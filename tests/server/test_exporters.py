"""Stock OpenTelemetry exporters, configured only with the output of `pulse serve`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from tests.server.serving import Serving, serving
from tests.storage.sql_backends import SqlBackend


@pytest.fixture(scope="module")
def server(backend: SqlBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run one server for all exporters."""
    data_dir = tmp_path_factory.mktemp("exporters") / "data"
    with serving(data_dir, DATABASE_URL=backend.url(data_dir)) as server:
        yield server
        assert server.stop() == 0
    backend.check(data_dir)


@pytest.mark.parametrize("exporter", [ProtobufExporter, JsonExporter])
def test_http_exporter_works_with_the_printed_lines(
    server: Serving, monkeypatch: pytest.MonkeyPatch, exporter: type[SpanExporter]
) -> None:
    assert server.exports.keys() == {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}
    for name, value in server.exports.items():
        monkeypatch.setenv(name, value)
    _record_call(exporter(), session_id=exporter.__module__)
    _expect_call(server, session_id=exporter.__module__)


def test_grpc_exporter_works_with_the_printed_endpoint(
    server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://127.0.0.1:{server.ports.otlp_grpc}"
    assert f"# For a gRPC exporter the endpoint is {endpoint}" in server.printed
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", server.exports["OTEL_EXPORTER_OTLP_HEADERS"])
    _record_call(GrpcExporter(), session_id="grpc")
    _expect_call(server, session_id="grpc")


def test_authorization_that_is_not_url_decoded_is_accepted(server: Serving) -> None:
    """LangSmith's exporters do not URL-decode the value of the variable."""
    headers = {"authorization": server.exports["OTEL_EXPORTER_OTLP_HEADERS"].removeprefix("authorization=")}
    assert headers["authorization"].startswith("Bearer%20")
    http, grpc = (f"http://127.0.0.1:{port}" for port in (server.ports.otlp_http, server.ports.otlp_grpc))
    exporters: dict[str, SpanExporter] = {
        "raw protobuf": ProtobufExporter(f"{http}/v1/traces", headers=headers),
        "raw json": JsonExporter(f"{server.url}/v1/traces", headers=headers),
        "raw grpc": GrpcExporter(grpc, insecure=True, headers=headers),
    }
    for session_id, exporter in exporters.items():
        _record_call(exporter, session_id=session_id)
        _expect_call(server, session_id=session_id)


def _record_call(exporter: SpanExporter, session_id: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("chat gpt-4o-mini") as span:
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.usage.input_tokens": 1000,
                "gen_ai.usage.output_tokens": 100,
                "session.id": session_id,
            }
        )
    provider.shutdown()


def _expect_call(server: Serving, session_id: str) -> None:
    """Check that the first query after the export returns the call."""
    (row,) = server.get("/v1/traces", session_id=session_id)["traces"]
    assert (row["model_used"], row["input_tokens"], row["output_tokens"]) == (
        "gpt-4o-mini-2024-07-18",
        1000,
        100,
    )
    assert row["cost_cents"] == pytest.approx(0.021)
    assert (row["status"], row["operation"], row["counted"]) == ("success", "chat", True)
