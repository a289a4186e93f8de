"""OTLP over gRPC: the three Export services on a sync server.

Sync grpcio costs less than grpc.aio for each call, and answers while the event loop is busy. Messages are
passed on as bytes: an error in a deserializer would be answered UNKNOWN instead of INVALID_ARGUMENT.

The methods accept a stream of requests, though clients send one message: only then does grpcio let the method
decide when a message is read, so that the key is checked before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, NoReturn

import grpc

from pulse_collector.ingest import Collector, ExportOutcome
from pulse_collector.receivers.grpc_calls import Slots, Watchdog
from pulse_collector.refusals import Refusal, out_of_memory, store_unavailable, unreadable
from pulse_proto.otlp import LOGS, METRICS, TRACES, Signal, encode_grpc_response
from pulse_proto.status import retry_info, status

#: Threads for calls. Most of them wait: for a message, a slot or a commit. They start when needed.
_THREADS = 128
#: Concurrent calls of one project; further ones are answered UNAVAILABLE at once.
_CALLS_OF_PROJECT = 96
#: Calls that read a message at the same time, in total and of one project: each may have the largest size.
_READING, _READING_OF_PROJECT = 16, 12
#: Calls that decode, map and wait for their commit at the same time.
_WORKING = 16
#: Calls that grpcio accepts; it answers RESOURCE_EXHAUSTED to further ones, and most clients retry that.
_MAX_CALLS = 1024
#: The time in which a message, and the slot for reading it, must arrive.
MESSAGE_DEADLINE_S = 15.0
_TURN_DEADLINE_S = 2.0
#: How long a call waits for the key lookup on the event loop, whose own deadlines are shorter.
_LOOKUP_DEADLINE_S = 2.0
_HANDSHAKE_MS = 10_000
_IDLE_MS = 90_000
_MAX_CONNECTIONS = 1000

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
    """A running server; `port` is the port it listens on."""

    def __init__(self, server: grpc.Server, port: int, watchdog: Watchdog) -> None:
        self._server = server
        self._watchdog = watchdog
        self.port = port

    def stop(self, grace_s: float) -> None:
        """Accept no more calls, wait up to `grace_s` for calls in progress, then cancel them."""
        self._server.stop(grace_s).wait()
        self._watchdog.stop()


def serve_otlp_grpc(collector: Collector, host: str, port: int) -> GrpcServer:
    """Start the server from within a running event loop. Raises OSError if the port is in use."""
    watchdog = Watchdog(MESSAGE_DEADLINE_S)
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="pulse-grpc"),
        handlers=[_Exports(collector, asyncio.get_running_loop(), watchdog)],
        maximum_concurrent_rpcs=_MAX_CALLS,
        options=[
            # Also enforced after decompression. Answered RESOURCE_EXHAUSTED without RetryInfo, which is
            # final.
            ("grpc.max_receive_message_length", collector.max_body_bytes),
            ("grpc.so_reuseport", 0),
            ("grpc.max_concurrent_streams", 128),
            # The bytes that a client may send of a message which no method reads yet.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 65_536),
            ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
            ("grpc.max_connection_idle_ms", _IDLE_MS),
            ("grpc.max_allowed_incoming_connections", _MAX_CONNECTIONS),
            # Allow exporters with a keepalive shorter than gRPC's default of 5 minutes.
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.keepalive_time_ms", 60_000),
        ],
    )
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        watchdog.stop()
        raise OSError(f"cannot listen on {address}") from error
    server.start()
    return GrpcServer(server, bound, watchdog)


class _Exports(grpc.GenericRpcHandler):
    """Finds the signal of a method, and handles its calls."""

    def __init__(self, collector: Collector, loop: asyncio.AbstractEventLoop, watchdog: Watchdog) -> None:
        self._collector = collector
        self._loop = loop
        self._watchdog = watchdog
        self._calls = Slots(_THREADS, _CALLS_OF_PROJECT, "are under way")
        self._readers = Slots(_READING, _READING_OF_PROJECT, "send their messages")
        self._working = threading.BoundedSemaphore(_WORKING)
        # Refusals must not wait for calls that do.
        self._refusing = ThreadPoolExecutor(2, thread_name_prefix="pulse-grpc-refuse")

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        signal = _SERVICES.get(handler_call_details.method)
        if signal is None:
            return None
        try:
            # Only a cached key: this runs in the thread that serves all connections.
            key = self._collector.admit_cached(_authorization(handler_call_details.invocation_metadata))
        except Refusal as refusal:
            return _handler(self._refusing_with(signal, refusal))
        return _handler(self._exporting(signal, None if key is None else key.project_id))

    def _refusing_with(self, signal: Signal[Any], refusal: Refusal) -> _Behavior:
        def refuse(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            self._refuse(signal, refusal, context)

        # grpcio runs the method in this pool instead of the server's.
        refuse.experimental_thread_pool = self._refusing  # type: ignore[attr-defined]
        return refuse

    def _exporting(self, signal: Signal[Any], project_id: str | None) -> _Behavior:
        def export(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            try:
                outcome = self._export(signal, project_id, messages, context)
            except Refusal as refusal:
                self._refuse(signal, refusal, context)
            except MemoryError:
                self._refuse(signal, out_of_memory(), context)
            except grpc.RpcError:
                # The client disconnected, or the watchdog cancelled the call.
                self._collector.metrics.request("grpc", signal.name, "CANCELLED")
                raise
            except Exception:
                _log.exception("an export call failed")
                self._collector.metrics.request("grpc", signal.name, "INTERNAL")
                context.abort(grpc.StatusCode.INTERNAL, "Pulse failed to handle this request.")
            self._collector.metrics.request("grpc", signal.name, "OK")
            return encode_grpc_response(signal, rejected=outcome.rejected, message=outcome.message)

        return export

    def _export(
        self,
        signal: Signal[Any],
        project_id: str | None,
        messages: Iterator[bytes],
        context: grpc.ServicerContext,
    ) -> ExportOutcome:
        project_id = project_id or self._project_id(context)
        with self._calls.slot(project_id):
            with self._readers.slot(project_id, _TURN_DEADLINE_S), self._watchdog.watch(context.cancel):
                body = next(messages, None)
            if body is None:
                raise unreadable("The call has no message.")
            with self._working:
                return self._collector.export_blocking(signal, project_id, body, self._loop)

    def _project_id(self, context: grpc.ServicerContext) -> str:
        authorization = _authorization(context.invocation_metadata())
        lookup = asyncio.run_coroutine_threadsafe(self._collector.admit(authorization), self._loop)
        try:
            return lookup.result(_LOOKUP_DEADLINE_S).project_id
        except FutureTimeout:
            lookup.cancel()
            raise store_unavailable("the lookup of the key takes too long") from None

    def _refuse(self, signal: Signal[Any], refusal: Refusal, context: grpc.ServicerContext) -> NoReturn:
        code = _CODES[refusal.grpc_code]
        self._collector.metrics.request("grpc", signal.name, code.name)
        result = status(refusal.grpc_code, refusal.message, retry_after_s=refusal.retry_after_s)
        trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", result.SerializeToString())]
        if refusal.retry_after_s is not None:
            # The stock Python exporter reads the delay only from this trailer.
            delay = retry_info(refusal.retry_after_s).SerializeToString()
            trailers.append(("google.rpc.retryinfo-bin", delay))
        context.set_trailing_metadata(tuple(trailers))
        context.abort(code, refusal.message)


_Behavior = Callable[[Iterator[bytes], grpc.ServicerContext], bytes]


def _handler(behavior: _Behavior) -> grpc.RpcMethodHandler[bytes, bytes]:
    return grpc.stream_unary_rpc_method_handler(behavior)


def _authorization(metadata: Any) -> str | None:
    """Return the `authorization` metadata; None if it is absent or has two different values."""
    values = {value for key, value in metadata or () if key == "authorization"}
    value = values.pop() if len(values) == 1 else None
    return value.decode("latin-1") if isinstance(value, bytes) else value
