"""What flow says of a market reaches its quotes, its snapshot and its figures; and only makers' fills speak."""

from __future__ import annotations

from typing import Any

import pytest
from common.core import Ordered, Sample, Start
from common.events import Alert, Fill, Halt, Liquidity, QuoteTarget, Trade
from msgspec.structs import replace
from quoter.testing.binary import market_of, terms_of
from quoter.testing.script import MARKET, MS, Script, config, fair_value, market

LATER = "BTC-5M-1795223400"


def started(**sections: Any) -> Script:
    script = Script()
    script.start(config(**sections))
    script.wait(500, fair=0.50)
    script.told.clear()
    return script


def public(script: Script, size: float, *, sold: bool = False, symbol: str = MARKET, epoch: int = 0) -> None:
    trade = Trade(
        epoch=epoch,
        venue="degen",
        symbol=symbol,
        trade_id="1",
        price=0.5,
        size=size,
        buyer_is_maker=sold,
        ts_received_ns=script.now_ns,
    )
    script.carry(script.core.on_trade(trade, script.receipt()))


def best(script: Script) -> tuple[str, str]:
    return max(script.venue.prices("yes")), max(script.venue.prices("no"))


def figures(script: Script, name: str) -> list[Sample]:
    return [sample for sample in script.core.samples() if sample.name == name]


def market_state(script: Script) -> dict[str, Any]:
    [found] = script.core.state(script.now_ns)["bots"]
    return dict(found)


def test_f2_public_buying_beyond_chance_moves_the_ask_away_and_lets_go_when_it_ends() -> None:
    script = started(quoting={"spread": 0.03, "price_tolerance_ticks": 0})
    before = best(script)
    for _ in range(40):
        public(script, 150)
        script.wait(100, fair=0.50)
    bid, offer = best(script)
    assert offer < before[1], "NO is bid for at a lower price: YES is offered higher"
    found = market_state(script)
    assert found["flow"]["ask_by"] in ("flow", "vpin")
    assert found["flow"]["imbalance"] > 0.8
    assert found["flow"]["vpin"] == 1.0
    assert found["parts"]["ask_toxicity"] > 0.005
    assert found["parts"]["ask_toxicity"] >= found["parts"]["bid_toxicity"]
    assert [sample.value for sample in figures(script, "mm_vpin")] == [1.0]
    toxicities = {sample.labels["side"]: sample.value for sample in figures(script, "mm_toxicity")}
    assert toxicities["ask"] > 0.005
    assert bid <= before[0]
    script.wait(120_000, fair=0.50)
    assert best(script) == before


def test_balanced_public_trading_moves_nothing() -> None:
    script = started()
    before = best(script)
    for number in range(60):
        public(script, 40, sold=number % 2 == 0)
        script.wait(500, fair=0.50)
        assert best(script) == before


def lose(script: Script, times: int, by: float) -> None:
    """Have the best YES bid taken again and again, each time before a fall that ends in a rise of its own."""
    for _ in range(times):
        script.wait(1_000, fair=0.50)
        order = max(
            (order for order in script.venue.open_orders() if order.outcome == "yes"), key=lambda order: order.price
        )
        script.venue.fill(order, 10)
        script.deliver()
        script.wait(1_000, fair=0.50 - by)


ROOMY = {
    "protection": {"max_fills": 0, "max_volume": 0, "max_net": 0},
    "bot_protection": {"max_fills": 0, "max_volume": 0, "max_net": 0},
    "inventory": {"skew_factor": 0.0, "late_skew_factor": 0.0, "reduce_only_s": 5.0, "flow_caution": 0.0},
    "quoting": {"spread": 0.03},
    "flow": {"markout_prior": 20.0},
}


def test_f2_a_side_that_loses_after_every_fill_is_quoted_further_out() -> None:
    script = started(**ROOMY)
    before = best(script)
    lose(script, 30, 0.02)
    script.wait(1_000, fair=0.50)
    bid, offer = best(script)
    assert float(bid) <= float(before[0]) - 0.01
    assert offer == before[1]
    [mark] = [each for each in script.core.state(script.now_ns)["markouts"]["1"] if each["horizon_s"] == 1.0]
    assert (mark["series"], mark["side"], mark["fills"]) == ("BTC-5M", "bid", 30)
    assert mark["adverse"] == pytest.approx(0.02)
    # Bought at 48 and later at 47 cents, worth 48 after a second.
    assert 0.0 <= mark["markout"] <= 0.02
    found = {(each.labels["side"], each.labels["horizon_s"]): each.value for each in figures(script, "mm_markout")}
    assert {horizon for _, horizon in found} == {"0.1", "1", "5", "30"}
    assert market_state(script)["flow"]["bid_by"] == "markouts"


def test_with_toxicity_turned_off_quotes_stay() -> None:
    script = started(**(ROOMY | {"flow": {"markout_prior": 20.0, "max_toxicity": 0.0}}))
    before = best(script)
    lose(script, 30, 0.02)
    script.wait(1_000, fair=0.50)
    assert best(script) == before


