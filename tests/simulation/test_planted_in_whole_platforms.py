"""Faults of spot bots planted into whole platforms: each is caught there, and the run without it finds nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.events import Fill, OrderCommand, decode
from quoter.hedging.working import Working
from quoter.venues.base import Execution
from toolkit.simulation.bus import Faults, Message
from toolkit.simulation.scenario import whole
from toolkit.simulation.world import World

pytestmark = pytest.mark.timeout(900)

MS = 1_000_000
BOT = "7"
DIES_AFTER_MS, DEAD_FOR_MS = 700, 500
"""After a bot's hedge is said: some of its slices are done, and others are to come."""


class Run(World):
    """A short run without trouble but the quoter's death in the midst of a hedge, of whatever its bot trades first."""

    def __init__(self) -> None:
        scenario = whole(11)
        scenario.troubles, scenario.faults = [], Faults()
        scenario.calm_s, scenario.end_s = 1.0, 15.0
        super().__init__(scenario)
        for place, config in enumerate(self.bots):
            if config.algo_id == BOT:
                hedger = config.sections["hedger"] | {"position_max_norm_size": "0.001 0", "max_order_size": "0.001"}
                self.bots[place] = msgspec.structs.replace(config, sections=config.sections | {"hedger": hedger})
        self.died = False
        self.bus.listen(f"order.command.bot-{BOT}.*", self._begun)

    def _begun(self, message: Message) -> None:
        command = decode(OrderCommand, message.data)
        if not self.died and command.quantity >= 3 * (command.max_order_size or 0):
            self.died = True
            quoter = self.nodes["quoter"]
            self.schedule.after(DIES_AFTER_MS * MS, quoter.kill)
            self.schedule.after((DIES_AFTER_MS + DEAD_FOR_MS) * MS, quoter.start)

    def caught(self) -> set[str]:
        """Return the kinds of findings of a run."""
        kinds = set(self.run().findings.kinds)
        assert self.died
        return kinds


def test_the_unplanted_run_finds_nothing() -> None:
    world = Run()
    assert world.caught() == set()
    fills = [decode(Fill, message.data) for message in world.bus.stored("fill.trade.>")]
    assert {"BNB", "JPY", "USD"} <= {fill.fee_currency for fill in fills}
    assert {BOT, "2"} <= {fill.algo_id for fill in fills}
    assert sum(fill.algo_id == BOT and bool(fill.parent_id) for fill in fills) > 2, "in slices"
    watch = world.named.own_orders
    assert watch is not None
    assert min(watch.prices, watch.alone) > 20, "we were best, and were not followed"


def test_a_hedge_that_is_doubled_after_a_restart_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Working, "take_over", lambda *_: None)
    assert "hedge_doubled" in Run().caught()


def test_a_hedge_of_twice_the_excess_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    hedging = importlib.import_module("risk.hedging.hedging")
    honest: Callable[..., Decimal] = hedging.change_to_norm
    monkeypatch.setattr(hedging, "change_to_norm", lambda *figure: 2 * honest(*figure))
    # Else it is cut where it would take the currency as a whole past its norm.
    monkeypatch.setattr(hedging.Hedging, "_keep_within", lambda *_: None)
    assert "hedge_beyond" in Run().caught()


def test_an_inverse_rate_whose_sides_are_not_crossed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = importlib.import_module("pricer.spot.fx").Rate
    sell, buy = rate.of_bid, rate.of_ask
    monkeypatch.setattr(rate, "of_bid", lambda self, price: price / self.bid if self.inverse else sell(self, price))
    monkeypatch.setattr(rate, "of_ask", lambda self, price: price / self.ask if self.inverse else buy(self, price))
    assert Run().caught() == {"price"}


def test_a_fee_currency_that_is_ignored_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    blotter = importlib.import_module("quoter.trading.blotter").Blotter
    honest: Callable[..., Iterator[Any]] = blotter._on_execution

    def faulty(self: Any, execution: Execution, now_ns: int) -> Iterator[Any]:
        for effect in honest(self, execution, now_ns):
            paid_elsewhere = isinstance(effect, Fill) and effect.fee_currency == "BNB"
            yield msgspec.structs.replace(effect, fee_currency=effect.currency) if paid_elsewhere else effect

    monkeypatch.setattr(blotter, "_on_execution", faulty)
    assert {"lost_fill", "cash"} <= Run().caught()


def test_own_orders_that_are_left_in_a_source_book_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pricer.sources.aggregation.VenueFeed.on_own_depth", lambda *_: None)
    assert "own_price" in Run().caught()
