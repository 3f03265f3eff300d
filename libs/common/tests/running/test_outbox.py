"""Acked events on their way: spooled before they are sent, taken off when confirmed, left in order when we die."""

from __future__ import annotations

import asyncio
import base64
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from common.bus.features import OLDEST
from common.bus.nats import NatsConnection, OnAck
from common.errors import ContractError, PublishRefused
from common.events import Alert, AlertLevel, Event, Parked
from common.events.base import EVENT_BYTES_MAX, encode
from common.machine.descriptors import Reserve
from common.running import outbox as outbox_module
from common.running.outbox import SPOOLED, Outbox
from common.signing import HEADER, Order, Signature
from common.testing.events import fill
from nats.aio.client import Client
from nats.aio.msg import Msg


class FakeBroker:
    """A connection whose broker answers each publish with what it is told; without orders it confirms.

    An answer is a sequence, the words of a refusal, or None for an ack that gets lost.
    """

    def __init__(self, spool_dir: Path) -> None:
        self.published: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: list[int | str | None] = []
        self.spooled_at_publish: list[int] = []
        self.spool_dir = spool_dir
        self.connected = True
        self.features = OLDEST
        self.holding = False
        self.key_id, self.signed, self.distrusted = "quoter-1", 0, False
        self._held: list[tuple[str, int | str | None]] = []
        self._acks: dict[str, OnAck] = {}

    def signature(self, event: Event, subject: str, data: bytes, after: int | None = None) -> dict[str, str]:
        if self.distrusted:
            raise PublishRefused(subject, 403, "our key is revoked")
        self.signed += 1
        order = Order(7, self.signed) if after is None else Order(0, after)
        value = base64.b64encode(len(data).to_bytes(64, "big")).decode()
        return {HEADER: Signature("quoter", self.key_id, order, value).header()}

    def expect_ack(self, _subject: str, on_ack: OnAck) -> str:
        number = str(len(self._acks) + 1)
        self._acks[number] = on_ack
        return number

    def forget_ack(self, number: str) -> None:
        """Numbers are not given out again, so a late answer finds nobody who minds."""

    async def publish_for_ack(self, subject: str, data: bytes, headers: dict[str, str], number: str) -> bool:
        if not self.connected:
            return False
        self.published.append((subject, data, headers))
        self.spooled_at_publish.append(len(spooled(self.spool_dir)))
        self._held.append((number, self.answers.pop(0) if self.answers else len(self.published)))
        if not self.holding:
            self.release()
        return True

    def release(self) -> None:
        """Let the answers held back arrive."""
        held, self._held = self._held, []
        for number, answer in held:
            if answer is None:
                continue
            document = f'{{"seq":{answer}}}'
            if isinstance(answer, str):
                document = f'{{"error":{{"err_code":10077,"description":"{answer}"}}}}'
            self._acks[number](Msg(cast(Client, None), data=document.encode()))


class Desk:
    """An outbox, the broker it sends to, and what it tells."""

    def __init__(self, spool_dir: Path, heard: tuple[type[Event], ...] = (Event,)) -> None:
        self.broker = FakeBroker(spool_dir)
        self.confirmed: list[tuple[Event, int]] = []
        self.refused: list[tuple[Event, str]] = []
        connection = cast(NatsConnection, self.broker)
        self.outbox = Outbox(connection, spool_dir, self._on_confirmed, self._on_refused, structlog.get_logger(), heard)

    async def _on_confirmed(self, event: Event, sequence: int) -> None:
        self.confirmed.append((event, sequence))

    async def _on_refused(self, event: Event, reason: str) -> None:
        self.refused.append((event, reason))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        working = asyncio.create_task(self.outbox.run())
        yield
        assert not working.done()
        working.cancel()

    def left(self) -> list[Event]:
        return [kept.event for kept in self.outbox.left_behind()]

    async def resend(self) -> None:
        async with self.at_work():
            for kept in self.outbox.left_behind():
                await self.outbox.send(kept.event, kept=kept)
            assert await self.outbox.drain(10) == 0

    async def deliver(self, *events: Event) -> None:
        async with self.at_work():
            for event in events:
                await self.outbox.send(event)
            assert await self.outbox.drain(10) == 0


def spooled(spool_dir: Path) -> list[Path]:
    return list(spool_dir.iterdir()) if spool_dir.is_dir() else []


def alert() -> Alert:
    return Alert(level=AlertLevel.INFO, algo_id="1", source="test", kind="k", text="t", ts_ns=1)


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "quoter" / "spool"


@pytest.fixture
def desk(spool_dir: Path) -> Desk:
    return Desk(spool_dir)


