"""The three ways to read the bus, against a real broker that is killed, restarted and robbed of consumers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from common.bus import durable, readers
from common.bus.durable import Acknowledge, DurablePuller
from common.bus.jetstream import JetStreamApi
from common.bus.nats import NatsConnection
from common.bus.readers import NewestReader, OrderedReader
from common.core import Start
from common.errors import BusError
from common.events import Fill, Halt, TopOfBook, Trade, decode
from common.streams import DURABLE_BY_NAME
from nats.aio.msg import Msg

from tests.integration.connections import connected, eventually, fill, halt, in_thread, top, trade
from tests.servers import Broker

LEDGER = DURABLE_BY_NAME["risk-ledger"]


class Ears:
    """A core's side of a reader: what it heard, and how long it takes over each message."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes, int, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = 0

    async def deliver(self, subject: str, data: bytes, sequence: int, age_ns: int) -> None:
        self.begun += 1
        await self.gate.wait()
        self.heard.append((subject, data, sequence, age_ns))

    @property
    def sequences(self) -> list[int]:
        return [sequence for _, _, sequence, _ in self.heard]

    @property
    def trade_ids(self) -> list[int]:
        return [int(decode(Trade, data).trade_id) for _, data, _, _ in self.heard]

    @property
    def bids(self) -> list[float]:
        return [decode(TopOfBook, data).bid for _, data, _, _ in self.heard]

    @property
    def reasons(self) -> list[str]:
        return [decode(Halt, data).reason for _, data, _, _ in self.heard]


async def written(connection: NatsConnection, stream: str, sequence: int) -> None:
    """Wait until a plain publish has reached its stream."""
    api = JetStreamApi(connection)
    async with asyncio.timeout(60):
        while await api.last_sequence(stream) < sequence:  # noqa: ASYNC110  the broker is asked
            await asyncio.sleep(0.01)


async def after_reconnect(connection: NatsConnection, work: Callable[[], Awaitable[None]]) -> None:
    """Do what the shell does when a broken connection is back."""
    await eventually(lambda: connection.connected, "connected again")
    await work()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let readers take a shorter silence for a fault, to wait less."""
    for module in (readers, durable):
        monkeypatch.setattr(module, "HEARTBEAT_S", 0.2)
        monkeypatch.setattr(module, "SILENCE_MAX_S", 0.6)


# --- newest -----------------------------------------------------------------------------------------------------


async def test_a_slow_core_sees_the_newest_of_each_subject_and_not_the_queue(broker: Broker) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver)
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
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver)
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
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver)
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
        reader = NewestReader(pricer, JetStreamApi(pricer), "md.top.*.*", ears.deliver)
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
        await NewestReader(pricer, JetStreamApi(pricer), "md.top.binance.*", ears.deliver).start()
        await feed.publish(top("A", 3, venue="kraken"))
        await feed.publish(top("A", 4, venue="binance"))
        await eventually(lambda: len(ears.heard) == 2, "both of binance")
        assert ears.bids == [1, 4]


# --- ordered ----------------------------------------------------------------------------------------------------


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
        assert ears.sequences == list(range(24, 31))
        await asyncio.gather(*[risk.publish_acked(halt("r1", halt_id=f"more-{number}")) for number in range(10)])
        await eventually(lambda: len(ears.heard) == 17, "every word after")
        assert ears.sequences == list(range(24, 41)), "halts are never conflated away"


async def test_starting_on_an_empty_stream_returns_at_once(broker: Broker) -> None:
    async with connected(broker, "risk") as risk:
        for start in Start:
            ears = Ears()
            await OrderedReader(risk, JetStreamApi(risk), "risk.halt.*.*", start, ears.deliver).start()
            assert ears.heard == []


@pytest.mark.parametrize("start", [Start.ALL, Start.NEW])
async def test_no_gap_and_no_repeat_across_broker_kills(broker: Broker, start: Start) -> None:
    ears = Ears()
    async with connected(broker, "feed") as feed, connected(broker, "pricer") as pricer:
        reader = OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", start, ears.deliver)
        await reader.start()
        for kill in range(3):
            await publish_trades(feed, kill * 100 + 1, kill * 100 + 50)
            await in_thread(broker.restart)
            await eventually(lambda: feed.connected, "the feed connected again")
            # Stored before the reader is back: a reader that begins with NEW again would never see them.
            await publish_trades(feed, kill * 100 + 51, kill * 100 + 100)
            await after_reconnect(pricer, reader.renew)
        await eventually(lambda: len(ears.heard) >= 300, "everything")
        assert ears.trade_ids == list(range(1, 301))


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
        assert ears.sequences == [1, 2, 3]


async def test_a_deleted_consumer_is_made_anew_without_gap_or_repeat(broker: Broker, impatient: None) -> None:
    ears = Ears()
    async with (
        connected(broker, "feed") as feed,
        connected(broker, "pricer") as pricer,
        connected(broker, "streams") as admin,
    ):
        reader = OrderedReader(pricer, JetStreamApi(pricer), "trade.*.*", Start.NEW, ears.deliver)
        await reader.start()
        for round_number in range(2):
            await publish_trades(feed, round_number * 20 + 1, round_number * 20 + 10)
            await eventually(lambda: len(ears.heard) >= round_number * 20 + 10, "before the deletion")  # noqa: B023
            names = (await JetStreamApi(admin).call("CONSUMER.NAMES.TRADE"))["consumers"]
            for name in names:
                await JetStreamApi(admin).call(f"CONSUMER.DELETE.TRADE.{name}")
            await publish_trades(feed, round_number * 20 + 11, round_number * 20 + 20)
            await eventually(lambda: len(ears.heard) >= round_number * 20 + 20, "after the deletion")  # noqa: B023
        assert ears.trade_ids == list(range(1, 41))
        assert reader.renewals >= 2


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


# --- durable ----------------------------------------------------------------------------------------------------


class Ledger:
    """The receiver of a durable reader: books fills by sequence and acknowledges as told."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.acknowledges = acknowledges
        self.delivered: list[int] = []
        self.booked: dict[int, int] = {}
        self.pending: dict[int, Acknowledge] = {}

    async def deliver(self, subject: str, data: bytes, sequence: int, acknowledge: Acknowledge) -> None:
        self.delivered.append(sequence)
        if sequence not in self.booked:
            assert sequence == len(self.booked) + 1, "new fills come in the order of the stream"
            self.booked[sequence] = decode(Fill, data).order_id
        self.pending[sequence] = acknowledge
        if self.acknowledges:
            await acknowledge()

    @property
    def repeats(self) -> int:
        return len(self.delivered) - len(set(self.delivered))


