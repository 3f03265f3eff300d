"""A spot bot at the real matching engine: from its configuration to what rests, is filled, taken and held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from common.events import (
    Alert,
    AlertLevel,
    BasePrice,
    BotConfig,
    BotLimits,
    Fill,
    Halt,
    Liquidity,
    Market,
    MarketStatus,
    Position,
    QuoteTarget,
    SizedPrices,
    SourcePrice,
)
from common.instruments import InstrumentKind, Outcome, Side
from common.orders import LIVE
from common.testing.limits import binary_limits, spot_limits
from common.testing.spot import changed
from msgspec.structs import replace
from quoter.testing.script import MS, Script, position_line

from tests.simulation.exchange_venue import ExchangeVenue, scripted

COIN = "BTCUSD"
LIMITS = BotLimits(
    binary_limits(max_order_notional=100_000.0, max_notional=1e6, max_account_notional=1e6).common,
    spot_limits(price_collar_bps=500.0).kinds,
)
SECTIONS: Mapping[str, Any] = {
    "instrument": {"account": "mm1", "instrument": "BTC/USD", "exchange": "DLTXMM", "source_exchange": "KRAKEN"},
    "pricer": {
        "running": True,
        "buy_quote_sizes": "0.01 0.02",
        "sell_quote_sizes": "0.01 0.02",
        "buy_margins": "5 10",
        "sell_margins": "5 10",
        "source_aggregation": "BEST_AGGREGATED",
    },
    "risk_limits": {"max_long_exposure": "0.05", "max_short_exposure": "0.05"},
}


def spot(revision: int = 1, *, running: bool = True, **fields: Any) -> BotConfig:
    return BotConfig(
        algo_id="1",
        kind="spot",
        revision=revision,
        running=running,
        sections=changed(SECTIONS, **fields),
        actor="x",
        ts_ns=0,
    )


def coin() -> Market:
    return Market(
        venue="degen",
        symbol=COIN,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base="BTC",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        min_notional=Decimal(1),
        ts_received_ns=0,
    )


def priced(bids: list[float | None], asks: list[float | None], revision: int = 1, **more: Any) -> SourcePrice:
    """Return a source price of two sizes a side."""
    amounts = (0.01, 0.02)
    sizes = SizedPrices(
        revision,
        [BasePrice(price, amount) for price, amount in zip(bids, amounts, strict=False)],
        [BasePrice(price, amount) for price, amount in zip(asks, amounts, strict=False)],
    )
    bid, ask = (bids or [59_990.0])[0], asks[0]
    return SourcePrice(
        **{"algo_id": "1", "venue": "degen", "symbol": COIN, "bid": bid, "ask": ask, "age_ns": 0, "sizes": sizes} | more
    )


CALM = priced([59_990.0, 59_980.0], [60_010.0, 60_020.0])


EMPTY = Position(algo_id="1", lines=[], realized=Decimal(0), fees=Decimal(0), fill_sequence=0, ts_ns=0)


def started(*configs: BotConfig, coins: str = "1.00000000") -> tuple[Script, ExchangeVenue]:
    """Return a quoter with one spot bot, whose account has coins, and another maker's orders."""
    script, venue = scripted("BTC")
    if coins:
        venue.deposit("mm1", "BTC", coins)
    script.start(*(configs or (spot(),)))
    script.carry(script.core.on_market(coin(), script.receipt(2)))
    venue.spot(venue.maker, "bid", "59900.00", "1", post_only=True)
    venue.spot(venue.maker, "ask", "60100.00", "1", post_only=True)
    return script, venue