async def test_a_fill_is_on_disk_before_it_is_sent_and_gone_once_confirmed(desk: Desk, spool_dir: Path) -> None:
    await desk.deliver(fill(1))
    assert desk.broker.spooled_at_publish == [1]
    assert desk.confirmed == [(fill(1), 1)]
    assert spooled(spool_dir) == []


async def test_what_need_not_survive_us_is_not_written(desk: Desk) -> None:
    async with desk.at_work():
        await desk.outbox.send(alert(), expected_last_sequence=7)
    [(subject, data, headers)] = desk.broker.published
    assert (subject, data) == (alert().address(), encode(alert()))
    assert headers.pop(HEADER).startswith("1 quoter quoter-1 0.7 "), "it names the message it follows"
    assert headers == {"Nats-Msg-Id": alert().message_id(), "Nats-Expected-Last-Subject-Sequence": "7"}
    assert desk.broker.spooled_at_publish == [0]


async def test_an_unconfirmed_publish_is_repeated_until_it_is_confirmed(desk: Desk) -> None:
    desk.broker.answers = [None, None, 42]
    await desk.deliver(fill(1))
    assert [data for _, data, _ in desk.broker.published] == [encode(fill(1))] * 3
    assert desk.broker.spooled_at_publish == [1, 1, 1]
    assert desk.confirmed == [(fill(1), 42)]


async def test_a_confirmation_that_nobody_hears_needs_no_task(spool_dir: Path) -> None:
    desk = Desk(spool_dir, heard=(Parked,))
    await desk.outbox.send(alert())
    assert desk.outbox.unconfirmed == 0
    watched = await desk.outbox.send(alert(), watched=True)
    await desk.outbox.send(fill(1))
    desk.broker.answers = ["no such place"]
    await desk.outbox.send(alert())
    assert desk.outbox.unconfirmed == 3, "a watched one, one on disk and a refusal have to be dealt with"
    async with desk.at_work():
        assert await desk.outbox.drain(10) == 0
    assert watched is not None and watched.done()
    assert spooled(spool_dir) == []
    assert desk.confirmed == []
    assert [event for event, _ in desk.refused] == [alert()]


async def test_an_ack_that_comes_twice_confirms_once(desk: Desk) -> None:
    desk.broker.holding = True
    async with desk.at_work():
        await desk.outbox.send(fill(1))
        while len(desk.broker.published) < 2:  # noqa: ASYNC110 - the repeat is due after a third of a second
            await asyncio.sleep(0.01)
        desk.broker.release()
        assert await desk.outbox.drain(10) == 0
        await asyncio.sleep(0)
    assert desk.confirmed == [(fill(1), 1)]


async def test_what_was_sent_while_the_broker_was_away_goes_first_when_it_is_back(desk: Desk) -> None:
    async with desk.at_work():
        desk.broker.connected = False
        await desk.outbox.send(fill(1))
        await desk.outbox.send(fill(2))
        desk.broker.connected = True
        await desk.outbox.send(fill(3))
        assert desk.broker.published == []
        assert await desk.outbox.drain(10) == 0
    assert [event for event, _ in desk.confirmed] == [fill(1), fill(2), fill(3)]


async def test_a_watched_event_says_when_it_is_confirmed(desk: Desk) -> None:
    desk.broker.holding = True
    async with desk.at_work():
        done = await desk.outbox.send(fill(1), watched=True)
        assert done is not None
        assert not done.done()
        desk.broker.release()
        await done
    assert desk.confirmed == [(fill(1), 1)]
    assert await desk.outbox.send(fill(2)) is None


async def test_a_refused_fill_stays_on_disk_for_the_next_start(desk: Desk, spool_dir: Path) -> None:
    desk.broker.answers = ["maximum bytes exceeded"]
    await desk.deliver(fill(1))
    assert desk.confirmed == []
    ((event, reason),) = desk.refused
    assert event == fill(1)
    assert "maximum bytes exceeded" in reason
    assert Desk(spool_dir).left() == [fill(1)]


async def test_an_event_too_large_to_be_sent_is_refused_and_not_tried_at_all(desk: Desk) -> None:
    parked = Parked(service="s", parked_id="1", from_subject="a", reason="b", data=bytes(EVENT_BYTES_MAX), ts_ns=1)
    await desk.deliver(parked)
    assert desk.broker.published == []
    assert "at most" in desk.refused[0][1]


async def test_r76_an_event_without_an_address_is_refused_and_ends_nothing(desk: Desk) -> None:
    await desk.deliver(Alert(level=AlertLevel.INFO, algo_id="", source="t", kind="note", text="t", ts_ns=1))
    assert desk.broker.published == []
    assert "Alert: token: must not be empty - at `$.algo_id`" in desk.refused[0][1]