def puller(connection: NatsConnection, ledger: Ledger) -> DurablePuller:
    return DurablePuller(connection, JetStreamApi(connection), LEDGER, ledger.deliver)


async def unacknowledged(connection: NatsConnection) -> int:
    info = await JetStreamApi(connection).call("CONSUMER.INFO.FILL.risk-ledger")
    return int(info["num_ack_pending"]) + int(info["num_pending"])


async def all_acknowledged(connection: NatsConnection) -> None:
    async with asyncio.timeout(60):
        while await unacknowledged(connection):  # noqa: ASYNC110  the broker is asked
            await asyncio.sleep(0.02)


async def publish_fills(quoter: NatsConnection, first: int, last: int) -> None:
    await asyncio.gather(*[quoter.publish_acked(fill(number)) for number in range(first, last + 1)])


async def test_what_is_acknowledged_is_not_delivered_to_the_next_reader(broker: Broker) -> None:
    first, second = Ledger(), Ledger()
    async with connected(broker, "quoter") as quoter, connected(broker, "risk") as risk:
        await publish_fills(quoter, 1, 600)
        reader = puller(risk, first)
        await reader.start()
        await eventually(lambda: len(first.booked) == 600, "more than two batches")
        await all_acknowledged(risk)
        await reader.stop()
        second.booked = dict(first.booked)
        await puller(risk, second).start()
        await publish_fills(quoter, 601, 610)
        await eventually(lambda: len(second.delivered) == 10, "the new ones")
        assert second.delivered == list(range(601, 611))


async def test_what_a_dead_reader_left_unacknowledged_comes_first_and_at_once(broker: Broker) -> None:
    dead, heir = Ledger(acknowledges=False), Ledger()
    async with connected(broker, "quoter") as quoter:
        await publish_fills(quoter, 1, 20)
        async with connected(broker, "risk") as risk:
            await puller(risk, dead).start()
            await eventually(lambda: len(dead.booked) == 20, "delivered to the first")
            # Out of order, so that what is left has a hole.
            for sequence in (1, 2, 3, 7, 9):
                await dead.pending[sequence]()
        await publish_fills(quoter, 21, 25)
        heir.booked = dict.fromkeys(range(1, 4), 0)
        async with connected(broker, "risk") as risk:
            await puller(risk, heir).start()
            await eventually(lambda: 25 in heir.booked, "everything")
            assert heir.delivered == list(range(4, 26)), "long before the ack wait, in order"
            await all_acknowledged(risk)


