"""The processes of one platform: what each runs, what it is told, what it waits for and when it is stopped.

This is the table to change when a service gains a setting. A service is given its own MM_ names and no others,
because services refuse names they do not know.
"""

import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from common.bus.permissions import OPERATOR

from toolkit.instance import Instance
from toolkit.layout import (
    admin_token_file,
    nats_config_file,
    nats_password_file,
    nats_store_dir,
    platform_id_file,
    public_keys_file,
    redis_config_file,
    redis_password_file,
    root_key_file,
    signing_key_file,
    spot_keys_dir,
    venue_keys_dir,
)

# The quoter cancels at the venue and asks until no orders remain open there, which may take some rounds.
QUOTER_STOP_GRACE_S = 45.0
SERVICE_STOP_GRACE_S = 15.0
SERVER_STOP_GRACE_S = 10.0
START_TIMEOUT_S = 40.0
# A broker that stores nothing for so long does not come back by itself; the data is on disk, a start reads it again.
SERVER_UNHEALTHY_S = 10.0

# The broker keeps buffers of the blocks it writes, up to 8 MB a stream, and Go collects only when as much again
# has been used. Buffers hold no pointers, so collecting at a quarter costs next to nothing.
NATS_ENVIRONMENT = {"GOGC": "25"}

LOOPBACK = "127.0.0.1"

# Where a broker says that JetStream works, whatever has become of its streams: these the `streams` step mends.
JETSTREAM_ENABLED = "/healthz?js-enabled-only=true"
# Where it says what is wrong with each stream that it finds on its disk; one of 2.9 never says anything.
EVERY_STREAM = "/healthz?details=true"


@dataclass(frozen=True)
class JetStreamLogin:
    """Where a broker listens for clients, and a user who may ask JetStream about itself."""

    url: str
    user: str
    password_file: Path


@dataclass(frozen=True)
class Process:
    """One child process as the supervisor needs to know it."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    # Started once these are healthy (a one-shot: once it has ended well).
    after: tuple[str, ...] = ()
    # Answers 200 as soon as the process works; none for a one-shot.
    health_url: str | None = None
    # Answers 200 when its inputs are fresh as well; of a broker, when it serves every stream on its disk.
    ready_url: str | None = None
    # For Redis, which speaks no HTTP: the file with the password that its PING needs.
    redis_password_file: Path | None = None
    # For a broker, whose open ports do not say that it can store anything: where and as whom JetStream is asked.
    jetstream: JetStreamLogin | None = None
    # Unhealthy for so long it is stopped and started again; None for what recovers by itself or must not be cut off.
    restart_unhealthy_s: float | None = None
    # Called before each start, beside the other processes; CannotStartError says why it must not start now.
    before_start: Callable[[], None] | None = None
    # Where it writes. What stopped working while there was no room is started again as soon as there is some.
    store: Path | None = None
    one_shot: bool = False
    # Lower waves are stopped first, and a wave begins when the one before has ended.
    stop_wave: int = 0
    stop_grace_s: float = SERVICE_STOP_GRACE_S
    start_timeout_s: float = START_TIMEOUT_S
    # What the kernel sends when the supervisor is killed: the quoter still gets to cancel its orders.
    parent_death_signal: signal.Signals = signal.SIGKILL


@dataclass(frozen=True)
class ServerCommands:
    """How to start the two servers that are not ours: a program, or a container engine's `run`."""

    nats: tuple[str, ...]
    redis: tuple[str, ...]


