"""OTLP over gRPC: the three Export services on a sync server.

Sync grpcio costs less than grpc.aio for each call and keeps answering while the event loop is busy. Messages
pass through undecoded: a deserializer that fails would surface as UNKNOWN instead of INVALID_ARGUMENT.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc

from pulse_collector.ingest import Collector
from pulse_collector.refusals import Refusal
from pulse_proto.otlp import LOGS, METRICS, TRACES, Signal, encode_grpc_response
from pulse_proto.status import retry_info, status

#: Each may hold one message of the largest size, so this bounds memory too.
_THREADS = 16
_KEY_DEADLINE_S = 5.0

_SERVICES: dict[str, Signal[Any]] = {
    f"/opentelemetry.proto.collector.{package}.v1.{service}/Export": signal
    for package, service, signal in (
        ("trace", "TraceService", TRACES),
        ("logs", "LogsService", LOGS),
        ("metrics", "MetricsService", METRICS),
    )
}
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

_log = logging.getLogger(__name__)


class GrpcServer:
    """A running server; `port` is the one it listens on."""

    def __init__(self, server: grpc.Server, port: int) -> None:
        self._server = server
        self.port = port

    def stop(self, grace_s: float) -> None:
        """Take no more calls, let those under way finish for up to `grace_s`, and wait until they have."""
        self._server.stop(grace_s).wait()


def serve_otlp_grpc(collector: Collector, host: str, port: int) -> GrpcServer:
    """Start the server from within a running event loop. Raises OSError if the port is taken."""
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="pulse-grpc"),
        handlers=[_Exports(collector, asyncio.get_running_loop())],
        options=[
            # Enforced after decompression too; answered RESOURCE_EXHAUSTED without RetryInfo: final.
            ("grpc.max_receive_message_length", collector.max_body_bytes),
            ("grpc.so_reuseport", 0),
            ("grpc.max_concurrent_streams", 128),
            # Exporters with a keepalive shorter than gRPC's default of 5 minutes are welcome.
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.keepalive_time_ms", 60_000),
        ],
    )
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}") from error
    server.start()
    return GrpcServer(server, bound)


class _Exports(grpc.GenericRpcHandler):
    """Finds the signal of a method, and turns strangers away before their message is read."""

    def __init__(self, collector: Collector, loop: asyncio.AbstractEventLoop) -> None:
        self._collector = collector
        self._loop = loop

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        signal = _SERVICES.get(handler_call_details.method)
        if signal is None:
            return None
        try:
            # Only what is remembered: this runs in the thread that serves all connections.
            self._collector.admit_cached(_authorization(handler_call_details.invocation_metadata))
        except Refusal as refusal:
            return _unary(self._answering(signal, refusal))
        return _unary(self._exporting(signal))

    def _answering(self, signal: Signal[Any], refusal: Refusal) -> _Behavior:
        def refuse(body: bytes, context: grpc.ServicerContext) -> bytes:
            self._refuse(signal, refusal, context)

        return refuse

    def _exporting(self, signal: Signal[Any]) -> _Behavior:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                project_id = self._project_id(_authorization(context.invocation_metadata()))
                outcome = self._collector.export_blocking(signal, project_id, body, self._loop)
            except Refusal as refusal:
                self._refuse(signal, refusal, context)
            except Exception:
                _log.exception("an export call failed")
                self._collector.metrics.request("grpc", signal.name, "INTERNAL")
                context.abort(grpc.StatusCode.INTERNAL, "Pulse failed to handle this request.")
            self._collector.metrics.request("grpc", signal.name, "OK")
            return encode_grpc_response(signal, rejected=outcome.rejected, message=outcome.message)

        return export

    def _project_id(self, authorization: str | None) -> str:
        key = self._collector.admit_cached(authorization)
        if key is None:
            asked = asyncio.run_coroutine_threadsafe(self._collector.admit(authorization), self._loop)
            key = asked.result(_KEY_DEADLINE_S)
        return key.project_id

    def _refuse(self, signal: Signal[Any], refusal: Refusal, context: grpc.ServicerContext) -> NoReturn:
        code = _CODES[refusal.grpc_code]
        self._collector.metrics.request("grpc", signal.name, code.name)
        result = status(refusal.grpc_code, refusal.message, retry_after_s=refusal.retry_after_s)
        trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", result.SerializeToString())]
        if refusal.retry_after_s is not None:
            # The stock Python exporter reads the delay from this one only.
            delay = retry_info(refusal.retry_after_s).SerializeToString()
            trailers.append(("google.rpc.retryinfo-bin", delay))
        context.set_trailing_metadata(tuple(trailers))
        context.abort(code, refusal.message)


_Behavior = Callable[[bytes, grpc.ServicerContext], bytes]


def _unary(behavior: _Behavior) -> grpc.RpcMethodHandler[bytes, bytes]:
    return grpc.unary_unary_rpc_method_handler(behavior)


def _authorization(metadata: Any) -> str | None:
    """The only `authorization` entry; two different ones are nobody's."""
    values = {value for key, value in metadata or () if key == "authorization"}
    value = values.pop() if len(values) == 1 else None
    return value.decode("latin-1") if isinstance(value, bytes) else value
