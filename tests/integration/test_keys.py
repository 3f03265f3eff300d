"""Row 70: keys are rotated under load and revoked, and a platform of before signatures is taken over once."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from common.bus.jetstream import JetStreamApi, Stored
from common.bus.messages import Message, message_of
from common.bus.nats import NatsConnection
from common.bus.ordered import OrderedReader
from common.core import Start
from common.events import Audit, Event, Fill, Halt, decode, encode
from common.running.gate import Gate
from common.running.outbox import Outbox
from common.settings import ServiceSettings
from common.signing import HEADER, parse_header
from common.streams import DURABLES, STREAMS
from common.testing.events import fill
from rich.console import Console
from risk.ledger.books import Ledger
from risk.ledger.entries import uncounted
from risk.ledger.recovery import recover
from risk.ledger.snapshot import documents
from risk.ledger.store import Loaded
from risk.testing.harness import stored
from toolkit.instance import CannotStartError
from toolkit.keys.keyring import KeyPlaces
from toolkit.keys.steps import KeyChangeError, KeyUse, revoke, rotate
from toolkit.layout import nats_config_file, nats_password_file, public_keys_file, root_key_file, signing_key_file
from toolkit.platform.listening import taken_ports
from toolkit.platform.screen import Screen
from toolkit.platform.up import UpOptions, plan
from toolkit.ports import Ports, port_map
from toolkit.servers.programs import NATS
from toolkit.setup import Addresses, prepare
from toolkit.testing.servers import server_here

from tests.integration.connections import connected, eventually, halt
from tests.servers import PLATFORM_ID, Broker, run_python, wait_until


class NoStore:
    """A positions store that has lost everything: the ledger comes from FILL's first message."""

    async def load(self) -> Loaded:
        return Loaded("", {})

    async def write_whole(self, ledger: Ledger, *, replace: bool = False) -> None:
        """Nothing is kept."""


async def rebuilt(connection: NatsConnection, file: Path) -> dict[str, bytes]:
    """Return the ledger's documents after a rebuild from the first message on."""
    assert connection.keys is not None
    api = JetStreamApi(connection)
    gate = Gate(connection.keys, api, file, structlog.get_logger())
    store: Any = NoStore()
    return documents((await recover(store, api, PLATFORM_ID, gate.check_stored)).ledger)


class Here:
    """A platform whose services are the connections of this test."""

    def __init__(self, broker: Broker, ends: Mapping[str, int], *connections: NatsConnection) -> None:
        self._ends, self._connections = ends, connections
        self.keyring = broker.keyring

    def ends(self) -> Mapping[str, int]:
        return self._ends

    def uses(self, service: str) -> KeyUse | None:
        for connection in self._connections:
            if connection.service == service and connection.keys is not None:
                connection.keys.look()
                return KeyUse(connection.keys.key_id, connection.keys.verifier.keys.serial)
        return None


async def ends_of(connection: NatsConnection) -> dict[str, int]:
    api = JetStreamApi(connection)
    return {stream.name: await api.last_sequence(stream.name) for stream in STREAMS}


def no_wait(_seconds: float) -> None:
    """The services of these tests read their files when they are asked."""


