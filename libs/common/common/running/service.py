"""The one runner: settings, bus, streams, lease, recovery, admin port, the work itself, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvloop
from structlog.stdlib import BoundLogger

from common.bus.jetstream import JetStreamApi
from common.bus.nats import NatsConnection
from common.clock import AnchoredClock
from common.core import Core
from common.errors import BusError, BusUnavailable, ConfigError, MarketMakerError
from common.leases.keeping import Keeping
from common.leases.lease import LeaseKeeper
from common.machine.descriptors import raise_limit
from common.network.admin import admin_app, serving
from common.network.door import Bounds, Door, names_of
from common.running.shell import Shell
from common.running.storing import Storage
from common.running.telemetry import configure_logging, object_samples, process_samples, render_metrics
from common.settings import ServiceSettings, load_settings
from common.stores import STANDS_STILL
from common.stores.watch import NEW_LIFE

STOP_TIMEOUT_S = 15.0
"""How long a core may take to end its business: cancel, ask the venue, report."""
STREAMS_TIMEOUT_S = 60.0
WAIT_S = 0.25
APP_BOUNDS = Bounds(connections=2_048, connections_per_address=2_048)
"""A reverse proxy in front has one address for everybody."""
COLLECT_AFTER = (50_000, 20, 50)
"""New objects before a young collection, young before a middle one, middle before a full one."""

S = TypeVar("S", bound=ServiceSettings)


@dataclass(slots=True)
class Service:
    """What a service's `wire` returns: its core and what the runner has to put around it."""

    core: Core
    leases: Sequence[tuple[str, str]] = ()
    """(role, key) pairs that must all be held before the core starts; the highest epoch is the core's."""
    parts: Sequence[tuple[str, str]] = ()
    """(role, key) pairs that each let one part of the core begin: the first that is held starts the core."""
    prepare: Callable[[Shell], Awaitable[None]] | None = None
    """Recovery that needs I/O before the core's inputs begin, e.g. loading positions."""
    prepare_part: Callable[[Shell, str], Awaitable[None]] | None = None
    """The same before a part begins, told the key of its lease."""
    storage: Storage | None = None
    app: Any = None
    """An ASGI application of the service's own, beside the admin port."""
    app_host: str = "127.0.0.1"
    app_port: int = 0
    on_shell: Callable[[Shell], None] | None = None
    """Told the shell before anything starts, for applications that publish."""


@dataclass(slots=True)
class _Progress:
    """Where a starting or running process is, for people who ask its admin port."""

    stage: str = "starting"
    shell: Shell | None = None
    keeping: Keeping | None = None
    bus_ready: bool = False
    """True once the streams have been verified."""
    started: bool = False
    admin_door: Door = field(default_factory=Door)
    app_door: Door = field(default_factory=lambda: Door(APP_BOUNDS))


def run(name: str, settings_class: type[S], wire: Callable[[S], Service]) -> None:
    """Run a service until it is told to stop; the process exits 0, 1 after a failure, 2 for bad configuration."""
    try:
        settings = load_settings(settings_class, name)
        log = configure_logging(name, settings.log_level)
        raise_limit()
        service = wire(settings)
    except ConfigError as error:
        for fault in error.faults:
            print(f"{name}: {fault}", file=sys.stderr)
        sys.exit(2)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_main(name, settings, service, log)))


async def _main(name: str, settings: ServiceSettings, service: Service, log: BoundLogger) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    progress = _Progress()
    work = asyncio.create_task(_work(name, settings, service, log, stopping, progress))
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    # A service that is still waiting (broker, lease) has nothing to end; one that works ends its business itself.
    if not work.done() and not (progress.shell and progress.shell.began):
        work.cancel()
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopped before it began")
    except ConfigError as error:
        log.exception("refuses to run", faults=list(error.faults))
        return 2
    except Exception:
        log.exception("failed")
        return 1
    return 0