def test_what_we_take_ourselves_says_nothing_of_those_who_take_from_us() -> None:
    script = started(protection={"max_fills": 1})
    order = next(order for order in script.venue.open_orders() if order.outcome == "yes")
    script.venue.fill(order, 5)
    script.deliver()
    [fill] = script.of(Fill)
    pair = terms_of(market()).pair
    for number in range(20):
        taken = replace(fill, liquidity=Liquidity.TAKER, venue_trade_id=f"t{number}")
        assert list(script.core._on_fill(taken, pair.of(taken.outcome), script.now_ns)) == []
    assert market_state(script)["flow"]["own_imbalance"] > -0.2
    assert not market_of(script).signals.frozen


def test_the_quoter_listens_to_the_trades_of_its_own_venue_from_now_on() -> None:
    [found] = [each for each in Script().core.inputs() if isinstance(each, Ordered) and each.event is Trade]
    assert (found.start, found.tokens) == (Start.NEW, {"venue": "degen"})


def test_trades_of_a_feed_that_lost_its_lease_or_of_other_markets_do_not_count() -> None:
    script = started()
    public(script, 100, epoch=5)
    public(script, 900, sold=True, epoch=4)
    public(script, 900, sold=True, epoch=5, symbol="OTHER")
    assert market_state(script)["flow"]["imbalance"] == pytest.approx(100 / 200, rel=0.01)


def two_markets(**sections: Any) -> Script:
    script = Script()
    script.start(config(**sections))
    script.carry(script.core.on_market(market(symbol=LATER), script.receipt(3)))
    go_on(script, 600)
    script.told.clear()
    return script


def go_on(script: Script, ms: int) -> set[str]:
    """Let time pass with both markets priced; return those with orders."""
    for _ in range(ms // 50):
        script.now_ns += 50 * MS
        script.feed_inputs()
        for symbol in (MARKET, LATER):
            script.carry(script.core.on_fair(fair_value(0.5, symbol=symbol), script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))
    return {order.market for order in script.venue.open_orders()}


def take(script: Script, symbol: str, lots: int) -> None:
    order = next(each for each in script.venue.open_orders() if (each.market, each.outcome) == (symbol, "yes"))
    script.venue.fill(order, lots)
    script.deliver()


def test_f2_too_much_taken_from_a_bot_over_all_its_markets_freezes_all_of_them() -> None:
    script = two_markets(bot_protection={"max_volume": 60, "freeze_s": 3.0})
    take(script, MARKET, 40)
    assert {order.market for order in script.venue.open_orders()} == {MARKET, LATER}
    take(script, LATER, 40)
    assert script.venue.open_orders() == []
    [alert] = [alert for alert in script.of(Alert) if alert.kind == "protection"]
    assert alert.text == "all markets: 80 shares within 5 s, limit 60"
    assert go_on(script, 2_500) == set()
    assert {target.state for target in script.of(QuoteTarget)[-2:]} == {"frozen"}
    assert go_on(script, 1_000) == {MARKET, LATER}
    assert [sample.value for sample in figures(script, "mm_bot_protection_freezes")] == [1]


@pytest.mark.parametrize("section", ["protection", "bot_protection"])
def test_f2_protection_without_an_end_halts_the_bot_until_a_person_lifts_it(section: str) -> None:
    script = two_markets(**{section: {"max_volume": 60, "freeze_s": 0.0}})
    take(script, MARKET, 80)
    [halt] = script.of(Halt)
    assert (halt.scope, halt.reason) == ("bot-1", "protection")
    assert "80 shares within 5 s, limit 60" in halt.detail
    assert script.venue.open_orders() == []
    assert go_on(script, 60_000) == set()
    script.core.trader.halts.on_published(halt, 7)
    lifted = replace(halt, lifted=True, actor="trader")
    script.carry(script.core.on_halt(lifted, script.receipt(8)))
    assert go_on(script, 1_000) == {MARKET, LATER}


def test_a_new_plan_does_not_end_a_freeze() -> None:
    script = two_markets(protection={"max_volume": 60, "freeze_s": 60.0})
    take(script, MARKET, 80)
    settings: dict[str, Any] = {"protection": {"max_volume": 60, "freeze_s": 60.0}, "quoting": {"spread": 0.06}}
    script.carry(script.core.on_config(config(2, **settings), script.receipt(2)))
    assert go_on(script, 2_000) == {LATER}


def test_b22_a_bot_whose_surroundings_cannot_be_reckoned_stops_alone() -> None:
    script = Script()
    script.start(config(), config(algo_id="2"))
    for _ in range(12):
        script.now_ns += 50 * MS
        script.feed_inputs()
        for algo_id in ("1", "2"):
            script.fair(0.5, algo_id)
        script.carry(script.core.on_timer(script.receipt()))
    quoted = script.core.bots["1"].quoted[MARKET]
    assert quoted.price is not None
    quoted.price = replace(quoted.price, delta="no number")
    for _ in range(12):
        script.now_ns += 50 * MS
        script.feed_inputs()
        script.fair(0.5, "2")
        script.carry(script.core.on_timer(script.receipt()))
    [halt] = script.of(Halt)
    assert (halt.scope, halt.reason) == ("bot-1", "exception")
    orders = [script.core.trader.orders.get(int(order.client_order_id)) for order in script.venue.open_orders()]
    assert {order.algo_id for order in orders if order} == {"2"}
