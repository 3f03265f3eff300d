"""A question of many answers ends: with all of them, or with an error that says why, whoever answers and however."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from common.bus.jetstream import JetStreamApi, Stored
from common.bus.nats import NatsConnection
from common.bus.ordered import OrderedReader
from common.bus.readers import SampledReader
from common.core import Start
from common.errors import BusUnavailable
from common.events import Trade, decode, encode
from common.settings import ServiceSettings
from common.streams import JETSTREAM_API
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg
from toolkit.platform.listening import free_port
from toolkit.servers.programs import NATS

from tests.integration.conftest import PROGRAMS
from tests.integration.connections import Ears, connected, eventually, top, trade, written
from tests.servers import BreakableServer, Broker, runner

QUESTION = f"{JETSTREAM_API}.DIRECT.GET.TRADE"
END = {"Status": "204", "Description": "EOB", "Nats-Num-Pending": "0"}
NEVER_S = 600.0
"""So long that a test which waits for it has failed."""
SOON_S = 60.0


class PlainBroker(BreakableServer):
    """A server without users and streams: whoever connects may answer in the place of JetStream."""

    def __init__(self, files: Path, program: Path | None) -> None:
        self.port = free_port()
        arguments = ["--addr", "127.0.0.1", "--port", str(self.port)]
        super().__init__(runner(NATS, arguments, files, program), self._listens, "the plain broker")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture(params=PROGRAMS)
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PlainBroker]:
    broker = PlainBroker(tmp_path, PROGRAMS[request.param])
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


@asynccontextmanager
async def asking(plain: PlainBroker) -> AsyncIterator[NatsConnection]:
    """Yield a connection to it."""
    connection = NatsConnection(ServiceSettings(nats_url=f"nats://127.0.0.1:{plain.port}", platform_id="tests"), "risk")
    await connection.connect()
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def answering(plain: PlainBroker) -> AsyncIterator[tuple[NatsConnection, asyncio.Queue[Msg]]]:
    """Yield somebody who hears the questions, and the questions."""
    questions = asyncio.Queue[Msg]()
    async with asking(plain) as other:
        await other.subscribe(QUESTION, questions.put)
        await other.client.flush()
        yield other, questions


def message(sequence: int) -> dict[str, str]:
    """Return the headers of a stored message."""
    return {
        "Nats-Subject": "trade.v.S",
        "Nats-Sequence": str(sequence),
        "Nats-Time-Stamp": "2026-01-01T00:00:00Z",
        "Nats-Num-Pending": "1",
    }


def is_end(answer: Msg) -> bool:
    return (answer.headers or {}).get("Status") == "204"


async def eventually_refused(risk: NatsConnection) -> None:
    """Ask once the connection knows that it is lost."""
    await eventually(lambda: not risk.connected, "the loss is known")
    await risk.request_many(QUESTION, b"", is_end, timeout_s=NEVER_S)


async def test_a_question_that_nobody_hears_is_over_at_once(plain: PlainBroker) -> None:
    async with asking(plain) as risk, asyncio.timeout(SOON_S):
        with pytest.raises(BusUnavailable, match=r"DIRECT\.GET\.TRADE: nobody listens"):
            await risk.request_many(QUESTION, b"", is_end, timeout_s=NEVER_S)


async def test_all_answers_up_to_the_last_are_returned_and_no_later_one(plain: PlainBroker) -> None:
    async with asking(plain) as risk, answering(plain) as (other, questions), asyncio.timeout(SOON_S):
        asked = asyncio.create_task(risk.request_many(QUESTION, b"", is_end, timeout_s=NEVER_S))
        reply = (await questions.get()).reply
        for number in range(300):
            await other.publish_bytes(reply, str(number).encode())
        await other.publish_bytes(reply, b"", headers=END)
        await other.publish_bytes(reply, b"too much")
        found = await asked
        assert [each.data for each in found] == [*(str(number).encode() for number in range(300)), b""]


async def test_an_answer_after_the_deadline_is_nobodys_and_the_next_question_has_its_own(plain: PlainBroker) -> None:
    async with asking(plain) as risk, answering(plain) as (other, questions), asyncio.timeout(SOON_S):
        with pytest.raises(BusUnavailable, match="TimeoutError"):
            await risk.request_many(QUESTION, b"first", is_end, timeout_s=0.05)
        asked = asyncio.create_task(risk.request_many(QUESTION, b"second", is_end, timeout_s=NEVER_S))
        late, next_ = await questions.get(), await questions.get()
        await other.publish_bytes(late.reply, b"of the first", headers=END)
        await other.publish_bytes(next_.reply, b"of the second", headers=END)
        assert [each.data for each in await asked] == [b"of the second"]


async def test_a_connection_lost_between_two_answers_ends_the_question_and_the_next_is_answered(
    plain: PlainBroker,
) -> None:
    async with asking(plain) as risk, answering(plain) as (other, questions), asyncio.timeout(SOON_S):
        first_is_here = asyncio.Event()

        def is_last(answer: Msg) -> bool:
            first_is_here.set()
            return is_end(answer)

        asked = asyncio.create_task(risk.request_many(QUESTION, b"", is_last, timeout_s=0.5))
        await other.publish_bytes((await questions.get()).reply, b"one of many")
        first = asyncio.create_task(first_is_here.wait())
        await asyncio.wait({asked, first}, return_when=asyncio.FIRST_COMPLETED)
        plain.kill()
        with pytest.raises(BusUnavailable, match="TimeoutError"):
            await asked
        with pytest.raises(BusUnavailable, match="not connected"):
            await eventually_refused(risk)
        plain.start()
        await eventually(lambda: risk.connected and other.connected, "both are back")
        await other.client.flush()
        again = asyncio.create_task(risk.request_many(QUESTION, b"", is_end, timeout_s=NEVER_S))
        await other.publish_bytes((await questions.get()).reply, b"", headers=END)
        assert len(await again) == 1


async def test_who_cannot_tell_an_answer_hears_of_it_himself(plain: PlainBroker) -> None:
    def is_last(answer: Msg) -> bool:
        raise ValueError("what is this?")

    async with asking(plain) as risk, answering(plain) as (other, questions), asyncio.timeout(SOON_S):
        asked = asyncio.create_task(risk.request_many(QUESTION, b"", is_last, timeout_s=NEVER_S))
        await other.publish_bytes((await questions.get()).reply, b"nonsense")
        with pytest.raises(ValueError, match="what is this"):
            await asked


async def test_a_question_that_is_forbidden_is_over_at_once(shared_broker: Broker) -> None:
    async with connected(shared_broker, "feed") as feed, asyncio.timeout(SOON_S):
        with pytest.raises(BusUnavailable, match=r"DIRECT\.GET\.USER: this user may not publish here"):
            await feed.request_many(f"{JETSTREAM_API}.DIRECT.GET.USER", b"", is_end, timeout_s=NEVER_S)


@pytest.mark.parametrize("status", ["503", "404", "204"])
async def test_a_message_whose_header_reads_like_a_word_of_the_brokers_is_read_like_any_other(
    shared_broker: Broker, status: str
) -> None:
    async with connected(shared_broker, "feed") as feed, connected(shared_broker, "pricer") as pricer:
        api = JetStreamApi(pricer)
        before = await api.last_sequence("TRADE")
        for number in range(6):
            odd = trade(number, venue="odd")
            await feed.publish_bytes(odd.address(), encode(odd), headers={"Status": status} if number % 2 else None)
        await written(pricer, "TRADE", before + 6)
        found = [each async for each in api.following("TRADE", before, "trade.odd.*")]
        assert [decode(Trade, each.data).trade_id for each in found] == list("012345")
        assert len([each async for each in api.last_values("TRADE", "trade.odd.*")]) == 1


class Answers(NamedTuple):
    """A connection that has been given its answers."""

    given: Sequence[Msg]

    async def request_many(self, subject: str, _: bytes, is_last: Callable[[Msg], bool]) -> list[Msg]:
        for count, answer in enumerate(self.given, start=1):
            if is_last(answer):
                return list(self.given[:count])
        raise BusUnavailable(f"{subject}: the last one never came")


names = st.sampled_from(["Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Status"])
values = st.sampled_from(["", "0", "1", "-1", "x", "204", "404", "413", "503", "2026-01-01T00:00:00Z"]) | st.text()
headers = st.none() | st.dictionaries(names, values) | st.just(END) | st.integers(1, 9).map(message)


@given(st.lists(headers, min_size=1, max_size=4))
async def test_answers_that_are_no_messages_are_an_error_of_the_bus_and_nothing_else(
    given_headers: list[dict[str, str] | None],
) -> None:
    given = [Msg(Client(), subject="_INBOX", data=b"", headers=each) for each in given_headers]
    api = JetStreamApi(Answers(given))  # type: ignore[arg-type]
    with contextlib.suppress(BusUnavailable):
        found, whole = await api._direct_get_many("TRADE", {})
        assert all(isinstance(each, Stored) for each in found)
        assert isinstance(whole, bool)
    with contextlib.suppress(BusUnavailable):
        one = await api.last("TRADE", "trade.v.S")
        assert one is None or isinstance(one, Stored)


class Odd(NatsConnection):
    """A connection that answers some questions with a message that is none."""

    nonsense = 0
    """To how many more."""

    async def request_many(self, *arguments: Any, **named: Any) -> list[Msg]:
        answers = await super().request_many(*arguments, **named)
        if self.nonsense > 0:
            self.nonsense -= 1
            answers[0] = Msg(self.client, subject="_INBOX", data=b"", headers={"Nats-Sequence": "x"})
        return answers


@asynccontextmanager
async def oddly_connected(broker: Broker, user: str) -> AsyncIterator[Odd]:
    connection = Odd(broker.settings(user), user)
    await connection.connect()
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_reader_in_order_takes_up_again_where_an_answer_was_nonsense(broker: Broker, impatient: None) -> None:
    async with connected(broker, "feed") as feed, oddly_connected(broker, "pricer") as pricer:
        ears = Ears()
        reader = OrderedReader(pricer, JetStreamApi(pricer), "trade.v.>", Start.NEW, ears.deliver)
        await reader.start()
        try:
            pricer.nonsense = 3
            for number in range(600):
                await feed.publish(trade(number))
            await eventually(lambda: len(ears.heard) >= 600, "all trades")
            assert (ears.trade_ids, pricer.nonsense) == (list(range(600)), 0)
        finally:
            await reader.stop()


async def test_a_reader_of_samples_looks_again_where_an_answer_was_nonsense(broker: Broker) -> None:
    async with connected(broker, "feed") as feed, oddly_connected(broker, "gateway") as gateway:
        await feed.publish(top("ONE", bid=1.0))
        await written(feed, "MD", 1)
        ears = Ears()
        # Where many answer, the first of these is put right at once, by asking for each value alone.
        gateway.nonsense = 2
        looking = asyncio.create_task(
            SampledReader(JetStreamApi(gateway), "md.top.v.*", ears.deliver_burst).keep_looking(0.02)
        )
        try:
            await eventually(lambda: ears.bids == [1.0], "the value")
            assert (gateway.nonsense, looking.done()) == (0, False)
        finally:
            looking.cancel()