def go_on(script: Script, venue: ExchangeVenue, price: SourcePrice = CALM, ms: int = 600, **risk: Any) -> None:
    for _ in range(ms // 50):
        script.now_ns += 50 * MS
        script.feed_inputs(**{"limits": LIMITS} | risk)
        script.carry(script.core.on_book(venue.book(COIN), script.receipt()))
        script.carry(script.core.on_source(price, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))


def hold(script: Script, lots: int) -> None:
    held = Position(
        algo_id="1",
        lines=[position_line(lots, Outcome.NONE, COIN)],
        realized=Decimal(0),
        fees=Decimal(0),
        fill_sequence=script.fill_sequence,
        ts_ns=0,
    )
    script.carry(script.core.on_position(held, script.receipt()))


def test_every_size_rests_at_its_price_on_either_side() -> None:
    script, venue = started()
    go_on(script, venue)
    # 59,990 less 5 bps is 59,960.005, and 59,980 less 10 bps 59,920.02.
    # 60,010 and 5 bps are 60,040.005, and 60,020 and 10 bps 60,080.02.
    assert venue.resting(COIN) == [
        ("ask", "60040.01", "0.0100"),
        ("ask", "60080.02", "0.0200"),
        ("bid", "59920.02", "0.0200"),
        ("bid", "59960.00", "0.0100"),
    ]
    assert script.of(QuoteTarget)[-1].state == "quoting"


def sides(venue: ExchangeVenue) -> list[str]:
    return [side for side, _, _ in venue.resting(COIN)]


def test_what_others_offer_too_cheaply_is_taken_beside_the_quotes() -> None:
    script, venue = started(spot(pricer__take_out="8 bps [0.005]", pricer__buy_margins="20 30"))
    go_on(script, venue)
    resting = venue.resting(COIN)
    # 59,990 less 8 bps is 59,942.008.
    venue.spot(venue.other, "ask", "59942.01", "0.0100", post_only=True)
    go_on(script, venue, ms=300)
    assert script.of(Fill) == []
    venue.spot(venue.other, "ask", "59942.00", "0.0080", post_only=True)
    go_on(script, venue, ms=50)
    (fill,) = script.of(Fill)
    assert (fill.side, fill.quantity_lots, fill.liquidity) == (Side.BUY, 50, Liquidity.TAKER)
    assert fill.price == Decimal("59942.00")
    assert venue.resting(COIN) == resting
    go_on(script, venue, ms=300)
    assert [fill.quantity_lots for fill in script.of(Fill)] == [50, 30]


def test_what_others_bid_too_much_for_is_taken_as_far_as_there_are_coins() -> None:
    script, venue = started(spot(pricer__take_out="8 bps", pricer__aggressive_mode=True))
    go_on(script, venue)
    assert venue.resting(COIN) == []
    assert script.of(QuoteTarget)[-1].reason == "aggressive_mode: only what take_out takes is sent"
    # 60,010 and 8 bps are 60,058.008; there is headroom for 0.05.
    venue.spot(venue.other, "bid", "60058.01", "1", post_only=True)
    go_on(script, venue, ms=600)
    assert {(fill.side, fill.liquidity) for fill in script.of(Fill)} == {(Side.SELL, Liquidity.TAKER)}
    assert sum(fill.quantity_lots for fill in script.of(Fill)) == 500


def test_no_order_is_taken_beyond_a_bound() -> None:
    script, venue = started(spot(pricer__take_out="8 bps", pricer__max_bid="59900"))
    go_on(script, venue)
    assert sides(venue) == ["ask", "ask"]
    venue.spot(venue.other, "ask", "59930.00", "0.0100", post_only=True)
    go_on(script, venue, ms=300)
    assert script.of(Fill) == []
    assert script.of(QuoteTarget)[-1].reason == "no bids: max_bid"


def test_a_new_bound_cancels_at_once_however_young_the_quote() -> None:
    script, venue = started(spot(risk_limits__min_buy_quote_active_time="60000"))
    go_on(script, venue)
    assert sides(venue).count("bid") == 2
    changed_to = spot(2, risk_limits__min_buy_quote_active_time="60000", pricer__max_bid="59950")
    script.carry(script.core.on_config(changed_to, script.receipt(3)))
    assert [price for side, price, _ in venue.resting(COIN) if side == "bid"] == ["59920.02"]


@pytest.mark.parametrize("change", [spot(2, pricer__running=False), spot(2, running=False)])
def test_a_stopped_pricer_and_a_stopped_bot_rest_and_take_nothing(change: BotConfig) -> None:
    script, venue = started(spot(pricer__take_out="8 bps"))
    go_on(script, venue)
    assert len(venue.resting(COIN)) == 4
    script.carry(script.core.on_config(change, script.receipt(3)))
    assert venue.resting(COIN) == []
    venue.spot(venue.other, "ask", "59901.00", "0.0100", post_only=True)
    go_on(script, venue, revision=2)
    assert (venue.resting(COIN), script.of(Fill)) == ([], [])


def test_another_margin_holds_at_once_and_another_size_waits_for_its_price() -> None:
    script, venue = started()
    go_on(script, venue)
    script.carry(script.core.on_config(spot(2, pricer__buy_margins="20 30"), script.receipt(3)))
    go_on(script, venue, ms=100, revision=2)
    # 59,990 x 0.998 and 59,980 x 0.997.
    assert [row[1] for row in venue.resting(COIN) if row[0] == "bid"] == ["59800.06", "59870.02"]
    resized = spot(3, pricer__buy_quote_sizes="0.02 0.01")
    script.carry(script.core.on_config(resized, script.receipt(4)))
    go_on(script, venue, ms=100, revision=3)
    assert venue.resting(COIN) == []
    assert script.of(QuoteTarget)[-1].reason == "waits for the source price of revision 3"
    go_on(script, venue, priced([59_990.0, 59_980.0], [60_010.0, 60_020.0], revision=3), ms=100, revision=3)
    assert len(venue.resting(COIN)) == 4


def test_it_holds_no_more_than_its_exposure_and_says_so() -> None:
    script, venue = started()
    go_on(script, venue)
    while "bid" in sides(venue):
        price, size = next((price, size) for side, price, size in reversed(venue.resting(COIN)) if side == "bid")
        venue.spot(venue.other, "ask", price, size, time_in_force="ioc")
        hold(script, sum(fill.quantity_lots for fill in script.of(Fill)))
        go_on(script, venue)
    assert sum(fill.quantity_lots for fill in script.of(Fill)) == 500
    assert sides(venue) == ["ask", "ask"]
    assert script.of(QuoteTarget)[-1].reason == "no bids: max_long_exposure"


def test_no_more_is_offered_than_the_account_has_and_it_says_so() -> None:
    script, venue = started(coins="0.01500000")
    go_on(script, venue)
    assert [size for side, _, size in venue.resting(COIN) if side == "ask"] == ["0.0100", "0.0050"]
    assert script.of(QuoteTarget)[-1].reason == "fewer asks: no more BTC in the account"
    none, empty = started(coins="")
    go_on(none, empty)
    assert sides(empty) == ["bid", "bid"]
    assert none.of(QuoteTarget)[-1].reason.startswith("no asks: it is not known how much BTC")


def test_quotes_stay_for_their_minimum_time_and_within_their_change() -> None:
    script, venue = started(
        spot(
            pricer__min_price_change="5",
            risk_limits__min_buy_quote_active_time="500",
            risk_limits__min_sell_quote_active_time=None,
        )
    )
    go_on(script, venue)
    before = venue.resting(COIN)
    # 5 bps of 59,960 are 29.98: 29 lower is no change.
    go_on(script, venue, priced([59_961.0, 59_951.0], [59_981.0, 59_991.0]), ms=1_000)
    assert venue.resting(COIN) == before
    # A fall by 60 moves both sides at once, and a fall right after it the asks alone.
    fallen = priced([59_930.0, 59_920.0], [59_950.0, 59_960.0])
    go_on(script, venue, fallen, ms=50)
    moved = venue.resting(COIN)
    assert all(price < old for (_, price, _), (_, old, _) in zip(moved, before, strict=True))
    # 59,880 x 1.0005 is 59,909.94, which is above the bids that have to stay.
    go_on(script, venue, priced([59_860.0, 59_850.0], [59_880.0, 59_890.0]), ms=100)
    later = venue.resting(COIN)
    assert [row for row in later if row[0] == "bid"] == [row for row in moved if row[0] == "bid"]
    assert [row for row in later if row[0] == "ask"] != [row for row in moved if row[0] == "ask"]
    go_on(script, venue, priced([59_860.0, 59_850.0], [59_880.0, 59_890.0]), ms=600)
    assert [row for row in venue.resting(COIN) if row[0] == "bid"] != [row for row in moved if row[0] == "bid"]


def test_a_price_that_cannot_be_used_pulls_and_one_that_comes_back_quotes_again() -> None:
    script, venue = started()
    go_on(script, venue)
    go_on(script, venue, priced([59_990.0, 59_980.0], [60_010.0, 60_020.0], unusable="no rate"), ms=50)
    assert venue.resting(COIN) == []
    go_on(script, venue)
    assert len(venue.resting(COIN)) == 4
    go_on(script, venue, priced([59_990.0, None], [60_010.0, 60_020.0]), ms=50)
    assert sides(venue) == ["ask", "ask", "bid"]
    assert script.of(QuoteTarget)[-1].reason == "fewer bids: books do not fill 1 of 2 sizes"


def test_every_step_of_a_price_is_told() -> None:
    script, venue = started(spot(pricer__min_spread="6 bps [30]"))
    go_on(script, venue)
    told = script.core.explain({"market": COIN}, script.now_ns)
    assert told is not None
    json.dumps(told)
    best, _, ask, _ = told["bots"][0]["now"]["quotes"]
    # 36 are wanted around 60,000 and 16 missing: 4.8 and 11.2.
    assert (best["side"], best["size"], best["base"], best["spread"]) == ("buy", 0.01, 59_990.0, pytest.approx(-4.8))
    assert (ask["side"], ask["spread"], ask["shown"]) == ("sell", pytest.approx(11.2), 0.01)
    for quote in (best, ask):
        parts = [quote[name] for name in ("base", "spread", "factor", "margin", "rounding")]
        assert sum(parts) == pytest.approx(quote["price"])
    assert best["price"] == 59_955.20
    list(script.core.samples())
    (row,) = script.core.state(script.now_ns)["bots"]
    assert (row["source"], row["take_outs"]) == ([59_990.0, 60_010.0, 1.0], 0)


def test_an_order_that_would_trade_with_another_bots_is_not_sent_and_people_are_told() -> None:
    script, venue = started()
    go_on(script, venue)
    # It asks 60,010 less 10 bps, 59,949.99, and the first bot bids 59,960.
    seller = replace(
        spot(pricer__buy_quote_sizes=None, pricer__buy_margins=None, pricer__sell_margins="-10"), algo_id="2"
    )
    script.carry(script.core.on_config(seller, script.receipt(3)))
    script.carry(script.core.on_position(replace(EMPTY, algo_id="2"), script.receipt()))
    script.now_ns += 500 * MS
    for _ in range(12):
        go_on(script, venue, ms=50)
        asks_only = replace(priced([], [60_010.0, 60_020.0]), algo_id="2")
        script.carry(script.core.on_source(asks_only, script.receipt()))
    alerts = [alert for alert in script.of(Alert) if alert.kind == "self_trade"]
    assert alerts
    assert (alerts[0].level, alerts[0].action, alerts[0].algo_id) == (AlertLevel.WARNING, "Ignore Order", "2")
    assert alerts[0].text.startswith("Self Prevention: BTCUSD SELL 0.01 @ 59949.99")


def ops(venue: ExchangeVenue) -> list[str]:
    """Return what the quoter has sent since this was last asked, item by item."""
    found = []
    for sent in venue.sent:
        frame = json.loads(sent)
        found += [item["op"] for item in frame.get("items", [])]
    venue.sent.clear()
    return found


RISEN = priced([60_050.0, 60_040.0], [60_070.0, 60_080.0])


ROOMY = spot(risk_limits__max_long_exposure="0.1", risk_limits__max_short_exposure="0.1")
"""With headroom for a ladder beside the one that it replaces."""


def test_a_moved_quote_is_one_amendment() -> None:
    script, venue = started(ROOMY)
    go_on(script, venue)
    assert sorted(ops(venue)) == ["place"] * 4
    before = {order.order_id: order.price_ticks for order in script.core.trader.orders.living()}
    go_on(script, venue, RISEN, ms=50)
    assert ops(venue) == ["amend"] * 4
    after = {order.order_id: order.price_ticks for order in script.core.trader.orders.living()}
    assert before.keys() == after.keys()
    assert all(after[order_id] > ticks for order_id, ticks in before.items())
    assert all(order.before is None and order.state is LIVE for order in script.core.trader.orders.living())
    # 60,050 and 60,040 less 5 and 10 bps.
    assert [row[1] for row in venue.resting(COIN) if row[0] == "bid"] == ["59979.96", "60019.97"]
    told = script.core.explain({"order": str(next(iter(after)))}, script.now_ns)
    assert told is not None
    assert [len(made["placed"]) for made in told["passes"]] == [4, 4]


def test_a_halt_forbids_amendments_and_cancels() -> None:
    script, venue = started(ROOMY)
    go_on(script, venue)
    ops(venue)
    halt = Halt(scope="bot-1", reason="manual", actor="x", detail="", halt_id="h", cancels=False, ts_ns=script.now_ns)
    script.carry(script.core.on_halt(halt, script.receipt(9)))
    go_on(script, venue, RISEN, ms=300)
    assert "amend" not in ops(venue)
    emptied = replace(halt, reason="more", halt_id="i", cancels=True)
    script.carry(script.core.on_halt(emptied, script.receipt(10)))
    assert set(ops(venue)) == {"cancel"}
    assert venue.resting(COIN) == []


def test_an_amendment_on_its_way_counts_at_both_prices_and_the_next_follows_the_answer() -> None:
    script, venue = started(ROOMY)
    go_on(script, venue)
    ops(venue)
    script.hold_frames = True
    go_on(script, venue, RISEN, ms=50)
    orders = script.core.trader.orders
    terms = script.core.markets[COIN]
    assert all(order.before is not None for order in orders.living())
    assert [sorted(side) for side in orders.levels(terms)] == [
        [5_992_002, 5_996_000, 5_997_996, 6_001_997],
        [6_004_001, 6_008_002, 6_010_004, 6_014_008],
    ]
    go_on(script, venue, CALM, ms=50)
    assert ops(venue) == ["amend"] * 4, "nothing more before the answer"
    script.hold_frames = False
    script.deliver()
    assert ops(venue) == ["amend"] * 4
    assert [row[1] for row in venue.resting(COIN) if row[0] == "bid"] == ["59920.02", "59960.00"]


def test_an_amendment_that_a_fill_overtook_leaves_the_order_as_it_stood() -> None:
    script, venue = started(ROOMY)
    go_on(script, venue)
    script.hold_frames = True
    venue.spot(venue.other, "ask", "59960.00", "0.0100", time_in_force="ioc")
    go_on(script, venue, RISEN, ms=50)
    script.hold_frames = False
    script.deliver()
    (fill,) = script.of(Fill)
    assert (fill.quantity_lots, fill.price) == (100, Decimal("59960.00"))
    hold(script, 100)
    go_on(script, venue, RISEN)
    assert len(venue.resting(COIN)) == 4
    assert all(order.before is None for order in script.core.trader.orders.living())


def test_an_amendment_that_would_trade_is_refused_and_the_order_stays_where_it_was() -> None:
    script, venue = started(ROOMY)
    go_on(script, venue)
    venue.spot(venue.maker, "ask", "60010.00", "0.5", post_only=True)
    # The bid would be at 60,019.97.
    script.hold_frames = True
    go_on(script, venue, RISEN, ms=50)
    script.hold_frames = False
    script.deliver()
    bids = [order for order in script.core.trader.orders.living() if order.side is Side.BUY]
    assert all(order.before is None for order in bids)
    assert script.core.blotter.rejects == {"would_cross": 1}


def test_orders_whose_amendment_has_no_known_outcome_are_found_by_asking() -> None:
    script, venue = started(ROOMY)
    go_on(script, venue)
    script.hold_frames = True
    go_on(script, venue, RISEN, ms=50)
    script.hold_frames = False
    script.cut()
    go_on(script, venue, RISEN, ms=2_000)
    living = list(script.core.trader.orders.living())
    assert len(living) == 4
    assert all(order.before is None and order.state is LIVE for order in living)
    standing = sorted((order.side is Side.SELL, order.price_ticks) for order in living)
    assert standing == sorted((side == "ask", int(Decimal(price) * 100)) for side, price, _ in venue.resting(COIN))
