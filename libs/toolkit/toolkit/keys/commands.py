"""`./mm keys`: list, rotate and revoke the keys services sign with, and seal what is older than they are.

What speaks with a broker takes long to import: only who speaks with one does it, since every command imports this.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import httpx
import typer
from common.errors import MarketMakerError
from common.events import Audit
from common.signing import Seal
from common.streams import STREAMS
from rich.console import Console

from toolkit.instance import CannotStartError, find_running
from toolkit.keys.keyring import Keyring
from toolkit.keys.steps import SEALED, KeyChangeError, KeyUse, parse_from, revoke, rotate, seal_of
from toolkit.layout import nats_password_file, platform_id_file, unsealed_file
from toolkit.options import DataDir, PortBase, ports_of
from toolkit.paths import DEFAULT_DATA_DIR
from toolkit.ports import Ports, port_map
from toolkit.setup import Addresses, prepare

if TYPE_CHECKING:
    from common.bus.jetstream import JetStreamApi
    from common.bus.nats import NatsConnection

GATEWAY = "gateway"
METRICS_S_MAX = 5.0
CONNECT_S_MAX = 30.0
T = TypeVar("T")


def user_name() -> str:
    """Return what the user of this shell is called; in a container his number may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


THIS_USER = user_name()

app = typer.Typer(help="The keys services sign with: list, rotate, revoke; seal data from before messages were signed.")
console = Console()

Who = Annotated[str, typer.Option("--who", help="Who does it, for the record; the user of this shell.")]


@app.command("list")
def list_keys(data_dir: DataDir = DEFAULT_DATA_DIR, port_base: PortBase = None) -> None:
    """Show every key, what it holds for, and the seals."""
    ports_of(data_dir, port_base)
    keys = _keyring(data_dir).read()
    for key in keys.keys:
        state = f"revoked from {_text(key.revoked_from)}" if key.revoked_from else ""
        state = state or (f"held until {_text(key.valid_until)}" if key.valid_until else "in use")
        _say(f"{key.key_id:22} {key.instance or key.role:10} {state}")
    for seal in keys.seals:
        what = f"sealed up to {seal.last_sequence}, sha256 {seal.sha256[:16]}"
        _say(f"{seal.stream:22} {what}, by {seal.who} at {seal.sealed_at}: {seal.reason}")