async def test_what_a_dead_process_left_is_read_back_in_the_order_it_was_written(spool_dir: Path) -> None:
    dead = Desk(spool_dir)
    dead.broker.holding = True
    for number in range(1, 201):
        await dead.outbox.send(fill(number))
    heir = Desk(spool_dir)
    assert heir.left() == [fill(number) for number in range(1, 201)]
    await heir.resend()
    assert spooled(spool_dir) == []
    assert heir.left() == []


async def test_sending_what_was_left_again_keeps_it_on_disk_once(spool_dir: Path) -> None:
    for _ in range(2):
        dead = Desk(spool_dir)
        dead.broker.holding = True
        await dead.outbox.send(fill(1))
    assert len(spooled(spool_dir)) == 1


async def test_a_draft_torn_by_a_crash_is_ignored(desk: Desk, spool_dir: Path) -> None:
    spool_dir.mkdir(parents=True)
    (spool_dir / "Fill-0123.draft").write_bytes(b"\x93half a fi")
    assert desk.left() == []


@pytest.mark.parametrize("length", [0, 300])
async def test_r80_what_a_power_failure_emptied_does_not_keep_the_process_from_starting(
    spool_dir: Path, length: int
) -> None:
    dead = Desk(spool_dir)
    dead.broker.answers = ["no room"]
    await dead.deliver(fill(1))
    lost = spool_dir / ("Fill-" + "0" * 32)
    lost.write_bytes(bytes(length))
    assert Desk(spool_dir).left() == [fill(1)]
    assert not lost.exists(), "told once"


@pytest.mark.parametrize(("name", "data"), [("Fill-0123", b"\xc1"), ("Unheard-0123", b"\x80")])
async def test_a_damaged_fill_is_never_skipped_in_silence(desk: Desk, spool_dir: Path, name: str, data: bytes) -> None:
    spool_dir.mkdir(parents=True)
    (spool_dir / name).write_bytes(data)
    with pytest.raises(ContractError, match=name):
        desk.outbox.left_behind()


async def test_draining_waits_for_what_is_on_its_way_and_says_how_much_is_left(desk: Desk) -> None:
    assert await desk.outbox.drain(0.01) == 0
    desk.broker.holding = True
    async with desk.at_work():
        await desk.outbox.send(fill(1))
        assert desk.outbox.unconfirmed == 1
        assert await desk.outbox.drain(0.01) == 1
        desk.broker.release()
        assert await desk.outbox.drain(10) == 0


async def test_more_than_the_bound_waiting_ends_the_process(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox_module, "UNCONFIRMED_MAX", 2)
    desk.broker.holding = True
    await desk.outbox.send(alert())
    await desk.outbox.send(alert())
    with pytest.raises(RuntimeError, match="2 events wait for the broker"):
        await desk.outbox.send(alert())