class Trading:
    """A quoter that sends fills without a pause, and risk, which hears each; keys are asked for from a thread."""

    def __init__(self, quoter: NatsConnection, risk: NatsConnection, files: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._connections = {"quoter": quoter, "risk": risk}
        self.outbox = Outbox(quoter, files / "spool", self._on_confirmed, self._on_refused, structlog.get_logger())
        self._gate = _gate(risk, files / "obeyed")
        self._reader = OrderedReader(risk, JetStreamApi(risk), "fill.trade.*.*", Start.ALL, self._on_fill)
        self.sent = 0
        self.stored: dict[int, Event] = {}
        self.obeyed = 0
        self.disobeyed: list[object] = []

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Trade until the block ends and everything sent is stored and heard."""
        await self._reader.start()
        tasks = [asyncio.create_task(self.outbox.run()), asyncio.create_task(self._trade())]
        yield
        tasks[1].cancel()
        assert await self.outbox.drain(30) == 0
        await eventually(lambda: self.obeyed + len(self.disobeyed) == self.sent, "everything heard")
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _trade(self) -> None:
        while True:
            self.sent += 1
            await self.outbox.send(fill(self.sent))
            await asyncio.sleep(0.001)

    async def _on_confirmed(self, event: Event, sequence: int) -> None:
        self.stored[sequence] = event

    async def _on_refused(self, event: Event, reason: str) -> None:
        self.disobeyed.append((event, reason))

    async def _on_fill(self, message: Message) -> None:
        heard = await self._gate.admit(Fill, message)
        if heard.event is None:
            self.disobeyed.append(heard)
        else:
            self.obeyed += 1

    def ends(self) -> Mapping[str, int]:
        return asyncio.run_coroutine_threadsafe(ends_of(self._connections["risk"]), self._loop).result()

    def uses(self, service: str) -> KeyUse | None:
        return asyncio.run_coroutine_threadsafe(self._uses(service), self._loop).result()

    async def _uses(self, service: str) -> KeyUse | None:
        connection = self._connections.get(service)
        if connection is None or connection.keys is None:
            return None
        connection.keys.look()
        before = {sample.name: int(sample.value) for sample in self.outbox.samples()}["mm_signed_before"]
        return KeyUse(
            connection.keys.key_id, connection.keys.verifier.keys.serial, before if service == "quoter" else 0
        )


async def test_r70_after_two_rotations_under_load_a_rebuild_gives_the_same_bytes(
    broker: Broker, tmp_path: Path
) -> None:
    async with connected(broker, "quoter") as quoter, connected(broker, "risk") as risk:
        trading = Trading(quoter, risk, tmp_path)
        keys = [quoter.key_id]
        async with trading.at_work():
            for _ in range(2):
                before = trading.sent
                keys.append(await asyncio.to_thread(rotate, broker.keyring, "quoter", trading))
                assert trading.sent > before, "it went on sending meanwhile"
                await eventually(lambda n=trading.sent: len(trading.stored) > n, "fills under the new key")  # type: ignore[misc]
        assert trading.disobeyed == []
        assert len(trading.stored) == trading.sent
        signed = [parse_header(each.headers[HEADER]) async for each in JetStreamApi(risk).read("FILL", 1)]
        assert list(dict.fromkeys(each.key_id for each in signed if each is not None)) == keys
        booked = Ledger()
        booked.fold(uncounted(b""), 1)  # the identity of FILL
        for sequence, event in sorted(trading.stored.items()):
            assert isinstance(event, Fill)
            booked.fold(stored(event), sequence)
        assert await rebuilt(risk, tmp_path / "one") == documents(booked)
        assert await rebuilt(risk, tmp_path / "two") == documents(booked)


async def test_r70_what_a_former_key_signs_later_is_worth_nothing(broker: Broker, tmp_path: Path) -> None:
    async with connected(broker, "quoter") as quoter, connected(broker, "risk") as risk:
        await quoter.publish_acked(fill(1))
        thief = NatsConnection(broker.settings("quoter"), "quoter")  # has the old key and reads no file any more
        await thief.connect()
        rotate(broker.keyring, "quoter", Here(broker, await ends_of(risk), quoter, risk), no_wait)
        await thief.publish_acked(fill(2))
        await thief.close()
        await quoter.publish_acked(fill(3))
        assert risk.keys is not None
        risk.keys.look()
        gate = _gate(risk, tmp_path / "obeyed")
        found = await recover(_store(), JetStreamApi(risk), PLATFORM_ID, gate.check_stored)
        assert found.ledger.accounts["mm1"].disputed == [3]
        assert found.ledger.bots["1"].fills == 2


def _store() -> Any:
    return NoStore()


def _gate(connection: NatsConnection, file: Path) -> Gate:
    assert connection.keys is not None
    return Gate(connection.keys, JetStreamApi(connection), file, structlog.get_logger())


async def test_r70_a_compromised_key_is_believed_up_to_the_sequence_named_and_in_other_streams_for_what_is_there(
    broker: Broker, tmp_path: Path
) -> None:
    async with connected(broker, "quoter") as quoter, connected(broker, "risk") as risk:
        assert quoter.keys is not None
        assert risk.keys is not None
        stolen = quoter.keys.key_id
        await quoter.publish_acked(halt("person"))
        for number in (1, 2, 3):
            await quoter.publish_acked(fill(number))
        here = Here(broker, await ends_of(risk), quoter, risk)
        rotate(broker.keyring, "quoter", here, no_wait)
        assert revoke(broker.keyring, stolen, {"FILL": 4}, here.ends())["RISK"] == 3
        risk.keys.look()
        gate = _gate(risk, tmp_path / "obeyed")
        found = await recover(_store(), JetStreamApi(risk), PLATFORM_ID, gate.check_stored)
        assert found.ledger.bots["1"].fills == 2
        assert found.ledger.accounts["mm1"].disputed == [4]
        stored = await JetStreamApi(risk).last("RISK", halt("person").address())
        assert stored is not None
        assert (await gate.admit(Halt, message_of(stored))).event == halt("person"), "a halt of before is kept"
        with pytest.raises(KeyChangeError, match="no key has this id"):
            revoke(broker.keyring, "quoter-0", {}, here.ends())
        with pytest.raises(KeyChangeError, match="FULL: no stream"):
            revoke(broker.keyring, stolen, {"FULL": 1}, here.ends())


async def test_r70_a_service_that_does_not_read_its_files_keeps_its_key(broker: Broker) -> None:
    class Deaf(Here):
        def uses(self, service: str) -> KeyUse | None:
            return KeyUse("quoter-0", 1)

    before = broker.keyring.key_of("quoter").key_id
    with pytest.raises(KeyChangeError, match=f"goes on with {before}"):
        rotate(broker.keyring, "quoter", Deaf(broker, {}), no_wait)
    assert broker.keyring.key_of("quoter").key_id == before


# --- upgrade ----------------------------------------------------------------------------------------------------


def free_base() -> int:
    bases = list(range(20_000, 30_000, 100))
    random.shuffle(bases)
    return next(base for base in bases if not taken_ports(port_map(base).listening()))


@contextmanager
def broker_of(data_dir: Path, ports: Ports) -> Iterator[None]:
    """Run the broker of a data directory as its set-up configured it."""
    command = [*server_here(NATS).command, "--config", str(nats_config_file(data_dir))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        try:
            wait_until(lambda: _healthy(ports), "the broker")
            yield
        finally:
            broker.terminate()


def _healthy(ports: Ports) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{ports.nats_monitor}/healthz", trust_env=False, timeout=2)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def settings_of(data_dir: Path, ports: Ports, user: str, platform_id: str, *, keys: bool) -> ServiceSettings:
    files: dict[str, Any] = {
        "signing_key_file": signing_key_file(data_dir, user),
        "public_keys_file": public_keys_file(data_dir),
        "root_key_file": root_key_file(data_dir),
    }
    return ServiceSettings(
        nats_url=f"nats://127.0.0.1:{ports.nats}",
        nats_user=user,
        nats_password_file=nats_password_file(data_dir, user),
        data_dir=data_dir,
        platform_id=platform_id,
        **(files if keys else {}),
    )


async def test_r70_a_platform_of_before_is_taken_over_once_and_nothing_unsigned_after(tmp_path: Path) -> None:
    data_dir, base = tmp_path / "data", free_base()
    ports = port_map(base)
    addresses = Addresses("127.0.0.1", ports.nats, ports.nats_monitor, ports.redis)
    platform_id = prepare(data_dir, addresses)
    forget_keys(data_dir)
    with broker_of(data_dir, ports):
        await make_streams(data_dir, ports, platform_id)
        await live_as_before(data_dir, ports, platform_id)
    spool = data_dir / "quoter" / "spool"
    spool.mkdir(parents=True)
    (spool / "Fill-waiting").write_bytes(encode(fill(3)))

    with pytest.raises(CannotStartError, match="mm keys seal --who NAME"):
        plan(UpOptions(data_dir, ports, source="model"), Screen(Console(quiet=True)))
    mm = ["-m", "toolkit", "keys"]
    place = ["--data-dir", str(data_dir), "--port-base", str(base)]
    said = run_python([*mm, "seal", *place, "--who", "anna", "--reason", "upgrade"], clean()).stdout
    assert "FILL sealed up to 2" in said
    assert "by anna" in run_python([*mm, "list", "--data-dir", str(data_dir)], clean()).stdout
    plan(UpOptions(data_dir, ports, source="model"), Screen(Console(quiet=True)))
    with pytest.raises(subprocess.CalledProcessError):
        run_python([*mm, "seal", *place, "--who", "eve", "--reason", "once more"], clean())

    with broker_of(data_dir, ports):
        await live_from_now_on(data_dir, ports, platform_id)


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MM_")}


def forget_keys(data_dir: Path) -> None:
    """Make a data directory what it was before there were signatures."""
    places = KeyPlaces.of(data_dir)
    for path in (places.root_private, places.root_public, places.public_keys, *places.signing_keys.values()):
        path.unlink()


async def make_streams(data_dir: Path, ports: Ports, platform_id: str) -> None:
    """Make them as the step did before stores had an identity."""
    step = NatsConnection(settings_of(data_dir, ports, "streams", platform_id, keys=False), "streams")
    await step.connect()
    for stream in STREAMS:
        await JetStreamApi(step).ensure_stream(stream, 1)
    for reader in DURABLES:
        await JetStreamApi(step).ensure_durable(reader)
    await step.close()


async def live_as_before(data_dir: Path, ports: Ports, platform_id: str) -> None:
    """Leave open positions and a halt in force, all unsigned."""
    quoter = NatsConnection(settings_of(data_dir, ports, "quoter", platform_id, keys=False), "quoter")
    await quoter.connect()
    for number in (1, 2):
        await quoter.publish_acked(fill(number))
    await quoter.publish_acked(halt("person"))
    await quoter.close()


async def live_from_now_on(data_dir: Path, ports: Ports, platform_id: str) -> None:
    """Find everything of before, send what waited signed, and take nothing unsigned any more."""
    risk = NatsConnection(settings_of(data_dir, ports, "risk", platform_id, keys=True), "risk")
    quoter = NatsConnection(settings_of(data_dir, ports, "quoter", platform_id, keys=True), "quoter")
    bare = NatsConnection(settings_of(data_dir, ports, "quoter", platform_id, keys=False), "quoter")
    for connection in (risk, quoter, bare):
        await connection.connect()
    api, gate = JetStreamApi(risk), _gate(risk, data_dir / "risk" / "obeyed")
    await gate.begin()
    stored = await api.last("RISK", halt("person").address())
    assert stored is not None
    assert (await gate.admit(Halt, message_of(stored))).event == halt("person"), "the halt is in force"
    await resend(quoter, data_dir / "quoter" / "spool")
    await bare.publish_acked(fill(4))
    fills = [each async for each in api.read("FILL", 0)]
    assert [verdict(gate, each) for each in fills] == ["", "", "", "no signature"]
    found = await recover(_store(), api, platform_id, gate.check_stored)
    assert found.ledger.bots["1"].fills == 3, "two of before, one that waited"
    assert found.ledger.accounts["mm1"].disputed == []
    gateway = NatsConnection(settings_of(data_dir, ports, "gateway", platform_id, keys=True), "gateway")
    await gateway.connect()
    audits = [decode(Audit, each.data) async for each in JetStreamApi(gateway).read("AUDIT", 0)]
    assert [(audit.actor, audit.action, audit.detail["reason"]) for audit in audits] == [
        ("anna", "seal-streams", "upgrade")
    ]
    for connection in (risk, quoter, bare, gateway):
        await connection.close()


def verdict(gate: Gate, stored: Stored) -> str:
    refusal = gate.check_stored(stored)
    return refusal.reason if refusal is not None else ""


async def resend(quoter: NatsConnection, spool: Path) -> None:
    async def confirmed(event: object, sequence: int) -> None:
        assert isinstance(event, Fill)

    async def refused(event: object, reason: str) -> None:
        raise AssertionError(reason)

    outbox = Outbox(quoter, spool, confirmed, refused, structlog.get_logger())
    working = asyncio.create_task(outbox.run())
    for kept in outbox.left_behind():
        await outbox.send(kept.event, kept=kept)
    await eventually(lambda: outbox.unconfirmed == 0, "confirmed")
    working.cancel()
