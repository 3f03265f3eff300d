"""The `streams` step makes the streams what they are declared to be, again and again, and refuses what it cannot."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from common.bus.jetstream import ApiError, JetStreamApi
from common.errors import ConfigError
from common.streams import DURABLES, MIB, STREAM_BY_NAME, STREAMS

from tests.integration.connections import connected, fill
from tests.servers import Broker, make_streams


def lines(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(done.stdout.splitlines())


async def changed(broker: Broker, stream: str, **settings: Any) -> None:
    """Change a stream behind the step's back."""
    async with connected(broker, "streams") as admin:
        config = STREAM_BY_NAME[stream].config() | settings
        await JetStreamApi(admin).call(f"STREAM.UPDATE.{stream}", config)


async def test_a_second_run_finds_everything_as_it_should_be(shared_broker: Broker) -> None:
    expected = {f"stream {stream.name}: as it should be" for stream in STREAMS}
    expected |= {f"durable {reader.name} on {reader.stream}: as it should be" for reader in DURABLES}
    assert lines(make_streams(shared_broker)) == expected


async def test_every_service_finds_what_it_was_built_for(shared_broker: Broker) -> None:
    for user in ("feed", "pricer", "quoter", "risk", "gateway", "watchdog"):
        async with connected(shared_broker, user) as connection:
            assert await JetStreamApi(connection).verify_streams(replicas=1) == []


async def test_a_changed_stream_is_refused_by_services_and_set_right_by_the_step(broker: Broker) -> None:
    await changed(broker, "FILL", max_bytes=MIB)
    async with connected(broker, "quoter") as quoter:
        with pytest.raises(ConfigError, match=f"stream FILL: max_bytes: wanted {512 * MIB}, the server has {MIB}"):
            await JetStreamApi(quoter).verify_streams(replicas=1)
        assert "stream FILL: updated" in lines(make_streams(broker))
        assert await JetStreamApi(quoter).verify_streams(replicas=1) == []


async def test_what_is_stored_survives_the_step(broker: Broker) -> None:
    async with connected(broker, "quoter") as quoter:
        assert await quoter.publish_acked(fill(1)) == 1
        await changed(broker, "FILL", max_bytes=MIB)
        make_streams(broker)
        assert await JetStreamApi(quoter).last_sequence("FILL") == 1


async def test_missing_streams_and_readers_are_named_and_made(broker: Broker) -> None:
    async with connected(broker, "streams") as admin:
        await JetStreamApi(admin).call("STREAM.DELETE.FILL")
    async with connected(broker, "risk") as risk, connected(broker, "feed") as feed:
        assert await JetStreamApi(risk).verify_streams(replicas=1) == ["FILL", "risk-ledger"]
        assert await JetStreamApi(feed).verify_streams(replicas=1) == ["FILL"], "readers concern only their owner"
        made = lines(make_streams(broker))
        assert {"stream FILL: created", "durable risk-ledger on FILL: created"} <= made
        assert await JetStreamApi(risk).verify_streams(replicas=1) == []


async def test_a_reader_that_differs_is_refused_by_its_owner(broker: Broker) -> None:
    (ledger,) = [reader for reader in DURABLES if reader.name == "risk-ledger"]
    async with connected(broker, "streams") as admin:
        await JetStreamApi(admin).call(
            "CONSUMER.DURABLE.CREATE.FILL.risk-ledger",
            {"stream_name": "FILL", "config": ledger.config() | {"max_ack_pending": 7}},
        )
    async with connected(broker, "risk") as risk:
        with pytest.raises(ConfigError, match="durable risk-ledger: max_ack_pending: wanted 1000, the server has 7"):
            await JetStreamApi(risk).verify_streams(replicas=1)
    assert "durable risk-ledger on FILL: updated" in lines(make_streams(broker))


async def test_what_the_server_will_not_change_ends_the_step_with_its_words(broker: Broker) -> None:
    async with connected(broker, "streams") as admin:
        api = JetStreamApi(admin)
        await api.call("STREAM.DELETE.PARKED")
        await api.call("STREAM.CREATE.PARKED", STREAM_BY_NAME["PARKED"].config() | {"storage": "memory"})
        with pytest.raises(ApiError, match="storage"):
            await api.ensure_stream(STREAM_BY_NAME["PARKED"], 1)
    with pytest.raises(subprocess.CalledProcessError) as ended:
        make_streams(broker)
    assert ended.value.returncode == 1
    assert "storage" in ended.value.stderr
    assert "Traceback" not in ended.value.stderr
