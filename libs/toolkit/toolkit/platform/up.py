"""Start the whole platform on this machine, keep it running, and stop it without leaving an order or a process."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.bus.features import features_of
from common.versions import Version

from toolkit.file_errors import sentence
from toolkit.form import demand_known_form, write_form
from toolkit.instance import CannotStartError, Instance, Running, own_start_ticks, read_control, write_control
from toolkit.layout import unsealed_file
from toolkit.operating.gateway_client import PlatformClient
from toolkit.operating.status import provenance_now
from toolkit.paths import CONFIG_DIR
from toolkit.platform import sources
from toolkit.platform.child import last_lines
from toolkit.platform.exclusive import end_survivors, sole_instance
from toolkit.platform.listening import first_outgoing_port, taken_ports
from toolkit.platform.processes import Process, process_table
from toolkit.platform.screen import NOBODY_SAID, WAY_ON, Screen, addresses
from toolkit.platform.supervisor import StartFailedError, Supervisor
from toolkit.platform.venues import accounts_in, makers_in, spot_venues_of
from toolkit.ports import Ports
from toolkit.servers.programs import AUTO, NATS, REDIS, NoServerError, ServerPair, remove_left_over
from toolkit.servers.record import check_again, note_writers, ran_in_containers, servers_for
from toolkit.setup import Addresses, prepare

DRAW_INTERVAL_S = 0.5
PRICES_INTERVAL_S = 5.0
"""How often it is asked what drives the prices."""

# How long a start waits for fresh inputs after everything works, before it says what is still missing.
READY_TIMEOUT_S = 30.0

DETACHED_LOG = "up"


@dataclass(frozen=True)
class UpOptions:
    """What was asked for on the command line."""

    data_dir: Path
    ports: Ports
    profile: str = "demo"
    source: str | None = None
    replay_files: tuple[Path, ...] = ()
    log_level: str = "info"
    servers: str = AUTO
    gateways: int = 1
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def up(options: UpOptions, screen: Screen) -> int:
    """Run the platform until it is told to stop; return the exit code."""
    with sole_instance(options.data_dir):
        demand_known_form(options.data_dir)
        end_survivors(options.data_dir, screen)
        if ran_in_containers(options.data_dir):
            remove_left_over(options.data_dir)
        if taken := taken_ports(options.ports.listening(options.gateways)):
            raise CannotStartError("; ".join(taken) + " (--port-base N shifts all ports)")
        outgoing = first_outgoing_port()
        if any(port >= outgoing for port in options.ports.listening(options.gateways).values()):
            screen.say(f"ports from {outgoing} may be taken by outgoing connections: prefer a lower --port-base")
        instance, table = plan(options, screen)
        return asyncio.run(supervise(instance, table, screen))


def plan(options: UpOptions, screen: Screen) -> tuple[Instance, list[Process]]:
    """Prepare the data directory and return what is to be started."""
    try:
        source, files = resolve_source(options, screen)
        servers = servers_for(options.data_dir, screen.say, options.servers)
    except (sources.NoRecordingError, NoServerError) as error:
        raise CannotStartError(str(error)) from error
    ports, bots_dir = options.ports, _bots_dir(options)
    accounts = accounts_in(bots_dir, options.profile)
    addresses = Addresses("127.0.0.1", ports.nats, ports.nats_monitor, ports.redis)
    platform_id = prepare(options.data_dir, addresses, features=features_of(servers.nats.version))
    if unsealed_file(options.data_dir).exists():
        raise CannotStartError(
            f"{options.data_dir} is from before messages were signed: somebody has to answer for what it holds with "
            "./mm keys seal --who NAME --reason TEXT"
        )
    write_form(options.data_dir)
    instance = Instance(
        data_dir=options.data_dir,
        ports=ports,
        platform_id=platform_id,
        profile=options.profile,
        source=source,
        replay_files=files,
        spot_venues=spot_venues_of(bots_dir, options.profile),
        log_level=options.log_level,
        accounts=accounts,
        makers=makers_in(bots_dir, accounts),
        gateways=options.gateways,
        overrides=options.overrides,
    )
    screen.say(f"servers    {servers.nats}, {servers.redis}")
    table = process_table(instance, servers.commands)
    if unknown := set(options.overrides) - {process.name for process in table}:
        raise CannotStartError(f"--set {sorted(unknown)[0]}: there is no such process")
    note_writers(options.data_dir, {NATS.name: servers.nats, REDIS.name: servers.redis})
    table = [_checked_again(process, servers, options.data_dir, addresses) for process in table]
    missing = [process.name for process in table if not is_installed(process)]
    for name in missing:
        screen.say(f"{name}: not in this tree, started without it")
    return instance, [process for process in table if process.name not in missing]


def _bots_dir(options: UpOptions) -> Path:
    """Return the folder of the bots.toml that the gateway reads."""
    return Path(options.overrides.get("gateway", {}).get("MM_CONFIG_DIR", CONFIG_DIR))


def _checked_again(process: Process, servers: ServerPair, data_dir: Path, addresses: Addresses) -> Process:
    """Have a server looked at before each start of its process: its program may be another one by then."""
    if process.name == NATS.name:
        program, server = NATS, servers.nats
    elif process.name == REDIS.name:
        program, server = REDIS, servers.redis
    else:
        return process

    def configure(version: Version) -> None:
        # The configuration of Redis is the same for every version.
        if program is NATS:
            prepare(data_dir, addresses, features=features_of(version))

    return replace(process, before_start=lambda: check_again(program, server, data_dir, configure))


def resolve_source(options: UpOptions, screen: Screen) -> tuple[str, tuple[Path, ...]]:
    """Return what drives prices and the recordings: as asked, and without a wish live prices if there are any."""
    if options.source == "replay" or (options.source is None and options.replay_files):
        return "replay", sources.recordings(options.replay_files)
    if options.replay_files:
        raise CannotStartError("--replay FILE needs --source replay")
    if options.source == "model":
        return "model", ()
    return sources.live_or_model(screen.say, options.profile), ()


async def supervise(instance: Instance, table: Sequence[Process], screen: Screen) -> int:
    """Start, watch and stop the processes; return 0 when all went well and nothing remains."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    state = "starting"

    def write_state(supervisor: Supervisor) -> None:
        write_control(
            instance.data_dir,
            Running(
                pid=os.getpid(),
                pid_started_ticks=own_start_ticks(),
                started_at=started_at,
                state=state,
                source=instance.source,
                ports=instance.ports,
                children={name: child.view() for name, child in supervisor.children.items()},
            ),
        )

    def publish(supervisor: Supervisor) -> None:
        try:
            write_state(supervisor)
        except OSError as error:
            # A full disk must not end what runs.
            screen.say(f"the state of the platform could not be written: {sentence(error)}")

    stop_asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop_asked.set)
    screen.say("starting " + ", ".join(process.name for process in table))
    supervisor = Supervisor(table, instance.logs_dir, screen.say, publish)
    screen.open()
    supervisor.start()
    drawing = asyncio.create_task(_keep_drawing(instance, supervisor, screen))
    exit_code = 0
    try:
        if await _or_stopped(supervisor.all_healthy(), stop_asked):
            state = "up"
            publish(supervisor)
            if await _or_stopped(_report_late(supervisor, screen), stop_asked):
                screen.prices = await asyncio.to_thread(prices_now, instance)
                for line in addresses(instance, screen.prices):
                    screen.say(line)
                await screen.written()
                state = "ready"
                publish(supervisor)
                asking = asyncio.create_task(_keep_asking(instance, screen))
                await stop_asked.wait()
                asking.cancel()
    except StartFailedError as error:
        screen.say(str(error))
        exit_code = 1
    finally:
        state = "stopping"
        screen.say("stopping: the quoter first, so that its orders are cancelled while the venue still answers")
        remaining = await supervisor.stop()
        state = "stopped"
        publish(supervisor)
        drawing.cancel()
        screen.draw(instance, supervisor)
        screen.close()
    return exit_code if _report_end(supervisor, remaining, screen) else 1


