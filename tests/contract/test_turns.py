"""Long work in turns of its own lets in what has arrived, and a core is told of the confirmations it asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import structlog
from common.bus.nats import NatsConnection
from common.core import Core, Effects, Input, Receipt, Turn
from common.events import Event, Halt, Lease, OrderUpdates
from common.running.shell import Shell
from nats.aio.msg import Msg

from tests.contract.cores import CORES
from tests.servers import Broker


class Rounds(Core):
    """Goes through three parts of some work, each in a turn of its own."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.receipts: list[Receipt] = []

    def inputs(self) -> Sequence[Input]:
        return []

    def begin(self, receipt: Receipt) -> Effects:
        for part in "abc":
            yield Turn(partial(self.on_part, part))
        self.done.append("begun")

    def on_part(self, part: str, receipt: Receipt) -> Effects:
        self.done.append(part)
        self.receipts.append(receipt)
        return ()

    def on_tick(self, receipt: Receipt) -> Effects:
        self.done.append("tick")
        return ()

    def after_burst(self, receipt: Receipt) -> Effects:
        self.done.append(".")
        return ()


def shell_of(core: Core, tmp_path: Path) -> Shell:
    settings = Broker(tmp_path).settings("risk")
    return Shell("risk", core, settings, NatsConnection(settings, "risk"), structlog.get_logger())


async def test_what_arrives_during_long_work_waits_for_one_part_of_it(tmp_path: Path) -> None:
    core = Rounds()
    shell = shell_of(core, tmp_path)
    await asyncio.gather(shell._call(core.begin), shell._call(core.on_tick))
    assert "".join(core.done) == "begun.tick.a.b.c."
    assert core.done.count(".") == 5, "each part is a turn, and so is the tick"
    times_ns = [receipt.now_ns for receipt in core.receipts]
    assert times_ns == sorted(times_ns), "each part knows the time of its own turn"
    assert len(set(times_ns)) == 3


async def test_a_part_that_fails_ends_the_process_and_no_part_follows(tmp_path: Path) -> None:
    core = Rounds()
    shell = shell_of(core, tmp_path)

    def begin(receipt: Receipt) -> Effects:
        yield Turn(lambda receipt: 1 / 0)  # type: ignore[arg-type, return-value]
        yield Turn(core.on_tick)

    await shell._call(begin)
    assert shell.failed.done()
    assert isinstance(shell.failed.exception(), ZeroDivisionError)
    assert "tick" not in core.done


async def confirm(shell: Shell, event: Event, sequence: int) -> None:
    """Have an event of the shell's confirmed by the broker, and wait until everybody has heard of it."""
    await shell._outbox.send(event)
    [(_, on_answer)] = shell.bus._expected.values()
    on_answer(Msg(shell.bus.client, data=b'{"stream":"ANY","seq":%d}' % sequence))
    working = asyncio.create_task(shell._outbox.run())
    assert await shell._outbox.drain(10) == 0
    working.cancel()


class Confirmations(Rounds):
    confirmed = (Halt,)

    def on_published(self, event: object, sequence: int, receipt: Receipt) -> Effects:
        self.done.append(f"{type(event).__name__} {sequence}")
        return ()


async def test_only_the_confirmations_a_core_asked_for_cost_a_turn(tmp_path: Path) -> None:
    core = Confirmations()
    shell = shell_of(core, tmp_path)
    halt = Halt(scope="platform", reason="manual", actor="a", detail="", halt_id="1", ts_ns=1)
    await confirm(shell, OrderUpdates(account="mm1", algo_id="1", update_sequence=1, orders=[]), 1)
    await confirm(shell, halt, 2)
    assert core.done == ["Halt 2", "."]


@pytest.mark.parametrize("name", CORES)
def test_a_core_that_acts_on_confirmations_says_on_which(name: str) -> None:
    core = CORES[name]()
    overrides = type(core).on_published is not Core.on_published
    assert overrides == bool(core.confirmed), "without `confirmed` nothing would ever be told it"
    assert Lease not in core.confirmed, "it is confirmed to whoever keeps it"
