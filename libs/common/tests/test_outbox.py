"""Acked events on their way: spooled before they are sent, taken off when confirmed, left in order when we die."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from common import outbox as outbox_module
from common.bus.nats import NatsConnection
from common.errors import BusUnavailable, ContractError, PublishRefused
from common.events import Alert, AlertLevel, Event, Fill, Liquidity, Parked
from common.events.base import EVENT_BYTES_MAX
from common.instruments import Side
from common.outbox import Outbox


class FakeConnection:
    """A broker that answers each publish with what it is told; without orders it confirms."""

    def __init__(self) -> None:
        self.published: list[tuple[Event, int | None]] = []
        self.answers: list[int | Exception] = []
        self.spooled_at_publish: list[int] = []
        self.spool_dir = Path()
        self.hold: asyncio.Event | None = None

    async def publish_acked(self, event: Event, *, expected_last_sequence: int | None = None) -> int:
        self.published.append((event, expected_last_sequence))
        self.spooled_at_publish.append(len(spooled(self.spool_dir)))
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if self.answers else len(self.published)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Desk:
    """An outbox, the broker it sends to, and what it tells."""

    def __init__(self, spool_dir: Path) -> None:
        self.broker = FakeConnection()
        self.broker.spool_dir = spool_dir
        self.confirmed: list[tuple[Event, int]] = []
        self.refused: list[tuple[Event, str]] = []
        connection = cast(NatsConnection, self.broker)
        self.outbox = Outbox(connection, spool_dir, self._on_confirmed, self._on_refused, structlog.get_logger())

    async def _on_confirmed(self, event: Event, sequence: int) -> None:
        self.confirmed.append((event, sequence))

    async def _on_refused(self, event: Event, reason: str) -> None:
        self.refused.append((event, reason))


def spooled(spool_dir: Path) -> list[Path]:
    return list(spool_dir.iterdir()) if spool_dir.is_dir() else []


def fill(number: int) -> Fill:
    return Fill(
        account="mm1",
        algo_id="1",
        venue="degen",
        symbol="BTC-5M",
        order_id=number,
        order_sequence=1,
        venue_order_id="",
        venue_trade_id=f"t{number}",
        side=Side.BUY,
        price_ticks=50,
        quantity_lots=1,
        leaves_lots=0,
        liquidity=Liquidity.MAKER,
        currency="USD",
        tick_size=Decimal("0.01"),
        ts_event_ns=1,
        ts_received_ns=2,
    )


def alert() -> Alert:
    return Alert(level=AlertLevel.INFO, algo_id="1", source="test", kind="k", text="t", ts_ns=1)


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "quoter" / "spool"


@pytest.fixture
def desk(spool_dir: Path) -> Desk:
    return Desk(spool_dir)


async def test_a_fill_is_on_disk_before_it_is_sent_and_gone_once_confirmed(desk: Desk, spool_dir: Path) -> None:
    await desk.outbox.send(fill(1))
    assert desk.broker.spooled_at_publish == [1]
    assert desk.confirmed == [(fill(1), 1)]
    assert spooled(spool_dir) == []


async def test_what_need_not_survive_us_is_not_written(desk: Desk, spool_dir: Path) -> None:
    await desk.outbox.send(alert(), expected_last_sequence=7)
    assert desk.broker.published == [(alert(), 7)]
    assert desk.broker.spooled_at_publish == [0]


async def test_an_unconfirmed_publish_is_repeated_until_it_is_confirmed(desk: Desk, spool_dir: Path) -> None:
    desk.broker.answers = [BusUnavailable("no ack"), BusUnavailable("no ack"), 42]
    await desk.outbox.send(fill(1))
    assert [event for event, _ in desk.broker.published] == [fill(1)] * 3
    assert desk.broker.spooled_at_publish == [1, 1, 1]
    assert desk.confirmed == [(fill(1), 42)]


async def test_a_refused_fill_stays_on_disk_for_the_next_start(desk: Desk, spool_dir: Path) -> None:
    desk.broker.answers = [PublishRefused("fill.trade.mm1.1", 10077, "maximum bytes exceeded")]
    await desk.outbox.send(fill(1))
    assert desk.confirmed == []
    ((event, reason),) = desk.refused
    assert event == fill(1)
    assert "maximum bytes exceeded" in reason
    assert Desk(spool_dir).outbox.left_behind() == [fill(1)]


async def test_an_event_too_large_to_be_sent_is_refused_and_not_tried_for_ever(desk: Desk) -> None:
    parked = Parked(service="s", parked_id="1", from_subject="a", reason="b", data=bytes(EVENT_BYTES_MAX), ts_ns=1)
    desk.broker.answers = [ContractError("parked.s", "Parked: 524400 bytes, at most 524288")]
    await desk.outbox.send(parked)
    assert len(desk.broker.published) == 1
    assert "at most" in desk.refused[0][1]


async def test_what_a_dead_process_left_is_read_back_in_the_order_it_was_written(spool_dir: Path) -> None:
    dead = Desk(spool_dir)
    dead.broker.hold = asyncio.Event()
    tasks = [dead.outbox.send(fill(number)) for number in range(1, 201)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    heir = Desk(spool_dir)
    left = heir.outbox.left_behind()
    assert left == [fill(number) for number in range(1, 201)]
    await asyncio.gather(*[heir.outbox.send(event) for event in left])
    assert spooled(spool_dir) == []
    assert heir.outbox.left_behind() == []


async def test_sending_what_was_left_again_keeps_it_on_disk_once(spool_dir: Path) -> None:
    for _ in range(2):
        dead = Desk(spool_dir)
        dead.broker.hold = asyncio.Event()
        task = dead.outbox.send(fill(1))
        await asyncio.sleep(0)
        task.cancel()
    assert len(spooled(spool_dir)) == 1


async def test_a_draft_torn_by_a_crash_is_ignored(desk: Desk, spool_dir: Path) -> None:
    spool_dir.mkdir(parents=True)
    (spool_dir / "Fill-0123.draft").write_bytes(b"\x93half a fi")
    assert desk.outbox.left_behind() == []


@pytest.mark.parametrize(("name", "data"), [("Fill-0123", b"\xc1"), ("Unheard-0123", b"\x80")])
async def test_a_damaged_fill_is_never_skipped_in_silence(desk: Desk, spool_dir: Path, name: str, data: bytes) -> None:
    spool_dir.mkdir(parents=True)
    (spool_dir / name).write_bytes(data)
    with pytest.raises(ContractError, match=name):
        desk.outbox.left_behind()


async def test_draining_waits_for_what_is_on_its_way_and_says_how_much_is_left(desk: Desk) -> None:
    assert await desk.outbox.drain(0.01) == 0
    desk.broker.hold = asyncio.Event()
    task = desk.outbox.send(fill(1))
    assert desk.outbox.unconfirmed == 1
    assert await desk.outbox.drain(0.01) == 1
    desk.broker.hold.set()
    assert await desk.outbox.drain(10) == 0
    assert task.done()


async def test_more_than_the_bound_waiting_ends_the_process(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox_module, "UNCONFIRMED_MAX", 2)
    desk.broker.hold = asyncio.Event()
    tasks = [desk.outbox.send(alert()), desk.outbox.send(alert())]
    with pytest.raises(RuntimeError, match="2 events wait for the broker"):
        desk.outbox.send(alert())
    desk.broker.hold.set()
    await asyncio.gather(*tasks)