def process_table(instance: Instance, servers: ServerCommands) -> list[Process]:
    """Return every process of the instance in the order it is shown."""
    ports = instance.ports
    exchange_url = f"http://{LOOPBACK}:{ports.exchange}"
    admin_ports = {
        "feed": ports.feed_admin,
        "pricer": ports.pricer_admin,
        "quoter": ports.quoter_admin,
        "risk": ports.risk_admin,
        "watchdog": ports.watchdog_admin,
        "gateway": ports.gateway_admin,
    }
    admin_urls = {name: f"http://{LOOPBACK}:{port}" for name, port in admin_ports.items()}

    def service(
        name: str,
        own: dict[str, str],
        *,
        module: str | None = None,
        after: tuple[str, ...] = ("streams",),
        stop_wave: int,
    ) -> Process:
        environment = nats_environment(instance, name) | {
            # A restarted process takes its lease back at once when it bears its predecessor's name.
            "MM_INSTANCE": f"{name}-up",
            "MM_ADMIN_HOST": LOOPBACK,
            "MM_ADMIN_PORT": str(admin_ports[name]),
            "MM_ADMIN_TOKEN_FILE": str(admin_token_file(instance.data_dir)),
            "MM_CONFIG_DIR": str(instance.config_dir),
        }
        return Process(
            name=name,
            argv=(sys.executable, "-m", module or name),
            environment=environment | own,
            after=after,
            health_url=f"{admin_urls[name]}/health",
            ready_url=f"{admin_urls[name]}/ready",
            stop_wave=stop_wave,
        )

    venue = {
        "MM_EXCHANGE_URL": exchange_url,
        "MM_VENUE_KEYS_DIR": str(venue_keys_dir(instance.data_dir)),
        "MM_SPOT_KEYS_DIR": str(spot_keys_dir(instance.data_dir)),
    }
    redis = {
        "MM_REDIS_URL": f"redis://{LOOPBACK}:{ports.redis}/0",
        "MM_REDIS_PASSWORD_FILE": str(redis_password_file(instance.data_dir)),
    }
    # A venue that is alone sends nothing, and has no keys for it.
    sending = {"MM_TRANSFERS": "true"} if instance.spot_venues else {}
    own = venue | _accounts(instance, "quoter") | sending
    quoter = service("quoter", own, after=("streams", "exchange"), stop_wave=0)
    watchdog = service(
        "watchdog",
        venue | _accounts(instance, "watchdog"),
        module="quoter.watchdog",
        after=("streams", "exchange"),
        stop_wave=1,
    )
    gateway = service(
        "gateway",
        {
            "MM_GATEWAY_HOST": LOOPBACK,
            "MM_GATEWAY_PORT": str(ports.gateway),
            "MM_PROFILE": instance.profile,
            "MM_ADMIN_URLS": ",".join(f"{name}={url}" for name, url in admin_urls.items() if name != "gateway"),
        }
        | redis,
        after=("streams", "redis"),
        stop_wave=1,
    )
    table = [
        Process(
            name="nats",
            argv=(*servers.nats, "--config", str(nats_config_file(instance.data_dir))),
            environment=NATS_ENVIRONMENT,
            health_url=f"http://{LOOPBACK}:{ports.nats_monitor}{JETSTREAM_ENABLED}",
            ready_url=f"http://{LOOPBACK}:{ports.nats_monitor}{EVERY_STREAM}",
            jetstream=JetStreamLogin(
                url=f"nats://{LOOPBACK}:{ports.nats}",
                user=OPERATOR,
                password_file=nats_password_file(instance.data_dir, OPERATOR),
            ),
            restart_unhealthy_s=SERVER_UNHEALTHY_S,
            store=nats_store_dir(instance.data_dir),
            stop_wave=4,
            stop_grace_s=SERVER_STOP_GRACE_S,
        ),
        Process(
            name="redis",
            argv=(*servers.redis, str(redis_config_file(instance.data_dir))),
            environment={},
            redis_password_file=redis_password_file(instance.data_dir),
            health_url=f"redis://{LOOPBACK}:{ports.redis}",
            restart_unhealthy_s=SERVER_UNHEALTHY_S,
            stop_wave=3,
            stop_grace_s=SERVER_STOP_GRACE_S,
        ),
        Process(
            name="exchange",
            argv=(sys.executable, "-m", "exchange"),
            environment={
                "MM_EXCHANGE_HOST": LOOPBACK,
                "MM_EXCHANGE_PORT": str(ports.exchange),
                "MM_DATA_DIR": str(instance.data_dir),
                "MM_CONFIG_DIR": str(instance.config_dir),
                "MM_SOURCE": instance.source,
                "MM_SPOT_VENUES": ",".join(instance.spot_venues),
                "MM_MAKERS": ",".join(instance.makers),
                "MM_LOG_LEVEL": instance.log_level,
            }
            | ({"MM_REPLAY_FILES": ",".join(map(str, instance.replay_files))} if instance.source == "replay" else {}),
            health_url=f"{exchange_url}/health",
            stop_wave=3,
        ),
        Process(
            name="streams",
            argv=(sys.executable, "-m", "common.streams"),
            environment=nats_environment(instance, "streams"),
            after=("nats",),
            one_shot=True,
        ),
        service(
            "risk",
            redis,
            after=("streams", "redis"),
            # After the quoter, whose last fills it still books.
            stop_wave=2,
        ),
        service(
            "feed",
            {
                "MM_EXCHANGE_URL": exchange_url,
                "MM_SOURCE": instance.source,
                "MM_SPOT_VENUES": ",".join(instance.spot_venues),
            },
            after=("streams", "exchange"),
            stop_wave=1,
        ),
        service("pricer", {}, stop_wave=1),
        replace(quoter, stop_grace_s=QUOTER_STOP_GRACE_S, parent_death_signal=signal.SIGTERM),
        replace(watchdog, parent_death_signal=signal.SIGTERM),
        gateway,
    ]
    table = [_overridden(process, instance) for process in table]
    first = _overridden(gateway, instance)
    replicas = [_replica(first, number, *ports.replica(number)) for number in range(2, instance.gateways + 1)]
    return table + [_overridden(replica, instance) for replica in replicas]