async def _work(
    name: str,
    settings: ServiceSettings,
    service: Service,
    log: BoundLogger,
    stopping: asyncio.Event,
    progress: _Progress,
) -> None:
    async with AsyncExitStack() as stack:
        connection = NatsConnection(settings, name)
        # The shell first: the doors of an emergency work while the broker is waited for.
        shell = progress.shell = Shell(name, service.core, settings, connection, log, service.storage)
        stack.push_async_callback(shell.close)
        shell.open()
        port = await stack.enter_async_context(_admin(name, settings, service, progress))
        log.info("admin port open", port=port)
        progress.stage = "waiting for the broker"
        await _unless_failed(connection.connect(), shell)
        stack.push_async_callback(connection.close)
        progress.stage = "waiting for the streams"
        await _prove_stores(service, settings, shell, progress, log)
        await _await_streams(JetStreamApi(connection), settings, log)
        progress.bus_ready = True
        await shell.begin_judging()
        await shell.bus_ready()
        keeping = await stack.enter_async_context(_leases(service, settings, shell, progress, log))
        progress.stage = "recovering"
        if service.on_shell is not None:
            service.on_shell(shell)
        if service.prepare is not None:
            await service.prepare(shell)
        await shell.start()
        await keeping.begin_parts()
        if service.app is not None:
            names = (name, *names_of(settings.allowed_hosts))
            app = serving(service.app, service.app_host, service.app_port, names=names, door=progress.app_door)
            await stack.enter_async_context(app)
        calm_collector()
        progress.stage, progress.started = "running", True
        log.info("running", epoch=service.core.epoch)
        await _until(stopping, shell, connection)
        progress.stage = "stopping"
        if not await shell.stop(STOP_TIMEOUT_S):
            raise MarketMakerError(f"did not shut down within {STOP_TIMEOUT_S} s: see its state")
        if shell.stores.renewed.is_set():
            raise MarketMakerError(NEW_LIFE)
        if shell.checks.stepped.is_set():
            raise MarketMakerError("the machine's clock was stepped: restarts to follow it")
        log.info("stopped")


