"""Statistics of spot bots and currencies: each field by numbers worked by hand, and against exact arithmetic."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from common.events import (
    Alert,
    Fill,
    InstrumentKey,
    InstrumentMove,
    Lease,
    OpenOrder,
    OrderUpdate,
    OrderUpdates,
    Posting,
    PostingKind,
    RiskStatistics,
    TradingStatistics,
)
from common.instruments import Side
from common.orders import OrderState
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.ledger.books import Ledger
from risk.ledger.sides import Sides
from risk.spot.rates import Rates
from risk.spot.statistics import Open, earned_by, open_of_bot, trading_statistics
from risk.testing.events import NOW_NS, S, a_posting, a_snapshot
from risk.testing.harness import Harness, fold_of, kinds, of
from risk.testing.spot import (
    BTCJPY_MARKET,
    BTCUSD_MARKET,
    DLTXMM,
    KRAKEN,
    LOT,
    SPOT_PLATFORM,
    USDJPY_MARKET,
    a_cutoff,
    a_document,
    a_hedge,
    a_quote,
    a_spot_bot,
    a_top,
)

D = Decimal
MARK, HEDGED_AT, JPY_A_DOLLAR = 9_060_000, 60_100, 151


def rates_of(usd: float = HEDGED_AT, jpy: float = JPY_A_DOLLAR) -> Rates:
    """Return rates at which BTCUSD and USDJPY stand at KRAKEN, and BTCJPY at MARK at DLTXMM."""
    rates = Rates()
    for market, mid in ((BTCUSD_MARKET, usd), (USDJPY_MARKET, jpy), (BTCJPY_MARKET, MARK)):
        rates.on_market(market)
        rates.on_top(a_top(market.venue, market.symbol, mid), NOW_NS)
    return rates


def statistics_of(ledger: Ledger, rates: Rates | None = None, currency: str = "USD") -> TradingStatistics:
    return trading_statistics(
        "3",
        ledger.sides.get("3") or Sides("3", NOW_NS),
        BTCJPY_MARKET,
        Open(D(0), D(0)),
        rates or rates_of(),
        currency,
        ledger.sequence,
        1,
        NOW_NS,
    )


FILLS = (
    a_quote(1, 2_000, 9_000_000, fee=D(900)),
    a_hedge(2, -1_000, 60_000, "150", fee=D(6), fee_currency="USD"),
)
"""Quotes buy 2 BTC at 9,000,000 JPY for a fee of 900; hedges sell 1 at 60,000 USD of 150 JPY, for 6 USD."""

GOLDEN = {
    "start_ns": NOW_NS,
    "quoter_bot_qty": D(2),
    "quoter_sld_qty": D(0),
    "quoter_net_qty": D(2),
    "hedger_bot_qty": D(0),
    "hedger_sld_qty": D(1),
    "hedger_net_qty": D(-1),
    "current_position_size": D(1),
    # 2 x 9,000,000 paid, 60,000 x 150 got.
    "position_cost": D(9_000_000),
    "position_market_price": D(MARK),
    # 2 x 60,000 on what quotes hold; hedges are short at 9,000,000 and would pay 60,100 x 151 = 9,075,100.
    "pnl": D(44_900),
    # 900 and 6 x 150.
    "fees": D(1_800),
    "net_pnl": D(43_100),
    # 43,100 / 151 by the inverse of USD/JPY.
    "account_pnl": D("285.430463576169"),
    "term_currency": "JPY",
    "account_currency": "USD",
    "unrated": [],
    "ledger_sequence": 2,
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_field_of_the_statistics_by_hand(name: str) -> None:
    found = getattr(statistics_of(fold_of(*FILLS)), name)
    wanted = GOLDEN[name]
    if name == "account_pnl":
        assert abs(found - wanted) < D("1e-9")
    else:
        assert found == wanted


def test_figures_are_spelled_in_full() -> None:
    told = statistics_of(fold_of(a_quote(1, 2_000_000, 9_000_000)))
    assert (str(told.quoter_bot_qty), str(told.position_cost)) == ("2000", "18000000000")


def test_what_is_closed_is_realised_at_average_cost() -> None:
    """2 at 9,000,000 and 1 at 9,300,000 cost 9,100,000 each; 1 sold at 9,400,000 makes 300,000, 2 cost 18,200,000."""
    ledger = fold_of(a_quote(1, 2_000, 9_000_000), a_quote(2, 1_000, 9_300_000), a_quote(3, -1_000, 9_400_000))
    (side,) = ledger.sides["3"].by_key.values()
    assert (side.realized, side.cost) == (D(300_000), D(18_200_000))
    told = statistics_of(ledger)
    assert (told.position_cost, told.pnl) == (D(18_200_000), D(300_000) + 2 * MARK - D(18_200_000))


def test_hedges_count_at_the_rate_of_each_fill_and_what_is_held_at_that_of_now() -> None:
    """Sold 1 at 60,000 x 150, bought 1 at 59,000 x 152: 9,000,000 - 8,968,000 = 32,000 whatever the rate is now."""
    ledger = fold_of(a_hedge(1, -1_000, 60_000, "150"), a_hedge(2, 1_000, 59_000, "152"))
    assert statistics_of(ledger).pnl == statistics_of(ledger, rates_of(jpy=99)).pnl == D(32_000)


@pytest.mark.parametrize(
    ("fee", "wanted"),
    [
        ({"fee": D("0.001"), "fee_currency": "BTC"}, D(9_000)),
        ({"fee": D(5), "fee_currency": "USD", "fee_rate": D(1), "fx_rate": D("0.008")}, D(625)),
        ({"fee": D(-90), "fee_currency": "JPY"}, D(-90)),
    ],
)
def test_a_fee_in_any_currency_counts_in_the_term_currency(fee: dict[str, Any], wanted: Decimal) -> None:
    """Coins of the base at the fill's price, others by the fill's two rates to the account, a rebate below 0."""
    rate = fee.pop("fx_rate", D(1))
    fill = a_quote(1, 1_000, 9_000_000, fx_rate=rate, **fee)
    assert statistics_of(fold_of(fill)).fees == wanted


def test_a_fee_without_a_rate_of_its_fill_counts_at_the_rate_of_now() -> None:
    ledger = fold_of(a_quote(1, 1_000, fee=D(5), fee_currency="USD", fee_rate=None))
    assert statistics_of(ledger).fees == 5 * JPY_A_DOLLAR


def test_what_no_rate_is_known_for_is_unknown_and_never_1() -> None:
    fee = fold_of(a_quote(1, 1_000, 9_000_000, fee=D(5), fee_currency="XYZ", fee_rate=None))
    told = statistics_of(fee)
    assert (told.fees, told.net_pnl, told.account_pnl, told.unrated) == (D(0), None, None, ["XYZ"])
    assert told.pnl == 60_000, "before fees it is known"
    hedge = fold_of(a_hedge(1, -1_000, 60_000, None, currency="XYZ", symbol="BTCXYZ"))
    told = statistics_of(hedge)
    assert (told.pnl, told.net_pnl) == (None, None)
    assert "XYZ" in told.unrated
    nobody = statistics_of(fold_of(*FILLS), currency="EUR")
    assert (nobody.account_pnl, nobody.net_pnl, nobody.unrated) == (None, D(43_100), [])


def test_a_hedge_without_a_rate_of_its_fill_counts_at_the_rate_of_now() -> None:
    """Sold 1 BTC for 60,000 USD of unknown worth then: 60,000 - 60,100 USD at 151 JPY now."""
    told = statistics_of(fold_of(a_hedge(1, -1_000, 60_000, None)))
    assert (told.pnl, told.hedger_net_qty, told.unrated) == (D(-100 * JPY_A_DOLLAR), D(-1), [])


def test_without_a_price_of_what_is_held_the_profit_is_unknown() -> None:
    rates = Rates()
    rates.on_market(BTCJPY_MARKET)
    told = statistics_of(fold_of(a_quote(1, 1_000)), rates)
    assert (told.position_market_price, told.pnl, told.net_pnl, told.unrated) == (None, None, None, ["BTC"])


def test_hedges_that_are_paid_in_the_base_currency_count_by_their_money() -> None:
    """A position of 8,000 USD in USDJPY, hedged by buying 0.1 BTC for 6,000 USD: sold 6,000 USD."""
    ledger = fold_of(a_quote(1, 8_000_000, 150, symbol="USDJPY", base="USD"), a_hedge(2, 100, 60_000, "150"))
    told = trading_statistics("3", ledger.sides["3"], USDJPY_MARKET, Open(D(0), D(0)), rates_of(), "USD", 2, 1, NOW_NS)
    assert (told.hedger_bot_qty, told.hedger_sld_qty, told.hedger_net_qty) == (D(0), D(6_000), D(-6_000))
    assert told.current_position_size == 2_000


def test_a_fill_that_a_venue_takes_back_counts_where_it_counted_before() -> None:
    """1 BTC sold for 60,000 USD as a hedge never happened; a quote's trade that did not either is the quotes'."""

    def reversal(entry_id: str, fill: Fill, parent_id: str) -> Posting:
        key = InstrumentKey(fill.venue, fill.symbol)
        lots = -fill.side.sign * fill.quantity_lots
        cash = {fill.currency: fill.side.sign * fill.price * fill.quantity_lots * LOT}
        told: dict[str, Any] = {"account": fill.account, "venue": fill.venue, "algo_id": "3", "cash": cash}
        moves = [InstrumentMove(key, lots, parent_id=parent_id)]
        return msgspec.structs.replace(a_posting(entry_id, PostingKind.REVERSAL), moves=moves, **told)

    quote, hedge = a_quote(1, 1_000, 9_000_000), a_hedge(2, -1_000, 60_000)
    ledger = fold_of(quote, hedge, reversal("h", hedge, hedge.parent_id))
    sides = ledger.sides["3"]
    assert (sides.quoter_net("BTC"), sides.hedger_net("BTC"), sides.position("BTC")) == (D(1), D(0), D(1))
    told = statistics_of(ledger, currency="JPY")
    dollars = 60_000 * (JPY_A_DOLLAR - 150)
    assert (told.pnl, told.position_cost) == (D(MARK - 9_000_000 - dollars), D(9_000_000)), "back at the rate of now"
    ledger = fold_of(quote, hedge, reversal("q", quote, ""))
    assert ledger.sides["3"].position("BTC") == D(-1)


def test_corrections_count_for_the_quotes() -> None:
    ledger = fold_of(
        a_quote(1, 1_000, 9_000_000),
        a_posting("fix", PostingKind.ADJUSTMENT, algo_id="3", cash=D(-500), currency="JPY"),
        a_posting("fee", PostingKind.FEE, algo_id="3", cash=D(-70), currency="JPY"),
        a_posting("in", PostingKind.DEPOSIT, algo_id="3", cash=D(10**6), currency="JPY"),
    )
    told = statistics_of(ledger)
    assert (told.pnl, told.fees) == (D(60_000 - 500), D(70))


def test_a_cutoff_opens_the_position_at_its_mark_and_nothing_is_earned_yet() -> None:
    """1 BTC is left of 2 - 1: it is opened as the quotes' own at 9,060,000."""
    told = statistics_of(fold_of(*FILLS, a_cutoff(price=str(MARK), start_ns=NOW_NS + S)))
    assert (told.quoter_bot_qty, told.hedger_sld_qty, told.current_position_size) == (D(1), D(0), D(1))
    assert (told.position_cost, told.pnl, told.fees, told.net_pnl) == (D(MARK), D(0), D(0), D(0))
    assert told.start_ns == NOW_NS + S


