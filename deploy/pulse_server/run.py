"""`pulse serve` from start to end: listeners, store, servers, the ready line, and an orderly stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import get_args

import uvloop

from pulse_collector.receivers.otlp_grpc import GrpcServer, serve_otlp_grpc
from pulse_server.app import Parts, Role, put_together
from pulse_server.arguments import CommandFailed
from pulse_server.banner import Listening, banner
from pulse_server.first_project import ensure_first_project
from pulse_server.http_server import HttpServer, raise_file_limit
from pulse_server.listen import check_free, listen, port_of
from pulse_server.logs import configure_logs
from pulse_server.settings import SettingError, Settings
from pulse_server.store import opened_store, prepare_data_dir
from pulse_server.upkeep import keep_up
from pulse_storage.errors import StorageError
from pulse_storage.keys import KeyRing

ROLES: tuple[Role, ...] = get_args(Role)

#: What is in flight gets this long to finish; the store's last commit comes after it.
_GRACE_S = 5
#: A stop is over by then, come what may: nothing that was acknowledged depends on it.
_STOP_WITHIN_S = 9.5
_FLUSH_KEYS_EVERY_S = 15.0

_log = logging.getLogger("pulse")


def serve(settings: Settings, only: Role | None = None) -> int:
    """Serve until a signal asks to stop; 0 once all that was accepted is finished and committed.

    Raises SettingError or StorageError if it cannot start, CommandFailed if it had to give up.
    """
    configure_logs(settings.log_level, settings.log_format)
    # A thread that computes (mapping, writing) lets readers go on after this; Python's own 5 ms are felt in
    # every answer beside ingest (benchmarks/reads_beside_ingest.py).
    sys.setswitchinterval(0.001)
    prepare_data_dir(settings.data_dir)
    raise_file_limit()
    with contextlib.ExitStack() as sockets:
        main = sockets.enter_context(listen("PORT", settings.host, settings.port))
        otlp: socket.socket | None = None
        if only != "query" and settings.otlp_http_port:
            otlp = sockets.enter_context(
                listen("PULSE_OTLP_HTTP_PORT", settings.host, settings.otlp_http_port)
            )
        if only != "query" and settings.otlp_grpc_port:
            # gRPC binds by itself, and its own error names neither the port nor the mend.
            check_free("PULSE_OTLP_GRPC_PORT", settings.host, settings.otlp_grpc_port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, only, main, otlp))
    return 0


async def _serve(
    settings: Settings, only: Role | None, main: socket.socket, otlp: socket.socket | None
) -> None:
    stopping = _stop_on_signals()
    async with opened_store(settings) as storage:
        key = await ensure_first_project(storage, settings)
        project = next((project.name for project in await storage.list_projects()), None)
        parts = put_together(settings, storage, only)
        http = [HttpServer(parts.main, main, grace_s=_GRACE_S, lifespan=True)]
        if otlp is not None and parts.otlp is not None:
            http.append(HttpServer(parts.otlp, otlp, grace_s=_GRACE_S, lifespan=False))
        grpc = _serve_grpc(settings, parts)
        serving = [asyncio.create_task(server.run_until_stopped()) for server in http]
        flushing = asyncio.create_task(_flush_keys(parts.keys))
        upkeep = asyncio.create_task(
            keep_up(storage, settings.retention, settings.retention_every_minutes * 60.0)
        )
        try:
            for server in http:
                await _until(server.ready, serving)
            # What is loaded by now stays: to look through it for garbage would stop all threads for 15 ms.
            gc.collect()
            gc.freeze()
            listening = Listening(
                main=port_of(main),
                otlp_http=port_of(otlp) if otlp is not None else None,
                otlp_grpc=grpc.port if grpc is not None else None,
                ingest=only != "query",
                query=only != "collector",
            )
            sys.stdout.write(banner(settings, listening, _shown(key, settings), project))
            sys.stdout.flush()
            await _until(stopping, serving)
        finally:
            _log.info("stopping: finishing what is in flight")
            for server in http:
                server.stop()
            stopped = [asyncio.to_thread(grpc.stop, _GRACE_S)] if grpc is not None else []
            await asyncio.gather(*serving, *stopped, return_exceptions=True)
            parts.close()
            flushing.cancel()
            # Each of its steps is committed, so the next server goes on where this one is.
            upkeep.cancel()
            await asyncio.gather(flushing, upkeep, return_exceptions=True)
            with contextlib.suppress(StorageError):
                await parts.keys.flush_used()
    _log.info("stopped: everything acknowledged is committed")


def _serve_grpc(settings: Settings, parts: Parts) -> GrpcServer | None:
    if parts.collector is None or not settings.otlp_grpc_port:
        return None
    try:
        return serve_otlp_grpc(parts.collector, settings.host, settings.otlp_grpc_port)
    except (OSError, RuntimeError) as error:
        raise SettingError(
            "PULSE_OTLP_GRPC_PORT",
            f"cannot listen on {settings.host} port {settings.otlp_grpc_port}: {error}",
        ) from error


def _stop_on_signals() -> asyncio.Event:
    """Set at the first signal that asks to stop; the second one ends the process where it stands."""
    stopping = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stopping.is_set():
            _give_up(f"second {number.name}: ending at once")
        _log.info("%s received", number.name)
        stopping.set()
        watchdog = threading.Timer(_STOP_WITHIN_S, _give_up, ["stop took too long: ending"])
        watchdog.daemon = True
        watchdog.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal, number)
    return stopping


def _give_up(reason: str) -> None:
    """End without another wait; safe at any moment, since success is only ever said after a commit."""
    _log.error(reason)
    os._exit(1)


async def _until(event: asyncio.Event, serving: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the event. Raises CommandFailed if one of the servers ends before it."""
    waiting = asyncio.create_task(event.wait())
    done, _ = await asyncio.wait([waiting, *serving], return_when=asyncio.FIRST_COMPLETED)
    if waiting in done:
        return
    waiting.cancel()
    for task in serving:
        if task in done and (error := task.exception()) is not None:
            raise CommandFailed(f"a listener ended by itself: {error!r}") from error
    raise CommandFailed("a listener ended by itself")


async def _flush_keys(keys: KeyRing) -> None:
    while True:
        await asyncio.sleep(_FLUSH_KEYS_EVERY_S)
        try:
            await keys.flush_used()
        except StorageError as error:
            _log.warning("cannot note when keys were used: %s", error)


def _shown(key: str | None, settings: Settings) -> str | None:
    """A key from the environment is not printed: it may be a secret of the place where output is kept."""
    return "$PULSE_API_KEY" if key is not None and key == settings.api_key else key
