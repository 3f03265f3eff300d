"""The quoter's core in events: what it quotes, when it pulls, and what keeps it from quoting."""

from __future__ import annotations

from typing import Any

import pytest
from common.core import Effect, Send, Wire
from common.events import Alert, Book, Fill, Halt, Level, MarketStatus, OrderUpdates, QuoteTarget
from common.events import FeedStatus as Status
from common.testing.limits import changed
from msgspec.structs import replace
from quoter.testing.script import LIMITS, MARKET, MS, S, Script, config, fair_value, market, position, run_core
from quoter.trading.trader import Trader


def resting(script: Script) -> tuple[list[str], list[str]]:
    return script.venue.prices("yes"), script.venue.prices("no")


LATER = "BTC-5M-1795223400"
TWO_SIDED = (["0.46", "0.47", "0.48"], ["0.46", "0.47", "0.48"])
NOTHING: tuple[list[str], list[str]] = ([], [])


def test_a_fair_value_becomes_a_ladder_of_yes_and_no_bids_in_one_frame() -> None:
    script = Script()
    script.quoting(0.50)
    assert resting(script) == TWO_SIDED
    batches = [frame for frame in script.venue.received if frame["op"] == "batch"]
    assert len(batches) == 1
    assert all(item["post_only"] for item in batches[0]["items"])
    run_core(script.core)


def test_an_unchanged_fair_value_sends_nothing() -> None:
    script = Script()
    script.quoting(0.505)
    before = len(script.venue.received)
    script.fair(0.505)
    script.fair(0.5051)
    assert [frame for frame in script.venue.received[before:] if frame["op"] == "batch"] == []


def test_a_moved_fair_value_cancels_first_and_places_after_in_the_same_frame() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.51)
    frame = script.venue.received[-1]
    assert [item["op"] for item in frame["items"]] == ["cancel", "cancel", "place", "place"]
    assert resting(script) == (["0.47", "0.48", "0.49"], ["0.45", "0.46", "0.47"])


def test_a_fill_on_the_bid_lowers_both_quotes_at_once() -> None:
    script = Script()
    script.quoting(0.505)
    best = next(order for order in script.venue.open_orders() if order.outcome == "yes" and order.price == "0.48")
    asks_before = max(script.venue.prices("no"))
    script.venue.fill(best, 100)
    script.deliver()
    assert max(script.venue.prices("yes")) <= "0.48"
    assert max(script.venue.prices("no")) >= asks_before
    assert script.core.trader.holdings.of("1", MARKET)[:2] == (100, 0)


def test_targets_are_published_when_they_change_and_renewed_at_half_their_life() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.50)
    assert script.of(QuoteTarget) == []
    script.wait(500, fair=0.50)
    assert len(script.of(QuoteTarget)) == 1
    script.fair(0.55)
    assert len(script.of(QuoteTarget)) == 2
    assert script.of(QuoteTarget)[-1].state == "quoting"


def test_a_target_that_moves_all_the_time_is_published_ten_times_a_second_at_most_and_never_stays_behind() -> None:
    script = Script()
    script.quoting(0.50)
    for step in range(180):
        script.now_ns += MS
        script.fair(0.50 + 0.02 * (step % 2))
    assert len(script.of(QuoteTarget)) == 2
    script.wait(100, fair=0.60)
    assert script.of(QuoteTarget)[-1].fair == 0.60


def test_when_fair_values_stop_the_target_expires_and_everything_is_pulled() -> None:
    script = Script()
    script.quoting(0.50)
    script.wait(1_100)
    assert resting(script) == NOTHING
    assert script.of(QuoteTarget)[-1].state == "pulled"
    assert script.of(QuoteTarget)[-1].reason == "fair_stale"


def test_a_fair_value_of_old_inputs_is_stale_however_often_it_comes() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.50, age_ms=5_001)
    assert resting(script) == NOTHING


def test_a_fair_value_that_is_not_ready_is_not_quoted_from() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.50, ready=False)
    assert resting(script) == NOTHING


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_fair_value_that_is_no_probability_is_not_quoted_from(value: float) -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(value)
    assert resting(script) == NOTHING