# --- open orders ----------------------------------------------------------------------------------------------------


def an_order(order_id: int, side: Side, lots: int, **changed: Any) -> OrderUpdate:
    known: dict[str, Any] = {
        "account": "mm1",
        "algo_id": "3",
        "venue": DLTXMM,
        "symbol": "BTCJPY",
        "order_id": order_id,
        "order_sequence": 1,
        "side": side,
        "price_ticks": 9_000_000,
        "quantity_lots": lots,
        "leaves_lots": lots,
        "state": OrderState.LIVE,
        "ts_received_ns": NOW_NS,
    }
    return OrderUpdate(**(known | changed))


ORDERS = [
    an_order(1, Side.BUY, 500, leaves_lots=300),
    an_order(2, Side.SELL, 200),
    an_order(3, Side.SELL, 100, parent_id="bot-3:mm1:1:1"),
    an_order(4, Side.SELL, 50, algo_id="4"),
    an_order(5, Side.BUY, 1_000, symbol="BTCUSD", venue=KRAKEN, price_ticks=60_000, parent_id="bot-3:mm2:1:1"),
]


def test_open_quantities_of_a_bot_are_its_quotes_without_hedges() -> None:
    assert open_of_bot("3", BTCJPY_MARKET, ORDERS) == Open(D("0.3"), D("0.2"))


