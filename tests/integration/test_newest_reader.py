"""Newest per subject, against a real broker: conflated, with the last value of each after a start or a break."""

from __future__ import annotations

from common.bus.jetstream import JetStreamApi
from common.bus.readers import NewestReader, SampledReader
from common.events import TopOfBook, decode

from tests.integration.connections import Ears, after_reconnect, connected, eventually, in_thread, top, written
from tests.servers import Broker


async def test_a_slow_core_sees_the_newest_of_each_subject_and_not_the_queue(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver_burst)
        await reader.start()
        ears.gate.clear()
        for bid in range(1, 201):
            for symbol in ("A", "B"):
                await feed.publish(top(symbol, bid))
        await written(feed, "MD", 400)
        ears.gate.set()
        await eventually(lambda: ears.bids.count(200) == 2, "the newest of both")
        assert len(ears.heard) + reader.conflated == 400
        assert len(ears.heard) < 200, "most values were overtaken"
        for symbol in ("A", "B"):
            bids = [decode(TopOfBook, data).bid for subject, data, *_ in ears.heard if subject.endswith(symbol)]
            assert bids == sorted(bids), "never back to an older value"
            assert bids[-1] == 200


async def test_after_a_start_the_last_value_of_each_subject_comes_with_its_age(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        await feed.publish(top("A", 1))
        await feed.publish(top("A", 2))
        await feed.publish(top("B", 3))
        await written(feed, "MD", 3)
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver_burst)
        await reader.start()
        assert ears.bids == [2, 3]
        assert ears.sequences == [2, 3]
        assert all(age_ns > 0 for *_, age_ns in ears.heard)
        await feed.publish(top("A", 4))
        await eventually(lambda: len(ears.heard) == 3, "the live value")
        assert ears.heard[-1][2:] == (0, 0), "a live value has no age"


async def test_a_value_that_spoke_meanwhile_is_not_overtaken_by_its_stored_one(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver_burst)
        await reader.start()
        for bid in range(1, 50):
            await feed.publish(top("A", bid))
            if bid % 10 == 0:
                await reader.read_back()
        await eventually(lambda: bool(ears.bids) and ears.bids[-1] == 49, "the newest")
        assert ears.bids == sorted(ears.bids)


async def test_a_value_written_while_the_broker_restarted_arrives_when_read_back(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "pricer") as pricer:
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver_burst)
        await reader.start()
        await in_thread(broker.kill)
        await eventually(lambda: not pricer.connected, "the break noticed")
        await in_thread(broker.start)
        async with connected(broker, "feed") as feed:
            await feed.publish(top("A", 7))
            await written(feed, "MD", 1)
        await after_reconnect(pricer, reader.read_back)
        assert 7 in ears.bids
        async with connected(broker, "feed") as feed:
            await feed.publish(top("A", 8))
            await eventually(lambda: ears.bids[-1] == 8, "live again after the break")


async def test_only_what_the_filter_wants_is_read(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        await feed.publish(top("A", 1, venue="binance"))
        await feed.publish(top("A", 2, venue="kraken"))
        await written(feed, "MD", 2)
        await NewestReader(pricer, JetStreamApi(pricer), "md.top.binance.*", ears.deliver_burst).start()
        await feed.publish(top("A", 3, venue="kraken"))
        await feed.publish(top("A", 4, venue="binance"))
        await eventually(lambda: len(ears.heard) == 2, "both of binance")
        assert ears.bids == [1, 4]


async def test_a_look_delivers_what_is_new_since_the_last_look_and_nothing_twice(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = SampledReader(JetStreamApi(pricer), "md.top.*.*", ears.deliver_burst)
        await reader.read_back()
        assert ears.heard == []
        for bid in range(1, 21):
            await feed.publish(top("A", bid))
        await feed.publish(top("B", 7))
        await written(feed, "MD", 21)
        await reader.read_back()
        assert ears.bids == [20, 7]
        assert all(age_ns > 0 for *_, age_ns in ears.heard)
        await reader.read_back()
        assert ears.bids == [20, 7]
        await feed.publish(top("B", 8))
        await written(feed, "MD", 22)
        await reader.read_back()
        assert ears.bids == [20, 7, 8]
