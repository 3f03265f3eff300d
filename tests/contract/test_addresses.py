"""An event that speaks of something else than its subject reaches no core, and ends no process."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from common.bus.messages import Message
from common.bus.nats import NatsConnection
from common.core import Core, Effects, Every, Input, Newest, Ordered, Receipt
from common.events import BotConfig, Event, Position, encode
from common.settings import ServiceSettings
from common.shell import Shell

from tests.contract.cores import CORES


def shell_of(name: str, core: Core, data_dir: Path) -> Shell:
    """Return a shell that is not connected to anything: what it is told reaches its core all the same."""
    settings = ServiceSettings(data_dir=data_dir)
    return Shell(name, core, settings, NatsConnection(settings, name), structlog.get_logger())


def config(algo_id: str) -> BotConfig:
    return BotConfig(algo_id=algo_id, kind="binary", revision=9, running=True, sections={}, actor="a", ts_ns=1)


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("algo_id", ["", "2", "_" * 65, "1.2"])
async def test_r76_a_configuration_of_another_bot_than_its_subject_is_parked(
    tmp_path: Path, name: str, algo_id: str
) -> None:
    core = CORES[name]()
    shell = shell_of(name, core, tmp_path)
    (ordered,) = [each for each in core.inputs() if isinstance(each, Ordered) and each.event is BotConfig]
    deliver = shell._intake.ordered(ordered)
    await deliver(Message("config.bot.1", encode(config(algo_id)), 7))
    assert shell._intake.parked == 1
    await deliver(Message("config.bot.1", encode(config("1")), 8))
    assert shell._intake.parked == 1
    assert not shell.failed.done()


class Nameless(Core):
    """Says a position of a bot without a name, and goes on."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    def inputs(self) -> list[Input]:
        return [Newest(BotConfig, self.on_config), Every(1_000, self.start)]

    def on_config(self, heard: BotConfig, receipt: Receipt) -> Effects:
        self.heard.append(heard)
        yield Position(algo_id="", lines=[], realized=Decimal(0), fees=Decimal(0), fill_sequence=1, ts_ns=1)


async def test_r76_what_a_core_says_without_an_address_is_parked_and_the_core_goes_on(tmp_path: Path) -> None:
    core = Nameless()
    shell = shell_of("risk", core, tmp_path)
    shell._early = None  # it has been started: what a core says goes out at once
    newest = core.inputs()[0]
    assert isinstance(newest, Newest)
    deliver = shell._intake.burst(newest)
    await deliver([Message("config.bot.2", encode(config("1"))), Message("config.bot.1", encode(config("1")))])
    assert shell._intake.parked == 2, "the one that came under another's subject, and the one that has none"
    await deliver([Message("config.bot.3", encode(config("3")))])
    assert shell._intake.parked == 2, "the same again is not told again"
    assert [each.algo_id for each in core.heard if isinstance(each, BotConfig)] == ["1", "3"]
    assert not shell.failed.done()