def test_b19_after_a_stale_input_quotes_come_back_only_when_it_has_been_fresh_for_a_while() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.50, age_ms=6_000)
    script.fair(0.50)
    assert resting(script) == NOTHING
    script.wait(350, fair=0.50)
    assert resting(script) == TWO_SIDED


def test_without_word_from_risk_for_a_second_everything_is_pulled() -> None:
    script = Script()
    script.quoting(0.50)
    for _ in range(25):
        script.fair(0.50)
        script.wait(50, feeding=False)
    assert resting(script) == NOTHING
    assert script.of(QuoteTarget)[-1].reason == "limits_stale"


def test_a_bot_that_risk_no_longer_lists_is_pulled() -> None:
    script = Script()
    script.quoting(0.50)
    script.feed_inputs(limits=None)
    script.fair(0.50)
    assert resting(script) == NOTHING


def test_without_a_position_nothing_goes_out() -> None:
    script = Script()
    script.carry(script.core.on_config(config(), script.receipt()))
    script.carry(script.core.on_market(market(), script.receipt()))
    script.feed_inputs()
    script.carry(script.core.start(script.receipt()))
    script.wait(600, fair=0.50)
    assert resting(script) == NOTHING
    script.carry(script.core.on_position(position(), script.receipt()))
    script.wait(500, fair=0.50)
    assert resting(script) == TWO_SIDED


def test_a_configuration_newer_than_risks_limits_lets_nothing_new_out() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_config(config(2), script.receipt()))
    script.fair(0.55)
    assert "0.53" not in script.venue.prices("yes")
    for _ in range(4):
        script.now_ns += 50 * MS
        script.feed_inputs(revision=2)
        script.fair(0.55)
    assert "0.53" in script.venue.prices("yes")


def test_r13_a_halt_that_cancels_nothing_lets_nothing_new_out_and_leaves_what_rests_where_it_is() -> None:
    script = Script()
    script.quoting(0.50)
    halt = Halt(scope="bot-1", reason="manual", actor="somebody", halt_id="h1", ts_ns=0)
    script.carry(script.core.on_halt(halt, script.receipt(9)))
    script.wait(200, fair=0.50)
    assert resting(script) == TWO_SIDED
    script.fair(0.51)
    assert resting(script) == TWO_SIDED
    lifted = Halt(scope="bot-1", reason="manual", lifted=True, actor="somebody", halt_id="h2", ts_ns=0)
    script.carry(script.core.on_halt(lifted, script.receipt(10)))
    script.fair(0.51)
    assert resting(script) == (["0.47", "0.48", "0.49"], ["0.45", "0.46", "0.47"])


def test_a_stop_for_loss_takes_everything_away() -> None:
    script = Script()
    script.quoting(0.50)
    script.feed_inputs(halts=["bot-1:daily_loss"])
    script.wait(50, fair=0.50, feeding=False)
    assert resting(script) == NOTHING


def test_a_halt_in_another_scope_changes_nothing() -> None:
    script = Script()
    script.quoting(0.50)
    script.feed_inputs(halts=["bot-2:daily_loss", "venue-binance:manual"])
    script.fair(0.55)
    assert "0.53" in script.venue.prices("yes")


def test_with_the_bus_away_nothing_new_goes_out_and_the_age_of_inputs_pulls_the_rest() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_disconnected(script.receipt()))
    script.fair(0.51)
    assert resting(script) == (["0.47", "0.48"], ["0.46", "0.47"])
    script.wait(1_100, feeding=False)
    assert resting(script) == NOTHING
    script.carry(script.core.on_reconnected(script.receipt()))
    script.wait(600, fair=0.50)
    assert resting(script) == TWO_SIDED


def test_an_unknown_or_stale_venue_clock_pulls() -> None:
    script = Script()
    script.quoting(0.50)
    status = Status(venue="degen", connected=True, silent_ns=0, clock_offset_ns=0, clock_known=False)
    script.carry(script.core.on_feed_status(status, script.receipt()))
    script.fair(0.50)
    assert resting(script) == NOTHING