def calm_collector() -> None:
    """Take what lives for good out of the garbage collector's sight and let it look rarely.

    A full look over a service's objects takes milliseconds; hot paths make few cycles, and counting frees the rest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def _unless_failed(waiting: Coroutine[Any, Any, None], shell: Shell) -> None:
    """Wait for something, but not longer than the core lives, which may have early commands to carry out."""
    task = asyncio.create_task(waiting)
    try:
        await asyncio.wait({task, shell.failed}, return_when=asyncio.FIRST_COMPLETED)
        if shell.failed.done():
            shell.failed.result()
        task.result()
    finally:
        task.cancel()


async def _until(stopping: asyncio.Event, shell: Shell, connection: NatsConnection) -> None:
    told = asyncio.create_task(stopping.wait())
    closed = asyncio.create_task(connection.closed.wait())
    stepped = asyncio.create_task(shell.checks.stepped.wait())
    renewed = asyncio.create_task(shell.stores.renewed.wait())
    try:
        waiting: set[asyncio.Future[Any]] = {told, closed, stepped, renewed, shell.failed}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (told, closed, stepped, renewed):
            task.cancel()
    if shell.failed.done():
        shell.failed.result()
    if connection.closed.is_set():
        raise BusError("the connection to the broker is closed for good")


async def _prove_stores(
    service: Service, settings: ServiceSettings, shell: Shell, progress: _Progress, log: BoundLogger
) -> None:
    """Wait until the stores are proven ours; a core that must not go on is told, and its doors stay open."""

    def on_wait(stage: str) -> None:
        if progress.stage != stage:
            progress.stage = stage
            log.warning("waiting", why=stage)

    await _unless_failed(shell.stores.admit([*service.leases, *service.parts], settings.instance, on_wait), shell)


async def _await_streams(api: JetStreamApi, settings: ServiceSettings, log: BoundLogger) -> None:
    deadline = time.monotonic() + STREAMS_TIMEOUT_S
    while True:
        try:
            missing = await api.verify_streams(settings.replicas)
            if not missing:
                return
            why = f"streams not there yet: {', '.join(missing)} (run ./mm streams)"
        except BusUnavailable as error:
            why = str(error)
        if time.monotonic() > deadline:
            raise BusError(why)
        log.warning("waiting", why=why)
        await asyncio.sleep(WAIT_S * 2)


@asynccontextmanager
async def _admin(name: str, settings: ServiceSettings, service: Service, progress: _Progress) -> AsyncIterator[int]:
    clock = AnchoredClock()
    began_ns = clock.now_ns()

    def health() -> list[str]:
        # Who stands still works: a person has to resume it, a restart would change nothing.
        standing = progress.shell is not None and progress.shell.stores.faults
        if progress.shell is None or not (progress.bus_ready or standing):
            return [progress.stage]
        return [] if progress.shell.bus.connected else ["not connected to the broker"]

    def ready() -> list[str]:
        stands = [f"{STANDS_STILL}: {fault}" for fault in progress.shell.stores.faults] if progress.shell else []
        if progress.shell is None or not progress.started:
            return stands or [progress.stage]
        return stands + progress.shell.checks.unready() + service.core.unready(clock.now_ns())

    def state() -> dict[str, Any]:
        return {
            "stage": progress.stage,
            "instance": settings.instance,
            "epoch": service.core.epoch,
            "uptime_s": round((clock.now_ns() - began_ns) / 1e9, 3),
            "leases": [
                {"role": each.role, "key": each.key, "state": each.state.value, "holder": each.holder}
                for each in (progress.keeping.keepers if progress.keeping is not None else ())
            ],
            "faults": health() + ready(),
            "stores": progress.shell.stores.state() if progress.shell is not None else None,
            **service.core.state(clock.now_ns()),
        }

    def metrics(private: bool) -> bytes:
        shell = progress.shell
        return render_metrics(
            service.core.samples,
            lambda: process_samples(began_ns, clock.now_ns()),
            *([object_samples] if settings.count_objects else []),
            lambda: progress.admin_door.samples("admin"),
            *([lambda: progress.app_door.samples("app")] if service.app is not None else []),
            *([shell.samples] if shell else []),
            private=private,
        )

    async def run_command(command: str, document: Mapping[str, Any]) -> dict[str, Any]:
        assert progress.shell is not None, "the admin port opens after the shell"
        return await progress.shell.command(command, document)

    app = admin_app(
        name,
        health=health,
        ready=ready,
        metrics=metrics,
        state=state,
        explain=lambda query: service.core.explain(query, clock.now_ns()),
        commands=lambda: progress.shell.commands() if progress.shell else [],
        run=run_command,
        token=settings.admin_token(),
    )
    names = (name, *names_of(settings.allowed_hosts))
    door = progress.admin_door
    async with serving(app, settings.admin_host, settings.admin_port, names=names, door=door) as port:
        yield port


@asynccontextmanager
async def _leases(
    service: Service, settings: ServiceSettings, shell: Shell, progress: _Progress, log: BoundLogger
) -> AsyncIterator[Keeping]:
    """Wait until the leases are held, keep them while the body runs, give them back after an orderly end."""
    keeping = progress.keeping = Keeping(service.leases, service.parts, service.prepare_part, settings, shell, log)

    def on_wait(keeper: LeaseKeeper) -> None:
        stage = f"waiting for the lease {keeper.role}/{keeper.key}, held by {keeper.holder or 'nobody'}"
        if progress.stage != stage:
            progress.stage = stage
            if keeper.holder not in ("", keeper.instance):
                log.warning("standing by", why=stage)

    try:
        service.core.epoch = await keeping.begin(on_wait)
        yield keeping
    finally:
        await keeping.end()
