"""The seam: a kind of bot that nobody knows but the registry is quoted, explained and left, on shares and on coins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from common import bots
from common.bots.bot import InstrumentSection
from common.core import Effect
from common.events import BotConfig, Market, MarketStatus, QuoteLevel, QuoteTarget, SourcePrice
from common.instruments import InstrumentKind, Outcome, Side
from common.testing.limits import spot_limits
from msgspec.structs import replace
from quoter.binary.strategy import Binary
from quoter.orders.diff import Headroom, TargetOrder
from quoter.orders.inventory import inventory_of
from quoter.orders.own_orders import Orders
from quoter.orders.terms import Terms
from quoter.service import Quoter
from quoter.testing.ending import show
from quoter.testing.script import KEY, MARKET, MS, Script, config, market, position
from quoter.trading.strategy import BotStrategy, Choice, Inputs, Kind, MarketStrategy, Plan
from quoter.venues.base import Placement
from quoter.venues.degen.session import DegenSession

COIN = "BTCUSD"


class ToyInstrument(InstrumentSection):
    symbols: list[str]


class ToyBot(bots.Bot):
    """A bid and an offer a tick beside the price, whatever it is of."""

    kind: ClassVar[str] = "toy"
    trades: ClassVar[tuple[InstrumentKind, ...]] = (InstrumentKind.BINARY, InstrumentKind.SPOT)
    instrument: ToyInstrument
    size: int = 10


class ToyMarket(MarketStrategy):
    def __init__(self, config: ToyBot, terms: Terms) -> None:
        self.config = config
        self.renew(terms)

    def renew(self, terms: Terms) -> None:
        self.terms, self.inventory = terms, inventory_of(terms, max_short_lots=1_000)

    def plan(self, inputs: Inputs) -> Plan:
        middle, size = round(inputs.mark / self.terms.tick), self.config.size
        outcome = self.terms.instrument.outcome
        bids, asks = [QuoteLevel(middle - 1, size)], [QuoteLevel(middle + 1, size)]
        wanted = [
            TargetOrder(outcome, middle - 1, size, Side.BUY),
            TargetOrder(outcome, middle + 1, size, Side.SELL),
        ]
        return Plan(bids, asks, wanted, Headroom(size, size), 0.0, "quoting", "")


class ToyStrategy(BotStrategy):
    priced_by = SourcePrice
    price_age_max_ns = 1_000 * MS
    target_life_ns = 1_000 * MS

    def __init__(self, algo_id: str, config: ToyBot, markets: Mapping[str, Terms]) -> None:
        super().__init__(algo_id)
        self.config, self.known = config, markets

    def configure(self, config: bots.Bot) -> None:
        assert isinstance(config, ToyBot)
        self.config = config

    def choose(self, markets: Mapping[str, Inputs], venue_now_ns: int) -> Choice:
        return Choice([symbol for symbol in self.config.instrument.symbols if symbol in self.known], {})

    def take_up(self, terms: Terms) -> ToyMarket:
        return ToyMarket(self.config, terms)


class Toy(Kind):
    model = ToyBot
    instruments = frozenset({InstrumentKind.BINARY, InstrumentKind.SPOT})

    def strategy(self, algo_id: str, config: bots.Bot) -> ToyStrategy:
        assert isinstance(config, ToyBot)
        return ToyStrategy(algo_id, config, self.account.markets)


def toy(*symbols: str, revision: int = 1) -> BotConfig:
    sections: dict[str, Any] = {"instrument": {"symbols": list(symbols)}, "risk_limits": {}}
    return BotConfig(algo_id="1", kind="toy", revision=revision, running=True, sections=sections, actor="x", ts_ns=0)


def coin() -> Market:
    return Market(
        venue="degen",
        symbol=COIN,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        underlying="BTC",
        base="BTC",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        ts_received_ns=0,
    )


def go_on(script: Script, symbol: str, bid: float, ask: float, **risk: Any) -> None:
    """Let time pass with a market at these prices, past the wait after the first stale look."""
    for _ in range(12):
        script.now_ns += 50 * MS
        script.feed_inputs(**risk)
        price = SourcePrice(algo_id="1", venue="degen", symbol=symbol, bid=bid, ask=ask, age_ns=0)
        script.carry(script.core.on_source(price, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))


def started(*kinds: type[Kind]) -> Script:
    script, orders = Script(), Orders()
    script.core = Quoter("mm1", "degen", DegenSession(KEY, "http://venue", orders), orders, kinds=kinds)
    script.core.epoch = 3
    return script


def test_a_kind_of_its_own_is_quoted_from_its_source_price() -> None:
    script = started(Binary, Toy)
    script.start(toy(MARKET))
    go_on(script, MARKET, 0.49, 0.51)
    resting = {(order.outcome, order.price) for order in script.venue.open_orders()}
    assert ("yes", "0.49") in resting
    (row,) = script.core.state(script.now_ns)["bots"]
    assert (row["state"], row["fair"], row["position"]) == ("quoting", 0.5, {"yes": 0, "no": 0, "net": 0})
    told = script.core.explain({"market": MARKET}, script.now_ns)
    json.dumps(told)
    assert told is not None
    assert told["bots"][0]["now"]["inputs"]["source_price"]["bid"] == 0.49
    assert list(script.core.samples())


def test_r70_a_forged_source_price_sends_no_order_far_into_the_public_book() -> None:
    script = started(Binary, Toy)
    script.start(toy(MARKET))
    go_on(script, MARKET, 0.49, 0.51)
    show(script, [(0.48, 100.0)], [(0.52, 100.0)])
    go_on(script, MARKET, 0.90, 0.92)
    assert [order for order in script.venue.open_orders() if float(order.price) > 0.52] == []
    assert script.core.trader.rejections["book_collar"] > 0


def test_a_price_of_the_other_class_moves_nothing() -> None:
    script = started(Binary, Toy)
    script.start(toy(MARKET))
    script.wait(600, fair=0.50)
    assert script.venue.open_orders() == []


def test_a_market_that_no_kind_quotes_is_not_listened_to() -> None:
    without, quoter = started(Binary), started(Binary, Toy)
    for script in (without, quoter):
        script.carry(script.core.on_market(coin(), script.receipt(2)))
    assert (COIN in without.core.markets, COIN in quoter.core.markets) == (False, True)


def test_a_coin_is_quoted_at_its_price_and_checked_as_a_signed_position(monkeypatch: pytest.MonkeyPatch) -> None:
    script = started(Toy)
    placed: list[Placement] = []

    def send(cancels: Sequence[int], placements: Sequence[Placement], now_ns: int) -> list[Effect]:
        placed.extend(placements)
        return []

    monkeypatch.setattr(script.core.session, "send", send)
    script.start(toy(COIN))
    script.carry(script.core.on_market(coin(), script.receipt(2)))
    go_on(script, COIN, 60_000.00, 60_000.02, limits=spot_limits(min_spread_bps=0.001))
    assert [(each.symbol, each.outcome, each.side, each.price_ticks) for each in placed] == [
        (COIN, Outcome.NONE, Side.BUY, 6_000_000),
        (COIN, Outcome.NONE, Side.SELL, 6_000_002),
    ]
    target = [each for each in script.of(QuoteTarget) if each.symbol == COIN][-1]
    assert target.state == "quoting"
    assert target.fair == pytest.approx(60_000.01)
    (row,) = script.core.state(script.now_ns)["bots"]
    assert (row["position"], row["seconds_left"]) == ({"net": 0}, None)


def test_a_bot_that_becomes_one_of_another_kind_begins_anew() -> None:
    script = started(Binary, Toy)
    script.quoting(0.50)
    before = script.core.bots["1"].strategy
    script.carry(script.core.on_config(toy(MARKET, revision=2), script.receipt(2)))
    assert script.core.bots["1"].strategy is not before
    go_on(script, MARKET, 0.49, 0.51, revision=2)
    assert {order.size for order in script.venue.open_orders()} == {10}
    script.carry(script.core.on_config(config(3), script.receipt(3)))
    script.carry(script.core.on_position(position(), script.receipt()))
    script.core.on_market(replace(market(), ts_event_ns=3), script.receipt(4))
    assert script.core.bots["1"].config.kind == "binary"