def detach(arguments: Sequence[str], data_dir: Path, screen: Screen) -> int:
    """Start the supervisor in the background, show its lines until the platform is ready, return the exit code."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = data_dir / "logs" / f"{DETACHED_LOG}.log"
    log.parent.mkdir(exist_ok=True, mode=0o700)
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "toolkit", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with log.open() as lines:
        while True:
            ended = supervisor.poll()
            running = read_control(data_dir)
            ready = running is not None and running.pid == supervisor.pid and running.state == "ready"
            for line in lines:
                screen.say(line.rstrip())
            if ended is not None:
                return ended or 1
            if ready:
                screen.say(f"runs in the background as pid {supervisor.pid}; ./mm down stops it")
                return 0
            time.sleep(0.1)


def is_installed(process: Process) -> bool:
    """Say whether a process of ours has its package in this environment; servers have been found before."""
    if process.argv[1:2] != ("-m",):
        return True
    module = process.argv[2]
    try:
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{module}.__main__")
    except ModuleNotFoundError:
        return False
    return spec is not None


async def _or_stopped(work: Coroutine[Any, Any, None], stop_asked: asyncio.Event) -> bool:
    """Do some work unless a stop is asked for first; say whether the work was done."""
    working: asyncio.Task[Any] = asyncio.create_task(work)
    asked: asyncio.Task[Any] = asyncio.create_task(stop_asked.wait())
    done, left = await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if working not in done:
        return False
    working.result()
    return True


async def _report_late(supervisor: Supervisor, screen: Screen) -> None:
    late = await supervisor.late(READY_TIMEOUT_S)
    if standing := supervisor.standing():
        screen.say(f"NOTHING IS QUOTED: the stores are not those that {', '.join(standing)} knew; see ./mm resume")
    elif waiting := [name for name in late if not supervisor.children[name].words]:
        screen.say(f"works, but without fresh inputs yet: {', '.join(waiting)}")
    for name, child in supervisor.children.items():
        if child.words:
            screen.say(f"{name}: {child.words}; {WAY_ON}")


async def _keep_drawing(instance: Instance, supervisor: Supervisor, screen: Screen) -> None:
    while True:
        screen.draw(instance, supervisor)
        await asyncio.sleep(DRAW_INTERVAL_S)


async def _keep_asking(instance: Instance, screen: Screen) -> None:
    """Say it when the prices become something else than they were: live ones can turn into a model's."""
    while True:
        await asyncio.sleep(PRICES_INTERVAL_S)
        now = await asyncio.to_thread(prices_now, instance)
        if now not in (screen.prices, NOBODY_SAID):
            screen.prices = now
            screen.say(f"prices     {now}")


def prices_now(instance: Instance) -> str:
    """Ask the services whether money and prices are real, as one text."""
    with PlatformClient(instance.data_dir) as client:
        return provenance_now(instance.ports, client)["label"]


def _report_end(supervisor: Supervisor, remaining: Sequence[str], screen: Screen) -> bool:
    """Say what a person wants to know after a stop: are our orders gone, are the processes gone."""
    quoter = supervisor.children.get("quoter")
    cancelled = quoter is None or quoter.exit_code in (0, None)
    if quoter is not None and quoter.exit_code == 0:
        screen.say("quoter: no order of ours remains open at the venue")
    elif not cancelled and quoter is not None:
        screen.say(f"quoter: ended with code {quoter.exit_code}, orders may rest at the venue; its last lines:")
        for line in last_lines(supervisor.logs_dir, "quoter", 5):
            screen.say(f"  {line}")
    screen.say(f"still there: {', '.join(remaining)}" if remaining else "stopped; no process remains")
    return cancelled and not remaining