def test_a_market_the_feed_calls_stale_is_pulled() -> None:
    script = Script()
    script.quoting(0.50)
    status = Status(
        venue="degen", connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True, stale_symbols=[MARKET]
    )
    script.carry(script.core.on_feed_status(status, script.receipt()))
    script.fair(0.50)
    assert resting(script) == NOTHING


def test_b23_time_left_is_judged_by_the_venues_clock() -> None:
    script = Script()
    script.quoting(0.50)
    ahead = Status(venue="degen", connected=True, silent_ns=0, clock_offset_ns=286 * S, clock_known=True)
    script.carry(script.core.on_feed_status(ahead, script.receipt()))
    script.fair(0.50)
    assert resting(script) == NOTHING


def test_close_to_expiry_only_what_flattens_rests_and_then_nothing() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_position(position(200, yes=200), script.receipt()))
    script.now_ns += 265 * S
    script.wait(400, fair=0.50)
    assert resting(script)[0] == []
    assert resting(script)[1] != []
    assert sum(order.size - order.filled for order in script.venue.open_orders()) == 200
    script.now_ns += 21 * S
    script.wait(50, fair=0.50)
    assert resting(script) == NOTHING


def test_a_market_that_closes_is_left() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_market(market(MarketStatus.CLOSED), script.receipt()))
    assert resting(script) == NOTHING
    script.wait(600, fair=0.50)
    assert script.core.bots["1"].quoted == {}


def test_a_stopped_bot_is_pulled_and_a_started_one_quotes_again() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_config(config(2, running=False), script.receipt()))
    assert resting(script) == NOTHING
    script.carry(script.core.on_config(config(3), script.receipt()))
    for _ in range(30):
        script.now_ns += 50 * MS
        script.feed_inputs(revision=3)
        script.carry(script.core.on_timer(script.receipt()))
        script.fair(0.50)
    assert resting(script) == TWO_SIDED


def test_a_removed_bot_leaves_nothing() -> None:
    script = Script()
    script.quoting(0.50)
    removed = config(2)
    script.carry(script.core.on_config(replace(removed, removed=True), script.receipt()))
    assert resting(script) == NOTHING


@pytest.mark.parametrize(
    ("kind", "sections"),
    [
        ("binary", {"instrument": {"account": "mm2"}, "quoting": {"spred": 0.04}}),
        ("binary", {"instrument": {"venue": "polymarket"}, "quoting": {"spred": 0.04}}),
        ("unheard-of", {"instrument": {"account": "mm2"}}),
        ("unheard-of", {"quoting": {"spred": 0.04}}),
    ],
    ids=["of another account", "at another venue", "of another account and kind", "of another kind"],
)
def test_a_bot_that_is_not_ours_is_ignored_whatever_is_wrong_with_it(kind: str, sections: dict[str, Any]) -> None:
    script = Script()
    script.quoting(0.50)
    before = len(script.of(Alert))
    script.carry(script.core.on_config(replace(config(algo_id="9", **sections), kind=kind), script.receipt()))
    assert len(script.of(Alert)) == before
    assert script.core.configured.faults == {}
    assert set(script.core.bots) == {"1"}


def test_a_bot_that_moves_to_another_account_leaves_nothing_here_even_with_a_broken_section() -> None:
    script = Script()
    script.quoting(0.50)
    moved = config(2, instrument={"account": "mm2"}, quoting={"spred": 0.04})
    script.carry(script.core.on_config(moved, script.receipt()))
    assert resting(script) == NOTHING
    assert script.core.configured.faults == {}


def test_a_configuration_that_cannot_be_used_stops_the_bot_and_names_the_field() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_config(config(2, quoting={"spred": 0.04}), script.receipt()))
    assert resting(script) == NOTHING
    alerts = [alert for alert in script.of(Alert) if alert.kind == "bad_config"]
    assert "quoting.spred" in alerts[0].text


