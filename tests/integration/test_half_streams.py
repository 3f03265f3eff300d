"""What a broker that was killed while it made or changed a stream leaves behind: it starts, and the step mends it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from common.bus.jetstream import JetStreamApi
from common.bus.permissions import OPERATOR
from common.network.webclient import WebClient
from common.stores import STANDS_STILL
from common.streams import DURABLES, STREAMS
from common.testing.events import fill
from toolkit.platform.health import Readiness, condition, is_healthy
from toolkit.platform.processes import EVERY_STREAM, JETSTREAM_ENABLED, JetStreamLogin, Process
from toolkit.platform.supervisor import Supervisor
from toolkit.servers.programs import NATS

from tests.integration.connections import connected, eventually, in_thread
from tests.integration.tiny import Run, until
from tests.servers import Broker, make_streams


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _cut(file: Path, size: int) -> None:
    file.write_bytes(file.read_bytes()[:size])


# As kill -9 leaves it at each place of making and changing a stream or a reader, on NATS 2.9.10 and 2.15.1.
HALVES: dict[str, Callable[[Path], None]] = {
    "folder with nothing in it": _emptied,
    "no description": lambda folder: (folder / "meta.inf").unlink(),
    "empty description": lambda folder: _cut(folder / "meta.inf", 0),
    "half a description": lambda folder: _cut(folder / "meta.inf", 99),
    "no checksum": lambda folder: (folder / "meta.sum").unlink(),
    "empty checksum": lambda folder: _cut(folder / "meta.sum", 0),
}


def folder_of(broker: Broker, stream: str) -> Path:
    return broker.files / "jetstream" / "jetstream" / "STREAMS" / "streams" / stream


def as_process(broker: Broker) -> Process:
    page = f"http://127.0.0.1:{broker.monitor_port}"
    return Process(
        name="nats",
        argv=(),
        environment={},
        health_url=f"{page}{JETSTREAM_ENABLED}",
        ready_url=f"{page}{EVERY_STREAM}",
        jetstream=JetStreamLogin(broker.url, OPERATOR, broker.password_file(OPERATOR)),
    )


async def seen(broker: Broker) -> tuple[Readiness, str | None]:
    """Return what the supervisor sees of a broker that has started."""
    client = WebClient(trust_env=False)
    try:
        assert await is_healthy(as_process(broker), client), "it counts as started"
        return await condition(as_process(broker), client)
    finally:
        await client.close()


def lines(broker: Broker) -> set[str]:
    return set(make_streams(broker).stdout.splitlines())


def all_as_they_should_be() -> set[str]:
    streams = {f"stream {stream.name}: as it should be" for stream in STREAMS}
    return streams | {f"durable {reader.name} on {reader.stream}: as it should be" for reader in DURABLES}


async def test_half_streams_of_every_kind_are_mended_by_the_step_and_stay_mended(broker: Broker) -> None:
    halves = dict(zip(("MD", "TRADE", "ORDER", "ACCOUNT", "ALERT", "PARKED"), HALVES.values(), strict=True))
    await in_thread(broker.kill)
    for stream, damage in halves.items():
        damage(folder_of(broker, stream))
    await in_thread(broker.start)
    readiness, words = await seen(broker)
    # A broker of 2.9 says that all is well.
    assert words == "" or all(f"'STREAMS > {stream}' could not be recovered" in str(words) for stream in halves)
    assert readiness is (Readiness.LATE if words else Readiness.READY)
    made = await in_thread(lambda: lines(broker))
    assert {f"stream {stream}: created" for stream in halves} <= made
    assert "stores: generation 1" in made
    for _ in range(2):
        assert await seen(broker) == (Readiness.READY, "")
        await in_thread(broker.restart)
        assert all_as_they_should_be() <= await in_thread(lambda: lines(broker))


async def test_a_broker_with_half_a_stream_is_not_started_again_and_its_words_are_shown(
    broker_of_ours: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.platform.supervisor.WATCH_POLL_S", 0.05)
    monkeypatch.setattr("toolkit.platform.supervisor.LASTING_S", 0.1)
    await in_thread(broker_of_ours.kill)
    HALVES["no checksum"](folder_of(broker_of_ours, "MD"))
    argv = (str(NATS.in_wheel()), "-c", str(broker_of_ours.files / "nats.conf"))
    said: list[str] = []
    process = replace(as_process(broker_of_ours), argv=argv, restart_unhealthy_s=0.0, stop_grace_s=0.5)
    supervisor = Supervisor([process], tmp_path / "logs", said.append)
    supervisor.start()
    await supervisor.all_healthy()
    child = supervisor.children["nats"]
    words = "JetStream stream 'STREAMS > MD' could not be recovered"
    await eventually(lambda: child.words == words, "its words")
    assert (child.state, child.view()["words"]) == ("up", words)
    await in_thread(lambda: lines(broker_of_ours))
    await eventually(lambda: said == [f"nats: {words}", "nats: every stream is there again"], "both told")
    await eventually(lambda: child.state == "ready", "mended")
    assert child.restarts == 0
    assert await supervisor.stop() == []


@pytest.mark.parametrize("kind", HALVES)
async def test_half_of_a_reader_is_mended_by_the_step_and_stays_mended(broker: Broker, kind: str) -> None:
    await in_thread(broker.kill)
    HALVES[kind](folder_of(broker, "FILL") / "obs" / "risk-ledger")
    await in_thread(broker.start)
    assert await seen(broker) == (Readiness.READY, ""), "no broker says anything of a reader"
    # A reader whose checksum is empty is taken as it is.
    done = "as it should be" if kind == "empty checksum" else "created"
    assert f"durable risk-ledger on FILL: {done}" in await in_thread(lambda: lines(broker))
    await in_thread(broker.restart)
    assert all_as_they_should_be() | {"stores: generation 1"} == await in_thread(lambda: lines(broker))


@pytest.mark.parametrize("kind", HALVES)
async def test_a_ledger_is_made_anew_over_half_a_stream_around_what_is_still_there(broker: Broker, kind: str) -> None:
    async with connected(broker, "quoter") as quoter:
        assert await quoter.publish_acked(fill(1)) == 2
    assert await damaged_and_made(broker, kind) == held_after(kind)
    # Not for this broker's life alone.
    await in_thread(broker.restart)
    assert all_as_they_should_be() <= await in_thread(lambda: lines(broker))
    async with connected(broker, "quoter") as quoter:
        assert await JetStreamApi(quoter).last_sequence("FILL") == held_after(kind)


# With nothing left of it, and with everything.
@pytest.mark.parametrize("kind", ["folder with nothing in it", "no checksum"])
async def test_nobody_goes_on_with_a_ledger_that_was_made_anew_over_half_a_stream(
    broker: Broker, run: Run, kind: str
) -> None:
    tiny = run()
    async with connected(broker, "quoter") as quoter:
        assert await quoter.publish_acked(fill(1)) == 2
    await in_thread(lambda: until(tiny.ready, "ready"))
    assert await damaged_and_made(broker, kind) == held_after(kind)
    await in_thread(lambda: until(lambda: STANDS_STILL.encode() in tiny.get("/ready")[1], "it stands still"))


def held_after(kind: str) -> int:
    """Return how many messages of two are left in a stream of a kind."""
    return 0 if kind == "folder with nothing in it" else 2


async def damaged_and_made(broker: Broker, kind: str) -> int:
    """Damage FILL under a broker that was killed; return how many messages the step has made it anew around."""
    await in_thread(broker.kill)
    HALVES[kind](folder_of(broker, "FILL"))
    await in_thread(broker.start)
    made = await in_thread(lambda: lines(broker))
    assert any(line.startswith("stores: NOT those we knew, services stand still") for line in made)
    (said,) = [line for line in made if line.startswith("stream FILL: created")]
    found = re.fullmatch(r"stream FILL: created(?: around (\d+) messages found on the disk of the broker)?", said)
    assert found, said
    return int(found[1] or 0)
