"""P&L of an account that holds several currencies: what a coin and other money are worth, and when nobody knows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Fill, Halt, Market, MarketStatus, PostingKind, SourcePrice, Statistics
from common.instruments import InstrumentKind, Outcome, Side
from risk.ledger.books import Ledger
from risk.ledger.positions import ZERO
from risk.monitoring.equity import Marks, Unknown, earnings
from risk.monitoring.stops import PRICE_WAIT_NS
from risk.testing.events import S, a_config, a_fill, a_market, a_posting
from risk.testing.harness import Harness, fold_of, of

DEPOSIT = a_posting("opening:USD", PostingKind.DEPOSIT, algo_id="unassigned", cash=Decimal(100_000))
COINS = a_posting("opening:BTC", PostingKind.DEPOSIT, algo_id="unassigned", currency="BTC", cash=Decimal(2))
WAIT_S = PRICE_WAIT_NS // S


def spot(trade: int = 1, symbol: str = "BTCUSD", **changed: Any) -> Fill:
    """Return a purchase of 0.250 BTC at 60,000.50: 15,000.125."""
    terms: dict[str, Any] = {
        "symbol": symbol,
        "outcome": Outcome.NONE,
        "price_ticks": 6_000_050,
        "quantity_lots": 250,
        "lot_size": Decimal("0.001"),
    }
    return a_fill(trade, **(terms | changed))


def in_coins(trade: int, side: Side, price_ticks: int) -> Fill:
    """Return a trade of 4 ETH paid in BTC, 0.05 at 5,000 ticks, of which nobody has said a rate."""
    ether = {"price_ticks": price_ticks, "quantity_lots": 4_000, "tick_size": Decimal("0.00001"), "fx_rate": None}
    return spot(trade, "ETHBTC", side=side, currency="BTC", **ether)


EARNED = (DEPOSIT, COINS, in_coins(1, Side.BUY, 5_000), in_coins(2, Side.SELL, 5_500))
"""0.02 BTC."""


def listed(symbol: str = "BTCUSD", base: str = "BTC", currency: str = "USD", **changed: Any) -> Market:
    return a_market(
        symbol=symbol, kind=InstrumentKind.SPOT, base=base, currency=currency, expiry_ns=0, strike=None, **changed
    )


def priced(bid: float, ask: float, symbol: str = "BTCUSD") -> SourcePrice:
    return SourcePrice(algo_id="1", venue="degen", symbol=symbol, bid=bid, ask=ask, age_ns=0)


def marked(*prices: SourcePrice) -> Marks:
    marks = Marks()
    marks.on_market(listed())
    for price in prices:
        marks.put(price)
    return marks


def profit(ledger: Ledger, marks: Marks) -> list[Decimal | None]:
    return list(earnings(ledger, "1", marks)[:4])


def test_a_coin_is_worth_the_middle_of_its_source_price() -> None:
    found = earnings(fold_of(DEPOSIT, COINS, spot()), "1", marked(priced(61_000.0, 61_001.0)))
    assert found.unrealized == found.daily == 250
    assert found.unknown == ()


def test_a_coin_that_nobody_prices_is_unknown_and_not_nothing() -> None:
    ledger = fold_of(DEPOSIT, COINS, spot(fee=Decimal("1.5")))
    found = earnings(ledger, "1", marked())
    assert (found.realized, found.unrealized, found.daily) == (Decimal("-1.5"), None, None)
    assert found.unknown == (Unknown("price", "BTCUSD"),)
    sold = fold_of(DEPOSIT, COINS, spot(), spot(2, side=Side.SELL))
    assert profit(sold, marked()) == [ZERO] * 4, "what is not held needs no price"


def test_what_is_earned_in_another_currency_counts_at_its_price() -> None:
    ledger = fold_of(*EARNED)
    assert profit(ledger, marked(priced(59_999.0, 60_001.0))) == [Decimal(1_200), ZERO] * 2
    assert profit(ledger, marked(priced(29_999.0, 30_001.0))) == [Decimal(600), ZERO] * 2


def test_what_is_earned_in_another_currency_is_unknown_without_a_price() -> None:
    found = earnings(fold_of(*EARNED), "1", marked())
    assert (found.realized, found.daily, found.unknown) == (None, None, (Unknown("rate", "BTC"),))


def test_the_price_of_another_pair_is_no_rate() -> None:
    marks = marked(priced(59_999.0, 60_001.0, "BTCEUR"))
    marks.on_market(listed("BTCEUR", currency="EUR"))
    assert marks.rate("BTC", "USD") is None
    assert marks.rate("BTC", "EUR") == 60_000


def test_a_price_of_today_counts_more_than_the_rate_of_the_last_fill() -> None:
    stamped = [spot(n, "ETHBTC", side=side, currency="BTC", price_ticks=ticks, quantity_lots=4_000, lot_size=Decimal(1),
                    tick_size=Decimal("0.00001"), fx_rate=Decimal(50_000))
               for n, side, ticks in ((1, Side.BUY, 5_000), (2, Side.SELL, 5_001))]  # fmt: skip
    ledger = fold_of(DEPOSIT, COINS, *stamped)
    assert profit(ledger, marked())[0] == Decimal("0.04") * 50_000
    assert profit(ledger, marked(priced(59_999.0, 60_001.0)))[0] == Decimal("0.04") * 60_000


def holding() -> Harness:
    harness = Harness(a_config())
    for entry in (DEPOSIT, COINS, spot()):
        harness.book(entry)
    return harness


def test_reports_leave_out_what_a_coin_without_a_price_makes_unknown_and_say_why() -> None:
    harness = holding()
    told = {each.scope: each.figures for each in of(Statistics, harness.wait(2))}
    assert not {"pnl_unrealized", "daily_pnl"} & (told["bot-1"].keys() | told["platform"].keys())
    assert told["bot-1"]["pnl_realized"] == 0
    (row,) = [each for each in harness.risk.state(harness.now_ns)["bots"] if each["algo_id"] == "1"]
    assert (row["pnl_unrealized"], row["daily_pnl"]) == ("unknown: no price of BTCUSD",) * 2
    assert harness.risk_state().daily_pnl == {}
    harness.tell(priced(61_000.0, 61_001.0))
    assert harness.risk_state().daily_pnl == {"1": Decimal(250)}


def test_what_is_held_of_a_coin_is_shown_to_its_last_decimal() -> None:
    harness = Harness(a_config())
    for entry in (DEPOSIT, a_posting("opening:BTC", PostingKind.DEPOSIT, currency="BTC", cash=Decimal("0.83330001"))):
        harness.book(entry)
    assert harness.risk.state(harness.now_ns)["accounts"] == {"mm1": {"BTC": "0.83330001", "USD": "100000.000000"}}


def test_a_price_is_waited_for_after_a_start_and_then_the_bot_halts() -> None:
    harness = holding()
    assert of(Halt, harness.wait(WAIT_S - 2)) == [], "a pricer needs a moment"
    (halt,) = of(Halt, harness.wait(5))
    assert (halt.scope, halt.reason) == ("bot-1", "no_price")
    assert halt.detail == "the day's loss cannot be judged: no price of BTCUSD for 60 s"


def test_a_price_in_time_halts_nothing() -> None:
    harness = holding()
    harness.wait(WAIT_S - 2)
    harness.tell(priced(61_000.0, 61_001.0))
    assert of(Halt, harness.wait(WAIT_S + 5)) == []


def test_a_rate_comes_with_the_market_and_its_price() -> None:
    harness = Harness(a_config())
    harness.tell(listed())
    harness.tell(priced(59_999.0, 60_001.0))
    for entry in EARNED:
        harness.book(entry)
    assert of(Halt, harness.wait(2)) == []
    assert harness.risk_state().daily_pnl == {"1": Decimal(1_200)}


@pytest.mark.parametrize("status", [MarketStatus.LISTED, MarketStatus.CLOSED])
def test_a_symbol_that_does_not_trade_now_keeps_its_last_price(status: MarketStatus) -> None:
    marks = marked(priced(59_999.0, 60_001.0))
    marks.on_market(listed(status=status))
    assert marks.rate("BTC", "USD") == 60_000