def spot_harness() -> Harness:
    harness = Harness(a_spot_bot(), BTCJPY_MARKET, BTCUSD_MARKET, USDJPY_MARKET, platform=SPOT_PLATFORM)
    for market, mid in ((BTCUSD_MARKET, HEDGED_AT), (USDJPY_MARKET, JPY_A_DOLLAR), (BTCJPY_MARKET, MARK)):
        harness.tell(a_top(market.venue, market.symbol, mid))
    harness.tell(a_document("risk", "MM", {"account_currency": "USD"}))
    return harness


def test_what_risk_says_of_a_bot_and_of_currencies_and_only_when_it_changes() -> None:
    harness = spot_harness()
    harness.tell(a_document("risk_currency", "7", {"currency": "BTC"}))
    harness.tell(a_document("risk_currency", "8", {"currency": "JPY", "exchange_algo_id": "DLTXMM"}))
    harness.tell(a_document("risk_currency", "9", {"currency": "USD", "exchange_algo_id": "3"}))
    for fill in FILLS:
        harness.book(fill)
    harness.tell(OrderUpdates(account="mm1", algo_id="3", update_sequence=1, orders=ORDERS))
    harness.risk.spot.on_account(a_snapshot(1, "0", venue=DLTXMM, open_orders=[shown(each) for each in ORDERS[:4]]))
    said = harness.wait(1)
    (told,) = of(TradingStatistics, said)
    assert (told.open_buy_qty, told.open_sell_qty, told.net_pnl) == (D("0.3"), D("0.2"), D(43_100))
    currencies = {each.currency_id: each for each in of(RiskStatistics, said)}
    assert (currencies["7"].current_position_size, currencies["7"].exchange) == (D(1), "")
    # To buy 0.3 and 1, to sell 0.2, 0.1 and 0.05: hedges and other bots too.
    assert (currencies["7"].open_buy_qty, currencies["7"].open_sell_qty) == (D("1.3"), D("0.35"))
    # 2 BTC and the fee were paid; who buys 0.3 BTC sells 2,700,000 JPY, who sells 0.35 buys 3,150,000.
    assert (currencies["8"].current_position_size, currencies["8"].exchange) == (D(-18_000_900), "DLTXMM")
    assert (currencies["8"].open_buy_qty, currencies["8"].open_sell_qty) == (D(3_150_000), D(2_700_000))
    assert (currencies["9"].current_position_size, currencies["9"].algo_id) == (D(59_994), "3")
    assert (currencies["9"].open_buy_qty, currencies["9"].open_sell_qty) == (D(0), D(60_000))
    again = harness.wait(2)
    assert [*of(TradingStatistics, again), *of(RiskStatistics, again)] == []


