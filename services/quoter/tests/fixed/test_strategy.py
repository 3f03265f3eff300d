"""A fixed spread from its configuration to what rests, on a share and on a coin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from common.bots import FixedBot
from common.core import Effect, Send
from common.errors import ConfigError
from common.events import BotConfig, BotLimits, Halt, Market, MarketStatus, OwnDepth, Position, QuoteTarget, SourcePrice
from common.instruments import InstrumentKind, Outcome, Side
from common.testing.limits import binary_limits, changed, spot_limits
from msgspec.structs import replace
from quoter.testing.ending import show
from quoter.testing.script import MARKET, MS, START_NS, S, Script, market, position_line
from quoter.venues.base import CashBalance, Placement

COIN = "BTCUSD"
LIMITS = BotLimits(binary_limits().common, [*binary_limits().kinds, *spot_limits().kinds])


def fixed(revision: int = 1, *, running: bool = True, **sections: Any) -> BotConfig:
    document: dict[str, Any] = {"instrument": {"series": ["BTC-5M"], "symbols": [COIN]}, "risk_limits": {}} | sections
    return BotConfig(
        algo_id="1", kind="fixed", revision=revision, running=running, sections=document, actor="x", ts_ns=0
    )


def coin(status: MarketStatus = MarketStatus.OPEN, currency: str = "USD") -> Market:
    return Market(
        venue="degen",
        symbol=COIN,
        kind=InstrumentKind.SPOT,
        status=status,
        base="BTC",
        currency=currency,
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        min_notional=Decimal(1),
        ts_received_ns=0,
    )


def go_on(script: Script, symbol: str, bid: float, ask: float, ms: int = 600, **risk: Any) -> None:
    """Let time pass with a market's best prices at these, past the wait after the first stale look."""
    for _ in range(ms // 50):
        script.now_ns += 50 * MS
        script.feed_inputs(**{"limits": LIMITS} | risk)
        price = SourcePrice(algo_id="1", venue="degen", symbol=symbol, bid=bid, ask=ask, age_ns=0)
        script.carry(script.core.on_source(price, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))


def started(*configs: BotConfig) -> Script:
    script = Script()
    script.start(*(configs or (fixed(),)))
    return script


def resting(script: Script) -> list[tuple[str, str, int]]:
    return sorted((order.outcome, order.price, order.size) for order in script.venue.open_orders())


@pytest.fixture
def on_coin(monkeypatch: pytest.MonkeyPatch) -> tuple[Script, list[Placement]]:
    """A bot with a coin, whose orders are kept in place of being sent."""
    script = started()
    placed: list[Placement] = []

    def send(cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> list[Effect]:
        placed.extend(places)
        return []

    monkeypatch.setattr(script.core.session, "send", send)
    script.carry(script.core.on_market(coin(), script.receipt(2)))
    return script, placed


def hold(script: Script, lots: int) -> None:
    held = Position(
        algo_id="1",
        lines=[position_line(lots, Outcome.NONE, COIN)],
        realized=Decimal(0),
        fees=Decimal(0),
        fill_sequence=5,
        ts_ns=0,
    )
    script.carry(script.core.on_position(held, script.receipt()))


def test_the_example_of_the_source_rests_at_the_venue() -> None:
    script = started()
    go_on(script, MARKET, 0.51, 0.53)
    assert resting(script) == [("no", "0.46", 100), ("yes", "0.50", 100)]
    (row,) = script.core.state(script.now_ns)["bots"]
    assert (row["state"], row["fair"], row["position"]) == ("quoting", 0.52, {"yes": 0, "no": 0, "net": 0})
    told = script.core.explain({"market": MARKET}, script.now_ns)
    assert told is not None
    assert told["bots"][0]["now"]["parts"] == {"middle": 0.52, "half_spread": 0.02}
    json.dumps(told)
    assert list(script.core.samples())


def test_its_own_quotes_do_not_move_the_middle() -> None:
    script = started(fixed(binary={"half_spread": 0.01}))
    go_on(script, MARKET, 0.45, 0.55)
    assert resting(script) == [("no", "0.49", 100), ("yes", "0.49", 100)]
    # Ours are the best now; the others' have moved behind them.
    show(script, [(0.49, 100.0), (0.47, 50.0)], [(0.51, 100.0), (0.57, 50.0)])
    go_on(script, MARKET, 0.49, 0.51)
    assert resting(script) == [("no", "0.47", 100), ("yes", "0.51", 100)]


def test_nothing_rests_where_nobody_else_quotes_both_sides() -> None:
    script = started(fixed(binary={"half_spread": 0.01}))
    go_on(script, MARKET, 0.45, 0.55)
    show(script, [(0.49, 100.0)], [(0.51, 100.0), (0.57, 50.0)])
    go_on(script, MARKET, 0.49, 0.51)
    assert resting(script) == []
    target = script.of(QuoteTarget)[-1]
    assert (target.state, target.reason) == ("pulled", "nobody else quotes both sides")


def test_a_coin_is_bid_for_first_and_offered_as_far_as_it_is_held(on_coin: tuple[Script, list[Placement]]) -> None:
    script, placed = on_coin
    go_on(script, COIN, 59_990.0, 60_010.0)
    (bid,) = placed
    assert (bid.outcome, bid.side, bid.price_ticks, bid.quantity_lots) == (Outcome.NONE, Side.BUY, 5_997_000, 100)
    assert (bid.post_only, bid.tick_size, bid.lot_size) == (True, Decimal("0.01"), Decimal("0.0001"))
    hold(script, 40)
    go_on(script, COIN, 59_990.0, 60_010.0)
    ask = placed[-1]
    assert (ask.side, ask.price_ticks, ask.quantity_lots) == (Side.SELL, 6_003_000, 40)
    row = next(row for row in script.core.state(script.now_ns)["bots"] if row["symbol"] == COIN)
    assert row["position"] == {"net": 40}


def test_what_a_book_will_show_of_a_coins_orders_is_told_before_they_are_sent(
    on_coin: tuple[Script, list[Placement]],
) -> None:
    script, placed = on_coin
    told_first: list[bool] = []
    placed_before = script.core.session.send

    def send(cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> list[Effect]:
        placed_before(cancels, places, now_ns)
        return [Send("sent", b"")]

    script.core.session.send = send  # type: ignore[method-assign]
    carry_one = script._carry_one

    def carried(effect: Effect) -> None:
        if isinstance(effect, Send):
            told_first.append(bool(script.of(OwnDepth)))
        else:
            carry_one(effect)

    script._carry_one = carried  # type: ignore[method-assign]
    script.told.clear()
    go_on(script, COIN, 59_990.0, 60_010.0)
    assert told_first == [True]
    (level,) = script.of(OwnDepth)[-1].bids
    assert (level.price_ticks, level.quantity_lots) == (placed[0].price_ticks, placed[0].quantity_lots)


def test_a_small_move_of_a_coin_keeps_its_place(on_coin: tuple[Script, list[Placement]]) -> None:
    script, placed = on_coin
    go_on(script, COIN, 59_990.0, 60_010.0)
    # Half a basis point is 3 dollars.
    go_on(script, COIN, 59_992.0, 60_012.0)
    assert [place.price_ticks for place in placed] == [5_997_000]
    go_on(script, COIN, 59_995.0, 60_015.0)
    assert [place.price_ticks for place in placed] == [5_997_000, 5_997_499]


def test_a_price_that_gets_old_pulls_and_one_that_comes_back_quotes_again() -> None:
    script = started(fixed(instrument={"series": ["BTC-5M"]}))
    go_on(script, MARKET, 0.51, 0.53)
    assert len(resting(script)) == 2
    for _ in range(30):
        script.now_ns += 50 * MS
        script.feed_inputs(limits=LIMITS)
        script.carry(script.core.on_timer(script.receipt()))
    assert resting(script) == []
    go_on(script, MARKET, 0.51, 0.53)
    assert len(resting(script)) == 2


def test_an_unusable_price_pulls() -> None:
    script = started()
    go_on(script, MARKET, 0.51, 0.53)
    go_on(script, MARKET, 0.53, 0.51, 100)
    assert resting(script) == []
    go_on(script, MARKET, 0.51, 0.53)
    assert len(resting(script)) == 2
    last = SourcePrice(
        algo_id="1", venue="degen", symbol=MARKET, bid=0.51, ask=0.53, age_ns=0, unusable="no book to price from"
    )
    script.carry(script.core.on_source(last, script.receipt()))
    assert resting(script) == []


def test_nothing_rests_near_expiry() -> None:
    script = started()
    go_on(script, MARKET, 0.51, 0.53)
    script.now_ns = START_NS + 286 * S
    go_on(script, MARKET, 0.51, 0.53)
    assert resting(script) == []
    assert script.of(QuoteTarget)[-1].reason == "close to expiry"


def test_a_new_configuration_a_halt_and_a_stop_show_in_what_rests() -> None:
    script = started()
    go_on(script, MARKET, 0.51, 0.53)
    script.carry(script.core.on_config(fixed(2, binary={"half_spread": 0.05, "size": 50}), script.receipt(3)))
    go_on(script, MARKET, 0.51, 0.53, revision=2)
    assert resting(script) == [("no", "0.43", 50), ("yes", "0.47", 50)]
    halt = Halt(scope="bot-1", reason="manual", actor="x", detail="", halt_id="h", cancels=True, ts_ns=script.now_ns)
    script.carry(script.core.on_halt(halt, script.receipt(9)))
    assert resting(script) == []
    other = started()
    go_on(other, MARKET, 0.51, 0.53)
    other.carry(other.core.on_config(fixed(2, running=False), other.receipt(3)))
    go_on(other, MARKET, 0.51, 0.53, revision=2)
    assert resting(other) == []


def test_a_bot_that_becomes_fixed_leaves_what_it_quoted_as_another_kind() -> None:
    script = Script()
    script.quoting(0.50)
    assert len(resting(script)) > 2
    script.carry(script.core.on_config(fixed(2), script.receipt(3)))
    # Where its orders as a binary bot have just stood nobody else is believed to, without a book that says so.
    go_on(script, MARKET, 0.51, 0.53, 3_000, revision=2)
    assert resting(script) == [("no", "0.46", 100), ("yes", "0.50", 100)]


def test_markets_beyond_the_most_are_passed_over_what_never_expires_comes_first() -> None:
    script = started(fixed(risk_limits={"max_markets": 1}))
    script.carry(script.core.on_market(coin(), script.receipt(2)))
    script.carry(script.core.on_market(market(symbol="BTC-5M-1795223400"), script.receipt(3)))
    choice = script.core.bots["1"].strategy.choose({}, script.now_ns)
    assert choice.symbols == [COIN]
    assert set(choice.passed_over.values()) == {"max_markets is 1"}


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        ({"instrument": {}}, "series or symbols: name one at least"),
        ({"instrument": {"symbols": [COIN]}, "binary": {"half_spread": 0}}, "binary.half_spread"),
        ({"instrument": {"symbols": [COIN]}, "spot": {"size": "0"}}, "spot.size"),
        ({"instrument": {"symbols": [COIN]}, "spot": {"levels": 3}}, "spot.levels"),
    ],
)
def test_what_cannot_be_quoted_is_refused_by_name(sections: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        FixedBot.parse(sections)


def test_a_coin_is_bought_from_the_free_cash_of_its_own_currency(on_coin: tuple[Script, list[Placement]]) -> None:
    script, placed = on_coin
    euros = changed(LIMITS, currencies={"EUR": LIMITS.common.notional})
    script.carry(script.core.on_market(replace(coin(currency="EUR"), ts_event_ns=1), script.receipt(3)))
    go_on(script, COIN, 59_990.0, 60_010.0, limits=euros)
    assert placed == [], "a hundred thousand dollars buy nothing in euros"
    told = script.core.explain({"market": COIN}, script.now_ns)
    assert told is not None
    refused = [order for each in told["bots"][0]["passes"] for order in each["refused"]]
    assert {(order["side"], order["check"], order["detail"]) for order in refused} == {
        ("buy", "collateral", "the account's balance of EUR is not known")
    }
    assert told["bots"][0]["now"]["inputs"]["free_cash"] is None
    trader = script.core.trader
    trader.collateral.on_money(CashBalance("EUR", Decimal(700), 10_000))
    go_on(script, COIN, 59_990.0, 60_010.0, limits=euros)
    assert {(place.side, place.quantity_lots) for place in placed} == {(Side.BUY, 100)}
    assert trader.collateral.locked("EUR") == pytest.approx(599.0, abs=1.0)
    assert trader.collateral.locked("USD") == 0.0
    cash = script.core.state(script.now_ns)["cash"]
    assert cash["total"] == "100000.000000"
    assert cash["others"]["EUR"]["total"] == "700"
    labels = {sample.labels["currency"] for sample in script.core.samples() if sample.name == "mm_free_cash"}
    assert labels == {"EUR", "USD"}