@app.command("rotate")
def rotate_key(
    service: Annotated[str, typer.Argument(help="feed, pricer, quoter, watchdog, risk or gateway")],
    who: Who = THIS_USER,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Give a service another key while it works; what the old one signed stays valid."""
    with _platform(data_dir, port_base) as platform:
        new = _done(lambda: rotate(platform.keyring, service, platform))
        platform.record(who, "rotate-key", service, {"key_id": new})
    _say(f"{service} signs with {new}")


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="As ./mm keys list shows it.")],
    first: Annotated[
        list[str] | None, typer.Option("--from", metavar="STREAM=SEQ", help="First message not believed any more.")
    ] = None,
    who: Who = THIS_USER,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Believe a compromised key no longer: from a message on, elsewhere for nothing new. Rotate first."""
    with _platform(data_dir, port_base) as platform:
        revoked = _done(lambda: revoke(platform.keyring, key_id, parse_from(first or ()), platform.ends()))
        platform.record(who, "revoke-key", key_id, {"revoked_from": revoked})
    _say(f"{key_id} is not believed any more, from {_text(revoked)}")


@app.command()
def seal(
    reason: Annotated[str, typer.Option("--reason", help="Why what is there is believed.")],
    who: Annotated[str, typer.Option("--who", help="Who answers for it.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port_base: PortBase = None,
) -> None:
    """Believe, once, what a data directory of before signatures holds; nothing unsigned that comes after."""
    ports = _ports(data_dir, port_base)
    prepare(data_dir, Addresses("127.0.0.1", ports.nats, ports.nats_monitor, ports.redis))
    if not unsealed_file(data_dir).exists():
        _refuse(f"{data_dir}: nothing here is older than its keys")
    with _platform(data_dir, port_base) as platform:
        found = _done(lambda: asyncio.run(platform.seals(who, reason)))
        platform.keyring.seal(found)
        unsealed_file(data_dir).unlink()
        detail = {each.stream: {"last_sequence": each.last_sequence, "sha256": each.sha256} for each in found}
        platform.record(who, "seal-streams", "streams", {"reason": reason, **detail})
    for each in found:
        _say(f"{each.stream} sealed up to {each.last_sequence}")


class _Platform:
    """One platform of this machine, its broker running."""

    def __init__(self, data_dir: Path, ports: Ports) -> None:
        self._data_dir, self._ports = data_dir, ports
        self.keyring = _keyring(data_dir)

    def ends(self) -> Mapping[str, int]:
        return asyncio.run(self._ends())

    def uses(self, service: str) -> KeyUse | None:
        port: int | None = getattr(self._ports, f"{service}_admin", None)
        if port is None:
            return None  # the streams step, which reads its keys at every run
        try:
            with httpx.Client(trust_env=False, timeout=METRICS_S_MAX) as client:
                metrics = client.get(f"http://127.0.0.1:{port}/metrics").text
        except httpx.HTTPError:
            return None
        return _key_use(metrics)

    async def _ends(self) -> Mapping[str, int]:
        async with self._api("streams") as (api, _):
            # A stream that came with a later build is made by the next start: it begins at 0.
            there = {level.stream: level.last_sequence for level in await api.levels()}
            return {stream.name: there.get(stream.name, 0) for stream in STREAMS}

    async def seals(self, who: str, reason: str) -> list[Seal]:
        """Return the seal of every stream whose messages are signed from now on and that holds something."""
        async with self._api(GATEWAY) as (api, _):
            there = {level.stream for level in await api.levels()}
            made = [await seal_of(stream, api.read(stream, 0), who, reason) for stream in SEALED if stream in there]
        return [each for each in made if each is not None]

    def record(self, who: str, action: str, target: str, detail: Mapping[str, Any]) -> None:
        """Keep in the audit stream what was done to the keys; one that does not take it ends in exit code 1."""
        try:
            asyncio.run(self._record(who, action, target, detail))
        except (MarketMakerError, TimeoutError, OSError) as error:
            why = str(error) or "the broker does not answer"
            _say(f"{action} {target} is done, {dict(detail)}, but NOT in the audit stream: {why}")
            raise typer.Exit(1) from None

    async def _record(self, who: str, action: str, target: str, detail: Mapping[str, Any]) -> None:
        audit = Audit(
            service=GATEWAY,
            audit_id=uuid.uuid4().hex,
            actor=who,
            action=action,
            target=target,
            detail=dict(detail),
            ts_ns=time.time_ns(),
        )
        async with self._api(GATEWAY) as (_, connection):
            await connection.publish_acked(audit)

    @asynccontextmanager
    async def _api(self, user: str) -> AsyncIterator[tuple[JetStreamApi, NatsConnection]]:
        from common.bus.jetstream import JetStreamApi
        from common.bus.nats import NatsConnection
        from common.settings import ServiceSettings

        places = self.keyring.places
        settings = ServiceSettings(
            nats_url=f"nats://127.0.0.1:{self._ports.nats}",
            nats_password_file=nats_password_file(self._data_dir, user),
            platform_id=self.keyring.platform_id,
            # Apart from the gateway's own count: that one goes on meanwhile.
            data_dir=self._data_dir / "keys",
            signing_key_file=places.signing_keys.get(user),
            public_keys_file=places.public_keys,
            root_key_file=places.root_public,
        )
        connection = NatsConnection(settings, user)
        async with asyncio.timeout(CONNECT_S_MAX):
            await connection.connect()
        try:
            yield JetStreamApi(connection), connection
        finally:
            await connection.close()


def _key_use(metrics: str) -> KeyUse | None:
    """Return which key and list a service's metrics name: mm_signing{key_id="risk-1"} serial."""
    figures = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if " " in line and not line.startswith("#"))
    for name, serial in figures.items():
        if name.startswith("mm_signing{"):
            key_id = name.partition('key_id="')[2].partition('"')[0]
            return KeyUse(key_id, int(float(serial)), int(float(figures.get("mm_signed_before", 0))))
    return None


@contextlib.contextmanager
def _platform(data_dir: Path, port_base: int | None) -> Iterator[_Platform]:
    """Yield the platform of a data directory; its broker alone is started when it does not run."""
    from toolkit.servers.broker import broker_alone

    ports = _ports(data_dir, port_base)
    if find_running(data_dir) is not None:
        yield _Platform(data_dir, ports)
        return
    if not platform_id_file(data_dir).is_file():
        _refuse(f"{data_dir}: no platform was set up here (./mm up does it; --data-dir names another)")
    try:
        with broker_alone(data_dir, ports, _say):
            yield _Platform(data_dir, ports)
    except CannotStartError as error:
        _refuse(str(error))


def _keyring(data_dir: Path) -> Keyring:
    if not platform_id_file(data_dir).is_file():
        _refuse(f"{data_dir}: no platform was set up here (./mm up does it; --data-dir names another)")
    return Keyring.of(data_dir)


def _ports(data_dir: Path, port_base: int | None) -> Ports:
    running = find_running(data_dir)
    try:
        return running.ports if running is not None else port_map(port_base)
    except ValueError as error:
        _refuse(str(error))


def _done(work: Callable[[], T]) -> T:
    """Do something, or end with one sentence that says why not."""
    try:
        return work()
    except (KeyChangeError, MarketMakerError, TimeoutError, OSError) as error:
        _refuse(str(error) or "the broker does not answer")


def _text(sequences: Mapping[str, int]) -> str:
    return ", ".join(f"{stream} {sequence}" for stream, sequence in sorted(sequences.items()))


def _say(message: str) -> None:
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def _refuse(reason: str) -> NoReturn:
    Console(stderr=True).print(f"mm: {reason}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
