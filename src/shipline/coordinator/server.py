"""The coordinator as a program: one uvicorn server on every address that it shall listen on."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import uvicorn
import uvloop

from shipline.config import Config, DataFolder
from shipline.coordinator import setup
from shipline.coordinator.database import libpq_parameters
from shipline.coordinator.folder import held
from shipline.serving import Server, listen

THREADS = 8
SWEEP_SECONDS = 1.0
SHUTDOWN_SECONDS = 5
if TYPE_CHECKING:
    from shipline.coordinator.events import Events
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def run(data: DataFolder, config: Config, database_url: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM. Raises HostError when an address is taken or the database cannot be
    reached, UsageError when the data folder is another coordinator's."""
    sockets = [listen(address, config.coordinator.port) for address in config.coordinator.bind]
    with held(data.coordinator, shared=database_url is not None):
        setup.configure(data, config, database_url)
        setup.prepare(data)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(data, config, sockets))


async def _serve(data: DataFolder, config: Config, sockets: list[socket.socket]) -> None:
    from shipline.coordinator.http.bodies import limiting_bodies
    from shipline.coordinator.http.kept_threads import Handler, KeptThreads
    from shipline.coordinator.http.parameters import taking_parameters_anywhere
    from shipline.coordinator.http.request_ids import with_request_ids
    from shipline.coordinator.http.short_way import with_short_way
    from shipline.coordinator.http.text import refusing_unfit_addresses
    from shipline.coordinator.repositories import Repositories
    from shipline.coordinator.services import Services, install

    events, listening = _events()
    repositories = Repositories(data.coordinator / "repositories")
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
    install(Services(data, config, events, repositories, pool))
    threads = KeptThreads()
    django = taking_parameters_anywhere(keeping_slashes(Handler(threads)))
    options = uvicorn.Config(
        with_request_ids(refusing_unfit_addresses(limiting_bodies(with_short_way(django)))),
        http="h11",
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=75,
    )
    server = Server(options)

    def end() -> None:
        # Long polls and event streams answer at once; then the server has nothing left to wait for.
        events.stop()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    sweeping = asyncio.create_task(_sweep(events))
    triggering = asyncio.create_task(_trigger(events))
    loading = asyncio.create_task(_load_rest(server))
    await server.serve(sockets)
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
    await sweeping
    await triggering
    if listening is not None:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    threads.close()
    pool.shutdown(wait=True)


def _events() -> tuple[Events, asyncio.Task[None] | None]:
    """Those of this process, or of all over one PostgreSQL with the task that listens."""
    from django.db import connection

    from shipline.coordinator.events import Events

    loop = asyncio.get_running_loop()
    if connection.vendor != "postgresql":
        return Events(loop), None
    from shipline.coordinator.shared_events import SharedEvents

    shared = SharedEvents(loop, libpq_parameters())
    return shared, loop.create_task(shared.listen())


async def _load_rest(server: Server) -> None:
    """Once we answer, so that nobody's first call of REST v4 has to wait for it."""
    await server.answering.wait()
    await asyncio.to_thread(import_module, "shipline.coordinator.http.rest.urls")


async def _sweep(events: Events) -> None:
    from django.db import InterfaceError, OperationalError
    from django.utils import timezone

    from shipline.coordinator.services import in_database
    from shipline.coordinator.sweeps import Sweeper

    sweeper = Sweeper()
    while not await events.wait((), SWEEP_SECONDS):
        if not events.may_sweep:
            continue
        try:
            await in_database(sweeper.sweep, timezone.now(), time.monotonic())
        except (InterfaceError, OperationalError) as error:
            logging.getLogger(__name__).warning("the sweep failed; it goes on: %s", error)
        except Exception:
            logging.getLogger(__name__).exception("the sweep failed; it goes on")


async def _trigger(events: Any) -> None:
    """Pipelines that start by themselves; at once when somebody tells of one."""
    from django.db import InterfaceError, OperationalError
    from django.utils import timezone

    from shipline.coordinator import triggering
    from shipline.coordinator.services import in_database

    with events.watch("triggers") as watch:
        while not events.stopping.is_set():
            if events.may_sweep:
                try:
                    await in_database(triggering.start_what_is_due, timezone.now())
                except (InterfaceError, OperationalError) as error:
                    logging.getLogger(__name__).warning("triggers wait for the next look: %s", error)
                except Exception:
                    logging.getLogger(__name__).exception("triggers failed; it goes on")
            await watch.changed(SWEEP_SECONDS)


def keeping_slashes(app: Any) -> App:
    """GitLab's API takes the path of a project or group in one segment, `group%2Fname`. ASGI has decoded it;
    this puts the segment back as it was sent."""
    places = ("/api/v4/projects/", "/api/v4/groups/", "/api/v4/namespaces/")

    async def wrapped(
        scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        raw = scope.get("raw_path", b"").decode("latin-1")
        prefix = next((place for place in places if raw.startswith(place)), "")
        if scope["type"] == "http" and prefix and "%2f" in raw.lower():
            segment, slash, rest = raw.removeprefix(prefix).partition("/")
            scope = {**scope, "path": prefix + segment + slash + unquote(rest)}
        await app(scope, receive, send)

    return wrapped
