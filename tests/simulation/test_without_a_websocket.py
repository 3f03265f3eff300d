"""The quoter at the real exchange when the websocket is refused: REST by the documented requests."""

from __future__ import annotations

from common.core import Open
from common.events import Fill, QuoteTarget
from common.instruments import Outcome, Side
from exchange.testing.venue import MARKET
from quoter.orders.own_orders import Order
from quoter.testing.script import Script, config, degen_quoter
from quoter.venues.base import Placement
from quoter.venues.degen.fallback import Fallback

from tests.simulation.exchange_venue import KEY, ExchangeVenue


class Refusing(ExchangeVenue):
    """The exchange, which takes no websocket when told."""

    def opened(self, effect: Open) -> bool:
        return False if self.no_socket else super().opened(effect)


def fallen(policy: Fallback) -> tuple[Script, Refusing]:
    """Return a quoter that was quoting when its websocket was taken away."""
    venue = Refusing()
    script = Script(venue)
    venue.script = script
    script.core = degen_quoter(KEY, policy)
    script.core.epoch = 3
    script.start(config(quoting={"levels": 1, "spread": 0.04}))
    script.wait(500, fair=0.50)
    venue.no_socket = True
    script.cut()
    script.wait(8_000, fair=0.50)
    script.told.clear()
    return script, venue


def test_a6_the_exchange_shows_nothing_of_ours_and_the_bot_says_why() -> None:
    script, venue = fallen(Fallback.CANCEL)
    assert script.core.session.describe(script.now_ns)["phase"] == "fallback"
    assert not venue.book().bids and not venue.book().asks
    script.wait(2_000, fair=0.55)
    assert script.of(QuoteTarget)[-1].reason == "deadman_not_armed"


def test_a6_an_order_that_cannot_rest_trades_at_the_exchange_over_rest_and_its_fill_is_fetched() -> None:
    script, venue = fallen(Fallback.REDUCE)
    venue.trade("bid", "yes", "0.45", 30)
    core = script.core
    assert core.trader.ids is not None
    order_id = core.trader.ids.next(script.now_ns)
    core.trader.orders.add(Order(order_id, "1", MARKET, Outcome.NO, Side.BUY, 56, 40, immediate=True))
    taking = Placement(order_id, MARKET, Outcome.NO, Side.BUY, 56, 40, False, immediate=True)
    script.carry(core.session.send([], [taking], script.now_ns))
    script.wait(3_000, fair=0.50)
    (fill,) = script.of(Fill)
    assert (fill.order_id, fill.quantity_lots, fill.leaves_lots) == (order_id, 30, 10)
    assert venue.holding() == (0, 30)
    assert not venue.book().asks, "nothing of it rests"


def test_a6_the_websocket_comes_back_and_the_quotes_with_it() -> None:
    script, venue = fallen(Fallback.REDUCE)
    venue.no_socket = False
    script.wait(6_000, fair=0.50)
    assert venue.book().bids and venue.book().asks
