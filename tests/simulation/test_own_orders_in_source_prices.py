"""A source price made from a book in which our own bot quotes: what is ours is in none of it, whatever breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from common.events import SourcePrice, decode
from toolkit.simulation.bus import Message
from toolkit.simulation.scenario import Scenario, Trouble
from toolkit.simulation.world import ACCOUNT, NS_PER_S, World, bot_config

pytestmark = pytest.mark.timeout(600)

COIN, SPOT_BOT = "BTCUSD", "3"
SHOWN_NS = 3 * NS_PER_S
"""For how long after an order of others has ended a price may still be made from it."""
SECTIONS = {
    "instrument": {"instrument": COIN, "exchange": "DEGEN", "source_exchange": "DEGEN"},
    "pricer": {"source_aggregation": "BBO", "buy_quote_sizes": "0.01", "sell_quote_sizes": "0.01"},
}


class Watch:
    """Prices at which others have lately had orders, and source prices that are none of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._others: tuple[dict[int, int], dict[int, int]] = ({}, {})
        """When they were last there, by price in ticks: bids and asks."""
        self.prices = self.alone = 0
        """Source prices looked at, and how many of them while we alone were best on a side."""
        self.ours: list[str] = []
        self._best: list[tuple[int, int]] = []
        """The best price in ticks and the best of others, of bids and asks."""
        look, network = world.network.after_venue, world.network

        def after_venue() -> None:
            look()
            self._look()

        network.after_venue = after_venue
        world.bus.listen(f"px.source.{SPOT_BOT}.*", self._hear)

    def _look(self) -> None:
        book = self._world.venue.trading.symbols[COIN].book
        self._best.clear()
        for ladder, prices in zip((book.buying, book.selling), self._others, strict=True):
            theirs = [order.axis_ticks for order in ladder.orders() if order.account != ACCOUNT]
            prices |= dict.fromkeys(theirs, self._world.schedule.now_ns)
            self._best.append((ladder.best() or 0, theirs[0] if theirs else 0))

    def _hear(self, message: Message) -> None:
        price = decode(SourcePrice, message.data)
        if price.unusable:
            return
        self.prices += 1
        self.alone += any(best != theirs for best, theirs in self._best)
        now_ns = self._world.schedule.now_ns
        for stated, prices in zip((price.bid, price.ask), self._others, strict=True):
            last_ns = prices.get(round(stated * 100))
            if last_ns is None or now_ns - last_ns > SHOWN_NS:
                self.ours.append(f"{now_ns}: {stated} is nobody's but ours")


def watched(troubles: list[Trouble]) -> Watch:
    scenario = Scenario(4, market_s=30, calm_s=32.0, end_s=55.0, spot=True, troubles=troubles)
    world = World(scenario)
    world.bots.append(bot_config(SPOT_BOT, "spot", SECTIONS))
    watch = Watch(world)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    return watch


TROUBLES: dict[str, list[Trouble]] = {
    "nothing": [],
    "quoter killed": [Trouble("kill", 12.0, 1.0, "quoter"), Trouble("kill", 24.0, 3.0, "quoter")],
    "pricer killed": [Trouble("kill", 12.0, 1.0, "pricer"), Trouble("kill", 24.0, 0.2, "pricer")],
    "broker away": [Trouble("broker", 15.0, 2.0)],
}


@pytest.mark.parametrize("name", TROUBLES)
def test_no_price_is_made_from_our_own_orders(name: str) -> None:
    watch = watched(TROUBLES[name])
    assert watch.ours == []
    assert watch.prices > 100
    assert watch.alone > 10, "we were best, and were not followed"


def test_a_pricer_that_is_deaf_to_what_is_ours_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ignore: Callable[..., Any] = lambda *_: None  # noqa: E731
    monkeypatch.setattr("pricer.sources.aggregation.VenueFeed.on_own_depth", ignore)
    assert watched([]).ours
