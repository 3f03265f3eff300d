"""Everything in order, against a real broker that is killed and restarted, and with a bell that fails."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest
from common.bus import ordered
from common.bus.accounts import STREAMS_ACCOUNT
from common.bus.jetstream import BATCH, READ_AHEAD_MAX, JetStreamApi, Stored
from common.bus.nats import NatsConnection
from common.bus.ordered import OrderedReader
from common.core import Start
from common.errors import PublishRefused
from nats.aio.msg import Msg

from tests.integration.connections import (
    Ears,
    after_reconnect,
    connected,
    eventually,
    halt,
    in_thread,
    trade,
    written,
)
from tests.servers import Broker


class DeafToRings(OrderedReader):
    """A reader whose bell is broken."""

    async def _on_ring(self, message: Msg) -> None:
        pass


class SlowStore(JetStreamApi):
    """A broker that has not stored yet what it has already handed on."""

    late = 0

    async def _direct_get(self, stream: str, document: dict[str, Any]) -> Stored | None:
        if self.late > 0:
            self.late -= 1
            return None
        return await super()._direct_get(stream, document)


class Counting(JetStreamApi):
    """Counts the messages asked for."""

    asked = asked_for_many = at_once = most_at_once = 0

    async def _direct_get(self, stream: str, document: dict[str, Any]) -> Stored | None:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await super()._direct_get(stream, document)
        finally:
            self.at_once -= 1

    async def _direct_get_many(self, stream: str, document: dict[str, Any]) -> tuple[list[Stored], bool]:
        self.asked_for_many += 1
        return await super()._direct_get_many(stream, document)


async def publish_halts(gateway: NatsConnection, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await gateway.publish_acked(halt(f"r{number}", halt_id=str(number)))


async def publish_trades(feed: NatsConnection, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await feed.publish(trade(number))
    await written(feed, "TRADE", last)


@pytest.mark.parametrize(("start", "expected"), [(Start.ALL, [1, 2, 3, 4]), (Start.NEW, [4])])
async def test_an_ordered_reader_begins_where_it_is_told(broker: Broker, start: Start, expected: list[int]) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        await publish_trades(feed, 1, 3)
        await OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", start, ears.deliver).start()
        assert ears.trade_ids == expected[:-1], "start returns when everything stored has been delivered"
        await publish_trades(feed, 4, 4)
        await eventually(lambda: len(ears.heard) == len(expected), "the live one")
        assert ears.trade_ids == expected


async def test_last_per_subject_begins_with_the_last_word_on_each_and_misses_none_after(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "risk") as risk:
        for number in range(30):
            await risk.publish_acked(halt(f"r{number % 7}", halt_id=str(number)))
        reader = OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", Start.LAST_PER_SUBJECT, ears.deliver)
        await reader.start()
        assert ears.sequences == list(range(25, 32))
        await asyncio.gather(*[risk.publish_acked(halt("r1", halt_id=f"more-{number}")) for number in range(10)])
        await eventually(lambda: len(ears.heard) == 17, "every word after")
        assert ears.sequences == list(range(25, 42)), "halts are never conflated away"


async def test_starting_on_an_empty_stream_returns_at_once(broker: Broker) -> None:
    async with connected(broker, "risk") as risk:
        for start in Start:
            ears = Ears()
            await OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", start, ears.deliver).start()
            assert ears.heard == []


@pytest.mark.parametrize("start", [Start.ALL, Start.NEW])
async def test_no_gap_and_no_repeat_across_broker_kills(broker: Broker, start: Start) -> None:
    ears = Ears()
    async with connected(broker, "gateway") as gateway, connected(broker, "risk") as risk:
        reader = OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", start, ears.deliver)
        await reader.start()
        for kill in range(3):
            await publish_halts(gateway, kill * 100 + 1, kill * 100 + 50)
            await in_thread(broker.restart)
            await eventually(lambda: gateway.connected, "the gateway connected again")
            # Stored before the reader is back: a reader that begins with NEW again would never see them.
            await publish_halts(gateway, kill * 100 + 51, kill * 100 + 100)
            await after_reconnect(risk, reader.renew)
        await eventually(lambda: len(ears.heard) >= 300, "everything")
        assert ears.reasons == [f"r{number}" for number in range(1, 301)]


async def test_what_a_killed_broker_may_forget_is_never_heard_twice(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", Start.NEW, ears.deliver)
        await reader.start()
        await publish_trades(feed, 1, 50)
        await eventually(lambda: len(ears.heard) == 50, "the first trades")
        broker.kill()
        files = broker.files / "jetstream" / "jetstream" / STREAMS_ACCOUNT / "streams" / "TRADE"
        kept = shutil.copytree(files, broker.files / "kept")
        await in_thread(broker.start)
        await eventually(lambda: feed.connected and pricer.connected, "connected again")
        await reader.renew()
        for number in range(51, 91):
            await feed.publish(trade(number))
        await eventually(lambda: ears.trade_ids[-1] == 90, "trades of the broker's next life")
        # Its newest trades were not on disk: the stream ends where it did before them.
        broker.kill()
        shutil.rmtree(files)
        kept.rename(files)
        await in_thread(broker.start)
        await eventually(lambda: feed.connected and pricer.connected, "connected once more")
        # As many as were lost: the stream is as long as the reader remembers it before it looks again.
        for number in range(91, 141):
            await feed.publish(trade(number))
        await written(feed, "TRADE", 100)
        await reader.renew()
        await eventually(lambda: ears.trade_ids[-1] == 140, "what came after")
        assert ears.trade_ids == [*range(1, 51), *range(51, 91), *range(91, 141)], "each once, in order"


async def test_a_reader_that_has_heard_nothing_yet_misses_nothing_of_a_break(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "risk") as risk, connected(broker, "gateway") as gateway:
        reader = OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", Start.LAST_PER_SUBJECT, ears.deliver)
        await reader.start()
        await in_thread(broker.restart)
        await eventually(lambda: gateway.connected, "the gateway connected again")
        for halt_id in ("1", "2", "3"):
            await gateway.publish_acked(halt("person", halt_id=halt_id))
        await after_reconnect(risk, reader.renew)
        await eventually(lambda: len(ears.heard) >= 3, "all words on one halt, not the last alone")
        assert ears.sequences == [2, 3, 4], "behind the identity"


async def test_a_lost_ring_costs_no_message(broker: Broker, impatient: None) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = DeafToRings(pricer, JetStreamApi(pricer), "trade.*.*", Start.NEW, ears.deliver)
        await reader.start()
        await publish_trades(feed, 1, 50)
        await eventually(lambda: len(ears.heard) == 50, "what nobody rang for")
        assert ears.trade_ids == list(range(1, 51))


async def test_a_ring_before_its_message_is_stored_is_followed_by_a_second_look(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered, "LOOK_S", 3600.0)
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        api = SlowStore(pricer)
        await OrderedReader(pricer, api, "trade.*.*", Start.NEW, ears.deliver).start()
        api.late = 2
        await feed.publish(trade(1))
        await eventually(lambda: ears.trade_ids == [1], "found at the third look, without waiting for the next hour")


async def test_a_ring_for_what_is_not_stored_delivers_nothing(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "risk") as risk, connected(broker, "gateway") as gateway:
        await OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", Start.ALL, ears.deliver).start()
        await gateway.publish_acked(halt("person"))
        await gateway.publish_acked(halt("person"))
        with pytest.raises(PublishRefused):
            await gateway.publish_acked(halt("person", halt_id="2"), expected_last_sequence=7)
        await risk.publish_acked(halt("ours", halt_id="3"))
        await eventually(lambda: len(ears.heard) == 2, "the two that are stored")
        assert ears.reasons == ["person", "ours"]


async def test_a_reader_between_many_others_messages_finds_its_own(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        for number in range(1, 401):
            await feed.publish(trade(number, venue="mine" if number % 20 == 0 else "other"))
        await written(feed, "TRADE", 400)
        await OrderedReader(pricer, JetStreamApi(pricer), "trade.mine.*", Start.ALL, ears.deliver).start()
        assert ears.trade_ids == list(range(20, 401, 20))


async def test_a_history_of_thousands_is_read_many_at_a_time(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        await publish_trades(feed, 1, 5_000)
        api = Counting(pricer)
        await OrderedReader(pricer, api, "trade.*.*", Start.ALL, ears.deliver).start()
        assert ears.trade_ids == list(range(1, 5_001))
        if pricer.features.many_answers:
            assert api.asked + api.asked_for_many <= 5_000 // BATCH + 3
        else:
            assert api.most_at_once == READ_AHEAD_MAX


async def test_what_arrives_singly_is_asked_for_once(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        api = Counting(pricer)
        await OrderedReader(pricer, api, "trade.*.*", Start.NEW, ears.deliver).start()
        before = api.asked
        for number in range(1, 11):
            await feed.publish(trade(number))
            await eventually(lambda: len(ears.heard) == number, "one after the other")  # noqa: B023
        # A look from time to time, or a ring that came early, may add a few.
        assert 10 <= api.asked - before <= 15


async def test_a_delivery_in_progress_is_neither_cut_off_nor_repeated_by_a_renewal(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", Start.ALL, ears.deliver)
        await reader.start()
        ears.gate.clear()
        await publish_trades(feed, 1, 20)
        await eventually(lambda: ears.begun == 1, "the core in the middle of the first")
        renewing = asyncio.create_task(reader.renew())
        await asyncio.sleep(0)
        ears.gate.set()
        await renewing
        await eventually(lambda: len(ears.heard) >= 20, "everything")
        assert ears.trade_ids == list(range(1, 21))
        assert ears.begun == 20


async def test_renewals_under_load_lose_and_repeat_nothing(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", Start.ALL, ears.deliver)
        await reader.start()
        for chunk in range(10):
            renewing = asyncio.create_task(reader.renew())
            await publish_trades(feed, chunk * 100 + 1, chunk * 100 + 100)
            await renewing
        await eventually(lambda: len(ears.heard) >= 1_000, "everything")
        assert ears.trade_ids == list(range(1, 1_001))


async def test_a_stream_that_began_anew_is_read_from_its_new_beginning(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "risk") as risk, connected(broker, "streams") as admin:
        api = JetStreamApi(admin)
        for number in range(20):
            await risk.publish_acked(halt("old", halt_id=str(number)))
        reader = OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", Start.LAST_PER_SUBJECT, ears.deliver)
        await reader.start()
        config = (await api.call("STREAM.INFO.RISK"))["config"]
        await api.call("STREAM.DELETE.RISK")
        await api.call("STREAM.CREATE.RISK", config)
        await risk.publish_acked(halt("new", halt_id="n"))
        await reader.renew()
        await eventually(lambda: "new" in ears.reasons, "a halt of the new stream")


async def test_stopping_ends_a_reader(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", Start.ALL, ears.deliver)
        await reader.start()
        await publish_trades(feed, 1, 1)
        await eventually(lambda: len(ears.heard) == 1, "the first")
        await reader.stop()
        other = Ears()
        await OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", Start.NEW, other.deliver).start()
        await publish_trades(feed, 2, 2)
        await eventually(lambda: len(other.heard) == 1, "the second, by another reader")
        assert len(ears.heard) == 1
