"""Streams of a broker without accounts are found again in theirs, with everything in them and their readers' places."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import nats
import pytest
from common.bus.jetstream import JetStreamApi
from common.events import FillIdentity, encode
from common.streams import DURABLES, STREAMS
from common.testing.events import fill
from toolkit.platform.listening import free_port
from toolkit.servers.programs import NATS
from toolkit.setup import GLOBAL_ACCOUNT, give_streams_their_account
from toolkit.testing.servers import programs_here

from tests.integration.connections import connected, halt
from tests.servers import BreakableServer, Broker, LocalProcess, make_streams

PROGRAMS = programs_here(NATS)


def _old(config: dict[str, Any]) -> dict[str, Any]:
    """Return a stream's configuration as it was before plain streams stopped confirming."""
    return {name: value for name, value in config.items() if name != "no_ack"}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _fill_as_before(port: int) -> None:
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    try:

        async def ask(verb: str, document: dict[str, Any]) -> None:
            answer = json.loads((await client.request(f"$JS.API.{verb}", json.dumps(document).encode())).data)
            assert "error" not in answer, answer

        for stream in STREAMS:
            await ask(f"STREAM.CREATE.{stream.name}", _old(stream.config()))
        for reader in DURABLES:
            document = {"stream_name": reader.stream, "config": reader.config()}
            await ask(f"CONSUMER.DURABLE.CREATE.{reader.stream}.{reader.name}", document)
        for event in (fill(1), fill(2), fill(3), halt("person")):
            await client.request(event.address(), encode(event), headers={"Nats-Msg-Id": event.message_id()})
        first = await client.request("$JS.API.CONSUMER.MSG.NEXT.FILL.risk-ledger", b'{"batch": 1}', old_style=True)
        await first.ack_sync()
    finally:
        await client.close()


@pytest.mark.parametrize("version", PROGRAMS)
async def test_streams_of_before_the_accounts_are_kept_whole(tmp_path: Path, version: str) -> None:
    broker = Broker(tmp_path, PROGRAMS[version])
    port = free_port()
    config = tmp_path / "old.conf"
    config.write_text(f'listen: 127.0.0.1:{port}\njetstream {{ store_dir: "{tmp_path / "jetstream"}" }}\n')
    run = LocalProcess([str(PROGRAMS[version]), "-c", str(config)], tmp_path / "old.log")
    old = BreakableServer(run, lambda: _listens(port), "the old broker")
    try:
        await asyncio.to_thread(old.start)
        await _fill_as_before(port)
        run.send_signal(signal.SIGTERM)
    finally:
        await asyncio.to_thread(run.wait)
    await asyncio.to_thread(give_streams_their_account, tmp_path / "jetstream")
    try:
        await asyncio.to_thread(broker.start)
        said = (await asyncio.to_thread(make_streams, broker)).stdout
        assert "stream FILL: as it should be" in said
        assert "stream MD: updated" in said or "stream MD: recreated" in said
        assert "durable risk-ledger on FILL: as it should be" in said
        async with connected(broker, "risk") as risk, connected(broker, "quoter") as quoter:
            api = JetStreamApi(risk)
            kept = [stored async for stored in api.read("FILL", 0)]
            assert [stored.data for stored in kept[:3]] == [encode(fill(n)) for n in (1, 2, 3)]
            assert [stored.subject for stored in kept[3:]] == [FillIdentity.subject], "from now on it says whose it is"
            assert await api.durable_positions(DURABLES[0]) == (1, 1)
            assert (await api.last("RISK", "risk.halt.global.person")) is not None
            assert await quoter.publish_acked(fill(3)) == 3, "repeats are known from before"
            assert await quoter.publish_acked(fill(4)) == 5
    finally:
        broker.remove()


def test_a_store_that_a_broker_still_writes_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = tmp_path / "jetstream" / GLOBAL_ACCOUNT / "streams"
    streams.mkdir(parents=True)
    monkeypatch.setattr("toolkit.setup.STILL_WRITTEN_S", 0.0)
    with pytest.raises(ValueError, match="a broker still writes here"):
        give_streams_their_account(tmp_path)
    assert streams.is_dir()
    past_s = time.time() - 60
    for path in (streams, streams.parent):
        os.utime(path, (past_s, past_s))
    give_streams_their_account(tmp_path)
    assert (tmp_path / "jetstream" / "STREAMS" / "streams").is_dir()
    give_streams_their_account(tmp_path)
