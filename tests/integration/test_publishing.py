"""Acked publishes against a real broker: stored once whatever gets lost, refused with the broker's reason."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import structlog
from common.bus import nats
from common.bus.jetstream import JetStreamApi
from common.bus.nats import NatsConnection
from common.errors import BusUnavailable, PublishRefused
from common.events import Event, Fill, Lease, address_filter, decode
from common.running.outbox import Outbox
from common.testing.events import fill
from nats.aio.msg import Msg

from tests.integration.connections import alert, connected, eventually, halt, in_thread, top
from tests.servers import Broker, make_streams


class DeafToAcks(NatsConnection):
    """A connection that loses the first acks on their way back."""

    losses = 0

    async def _on_answer(self, message: Msg) -> None:
        if self.losses > 0:
            self.losses -= 1
            return
        await super()._on_answer(message)


def lease(holder: str, beat: int) -> Lease:
    return Lease(role="pricer", key="all", holder=holder, beat=beat, ttl_ms=3_000, epoch=1)


async def stored(connection: NatsConnection, stream: str) -> list[Event]:
    cls = {"FILL": Fill}[stream]
    messages = JetStreamApi(connection).read(stream, 0, address_filter(cls))
    return [decode(cls, each.data) async for each in messages]


async def test_a_lost_ack_is_asked_for_again_and_the_fact_is_stored_once(broker: Broker) -> None:
    quoter = DeafToAcks(broker.settings("quoter"), "quoter")
    await quoter.connect()
    try:
        quoter.losses = 3
        assert await quoter.publish_acked(fill(1)) == 2
        assert await quoter.publish_acked(fill(1)) == 2, "a repeat gets the sequence of the first"
        assert await quoter.publish_acked(fill(2)) == 3
        assert await stored(quoter, "FILL") == [fill(1), fill(2)]
    finally:
        await quoter.close()


async def test_no_ack_at_all_is_unavailable_and_a_later_repeat_is_safe(broker: Broker) -> None:
    quoter = DeafToAcks(broker.settings("quoter"), "quoter")
    await quoter.connect()
    try:
        quoter.losses = 1_000
        with pytest.raises(BusUnavailable, match=r"no ack for fill\.trade\.mm1\.1"):
            await quoter.publish_acked(fill(1))
        quoter.losses = 0
        assert await quoter.publish_acked(fill(1)) == 2
        assert await stored(quoter, "FILL") == [fill(1)]
    finally:
        await quoter.close()


async def test_a_lost_ack_of_a_publish_with_a_condition_is_no_refusal(broker: Broker) -> None:
    """A holder whose beat was stored has not lost its lease, also where the broker died before it said so."""
    pricer = DeafToAcks(broker.settings("pricer"), "pricer")
    await pricer.connect()
    try:
        before = await pricer.publish_acked(lease("pricer-0", 1), expected_last_sequence=0)
        pricer.losses = 1
        beat = await pricer.publish_acked(lease("pricer-0", 2), expected_last_sequence=before)
        await in_thread(broker.restart)
        await eventually(lambda: pricer.connected, "the broker is back")
        assert await pricer.publish_acked(lease("pricer-0", 2), expected_last_sequence=before) == beat
        with pytest.raises(PublishRefused):
            await pricer.publish_acked(lease("pricer-1", 2), expected_last_sequence=before)
        assert await JetStreamApi(pricer).last_sequence("LEASE") == beat
    finally:
        await pricer.close()


async def test_a_publish_that_expects_another_last_sequence_is_refused(broker: Broker) -> None:
    async with connected(broker, "risk") as risk:
        first = await risk.publish_acked(halt("person", halt_id="a"), expected_last_sequence=0)
        with pytest.raises(PublishRefused) as refused:
            await risk.publish_acked(halt("person", halt_id="b"), expected_last_sequence=0)
        assert refused.value.code == 10071
        assert refused.value.subject == "risk.halt.global.person"
        second = await risk.publish_acked(halt("person", halt_id="b"), expected_last_sequence=first)
        assert second > first
        # The condition concerns the subject alone.
        await risk.publish_acked(halt("other"), expected_last_sequence=0)


async def test_of_many_who_expect_the_same_exactly_one_is_stored(broker: Broker) -> None:
    async with connected(broker, "risk") as one, connected(broker, "gateway") as other:
        outcomes = await asyncio.gather(
            *[
                connection.publish_acked(halt("person", halt_id=f"{index}-{number}"), expected_last_sequence=0)
                for number in range(20)
                for index, connection in enumerate((one, other))
            ],
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, PublishRefused) for outcome in outcomes) == 39


async def test_a_subject_without_stream_is_never_confirmed_and_stored_once_it_has_one(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(broker, "streams") as admin, connected(broker, "quoter") as quoter:
        await JetStreamApi(admin).call("STREAM.DELETE.FILL")
        with monkeypatch.context() as patched:
            patched.setattr(nats, "ACK_TIMEOUT_S", 0.01)
            with pytest.raises(BusUnavailable, match=r"no ack for fill\.trade\.mm1\.1 after 10 tries"):
                await quoter.publish_acked(fill(1))
        await in_thread(lambda: make_streams(broker))
        assert await quoter.publish_acked(fill(1)) == 1, "the step does not say of a stream made anew that it is ours"


async def test_a_full_ledger_refuses_rather_than_forgets(broker: Broker) -> None:
    async with connected(broker, "streams") as admin, connected(broker, "quoter") as quoter:
        info = await JetStreamApi(admin).call("STREAM.INFO.FILL")
        await JetStreamApi(admin).call("STREAM.UPDATE.FILL", info["config"] | {"max_bytes": 2_000})
        fills = [quoter.publish_acked(fill(number)) for number in range(1, 21)]
        outcomes = await asyncio.gather(*fills, return_exceptions=True)
        refusals = [str(outcome) for outcome in outcomes if isinstance(outcome, PublishRefused)]
        assert 0 < len(refusals) < 20
        assert all("maximum bytes exceeded" in refusal for refusal in refusals)
        assert (await stored(quoter, "FILL"))[0] == fill(1)


async def test_two_processes_of_one_name_do_not_take_each_others_acks(broker: Broker) -> None:
    async with (
        connected(broker, "quoter", instance="quoter-0") as one,
        connected(broker, "quoter", instance="quoter-0") as other,
    ):
        sequences = await asyncio.gather(
            *[
                connection.publish_acked(fill(number * 2 + index))
                for number in range(50)
                for index, connection in enumerate((one, other))
            ]
        )
        kept = await stored(one, "FILL")
        assert sorted(sequences) == list(range(2, 102))
        by_sequence = dict(enumerate(kept, start=2))
        sent = [fill(number * 2 + index) for number in range(50) for index in (0, 1)]
        assert [by_sequence[sequence] for sequence in sequences] == sent


async def test_what_is_published_while_the_broker_is_away_is_lost_and_never_sent_later(broker: Broker) -> None:
    async with connected(broker, "feed") as feed:
        killing = asyncio.create_task(in_thread(broker.kill))
        # Up to the very moment in which the client notices, and then some more.
        count = 0
        while feed.connected:
            count += 1
            await feed.publish(top(f"BREAK-{count}", 1))
            await asyncio.sleep(0)
        await killing
        await feed.publish(top("AWAY", 1))
        restarted_ns = time.time_ns()
        await in_thread(broker.start)
        await eventually(lambda: feed.connected, "connected again")
        await feed.publish_acked(alert("after the break"))
        await feed.publish(top("BACK", 1))
    async with connected(broker, "pricer") as pricer:
        api = JetStreamApi(pricer)
        held = {subject: await api.last("MD", subject) for subject in await api.subjects("MD", "md.top.*.*")}
        late = [subject for subject, last in held.items() if last is not None and last.stored_ns >= restarted_ns]
        assert late == ["md.top.v.BACK"]


async def test_the_outbox_delivers_everything_once_through_a_broker_restart(broker: Broker, tmp_path: Path) -> None:
    confirmed: dict[str, int] = {}

    async def note(event: Event, sequence: int) -> None:
        confirmed[event.message_id()] = sequence

    async def never(event: Event, reason: str) -> None:
        raise AssertionError(f"{event} refused: {reason}")

    spool = tmp_path / "spool"
    async with connected(broker, "quoter") as quoter:
        outbox = Outbox(quoter, spool, note, never, structlog.get_logger())
        working = asyncio.create_task(outbox.run())
        for number in range(1, 301):
            await outbox.send(fill(number))
            if number in (100, 200):
                await in_thread(broker.kill)
                starting = asyncio.create_task(in_thread(broker.start))
            await asyncio.sleep(0)
        await starting
        assert await outbox.drain(60) == 0
        working.cancel()
        assert list(spool.iterdir()) == []
        kept = await stored(quoter, "FILL")
        assert len(kept) == 300
        assert {each.message_id() for each in kept} == set(confirmed)
        assert [kept[sequence - 2].message_id() for sequence in confirmed.values()] == list(confirmed)