def test_b22_an_exception_in_one_bot_halts_and_pulls_it_and_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script()
    script.start(config(), config(algo_id="2"))
    for _ in range(12):
        script.wait(50)
        script.fair(0.50)
        script.fair(0.50, "2")
    assert len(script.venue.open_orders()) == 12
    quote = Trader.quote

    def broken(trader: Trader, bot: object, *rest: object) -> object:
        if bot.algo_id == "1":  # type: ignore[attr-defined]
            raise ZeroDivisionError("planted")
        return quote(trader, bot, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Trader, "quote", broken)
    script.fair(0.51)
    script.fair(0.51, "2")
    mine = {order.order_id for order in script.core.trader.orders.living()}
    assert {order.algo_id for order in script.core.trader.orders.living()} == {"2"}
    assert len(script.venue.open_orders()) == len(mine) == 6
    halts = script.of(Halt)
    assert [(halt.scope, halt.reason) for halt in halts] == [("bot-1", "exception")]
    assert "planted" in halts[0].detail
    script.wait(200)
    assert len(script.of(Halt)) == 1


def test_two_bots_of_the_account_never_bid_yes_and_no_into_each_other() -> None:
    script = Script()
    script.start(config(), config(algo_id="2"))
    for step in range(40):
        script.wait(50)
        script.fair(0.40 + 0.005 * step)
        script.fair(0.60 - 0.005 * step, "2")
        yes, no = resting(script)
        if yes and no:
            assert float(max(yes)) + float(max(no)) <= 0.98 + 1e-9
    assert script.core.trader.rejections.keys() & {"self_cross", "min_spread"}


def test_a_lower_epoch_of_a_pricer_is_not_listened_to() -> None:
    script = Script()
    script.quoting(0.50)
    newer = fair_value(0.55)
    older = fair_value(0.30)
    script.carry(script.core.on_fair(replace(newer, epoch=8), script.receipt()))
    script.carry(script.core.on_fair(replace(older, epoch=7), script.receipt()))
    assert max(script.venue.prices("yes")) == "0.53"


def test_a_book_of_an_older_feed_is_not_listened_to() -> None:
    script = Script()
    script.quoting(0.50)
    line = script.core.bots["1"].quoted[MARKET]
    seen = []
    for epoch, bid in ((8, 0.45), (7, 0.40), (8, 0.46)):
        book = Book(venue="degen", symbol=MARKET, bids=[Level(bid, 100.0)], asks=[], ts_received_ns=0, epoch=epoch)
        script.carry(script.core.on_book(book, script.receipt()))
        assert line.book is not None
        seen.append(line.book.bids[0].price)
    assert seen == [0.45, 0.45, 0.46]


def test_a_market_of_an_older_feed_is_not_listened_to_but_each_market_has_its_own_feed() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_market(replace(market(), epoch=8), script.receipt()))
    script.carry(script.core.on_market(replace(market(MarketStatus.CLOSED), epoch=7), script.receipt()))
    assert script.core.markets[MARKET].status is MarketStatus.OPEN
    script.carry(script.core.on_market(replace(market(symbol=LATER), epoch=7), script.receipt()))
    assert LATER in script.core.markets, "its feed has said nothing newer of it"


def test_a_price_the_venue_refuses_is_left_alone_for_a_while() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse = "would_cross"
    script.fair(0.51)
    tries = len([frame for frame in script.venue.received if frame["op"] == "batch"])
    script.wait(400, fair=0.51)
    assert len([frame for frame in script.venue.received if frame["op"] == "batch"]) == tries
    script.venue.refuse = ""
    script.wait(200, fair=0.51)
    assert resting(script) == (["0.47", "0.48", "0.49"], ["0.45", "0.46", "0.47"])
    assert script.core.blotter.rejects == {"would_cross": 2}


def test_the_message_budget_keeps_cancels_for_the_last() -> None:
    script = Script()
    script.quoting(0.50)
    trader = script.core.trader
    trader.budget.burst = 20.0
    trader.budget._tokens = 9.0
    trader.budget.messages_per_s = 0.001
    script.fair(0.60)
    assert resting(script) == NOTHING
    assert script.core.trader.rejections["message_rate"] > 0