def shown(order: OrderUpdate) -> OpenOrder:
    """Return an order as the venue shows it."""
    return OpenOrder(order.order_id, "", order.symbol, order.outcome, order.side, order.price_ticks, order.leaves_lots)


def test_open_quantities_are_unknown_after_a_start_until_all_orders_are_told() -> None:
    """The store has the last message of each bot; what else is open its quoter tells again, and the venue shows."""
    harness = spot_harness()
    harness.tell(a_document("risk_currency", "7", {"currency": "BTC"}))
    harness.tell(Lease(role="quoter", key="mm1", holder="quoter-1", beat=1, ttl_ms=3_600_000))
    harness.book(a_quote(1, 1_000))

    def opened() -> list[tuple[Decimal | None, Decimal | None]]:
        harness.book(a_quote(harness.sequence + 1, 1))
        said = harness.wait(1)
        return [(each.open_buy_qty, each.open_sell_qty) for each in of(TradingStatistics, said)] + [
            (each.open_buy_qty, each.open_sell_qty) for each in of(RiskStatistics, said)
        ]

    unknown = [(None, None), (None, None)]
    harness.tell(OrderUpdates(account="mm1", algo_id="3", update_sequence=9, orders=ORDERS[1:2]))
    assert opened() == unknown
    snapshot = a_snapshot(1, "0", venue=DLTXMM, open_orders=[shown(each) for each in ORDERS[:2]])
    harness.tell(snapshot, age_ns=S)
    assert opened() == unknown, "the venue showed it before we listened"
    harness.tell(snapshot)
    assert opened() == unknown, "one that it shows has not been told"
    harness.tell(OrderUpdates(account="mm1", algo_id="3", update_sequence=10, orders=ORDERS[:2]))
    harness.tell(snapshot)
    assert opened() == [(D("0.3"), D("0.2"))] * 2


def test_an_order_that_ended_or_is_gone_from_the_venue_is_open_no_more() -> None:
    harness = spot_harness()
    orders = harness.risk.spot.orders
    harness.tell(OrderUpdates(account="mm1", algo_id="3", update_sequence=1, orders=ORDERS))
    assert len(orders) == 5
    ended = an_order(1, Side.BUY, 500, leaves_lots=0, order_sequence=3, state=OrderState.FILLED)
    harness.tell(OrderUpdates(account="mm1", algo_id="3", update_sequence=2, orders=[ended]))
    late = an_order(1, Side.BUY, 500, leaves_lots=100, order_sequence=2)
    harness.tell(OrderUpdates(account="mm1", algo_id="3", update_sequence=3, orders=[late]))
    assert len(orders) == 4
    harness.tell(a_snapshot(1, "0", venue=DLTXMM, ts_received_ns=NOW_NS + 6 * S))
    assert [order.order_id for order in orders] == [5], "the snapshot is of another venue"


