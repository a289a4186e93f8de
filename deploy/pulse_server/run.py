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
from pulse_server.app import Apps, Role, build_apps
from pulse_server.arguments import CommandFailed
from pulse_server.banner import Listening, banner, url
from pulse_server.first_project import ensure_first_project
from pulse_server.http_server import HttpServer, raise_file_limit
from pulse_server.listen import check_free, listen, port_of
from pulse_server.logs import configure_logs
from pulse_server.maintenance import run_maintenance
from pulse_server.settings import SettingError, Settings
from pulse_server.store import opened_store, prepare_data_dir
from pulse_storage import ReadPriority
from pulse_storage.control_store import WebSessions
from pulse_storage.errors import StorageError
from pulse_web.sign_in_link import sign_in_link

ROLES: tuple[Role, ...] = get_args(Role)

#: Requests in progress have this long to finish at a stop; the store's last commit comes after it.
_GRACE_S = 5
#: The process exits at the latest this long after a stop signal; acknowledged data is committed by then.
_STOP_WITHIN_S = 9.5
_FLUSH_USED_EVERY_S = 15.0

_log = logging.getLogger("pulse")


def serve(settings: Settings, only: Role | None = None) -> int:
    """Run the server until a stop signal; return 0 after accepted requests are finished and committed.

    `only` limits the process to one role. Raises SettingError or StorageError if the server cannot start,
    CommandFailed if a listener fails.
    """
    configure_logs(settings.log_level, settings.log_format)
    # CPU-bound threads (mapping, writing) release the GIL after this long; the default of 5 ms adds to the
    # latency of every read during ingest (benchmarks/reads_during_ingest.py).
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
            # gRPC binds its own socket, and its error message has neither the port nor a fix.
            check_free("PULSE_OTLP_GRPC_PORT", settings.host, settings.otlp_grpc_port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, only, main, otlp))
    return 0


async def _serve(
    settings: Settings, only: Role | None, main: socket.socket, otlp: socket.socket | None
) -> None:
    stopping = _stop_on_signals()
    priority = ReadPriority()
    async with opened_store(settings, priority) as storage:
        key = await ensure_first_project(storage, settings)
        project = next((project.name for project in await storage.list_projects()), None)
        apps = build_apps(settings, storage, only, priority)
        http = [HttpServer(apps.main, main, grace_s=_GRACE_S, lifespan=True)]
        if otlp is not None and apps.otlp is not None:
            http.append(HttpServer(apps.otlp, otlp, grace_s=_GRACE_S, lifespan=False))
        grpc = _serve_grpc(settings, apps)
        serving = [asyncio.create_task(server.run_until_stopped()) for server in http]
        flushing = asyncio.create_task(_flush_used(apps))
        maintenance = asyncio.create_task(
            run_maintenance(storage, settings.retention, settings.retention_every_minutes * 60.0)
        )
        try:
            for server in http:
                await _until(server.ready, serving)
            # Exempt the loaded modules from garbage collection: scanning them stops all threads for 15 ms.
            gc.collect()
            gc.freeze()
            listening = Listening(
                main=port_of(main),
                otlp_http=port_of(otlp) if otlp is not None else None,
                otlp_grpc=grpc.port if grpc is not None else None,
                ingest=only != "query",
                query=only != "collector",
            )
            link = await _link(storage, settings, listening)
            sys.stdout.write(banner(settings, listening, _shown(key, settings), project, link))
            sys.stdout.flush()
            await _until(stopping, serving)
        finally:
            _log.info("stopping: finishing requests in progress")
            for server in http:
                server.stop()
            stopped = [asyncio.to_thread(grpc.stop, _GRACE_S)] if grpc is not None else []
            await asyncio.gather(*serving, *stopped, return_exceptions=True)
            apps.close()
            flushing.cancel()
            # Each step of maintenance is committed; the next server continues from there.
            maintenance.cancel()
            await asyncio.gather(flushing, maintenance, return_exceptions=True)
            with contextlib.suppress(StorageError):
                await apps.flush_used()
    _log.info("stopped: all acknowledged data is committed")


def _serve_grpc(settings: Settings, apps: Apps) -> GrpcServer | None:
    if apps.collector is None or not settings.otlp_grpc_port:
        return None
    try:
        return serve_otlp_grpc(apps.collector, settings.host, settings.otlp_grpc_port)
    except (OSError, RuntimeError) as error:
        raise SettingError(
            "PULSE_OTLP_GRPC_PORT",
            f"cannot listen on {settings.host} port {settings.otlp_grpc_port}: {error}",
        ) from error


def _stop_on_signals() -> asyncio.Event:
    """Return an event that the first stop signal sets; a second signal ends the process immediately."""
    stopping = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stopping.is_set():
            _exit_now(f"second {number.name}: exiting immediately")
        _log.info("%s received", number.name)
        stopping.set()
        watchdog = threading.Timer(_STOP_WITHIN_S, _exit_now, ["stopping took too long: exiting"])
        watchdog.daemon = True
        watchdog.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal, number)
    return stopping


def _exit_now(reason: str) -> None:
    """Log the reason and exit with code 1 without cleanup.

    This loses no acknowledged data: requests are acknowledged after their commit.
    """
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
            raise CommandFailed(f"a listener stopped unexpectedly: {error!r}") from error
    raise CommandFailed("a listener stopped unexpectedly")


async def _flush_used(apps: Apps) -> None:
    while True:
        await asyncio.sleep(_FLUSH_USED_EVERY_S)
        try:
            await apps.flush_used()
        except StorageError as error:
            _log.warning("cannot store when keys and web sessions were last used: %s", error)


async def _link(storage: WebSessions, settings: Settings, listening: Listening) -> str | None:
    """Return a sign-in link to print; None without pages, or if the output is no terminal but may be kept."""
    if not listening.query or not sys.stdout.isatty():
        return None
    try:
        link, _ = await sign_in_link(storage, settings.public_url or url(settings.host, listening.main))
    except StorageError as error:
        _log.warning("cannot create a sign-in link: %s; `pulse open` prints one", error)
        return None
    return link


def _shown(key: str | None, settings: Settings) -> str | None:
    """Return the text to print for the first project's key; None if there is no key to print.

    A key from the environment is printed as `$PULSE_API_KEY`: output may be kept where the key must not be.
    """
    return "$PULSE_API_KEY" if key is not None and key == settings.api_key else key