def test_b13_position_and_open_orders_never_pass_the_limit_however_the_market_moves() -> None:
    script = Script()
    script.start()
    small = changed(LIMITS, max_position_lots=250, max_net_lots=200)
    script.hold_frames = True
    for step in range(60):
        script.now_ns += 20 * MS
        script.feed_inputs(limits=small)
        script.carry(script.core.on_timer(script.receipt()))
        script.fair(0.30 + 0.4 * ((step * 7) % 11) / 11)
        if step % 5 == 0 and script.venue.open_orders():
            script.venue.fill(script.venue.open_orders()[0], 10)
        for outcome in ("yes", "no"):
            open_lots = sum(
                order.size - order.filled for order in script.venue.open_orders() if order.outcome == outcome
            )
            held = sum(fill["size"] for fill in script.venue.fills if fill["outcome"] == outcome)
            assert held + open_lots <= 250
        if step % 3 == 0:
            script.deliver()


def test_an_order_frame_leaves_before_the_news_of_it_and_the_target() -> None:
    script = Script()
    script.quoting(0.50)
    script.now_ns += 30 * MS
    assert list(script.core.on_fair(fair_value(0.55), script.receipt())) == []
    effects = list(script.core.after_burst(script.receipt()))
    assert [type(effect) for effect in effects] == [Send, OrderUpdates, QuoteTarget]


def test_markets_that_move_together_share_one_frame_and_one_message_of_news() -> None:
    script = Script()
    script.start(config(instrument={"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}}))
    script.carry(script.core.on_market(market(symbol=LATER), script.receipt(3)))
    for _ in range(20):
        script.fair(0.50, symbol=LATER)
        script.wait(50, fair=0.50)
    script.told.clear()
    script.now_ns += 30 * MS
    for symbol in (MARKET, LATER):
        assert list(script.core.on_fair(fair_value(0.55, symbol=symbol), script.receipt())) == []
    effects = list(script.core.after_burst(script.receipt()))
    [frame] = [effect for effect in effects if isinstance(effect, Send)]
    [news] = [effect for effect in effects if isinstance(effect, OrderUpdates)]
    assert frame.data.count(MARKET.encode()) == frame.data.count(LATER.encode()) == 6
    assert {update.symbol for update in news.orders} == {MARKET, LATER}


def test_a_bot_whose_pass_fails_behind_another_leaves_no_order_behind_its_own_cancel() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_fair(fair_value(0.55), script.receipt()))
    assert list(script.core.on_fair(fair_value(0.65), script.receipt())) == []
    line = script.core.bots["1"].quoted[MARKET]
    assert line.price is not None
    line.price = replace(line.price, fair="no number")
    script.carry(script.core.on_timer(script.receipt()))
    assert [halt.scope for halt in script.of(Halt)] == ["bot-1"]
    assert script.venue.open_orders() == []
    script.wait(100)
    assert len(script.core.trader.orders) == 0


def test_every_look_at_a_market_is_counted() -> None:
    script = Script()
    script.quoting(0.50)
    before = passes(script)
    script.fair(0.50)
    assert passes(script) == before + 1
    # The venue's answers to what a new price moves wake nothing that waits for them: one look again.
    script.fair(0.60)
    assert passes(script) == before + 2


def test_fills_that_arrive_together_cause_one_look_at_their_market() -> None:
    script = Script()
    script.quoting(0.50)
    script.hold_frames, before = True, passes(script)
    for order in script.venue.open_orders()[:3]:
        script.venue.fill(order, 10)
    effects: list[Effect] = []
    for frame in script.venue.take_frames():
        effects += wire_of(script).on_frame(frame, script.receipt())
    assert passes(script) == before
    script.carry(effects)
    assert passes(script) == before + 1
    assert len(script.of(Fill)) == 3


def wire_of(script: Script) -> Wire:
    return next(each for each in script.core.inputs() if isinstance(each, Wire))


def passes(script: Script) -> float:
    return next(sample.value for sample in script.core.samples() if sample.name == "mm_passes")
