"""Durable with explicit acks, against a real broker: nothing lost, nothing out of order, whoever dies."""

from __future__ import annotations

import asyncio

import pytest
from common.bus.durable import Acknowledge, DurablePuller
from common.bus.jetstream import JetStreamApi
from common.bus.messages import Message
from common.bus.nats import NatsConnection
from common.errors import BusError
from common.events import Fill, FillIdentity, decode
from common.streams import DURABLE_BY_NAME
from common.testing.events import fill
from nats.aio.msg import Msg

from tests.integration.connections import connected, eventually, in_thread
from tests.servers import Broker

LEDGER = DURABLE_BY_NAME["risk-ledger"]


class Ledger:
    """The receiver of a durable reader: books fills by sequence and acknowledges as told."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.acknowledges = acknowledges
        self.delivered: list[int] = []
        self.booked: dict[int, int] = {}
        self.pending: dict[int, Acknowledge] = {}

    async def deliver(self, message: Message, acknowledge: Acknowledge) -> None:
        if message.subject == FillIdentity.subject:
            await acknowledge()
            return
        sequence = message.sequence - 1  # the identity of FILL stands before them
        self.delivered.append(sequence)
        if sequence not in self.booked:
            assert sequence == len(self.booked) + 1, "new fills come in the order of the stream"
            self.booked[sequence] = decode(Fill, message.data).order_id
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
