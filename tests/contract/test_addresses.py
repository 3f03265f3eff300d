"""An event that speaks of something else than its subject reaches no core, and what has no address ends no process."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from common.bus.messages import Message
from common.bus.nats import NatsConnection
from common.core import Core, Effects, Input, Newest, Ordered, Receipt
from common.errors import ContractError
from common.events import BotConfig, Event, Position, TopOfBook, encode
from common.running.shell import Shell

from tests.contract.cores import CORES
from tests.servers import Broker

NOW_NS = 1_795_222_800_000_000_000


def config(algo_id: str) -> BotConfig:
    return BotConfig(algo_id=algo_id, kind="binary", revision=9, running=True, sections={}, actor="a", ts_ns=1)


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("algo_id", ["", "_" * 65, "1.2"])
def test_r76_no_core_fails_over_a_bot_with_an_impossible_name(name: str, algo_id: str) -> None:
    core = CORES[name]()
    (handler,) = [each.handler for each in core.inputs() if isinstance(each, Ordered) and each.event is BotConfig]
    effects = [*handler(config(algo_id), Receipt(NOW_NS)), *handler(config("1"), Receipt(NOW_NS))]
    # Whatever it says of such a bot has no address, which the shell tells by this error and no other.
    for event in [effect for effect in effects if isinstance(effect, Event)]:
        with contextlib.suppress(ContractError):
            event.address()


class Nameless(Core):
    """Says a position of a bot without a name at every top of book, and goes on."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def inputs(self) -> list[Input]:
        return [Newest(TopOfBook, self.on_top)]

    def on_top(self, top: TopOfBook, receipt: Receipt) -> Effects:
        self.heard.append(top.symbol)
        yield Position(algo_id="", lines=[], realized=Decimal(0), fees=Decimal(0), fill_sequence=1, ts_ns=1)


async def test_r76_what_comes_or_goes_under_no_address_of_its_own_is_parked_and_the_core_goes_on(
    tmp_path: Path,
) -> None:
    core = Nameless()
    settings = Broker(tmp_path).settings("risk")
    shell = Shell("risk", core, settings, NatsConnection(settings, "risk"), structlog.get_logger())
    shell._early = None  # it has been started: what a core says goes out at once
    (newest,) = core.inputs()
    assert isinstance(newest, Newest)
    deliver = shell._intake.burst(newest)

    def top(symbol: str) -> bytes:
        return encode(
            TopOfBook(venue="v", symbol=symbol, bid=1.0, ask=2.0, bid_size=1.0, ask_size=1.0, ts_received_ns=1)
        )

    await deliver([Message("md.top.v.B", top("A")), Message("md.top.v.A", top("A"))])
    assert shell._intake.parked == 2, "the one that came under another's subject, and the one that has none"
    await deliver([Message("md.top.v.C", top("C"))])
    assert shell._intake.parked == 2, "the same again is not told again"
    assert core.heard == ["A", "C"]
    assert not shell.failed.done()