class FullDisk:
    """Every write to a spool fails while `refuses` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = errno.ENOSPC) -> None:
        self.refuses, self.tries = True, 0
        write_bytes = Path.write_bytes

        def write(path: Path, data: bytes) -> int:
            self.tries += 1
            if self.refuses:
                raise OSError(code, os.strerror(code), str(path))
            return write_bytes(path, data)

        monkeypatch.setattr(Path, "write_bytes", write)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_r20_r80_a_full_disk_ends_nothing_and_the_fill_is_sent_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(monkeypatch)
    desk = Desk(tmp_path / "spool")
    await desk.deliver(fill(1))
    assert [event for event, _ in desk.confirmed] == [fill(1)]
    assert desk.outbox.spool_fault == f"{tmp_path / 'spool'}: {os.strerror(errno.ENOSPC)}"
    assert desk.outbox.spool_changed.is_set()


async def test_r80_what_the_disk_did_not_take_is_written_as_soon_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "LOOK_S", 0.01)
    disk = FullDisk(monkeypatch)
    desk = Desk(tmp_path / "spool")
    desk.broker.holding = True
    async with desk.at_work():
        for number in (1, 2):
            await desk.outbox.send(fill(number))
        assert spooled(tmp_path / "spool") == []
        disk.refuses = False
        await until(lambda: not desk.outbox.spool_fault)
        assert len(spooled(tmp_path / "spool")) == 2
        assert desk.left() == [fill(1), fill(2)]
        desk.broker.release()
        await until(lambda: not desk.outbox.unconfirmed)
        assert spooled(tmp_path / "spool") == []


async def test_r80_the_fault_ends_with_the_full_disk_although_nothing_waits_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "LOOK_S", 0.01)
    disk = FullDisk(monkeypatch)
    desk = Desk(tmp_path / "spool")
    await desk.deliver(fill(1))
    async with desk.at_work():
        tries = disk.tries
        await until(lambda: disk.tries > tries + 2)
        assert desk.outbox.spool_fault
        disk.refuses = False
        await until(lambda: not desk.outbox.spool_fault)


async def test_r77_without_a_free_descriptor_a_fill_still_reaches_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = Reserve.lent

    @contextmanager
    def lending(reserve: Reserve) -> Iterator[None]:
        disk.refuses = False
        with lent(reserve):
            yield

    disk = FullDisk(monkeypatch, errno.EMFILE)
    monkeypatch.setattr(Reserve, "lent", lending)
    desk = Desk(tmp_path / "spool")
    desk.broker.holding = True
    await desk.outbox.send(fill(1))
    assert desk.outbox.spool_fault == ""
    assert len(spooled(tmp_path / "spool")) == 1


async def test_r70_a_fill_is_signed_once_and_goes_out_again_as_it_was(spool_dir: Path) -> None:
    dead = Desk(spool_dir)
    dead.broker.holding = True
    await dead.outbox.send(fill(1))
    _, data, headers = dead.broker.published[0]
    heir = Desk(spool_dir)
    await heir.resend()
    assert heir.broker.published[0][1:] == (data, headers), "the same bytes under the same signature"
    assert heir.broker.signed == 0


async def test_r70_a_repeat_carries_the_signature_of_the_first(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox_module, "ACK_TIMEOUT_S", 0.0)
    desk.broker.answers = [None]
    await desk.deliver(fill(1))
    first, second = desk.broker.published[:2]
    assert first == second
    assert desk.broker.signed == 1


async def test_r70_what_an_unsigned_spool_holds_is_signed_by_its_owner(desk: Desk, spool_dir: Path) -> None:
    dead = Desk(spool_dir)
    dead.broker.holding = True
    await dead.outbox.send(fill(1))
    (path,) = spooled(spool_dir)
    path.write_bytes(encode(fill(1)))  # as it was written before there were signatures
    await desk.resend()
    _, data, headers = desk.broker.published[0]
    assert data == encode(fill(1))
    assert headers[HEADER].startswith("1 quoter quoter-1 ")
    assert spooled(spool_dir) == [], "and it is gone once it is confirmed"


async def test_r70_what_a_former_key_signed_is_signed_anew(spool_dir: Path) -> None:
    dead = Desk(spool_dir)
    dead.broker.holding = True
    await dead.outbox.send(fill(1))
    heir = Desk(spool_dir)
    heir.broker.key_id = "quoter-2"
    await heir.resend()
    assert heir.broker.published[0][2][HEADER].startswith("1 quoter quoter-2 ")


async def test_r70_what_was_first_sent_with_a_former_key_is_told_until_the_broker_has_answered(
    desk: Desk, monkeypatch: Any
) -> None:
    monkeypatch.setattr(outbox_module, "ACK_TIMEOUT_S", 0.0)

    def signed_before() -> float:
        return {sample.name: sample.value for sample in desk.outbox.samples()}["mm_signed_before"]

    async def repeated_as(key_id: str) -> None:
        async with asyncio.timeout(10):
            while not any(  # noqa: ASYNC110  the outbox repeats by itself
                data == encode(fill(1)) and f" {key_id} " in headers[HEADER]
                for _, data, headers in desk.broker.published
            ):
                await asyncio.sleep(0.01)

    async with desk.at_work():
        desk.broker.holding = True
        await desk.outbox.send(fill(1))
        desk.broker.key_id = "quoter-2"
        await desk.outbox.send(fill(2))
        assert signed_before() == 1
        await repeated_as("quoter-2")
        assert signed_before() == 1, "signed anew since, and yet the first copy may be the one that is stored"
        desk.broker.holding = False
        desk.broker.release()
        assert await desk.outbox.drain(10) == 0
        assert signed_before() == 0


async def test_r70_a_fill_that_nobody_would_believe_is_refused_and_kept(desk: Desk, spool_dir: Path) -> None:
    desk.broker.distrusted = True
    await desk.deliver(fill(1))
    assert desk.broker.published == []
    assert "our key is revoked" in desk.refused[0][1]
    (path,) = spooled(spool_dir)
    assert path.read_bytes() == SPOOLED + b"\n" + encode(fill(1)), "not signed, not lost"
    desk.broker.distrusted = False
    await desk.resend()
    assert desk.confirmed == [(fill(1), 1)]
