"""The `streams` step makes the streams what they are declared to be, again and again, and refuses what it cannot."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from common.bus.jetstream import JetStreamApi
from common.errors import ConfigError
from common.streams import DURABLES, MIB, STREAM_BY_NAME, STREAMS
from common.streams import __main__ as step_of_streams
from common.testing.events import fill

from tests.integration.connections import connected
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
    assert lines(make_streams(shared_broker)) == expected | {"stores: generation 1"}


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
        assert await quoter.publish_acked(fill(1)) == 2
        await changed(broker, "FILL", max_bytes=MIB)
        make_streams(broker)
        assert await JetStreamApi(quoter).last_sequence("FILL") == 2


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


async def test_what_the_server_will_not_change_is_named_and_everything_else_is_made(broker: Broker) -> None:
    cannot = {"FILL": {"retention": "workqueue"}, "PARKED": {"storage": "memory"}}
    async with connected(broker, "streams") as admin:
        api = JetStreamApi(admin)
        if admin.features.async_persistence:
            cannot["FILL"] = {"persist_mode": "async"}
        for stream, settings in cannot.items():
            config = STREAM_BY_NAME[stream].config(features=admin.features)
            await api.call(f"STREAM.DELETE.{stream}")
            await api.call(f"STREAM.CREATE.{stream}", config | settings)
        await api.call("STREAM.DELETE.AUDIT")
        await changed(broker, "USER", max_msgs_per_subject=1)
        said = refused(broker)
        wanted = {"storage": "file", "persist_mode": "default", "retention": "limits"}
        assert [line.split("; it says ")[0] for line in said.splitlines()] == [
            f"streams: stream {stream}: {field}: wanted {wanted[field]!r}, the server has {value!r}"
            for stream, settings in cannot.items()
            for field, value in settings.items()
        ]
        assert said.count("stop the platform, move the stream's folder out of the broker's store, and start") == 2
        sound = [stream.name for stream in STREAMS if stream.name not in cannot]
        for name in sound:
            assert await api.ensure_stream(STREAM_BY_NAME[name], 1) == "as it should be"


def refused(broker: Broker, *arguments: str) -> str:
    """Return what a step that ends with code 1 says."""
    with pytest.raises(subprocess.CalledProcessError) as ended:
        make_streams(broker, *arguments)
    assert ended.value.returncode == 1
    assert "Traceback" not in ended.value.stderr
    return str(ended.value.stderr)


async def test_r81_an_enlarged_stream_is_used_and_never_made_small_again(broker: Broker) -> None:
    assert make_streams(broker, "resize", "FILL", "1024").stdout == "stream FILL: 0 % of 1024 MiB\n"
    async with connected(broker, "quoter") as quoter:
        api = JetStreamApi(quoter)
        assert await api.verify_streams(replicas=1) == [], "services start with a larger stream"
        assert "stream FILL: as it should be" in lines(make_streams(broker))
        await changed(broker, "FILL", max_bytes=1024 * MIB, duplicate_window=60_000_000_000)
        assert "stream FILL: updated" in lines(make_streams(broker))
        (fill_level,) = [level for level in await api.levels() if level.stream == "FILL"]
        assert fill_level.bytes_max == 1024 * MIB, "what a person enlarged stays so when something else is set right"
    make_streams(broker, "resize", "fill", "512")


def test_r81_a_size_that_cannot_be_is_refused_with_the_reason(shared_broker: Broker) -> None:
    assert refused(shared_broker, "resize", "FILL", "511") == (
        "streams: stream FILL: services were built for 512 MiB, refuse 511\n"
    )
    assert "stream FILLS: there is none; there are MD, TRADE" in refused(shared_broker, "resize", "FILLS", "1024")
    assert "insufficient storage resources" in refused(shared_broker, "resize", "FILL", "999999"), "the server's words"


async def test_r81_the_list_says_what_each_stream_holds_and_for_how_long(broker: Broker) -> None:
    async with connected(broker, "quoter") as quoter:
        await quoter.publish_acked(fill(1))
    rows = {row.split()[0]: row.split() for row in make_streams(broker, "list").stdout.splitlines()}
    assert rows["stream"] == ["stream", "holds", "of", "full", "messages", "holds", "since", "kept"]
    assert set(rows) == {"stream"} | {stream.name for stream in STREAMS}
    assert rows["FILL"][1:7] == ["0.0", "MiB", "512", "MiB", "0%", "2"]
    assert rows["FILL"][-4:] == ["without", "an", "age", "limit"]
    assert rows["ALERT"][-4:] == ["30", "days", "at", "most"]


def test_the_list_without_a_broker_says_that_none_answers(
    shared_broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(step_of_streams, "CONNECT_S_MAX", 0.05)
    for name, value in (shared_broker.environment("streams") | {"MM_NATS_URL": "nats://127.0.0.1:9"}).items():
        monkeypatch.setenv(name, value)
    assert step_of_streams.main(["list"]) == 1
    assert capsys.readouterr().err == "streams: no broker answers at nats://127.0.0.1:9\n"
