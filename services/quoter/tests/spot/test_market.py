"""What a spot bot wants in its market: never beyond what configuration, limits, funds and venue allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from common.bots.spot import SpotBot
from common.events import BasePrice, Market, MarketStatus, PositionLimits, SizedPrices, SourcePrice
from common.instruments import BUY, SELL, InstrumentKind, Side, ceil_ticks
from common.pretrade import CheckContext, LotBounds, MarketLimits
from common.testing.limits import market_limits, spot_limits
from common.testing.spot import BTCUSD, ETHUSD, changed
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.orders.collateral import Collateral
from quoter.orders.holdings import Holdings
from quoter.orders.own_orders import Order, Orders
from quoter.orders.terms import Terms, terms_of
from quoter.spot.market import SpotMarket
from quoter.spot.strategy import SpotStrategy
from quoter.testing.script import KEY, degen_quoter
from quoter.trading.strategy import Account, GivenWay, Inputs, Plan
from quoter.venues.base import CashBalance

TICK, LOT = Decimal("0.01"), Decimal("0.0001")


def coin(min_notional: str = "1") -> Terms:
    return terms_of(
        Market(
            venue="degen",
            symbol="BTCUSD",
            kind=InstrumentKind.SPOT,
            status=MarketStatus.OPEN,
            base="BTC",
            currency="USD",
            tick_size=TICK,
            lot_size=LOT,
            min_notional=Decimal(min_notional),
            ts_received_ns=0,
        )
    )


def limits(most: str = "10", order: str = "5", notional: float = 1e6) -> MarketLimits:
    found = spot_limits(
        positions={"BTC": PositionLimits(Decimal(most), Decimal(order))},
        max_order_notional=notional,
        min_spread_bps=1.0,
    )
    return market_limits(found, coin().instrument)


class Stage:
    """One bot in one market, without a venue."""

    def __init__(self, config: SpotBot, *, cash: str | None = "1000000", coins: str | None = "100") -> None:
        self.orders, self.collateral = Orders(), Collateral()
        for currency, total in (("USD", cash), ("BTC", coins)):
            if total is not None:
                self.collateral.on_money(CashBalance(currency, Decimal(total), 1))
        session = degen_quoter(KEY).session
        self.ways: dict[str, GivenWay] = {}
        account = Account(session, {}, self.orders, Holdings("mm1"), self.collateral, self.ways)
        self.market: SpotMarket = SpotStrategy("1", config, account).take_up(coin())

    def plan(self, price: SourcePrice, of: MarketLimits | None = None, held: tuple[int, int] = (0, 0)) -> Plan:
        """Plan with so much held: at most, and how much less it may be."""
        market = self.market
        market.inventory.held_lots, market.inventory.unconfirmed_lots = held
        context = CheckContext(0, 0, market.terms.instrument, market.inventory, None, limits=of or limits())
        context.config_revision = 1
        self.inputs = Inputs(context, price=price, mark=0.5 * (price.bid + price.ask), ready=True)
        return market.plan(self.inputs)


def priced(bids: list[tuple[float | None, float]], asks: list[tuple[float | None, float]], **more: Any) -> SourcePrice:
    """Return a source price of these prices and quantities."""
    sizes = SizedPrices(1, [BasePrice(*each) for each in bids], [BasePrice(*each) for each in asks])
    best = {"bid": 59_999.0, "ask": 60_001.0}
    return SourcePrice(algo_id="1", venue="degen", symbol="BTCUSD", age_ns=0, sizes=sizes, **(best | more))


def five(bid: float = 59_990.0, ask: float = 60_010.0) -> SourcePrice:
    amounts = (0.1, 0.2, 0.3, 0.5, 1.0)
    return priced(
        [(bid - 10 * place, amount) for place, amount in enumerate(amounts)],
        [(ask + 10 * place, amount) for place, amount in enumerate(amounts)],
    )


def bot(sections: Mapping[str, Any] = BTCUSD, **fields: Any) -> SpotBot:
    return SpotBot.parse(changed(sections, **fields))


def test_every_size_has_its_level_on_either_side() -> None:
    plan = Stage(bot()).plan(five())
    # 24 are wanted and 20 there, so that 59,988 less 3 bps, 59,970.0036, is the best bid.
    assert [level.price_ticks for level in plan.bids][:2] == [5_997_000, 5_996_000]
    assert [level.quantity_lots for level in plan.asks] == [1_000, 2_000, 3_000, 5_000, 10_000]
    assert (len(plan.wanted), plan.reason, plan.state) == (10, "", "quoting")


def test_quotes_stand_off_from_where_a_hedge_is_to_trade_and_come_back_behind_it() -> None:
    stage, price = Stage(bot()), five()
    asks = [level.price_ticks for level in stage.plan(price).asks]
    stage.ways["BTCUSD"] = GivenWay(1 << 62, asks[2])
    plan = stage.plan(price)
    assert [level.price_ticks for level in plan.asks] == asks[2:]
    assert (len(plan.bids), plan.reason) == (5, "fewer asks: a hedge is to buy there")
    stage.ways["BTCUSD"] = GivenWay(plan.bids[-1].price_ticks - 1, 0)
    plan = stage.plan(price)
    assert (plan.bids, len(plan.asks), plan.reason) == ([], 5, "no bids: a hedge is to sell there")
    told = stage.market.particulars().explained(plan, 0)
    assert told["bounds"] == {"max_bid": None, "min_ask": None}
    assert told["gives_way"] == {"max_bid": 59_930.0, "min_ask": None}
    del stage.ways["BTCUSD"]
    assert len(stage.plan(price).wanted) == 10


def test_what_risk_leaves_is_quoted_also_short_of_what_the_bot_may_be_by_itself() -> None:
    """Hedges elsewhere bought what 6 BTC sold here short: risk lets it sell 0.3 more, or buy 0.1."""
    net = LotBounds(-63_000, -59_000, "exposure 0.7, limits 5 long, 1 short", "exposure 4.9, limits 5 long, 1 short")
    of = replace(limits(), net=net, min_buy_quote_ms=250)
    stage = Stage(bot(risk_limits__max_short_exposure=1))
    plan = stage.plan(five(), of, (-60_000, 0))
    assert sum(level.quantity_lots for level in plan.bids) == 1_000
    assert sum(level.quantity_lots for level in plan.asks) == 3_000
    assert "exposure 4.9, limits 5 long, 1 short" in plan.reason
    assert stage.market.inventory.max_short_lots > 63_000
    assert (stage.market.rules.buys.active_ns, stage.market.rules.sells.active_ns) == (250_000_000, 0)


def test_a_plan_stands_while_nothing_in_it_changes() -> None:
    stage = Stage(bot())
    assert stage.plan(five()) is stage.plan(five(59_990.0001, 60_009.9999))
    assert stage.plan(five()) is not stage.plan(five(59_991.0))


def test_replication_shows_as_many_levels_as_the_source_says() -> None:
    stage = Stage(bot(ETHUSD, instrument__instrument="BTCUSD", pricer__buy_margins="10", pricer__sell_margins="20"))
    plan = stage.plan(priced([(100.0, 0.5), (99.5, 1.25), (99.0, 0.00019)], [(101.0, 2.0)], bid=100.0, ask=101.0))
    assert [(level.price_ticks, level.quantity_lots) for level in plan.bids] == [(9_990, 5_000), (9_940, 12_500)]
    assert [(level.price_ticks, level.quantity_lots) for level in plan.asks] == [(10_121, 20_000)]
    assert plan.reason == "fewer bids: the venue's smallest order"


def test_money_and_coins_that_own_quotes_lock_may_be_quoted_again() -> None:
    # 59,972 for 0.1 and 59,962 for 0.2 and so on: some 126,000 for all of it.
    stage = Stage(bot(), cash="130000", coins="2.1")
    whole = stage.plan(five())
    for number, want in enumerate(whole.wanted):
        stage.orders.add(
            Order(number + 1, "1", "BTCUSD", want.outcome, want.side, want.price_ticks, want.quantity_lots)
        )
    stage.collateral.relock({"USD": 126_000.0, "BTC": 2.1})
    # Quotes that replace others are locked beside them until the next timer.
    stage.collateral.lock("BTC", 2.1)
    stage.collateral.lock("USD", 126_000.0)
    again = stage.plan(five(59_991.0, 60_011.0))
    assert [level.quantity_lots for level in again.asks] == [1_000, 2_000, 3_000, 5_000, 10_000]
    assert sum(level.quantity_lots for level in again.bids) > 20_000


def test_what_orders_of_others_lock_is_not_quoted() -> None:
    stage = Stage(bot(), cash="130000", coins="2.1")
    stage.plan(five())
    stage.collateral.relock({"USD": 100_000.0, "BTC": 1.5})
    stage.market.on_timer(stage.inputs, stage.orders, 0, 0)
    plan = stage.plan(five())
    # 30,000 are left for bids of 59,970: 0.5002 of a coin, and in steps of 128 lots 0.4992.
    assert sum(level.quantity_lots for level in plan.bids) == 4_992
    assert sum(level.quantity_lots for level in plan.asks) == 6_000
    assert plan.reason == "fewer bids: no more USD in the account; fewer asks: no more BTC in the account"


def test_what_the_account_has_is_not_known_so_nothing_is_offered() -> None:
    plan = Stage(bot(), coins=None).plan(five())
    assert (plan.asks, plan.reason) == ([], "no asks: it is not known how much BTC there is")


amounts = st.lists(st.integers(1, 20_000).map(lambda lots: lots * LOT), max_size=4)
bounds = st.none() | st.integers(5_900_000, 6_100_000).map(lambda ticks: ticks * TICK)
most = st.none() | st.integers(1, 40_000).map(lambda lots: lots * LOT)
gaps = st.floats(0.0, 200.0)


@settings(max_examples=150, deadline=None)
@given(
    buys=amounts,
    sells=amounts,
    margins=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    spread=st.sampled_from((None, "6 bps [30]", "40 bps [0]", "25")),
    bound=st.tuples(bounds, bounds),
    exposure=st.tuples(most, most, most),
    held=st.tuples(st.integers(-30_000, 30_000), st.integers(0, 500)),
    cash=st.integers(0, 200_000),
    coins=st.integers(0, 30_000),
    platform=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1_000, 200_000)),
    middle=st.floats(59_000.0, 61_000.0),
    steps=st.lists(st.tuples(gaps, gaps), min_size=4, max_size=4),
)
def test_no_quote_is_outside_what_is_allowed_for_any_book_and_configuration(
    buys: list[Decimal],
    sells: list[Decimal],
    margins: tuple[int, int],
    spread: str | None,
    bound: tuple[Decimal | None, Decimal | None],
    exposure: tuple[Decimal | None, Decimal | None, Decimal | None],
    held: tuple[int, int],
    cash: int,
    coins: int,
    platform: tuple[int, int, int],
    middle: float,
    steps: list[tuple[float, float]],
) -> None:
    if not buys and not sells:
        return
    config = bot(
        pricer__buy_quote_sizes=" ".join(map(str, buys)),
        pricer__sell_quote_sizes=" ".join(map(str, sells)),
        pricer__buy_margins=str(margins[0] or 1),
        pricer__sell_margins=str(margins[1] or 1),
        pricer__min_spread=spread,
        pricer__max_bid=None if bound[0] is None else str(bound[0]),
        pricer__min_ask=None if bound[1] is None else str(bound[1]),
        risk_limits__max_long_exposure=None if exposure[0] is None else str(exposure[0]),
        risk_limits__max_short_exposure=None if exposure[1] is None else str(exposure[1]),
        risk_limits__max_quoter_position_size=None if exposure[2] is None else str(exposure[2]),
    )
    of = limits(str(platform[0]), str(platform[1]), float(platform[2]))
    stage = Stage(config, cash=str(cash), coins=str(coins * LOT))
    price = priced(
        [(middle - sum(down for down, _ in steps[: place + 1]), float(each)) for place, each in enumerate(buys)],
        [(middle + sum(up for _, up in steps[: place + 1]), float(each)) for place, each in enumerate(sells)],
        bid=middle,
        ask=middle,
    )
    plan = stage.plan(price, of, held)
    assert plan.bids == sorted(plan.bids, key=lambda level: -level.price_ticks)
    assert plan.asks == sorted(plan.asks, key=lambda level: level.price_ticks)
    for level in plan.bids:
        assert bound[0] is None or level.price_ticks * TICK <= bound[0]
    for level in plan.asks:
        assert bound[1] is None or level.price_ticks * TICK >= bound[1]
    for level in (*plan.bids, *plan.asks):
        money = level.price_ticks * TICK * level.quantity_lots * LOT
        assert level.price_ticks > 0
        assert 1 <= money <= platform[2]
        assert level.quantity_lots <= of.max_order_lots
    bid_lots, ask_lots = (sum(level.quantity_lots for level in levels) for levels in (plan.bids, plan.asks))
    highest, lowest = held[0] + bid_lots, held[0] - held[1] - ask_lots
    own_long, own_short, quoted = (None if each is None else int(each / LOT) for each in exposure)
    if bid_lots:
        assert all(highest <= each for each in (own_long, quoted, of.max_position_lots) if each is not None)
        assert sum(level.price_ticks * TICK * level.quantity_lots * LOT for level in plan.bids) <= cash
    if ask_lots:
        assert all(-lowest <= each for each in (own_short, quoted, of.max_position_lots) if each is not None)
        assert ask_lots <= coins
    if plan.bids and plan.asks:
        apart = plan.asks[0].price_ticks - plan.bids[0].price_ticks
        own_middle = 0.5 * (plan.asks[0].price_ticks + plan.bids[0].price_ticks) * 0.01
        assert apart >= ceil_ticks(of.min_spread.at(middle), 0.01)
        assert apart >= stage.market.rules.least.at(own_middle) / 0.01 - 1e-6
    assert {(want.side, want.price_ticks, want.quantity_lots) for want in plan.wanted} == shown(plan)


def shown(plan: Plan) -> set[tuple[Side, int, int]]:
    return {(BUY, each.price_ticks, each.quantity_lots) for each in plan.bids} | {
        (SELL, each.price_ticks, each.quantity_lots) for each in plan.asks
    }