async def test_nothing_is_lost_or_out_of_order_across_ten_broker_kills_under_load(broker: Broker) -> None:
    kills, ledger = 10, Ledger()
    async with connected(broker, "quoter") as quoter, connected(broker, "risk") as risk:
        reader = puller(risk, ledger)
        await reader.start()
        renewals: set[asyncio.Task[None]] = set()

        async def renew() -> None:
            while True:
                try:
                    await reader.renew()
                    return
                except BusError:
                    await asyncio.sleep(0.05)

        async def on_reconnect() -> None:
            renewals.add(asyncio.create_task(renew()))

        risk.on_reconnect(on_reconnect)
        number, stopping = 0, asyncio.Event()

        async def publish_for_ever() -> None:
            nonlocal number
            while not stopping.is_set():
                number += 1
                event = fill(number)
                while True:
                    try:
                        await quoter.publish_acked(event)
                        break
                    except BusError:
                        continue

        publishing = asyncio.create_task(publish_for_ever())
        for _ in range(kills):
            before = len(ledger.booked)
            await eventually(lambda: len(ledger.booked) >= before + 20, "fills between two kills")  # noqa: B023
            await in_thread(broker.restart)
        stopping.set()
        await publishing
        await eventually(lambda: len(ledger.booked) == number, "every acknowledged fill")
        assert list(ledger.booked.values()) == list(range(1, number + 1))
        await all_acknowledged(risk)


class LossyPuller(DurablePuller):
    """A reader whose messages get lost on the way, as on a connection that is about to break."""

    losing = False
    lost = 0

    async def _on_message(self, message: Msg) -> None:
        if self.losing and message.reply:
            self.lost += 1
            return
        await super()._on_message(message)


@pytest.mark.parametrize("newer", [True, False], ids=["a newer fill follows", "the connection is renewed"])
async def test_fills_lost_on_the_way_are_read_from_the_stream_at_once_and_in_order(broker: Broker, newer: bool) -> None:
    ledger = Ledger()
    async with connected(broker, "quoter") as quoter, connected(broker, "risk") as risk:
        reader = LossyPuller(risk, JetStreamApi(risk), LEDGER, ledger.deliver)
        await reader.start()
        await publish_fills(quoter, 1, 3)
        await eventually(lambda: len(ledger.booked) == 3, "the first three")
        reader.losing = True
        await publish_fills(quoter, 4, 6)
        await eventually(lambda: reader.lost == 3, "three lost")
        reader.losing = False
        if newer:
            await publish_fills(quoter, 7, 7)
        else:
            await reader.renew()
        await eventually(lambda: len(ledger.booked) == (7 if newer else 6), "all of them")
        assert ledger.repeats == 0
        await all_acknowledged(risk)


async def test_a_deleted_durable_is_asked_for_patiently_and_works_again_when_it_is_back(
    broker: Broker, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, pulls = Ledger(), 0
    async with (
        connected(broker, "quoter") as quoter,
        connected(broker, "risk") as risk,
        connected(broker, "streams") as admin,
    ):
        publish = risk.publish_bytes

        async def counting(subject: str, data: bytes, reply: str = "") -> None:
            nonlocal pulls
            pulls += "MSG.NEXT" in subject
            await publish(subject, data, reply)

        monkeypatch.setattr(risk, "publish_bytes", counting)
        await puller(risk, ledger).start()
        await publish_fills(quoter, 1, 2)
        await eventually(lambda: len(ledger.booked) == 2, "the first two")
        await JetStreamApi(admin).call("CONSUMER.DELETE.FILL.risk-ledger")
        before = pulls
        await eventually(lambda: pulls >= before + 2, "it asks again")
        assert pulls < before + 20, "it does not spin"
        await JetStreamApi(admin).ensure_durable(LEDGER)
        await publish_fills(quoter, 3, 4)
        await eventually(lambda: len(ledger.booked) == 4, "the rest")
