"""What a broker is used for that an old one cannot do: it is on where it is there, and both say the same."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from common.bus.features import ALWAYS, OLDEST, Features
from common.bus.jetstream import JetStreamApi, Stored
from common.bus.nats import NatsConnection
from common.errors import BusUnavailable
from common.streams import JETSTREAM_API, MIB, PERSIST_MODE, STREAM_BY_NAME, STREAMS

from tests.integration.connections import connected, top, trade, written
from tests.servers import Broker, make_streams


class CutShort(JetStreamApi):
    """A broker that ends its answer before all is said."""

    async def _direct_get_many(self, stream: str, document: dict[str, Any]) -> tuple[list[Stored], bool]:
        return await super()._direct_get_many(stream, document | {"batch": 2})


Facts = tuple[str, bytes, int, int]


def facts(stored: Stored) -> Facts:
    """Return what a message is, without what the broker says about its answer."""
    return stored.subject, stored.data, stored.sequence, stored.stored_ns


def sync_always(broker: Broker) -> bool:
    """Return what a broker itself says."""
    with urllib.request.urlopen(f"http://127.0.0.1:{broker.monitor_port}/jsz?config=true") as answer:
        return bool(json.loads(answer.read())["config"].get("sync_always"))


def as_old(connection: NatsConnection) -> Callable[[], None]:
    """Let a connection forget what its broker can do; return how to remember it."""
    known: Features = connection.features
    connection.features = OLDEST
    return lambda: setattr(connection, "features", known)


async def test_each_write_of_money_is_synced_and_no_tick_waits_for_it(shared_broker: Broker) -> None:
    async with connected(shared_broker, "feed") as feed:
        features = feed.features
        assert sync_always(shared_broker) == (features.sync_interval == ALWAYS)
        api = JetStreamApi(feed)
        for stream in STREAMS:
            found = (await api.call(f"STREAM.INFO.{stream.name}"))["config"]
            later = features.async_persistence and not stream.acked
            assert found.get(PERSIST_MODE, "default") == ("async" if later else "default"), stream.name


@pytest.mark.parametrize("symbols", [3, 900, 1_500])
async def test_last_values_are_the_same_however_many_answers_come(shared_broker: Broker, symbols: int) -> None:
    async with connected(shared_broker, "feed") as feed, connected(shared_broker, "pricer") as pricer:
        api = JetStreamApi(pricer)
        before = await api.last_sequence("MD")
        for number in range(2 * symbols):
            await feed.publish(top(f"S{number % symbols}", bid=float(number), venue=f"v{symbols}"))
        await written(pricer, "MD", before + 2 * symbols)

        async def values() -> list[Facts]:
            return sorted([facts(each) async for each in api.last_values("MD", f"md.top.v{symbols}.*")])

        at_once = await values()
        remember = as_old(pricer)
        singly = await values()
        remember()
        assert at_once == singly
        assert len(at_once) == symbols


async def test_a_history_with_gaps_is_the_same_however_many_answers_come(shared_broker: Broker) -> None:
    async with connected(shared_broker, "feed") as feed, connected(shared_broker, "pricer") as pricer:
        api = JetStreamApi(pricer)
        before = await api.last_sequence("TRADE")
        for number in range(1_200):
            await feed.publish(trade(number, venue="some" if number % 3 else "other"))
        await written(pricer, "TRADE", before + 1_200)

        async def history() -> list[Facts]:
            return [facts(each) async for each in api.following("TRADE", before, "trade.some.*")]

        in_batches = await history()
        remember = as_old(pricer)
        singly = await history()
        remember()
        assert in_batches == singly
        assert len(in_batches) == 800
        assert [each async for each in api.following("TRADE", before + 1_200, "trade.some.*")] == []
        assert [each async for each in api.last_values("TRADE", "trade.nobody.*")] == []


async def test_only_a_stream_of_ticks_is_made_anew_to_be_written_otherwise(
    broker_of_ours: Broker,
) -> None:
    async with connected(broker_of_ours, "streams") as admin, connected(broker_of_ours, "risk") as risk:
        api = JetStreamApi(admin)
        await api.call("STREAM.DELETE.MD")
        await api.call("STREAM.CREATE.MD", STREAM_BY_NAME["MD"].config() | {"max_bytes": 128 * MIB})
        made = make_streams(broker_of_ours).stdout.splitlines()
        assert "stream MD: recreated, to be written another way" in made
        assert "stream FILL: as it should be" in made
        found = (await api.call("STREAM.INFO.MD"))["config"]
        assert (found[PERSIST_MODE], found["max_bytes"]) == ("async", 128 * 1024 * 1024), (
            "what a person enlarged stays so"
        )
        assert await JetStreamApi(risk).verify_streams(replicas=1) == []
        fill: dict[str, Any] = {**STREAM_BY_NAME["FILL"].config(), PERSIST_MODE: "async"}
        await api.call("STREAM.DELETE.FILL")
        await api.call("STREAM.CREATE.FILL", fill)
        with pytest.raises(Exception, match="persist mode"):
            await api.ensure_stream(STREAM_BY_NAME["FILL"], 1)


async def test_answers_that_come_too_late_are_nobody_s(broker_of_ours: Broker) -> None:
    async with connected(broker_of_ours, "feed") as feed, connected(broker_of_ours, "pricer") as pricer:
        await feed.publish(top("ONE", bid=1.0, venue="one"))
        await written(feed, "MD", 1)
        broker_of_ours.freeze()
        subject, document = f"{JETSTREAM_API}.DIRECT.GET.MD", json.dumps({"multi_last": ["md.top.one.*"]}).encode()
        with pytest.raises(BusUnavailable, match="TimeoutError"):
            await pricer.request_many(subject, document, lambda _: True, timeout_s=0.1)
        broker_of_ours.thaw()
        await written(feed, "MD", 1)  # it answers again
        found = [each async for each in JetStreamApi(pricer).last_values("MD", "md.top.one.*")]
        assert [each.subject for each in found] == ["md.top.one.ONE"]


async def test_a_broken_connection_ends_a_question_of_many_answers(broker_of_ours: Broker) -> None:
    async with connected(broker_of_ours, "pricer") as pricer:
        broker_of_ours.kill()
        with pytest.raises(BusUnavailable):
            await pricer.request_many(f"{JETSTREAM_API}.DIRECT.GET.MD", b"{}", lambda _: True, timeout_s=0.2)


async def test_what_goes_while_the_last_values_are_read_hides_none_of_the_others(broker_of_ours: Broker) -> None:
    async with connected(broker_of_ours, "feed") as feed, connected(broker_of_ours, "pricer") as pricer:
        for number in range(5):
            await feed.publish(top(f"S{number}", bid=1.0, venue="gone"))
        await written(feed, "MD", 5)
        found = [each async for each in CutShort(pricer).last_values("MD", "md.top.gone.*")]
        assert sorted(each.subject for each in found) == [f"md.top.gone.S{number}" for number in range(5)]


async def test_streams_of_an_older_broker_are_used_as_they_are_until_they_are_made_new(broker_of_ours: Broker) -> None:
    async with connected(broker_of_ours, "streams") as admin, connected(broker_of_ours, "feed") as feed:
        api = JetStreamApi(admin)
        for name in ("MD", "MARKET"):
            await api.call(f"STREAM.DELETE.{name}")
            await api.call(f"STREAM.CREATE.{name}", STREAM_BY_NAME[name].config())
        assert await JetStreamApi(feed).verify_streams(replicas=1) == []
        assert not feed.features.message_ttl, "a time of its own would be refused"
        assert feed.features.many_answers
        make_streams(broker_of_ours)
        market = (await api.call("STREAM.INFO.MARKET"))["config"]
        assert (market["allow_msg_ttl"], market["max_age"]) == (True, 7 * 24 * 3600 * 1_000_000_000)