def test_c2_s2_2_8_executions_are_told_as_programs_look_for_them_and_off_the_path_of_a_fill() -> None:
    harness = spot_harness()
    assert ("info", "execution") not in kinds(harness.book(a_quote(1, -1_500, 9_000_000)))
    harness.book(a_hedge(2, 1_500, 60_000, algo_id="risk-currency-7"))
    texts = [alert.text for alert in of(Alert, harness.wait(0.25)) if alert.kind == "execution"]
    assert texts == ["Execution: BTCJPY SELL 1.5 @ 9000000", "Execution: BTCUSD BUY 1.5 @ 60000"]
    for trade in range(60):
        harness.book(a_quote(10 + trade, 1))
    told = [alert.text for alert in of(Alert, harness.wait(0.25)) if alert.kind == "execution"]
    assert (len(told), told[-1]) == (51, "10 executions before these are not told one by one")


@pytest.mark.parametrize(
    ("fill", "kind"),
    [
        (a_quote(1, 1_000, fee=D(5), fee_currency="XYZ", fee_rate=None), "unrated"),
        (a_hedge(1, -1_000, 60_000, None, currency="XYZ", symbol="BTCXYZ"), "unrated"),
    ],
)
def test_what_nobody_rates_is_alerted(fill: Fill, kind: str) -> None:
    harness = spot_harness()
    harness.book(fill)
    assert ("warning", kind) in kinds(harness.wait(1))


def test_an_account_currency_that_nobody_rates_is_alerted() -> None:
    harness = spot_harness()
    harness.tell(a_document("risk", "MM", {"account_currency": "EUR"}, revision=2))
    harness.book(FILLS[0])
    assert ("warning", "no_account_rate") in kinds(harness.wait(1))


def test_people_see_figures_bounds_and_when_the_day_began() -> None:
    harness = spot_harness()
    for fill in FILLS:
        harness.book(fill)
    harness.wait(1)
    shown = msgspec.json.decode(msgspec.json.encode(harness.risk.state(harness.now_ns)["spot"]))
    assert shown["last_reset_time"] == (NOW_NS - 12 * 3600 * S) // 1_000_000
    (bot,) = shown["bots"]
    assert (bot["statistics"]["net_pnl"], bot["bounds"]["most"]) == ("43100", "4")


def test_little_funds_are_alerted_once() -> None:
    harness = spot_harness()
    harness.tell(a_snapshot(1, "999.9", venue=DLTXMM))
    said = [alert for alert in of(Alert, harness.wait(2)) if alert.kind == "low_funds"]
    assert [alert.text for alert in said] == ["mm1 at dltxmm_spot has 999.9 USD available, less than 1000"]


# --- against exact arithmetic ---------------------------------------------------------------------------------------

TRADES = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(-500, 500).filter(bool),
        st.integers(1, 2 * 10**5),
        st.sampled_from(["150", "149.99", "0.5", None]),
        st.sampled_from(["0", "12", "-3"]),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(TRADES)
def test_profit_is_what_everything_would_bring_less_what_it_has_cost(
    trades: list[tuple[bool, int, int, str | None, str]],
) -> None:
    ledger, usd, jpy = Ledger(), Fraction(HEDGED_AT), Fraction(JPY_A_DOLLAR)
    entries: list[Fill | Posting] = []
    exact, fees = Fraction(0), Fraction(0)
    for number, (hedge, lots, price, rate, fee) in enumerate(trades, 1):
        quantity = Fraction(lots, 1_000)
        if hedge:
            entries.append(a_hedge(number, lots, price, rate, fee=D(fee), fee_currency="USD"))
            exact += quantity * usd * jpy - quantity * price * Fraction(rate or JPY_A_DOLLAR)
            fees += Fraction(fee) * Fraction(rate or JPY_A_DOLLAR)
        else:
            entries.append(a_quote(number, lots, price, fee=D(fee)))
            exact += quantity * (MARK - price)
            fees += Fraction(fee)
    ledger = fold_of(*entries)
    sides = ledger.sides.get("3") or Sides("3", NOW_NS)
    earned = earned_by(sides, "JPY", D(MARK), rates_of(), NOW_NS)
    assert earned.pnl is not None
    assert earned.net_pnl is not None
    # Every closing trade and conversion is rounded to 12 decimals.
    close = Fraction(4 * len(trades) + 4, 10**12)
    assert abs(Fraction(earned.pnl) - exact) <= close
    assert abs(Fraction(earned.fees) - fees) <= close
    assert earned.net_pnl == earned.pnl - earned.fees