def _replica(gateway: Process, number: int, port: int, admin_port: int) -> Process:
    """Return a further gateway: all it says is the same, under ports and a name of its own.

    It begins after the first, which makes the first user where there is none.
    """
    own = {
        "MM_INSTANCE": f"gateway-{number}-up",
        "MM_GATEWAY_PORT": str(port),
        "MM_ADMIN_PORT": str(admin_port),
    }
    url = f"http://{LOOPBACK}:{admin_port}"
    return replace(
        gateway,
        name=f"{gateway.name}-{number}",
        environment=gateway.environment | own,
        after=(*gateway.after, gateway.name),
        health_url=f"{url}/health",
        ready_url=f"{url}/ready",
    )


def _accounts(instance: Instance, name: str) -> dict[str, str]:
    """Return which accounts a process is told, unless a person has told it one in the settings for one."""
    told = instance.overrides.get(name, {}).keys() & {"MM_ACCOUNT", "MM_VENUE"}
    return {} if told else {"MM_ACCOUNTS": ",".join(instance.accounts)}


def nats_environment(instance: Instance, user: str) -> dict[str, str]:
    """Return what every program on the bus is told: where it is, who it is, which platform it belongs to."""
    return {
        "MM_NATS_URL": f"nats://{LOOPBACK}:{instance.ports.nats}",
        "MM_NATS_USER": user,
        "MM_NATS_PASSWORD_FILE": str(nats_password_file(instance.data_dir, user)),
        "MM_DATA_DIR": str(instance.data_dir),
        "MM_PLATFORM_ID_FILE": str(platform_id_file(instance.data_dir)),
        "MM_LOG_LEVEL": instance.log_level,
        "MM_SIGNING_KEY_FILE": str(signing_key_file(instance.data_dir, user)),
        "MM_PUBLIC_KEYS_FILE": str(public_keys_file(instance.data_dir)),
        "MM_ROOT_KEY_FILE": str(root_key_file(instance.data_dir)),
    }


def stop_waves(table: Iterable[Process]) -> list[list[Process]]:
    """Return the processes grouped in the order they are stopped; a one-shot has nothing to stop."""
    lasting = [process for process in table if not process.one_shot]
    return [
        [process for process in lasting if process.stop_wave == wave]
        for wave in sorted({process.stop_wave for process in lasting})
    ]


def _overridden(process: Process, instance: Instance) -> Process:
    own = instance.overrides.get(process.name)
    return replace(process, environment=process.environment | dict(own)) if own else process
