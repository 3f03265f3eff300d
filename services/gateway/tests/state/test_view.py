"""The picture, told in events: these were said, so this is what a person sees."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from common.core import Keep, Newest, Ordered, Receipt
from common.events import AlertLevel, Halt, MarketStatus, Money, OpenOrder, Position, Statistics
from common.instruments import Outcome, Side
from common.orders import OrderState, first_id_of
from gateway.kinds.parts import Json
from gateway.state import view as view_module
from gateway.state.picture import accounts, picture
from gateway.state.rows import market_rows
from gateway.state.status import status
from gateway.state.view import View
from gateway.testing.platform import EXPIRY_NS, SYMBOL, Story


def row_of(story: Story) -> Json:
    (row,) = market_rows(story.view, story.now_ns)
    return row


def halt(story: Story, scope: str, reason: str = "manual", *, lifted: bool = False) -> None:
    word = Halt(scope=scope, reason=reason, lifted=lifted, actor="tess", halt_id="1", ts_ns=story.now_ns)
    story.tell(story.view.on_halt, word)


def test_no_bids_for_no_are_shown_as_asks_for_yes(story: Story) -> None:
    story.quoting()
    assert row_of(story)["resting"] == {
        "bids": [(0.50, 100), (0.49, 100)],
        "asks": [(0.54, 100), (0.55, 100)],
        "orders": 4,
        "unknown": 0,
    }


def test_orders_at_one_price_are_shown_as_one_level(story: Story) -> None:
    story.quoting()
    story.order(9, 50, 30)
    assert row_of(story)["resting"]["bids"] == [(0.50, 130), (0.49, 100)]


def test_what_is_on_its_way_does_not_rest_and_what_is_unknown_does(story: Story) -> None:
    story.quoting()
    story.order(1, 50, state=OrderState.UNKNOWN)
    story.order(9, 48, state=OrderState.SUBMITTING)
    resting = row_of(story)["resting"]
    assert resting["bids"] == [(0.50, 100), (0.49, 100)]
    assert resting["unknown"] == 1


def test_the_position_is_marked_to_fair_value(story: Story) -> None:
    story.quoting()
    position = row_of(story)["position"]
    assert position["net"] == 20
    assert position["value"] == pytest.approx(120 * 0.52 + 100 * 0.48)
    assert position["pnl"] == pytest.approx(1.20)


def test_every_number_carries_its_age_and_goes_stale(story: Story) -> None:
    story.quoting()
    fresh = row_of(story)
    assert [fresh[part]["stale"] for part in ("fair", "book", "target", "position")] == [False] * 4
    story.later(16)
    old = row_of(story)
    assert [old[part]["age_ms"] for part in ("fair", "target", "position")] == [16_000] * 3
    assert [old[part]["stale"] for part in ("fair", "book", "target", "position")] == [True] * 4
    assert old["state"] == "stale"


def test_the_age_a_value_already_had_counts(story: Story) -> None:
    story.quoting()
    fair = story.fair(0.55, age_ns=300_000_000)
    list(story.view.on_fair(fair, Receipt(story.now_ns, age_ns=1_000_000_000)))
    assert row_of(story)["fair"]["age_ms"] == 1_300


def test_a_quiet_book_is_not_stale_while_its_connection_lives(story: Story) -> None:
    story.quoting()
    story.later(60)
    story.feed()
    assert row_of(story)["book"]["stale"] is False
    story.feed(stale_symbols=[SYMBOL])
    assert row_of(story)["book"]["stale"] is True
    story.feed(connected=False)
    assert row_of(story)["book"]["stale"] is True


def test_b23_time_left_is_judged_by_the_venues_clock(story: Story) -> None:
    story.quoting()
    assert row_of(story)["seconds_left"] == 295
    story.feed(clock_offset_ns=5_000_000_000)
    assert row_of(story)["seconds_left"] == 290
    assert row_of(story)["elapsed"] == pytest.approx(10 / 300)


def test_voices_of_an_older_epoch_are_not_heard(story: Story) -> None:
    story.quoting()
    story.fair(0.60, epoch=3)
    story.fair(0.10, epoch=2)
    assert row_of(story)["fair"]["value"] == 0.60
    story.target([], [], epoch=5)
    story.target([(10, 1)], [], epoch=4)
    assert row_of(story)["target"]["bids"] == []


def test_a_market_of_an_older_feed_is_not_heard(story: Story) -> None:
    story.market(status=MarketStatus.CLOSED, epoch=5)
    story.market(epoch=4)
    assert [market.status for market in story.view.markets.values()] == [MarketStatus.CLOSED]


def test_a_position_with_fewer_fills_does_not_replace_a_newer_one(story: Story) -> None:
    story.quoting()
    story.position(10, 0, "5.00", sequence=9)
    story.position(99, 0, "50.00", sequence=8)
    assert row_of(story)["position"]["yes"] == 10


@pytest.mark.parametrize("scope", ["global", "bot-1", "venue-degen", "account-mm1", "currency-USD"])
def test_a_halt_in_any_scope_of_a_bot_shows_it_halted_and_not_running(story: Story, scope: str) -> None:
    story.quoting()
    halt(story, scope)
    shown = picture(story.view, story.now_ns)
    assert shown["markets"][0]["state"] == "halted"
    assert (shown["bots"][0]["state"], shown["bots"][0]["running"]) == ("halted", False)
    halt(story, scope, lifted=True)
    assert picture(story.view, story.now_ns)["markets"][0]["state"] == "quoting"


def test_a_halt_of_another_scope_changes_nothing(story: Story) -> None:
    story.quoting()
    for scope in ("bot-2", "venue-other", "account-mm2", "currency-EUR"):
        halt(story, scope)
    assert row_of(story)["state"] == "quoting"


def test_lifting_one_reason_leaves_the_others(story: Story) -> None:
    story.quoting()
    halt(story, "bot-1", "manual")
    halt(story, "bot-1", "daily_loss")
    halt(story, "bot-1", "manual", lifted=True)
    bot = picture(story.view, story.now_ns)["bots"][0]
    assert bot["halts"] == ["bot-1:daily_loss"]
    assert bot["state"] == "halted"
    assert (bot["running"], bot["configured_running"]) == (False, True)


def test_risks_own_figures_are_the_bots_profit_while_fresh(story: Story) -> None:
    story.quoting()
    assert picture(story.view, story.now_ns)["bots"][0]["pnl"]["total"] == pytest.approx(12.50 + 1.20)
    story.statistics(20.0, 3.0, 5.0)
    assert picture(story.view, story.now_ns)["bots"][0]["pnl"]["total"] == 23.0
    story.later(6)
    story.position(120, 100, "109.20", realized="30.00", sequence=2)
    assert picture(story.view, story.now_ns)["bots"][0]["pnl"]["total"] == pytest.approx(30.00 + 1.20)


def test_a_bot_says_why_it_does_not_quote(story: Story) -> None:
    def state() -> str:
        return str(picture(story.view, story.now_ns)["bots"][0]["state"])

    story.bot()
    assert state() == "no_risk"
    story.risk(limits=False)
    assert state() == "no_limits"
    story.risk()
    assert state() == "waiting"
    story.bot(running=False)
    assert state() == "stopped"


def test_the_venues_picture_shows_orders_nobody_told_us_of(story: Story) -> None:
    story.quoting()
    story.market("ETH-5M-1795223100", underlying="ETH", series="ETH-5M")
    story.target([(30, 5)], [], "ETH-5M-1795223100")
    order = OpenOrder(77, "77", "ETH-5M-1795223100", Outcome.YES, Side.BUY, 30, 5)
    story.account(order)
    rows = {row["symbol"]: row for row in market_rows(story.view, story.now_ns)}
    assert rows["ETH-5M-1795223100"]["resting"]["bids"] == [(0.30, 5)]
    story.account()
    rows = {row["symbol"]: row for row in market_rows(story.view, story.now_ns)}
    assert rows["ETH-5M-1795223100"]["resting"]["bids"] == []


def test_status_has_a_row_per_bot_and_market_and_one_for_an_idle_bot(story: Story) -> None:
    story.quoting()
    story.bot("2", running=False)
    shown = status(story.view, story.now_ns)
    first, second = shown["bots"]
    assert (first["algo_id"], first["symbol"], first["state"], first["position"]) == ("1", SYMBOL, "quoting", 20)
    assert first["bids"] == [(0.50, 100), (0.49, 100)]
    assert (second["algo_id"], second["symbol"], second["state"]) == ("2", "", "stopped")
    assert shown["services"]["quoter"]["state"] == "ready"
    assert shown["services"]["gateway"]["state"] == "ready"


def test_a_service_goes_from_ready_to_unready_to_down_and_back(story: Story) -> None:
    def state() -> str:
        return str(status(story.view, story.now_ns)["services"]["feed"]["state"])

    assert state() == "unknown"
    story.answered("feed", "health", 200)
    story.answered("feed", "ready", 503, b'{"faults": ["binance is silent"]}')
    assert state() == "unready"
    assert status(story.view, story.now_ns)["services"]["feed"]["faults"] == ["binance is silent"]
    story.answered("feed", "ready", 200)
    assert state() == "ready"
    story.answered("feed", "health", 503)
    assert state() == "unhealthy"
    story.answered("feed", "health", 0)
    assert state() == "down"
    story.answered("feed", "health", 200)
    assert state() == "ready"
    story.later(7)
    assert state() == "down"


def test_an_admin_port_that_answers_nonsense_is_unready_not_a_crash(story: Story) -> None:
    story.answered("feed", "health", 200)
    for body in (b"", b"\xff\x00", b"[]", b'{"faults": 3}', b'{"faults": [{"a": 1}]}'):
        story.answered("feed", "ready", 503, body)
        assert status(story.view, story.now_ns)["services"]["feed"]["state"] == "unready"


def test_a_market_is_watched_to_its_end_and_then_forgotten(story: Story) -> None:
    story.quoting()
    list(story.view.on_sample(Receipt(story.now_ns)))
    story.later((EXPIRY_NS - story.now_ns) / 1e9 + 30)
    list(story.view.on_sample(Receipt(story.now_ns)))
    assert market_rows(story.view, story.now_ns)
    story.position(0, 0, "0", sequence=2)
    story.later(31)
    list(story.view.on_sample(Receipt(story.now_ns)))
    assert market_rows(story.view, story.now_ns) == []
    assert story.view.history.line(("1", "degen", SYMBOL)) == []
    assert len(story.view.orders) == 0


def test_the_chart_remembers_fair_value_and_our_quotes_second_by_second(story: Story) -> None:
    story.quoting()
    for value in (0.52, 0.53):
        story.fair(value)
        list(story.view.on_sample(Receipt(story.now_ns)))
        story.later(1)
    points = story.view.history.line(("1", "degen", SYMBOL))
    assert [(point.fair, point.bid, point.ask) for point in points] == [(0.52, 0.50, 0.54), (0.53, 0.50, 0.54)]
    story.later(5)
    list(story.view.on_sample(Receipt(story.now_ns)))
    assert story.view.history.line(("1", "degen", SYMBOL))[-1].fair is None, "a stale value is a gap, not a line"


def test_fills_read_back_beside_new_ones_are_each_shown_once(story: Story) -> None:
    new = story.fill("11", 50, 10)
    sequence = max(story.view.fills)
    for again in (sequence, sequence - 5, sequence):
        list(story.view.on_fill(new, Receipt(story.now_ns, sequence=again)))
    assert sorted(story.view.fills) == [sequence - 5, sequence]


def test_nothing_grows_without_bound(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FILLS_MAX", "ALERTS_MAX", "MARKETS_MAX", "LINES_MAX", "BOTS_MAX"):
        monkeypatch.setattr(view_module, name, 10)
    for number in range(50):
        symbol = f"BTC-5M-{number}"
        story.market(symbol, MarketStatus.RESOLVED if number < 45 else MarketStatus.OPEN)
        story.fair(0.5, symbol)
        story.target([(50, 1)], [], symbol)
        story.top(0.4, 0.6, symbol)
        story.fill(str(number), 50, 1)
        story.alert(f"alert {number}", AlertLevel.INFO)
        zero = Decimal(0)
        position = Position(algo_id=str(number), lines=[], realized=zero, fees=zero, fill_sequence=1, ts_ns=0)
        story.tell(story.view.on_position, position)
        story.later(0.001)
    view = story.view
    held = (view.fills, view.alerts, view.markets, view.fairs, view.targets, view.tops, view.positions)
    assert [len(each) for each in held] == [10] * len(held)
    assert [market.symbol for market in view.markets.values() if not market.status.over] == [
        f"BTC-5M-{number}" for number in range(45, 50)
    ], "living markets outlast those that are over"


def test_the_picture_and_the_status_never_fail_on_half_a_platform(story: Story) -> None:
    tellers: list[Callable[[], object]] = [
        lambda: story.order(1, 50),
        lambda: story.target([(50, 1)], []),
        lambda: story.position(1, 0, "0.5"),
        story.fair,
        lambda: story.top(0.0, 0.6),
        lambda: story.account(OpenOrder(5, "5", SYMBOL, Outcome.NO, Side.BUY, 40, 5)),
        lambda: story.market(strike=None, open_ns=0, expiry_ns=0),
        lambda: story.fill("1", 50, 1),
        story.bot,
        story.risk,
        story.feed,
    ]
    for skipped in range(len(tellers)):
        fresh = Story(View(admin_urls={}, quoted_venues=[]), story.clock)
        story.view = fresh.view
        for number, teller in enumerate(tellers):
            if number != skipped:
                teller()
            picture(story.view, story.now_ns)
            status(story.view, story.now_ns)
            list(story.view.on_sample(Receipt(story.now_ns)))


def test_the_view_publishes_nothing_and_asks_only_admin_ports(story: Story) -> None:
    story.quoting()
    handlers = [each for each in story.view.inputs() if isinstance(each, Newest | Ordered)]
    assert len(handlers) == len({each.event for each in handlers}) == 26
    assert {type(effect).__name__ for effect in story.view.on_round(Receipt(story.now_ns))} == {"HttpRequest"}


def test_metrics_and_state_tell_what_is_there(story: Story) -> None:
    story.quoting()
    story.view.logins["done"] += 2
    samples = {(sample.name, *sample.labels.values()): sample.value for sample in story.view.samples()}
    assert samples[("mm_gateway_resting_orders",)] == 4
    assert samples[("mm_gateway_logins_total", "done")] == 2
    assert story.view.state(story.now_ns)["services"]["feed"] == "ready"
    list(story.view.on_disconnected(Receipt(story.now_ns)))
    assert story.view.unready(story.now_ns)
    list(story.view.on_reconnected(Receipt(story.now_ns)))
    assert story.view.unready(story.now_ns) == []


# --- a quoter that falls silent -------------------------------------------------------------------------------------

BELOW = first_id_of(4)
REPORT = f"ids-below:{BELOW}, account mm1: 2 cancelled, 0 of 2 left, confirmed by the venue at 14:02:03 UTC"


def two_orders(story: Story) -> None:
    """Two orders of epoch 3 rest, and its holder beats."""
    story.quoting()
    for number in (1, 2):
        story.order(first_id_of(3) + number, 40 + number)
    story.lease()
    look(story)


def look(story: Story) -> None:
    list(story.view.on_doubt_due(Receipt(story.now_ns)))


def states(story: Story) -> set[str]:
    return {order.state.value for order in story.view.open_orders() if order.order_id > first_id_of(3)}


def test_r51_the_orders_of_a_silent_quoter_are_unknown_until_it_beats_again(story: Story) -> None:
    two_orders(story)
    assert states(story) == {"live"}
    story.later(1.1)
    look(story)
    assert states(story) == {"unknown"}
    [ladder] = story.view.ladders().values()
    assert ladder.unknown >= 2
    [row] = accounts(story.view, story.now_ns)
    assert (row["quoter_silent_ms"], row["report"]) == (1_100, None)
    story.lease(beat=2)
    look(story)
    assert states(story) == {"live"}


def test_r51_the_watchdogs_report_ends_what_the_dead_quoter_left_and_is_shown(story: Story) -> None:
    two_orders(story)
    story.later(2.1)
    look(story)
    story.emptied(REPORT, "watchdog")
    assert states(story) == set()
    ended = [order for order in story.view.orders.finished() if order.order_id < BELOW]
    said = "2 cancelled, 0 of 2 left, confirmed by the venue at 14:02:03 UTC"
    assert {order.reason for order in ended} >= {f"the watchdog: {said}"}
    [row] = accounts(story.view, story.now_ns)
    assert row["report"] == {"said": said, "ts_ns": story.now_ns}


def test_r51_a_report_that_is_not_confirmed_ends_nothing(story: Story) -> None:
    two_orders(story)
    story.later(2.1)
    look(story)
    story.emptied(f"ids-below:{BELOW}, account mm1: NOT CONFIRMED, the venue did not answer (0 cancelled, 2 of 2 left)")
    assert states(story) == {"unknown"}


def test_r51_a_lease_given_back_leaves_its_orders_unknown_and_a_successors_are_not(story: Story) -> None:
    two_orders(story)
    story.lease(beat=2, holder="")
    look(story)
    assert states(story) == {"unknown"}
    story.lease(epoch=4)
    story.order(first_id_of(4) + 1, 45)
    look(story)
    assert {order.state.value for order in story.view.open_orders() if order.order_id > first_id_of(4)} == {"live"}


def test_r51_a_successor_that_only_just_beats_has_not_asked_what_became_of_the_orders_before_it(story: Story) -> None:
    two_orders(story)
    story.lease(epoch=4)
    look(story)
    assert states(story) == {"unknown"}
    story.emptied(REPORT, "quoter")
    assert states(story) == set()


def test_r72_a_gateway_that_starts_again_knows_its_halts_and_tells_the_bus_of_those_it_does_not_know(
    story: Story,
) -> None:
    halt = Halt(scope="bot-1", reason="manual", actor="tess", halt_id="1", cancels=True, ts_ns=story.now_ns)
    kept = {each.name: each.data for each in story.view.enforce(halt, Receipt(story.now_ns)) if isinstance(each, Keep)}
    again = View(admin_urls={}, quoted_venues=["degen"])
    again.restore(kept)
    assert again.halts.listed() == ["bot-1:manual"]
    said = list(again.start(Receipt(story.now_ns)))
    assert [each.halt_id for each in said if isinstance(each, Halt)] == ["1"]
    list(again.on_published(halt, 7, Receipt(story.now_ns)))
    lift = Halt(scope="bot-1", reason="manual", lifted=True, actor="rita", halt_id="2", ts_ns=story.now_ns)
    removed = list(again.on_halt(lift, Receipt(story.now_ns, sequence=8)))
    assert [each.data for each in removed if isinstance(each, Keep)] == [b""]


def test_r81_the_page_and_status_show_how_full_the_streams_are(story: Story) -> None:
    assert picture(story.view, story.now_ns)["streams"] == []
    story.tell(story.view.on_statistics, Statistics(scope="streams", figures={"ORDER": 1.0, "FILL": 0.83}, ts_ns=1))
    fill = {"stream": "FILL", "share": 0.83, "alarming": True, "age_ms": 0, "stale": False}
    order = {"stream": "ORDER", "share": 1.0, "alarming": False, "age_ms": 0, "stale": False}
    assert picture(story.view, story.now_ns)["streams"] == [fill, order]
    assert status(story.view, story.now_ns)["streams"] == [fill, order]


def test_r50_the_page_says_whose_money_and_what_prices_these_are(story: Story) -> None:
    def shown() -> object:
        return picture(story.view, story.now_ns)["provenance"]["label"]

    assert shown() == "UNKNOWN · UNKNOWN", "what nobody has said is not LIVE"
    story.quoting()
    assert shown() == "PAPER · REPLAY"
    assert status(story.view, story.now_ns)["provenance"]["label"] == "PAPER · REPLAY"
    story.feed("degen", price_sources={"BTC": "replay", "SOL": "model"})
    assert shown() == "PAPER · MODEL, REPLAY"
    story.feed("degen", price_sources={"BTC": "live"})
    assert shown() == "PAPER · LIVE"
    story.feed("degen", money=Money.REAL, price_sources={"BTC": "live"})
    assert shown() == "REAL · LIVE"
    story.feed("binance", money=Money.PAPER)
    assert shown() == "REAL · LIVE", "only venues where our bots trade count"
    story.later(6.0)
    assert shown() == "UNKNOWN · UNKNOWN", "an old word is none"


def test_r50_a_market_whose_asset_the_replay_lacks_is_marked_as_the_models(story: Story) -> None:
    story.quoting()
    (row,) = market_rows(story.view, story.now_ns)
    assert row["price_source"] == "replay"
    story.feed("degen", price_sources={"BTC": "model", "ETH": "replay"})
    (row,) = market_rows(story.view, story.now_ns)
    assert row["price_source"] == "model"
    assert status(story.view, story.now_ns)["bots"][0]["price_source"] == "model"
    story.feed("degen", price_sources={"ETH": "replay"})
    assert market_rows(story.view, story.now_ns)[0]["price_source"] == "unknown"


def test_r31_a_market_that_is_not_taken_up_is_shown_as_that_and_not_as_stale(story: Story) -> None:
    story.quoting()
    story.later(3.0)
    story.fair()
    assert market_rows(story.view, story.now_ns)[0]["state"] == "stale"
    story.target([], [], state="not_taken_up", reason="not taken up: 40 s are left, a new market needs 60")
    (row,) = market_rows(story.view, story.now_ns)
    assert (row["state"], row["reason"]) == ("not_taken_up", "not taken up: 40 s are left, a new market needs 60")
    (shown,) = status(story.view, story.now_ns)["bots"]
    assert (shown["state"], shown["reason"]) == (row["state"], row["reason"])


def test_r31_a_market_that_ended_while_the_quoter_was_away_is_over_and_not_stale(story: Story) -> None:
    def shown() -> tuple[str, str]:
        (row,) = market_rows(story.view, story.now_ns)
        return row["state"], row["reason"]

    story.quoting()
    story.later(3.0)
    assert shown() == ("stale", "the quoter has not renewed its target")
    story.market(expiry_ns=story.now_ns)
    assert shown() == ("over", "ended, no result yet")
    story.market(status=MarketStatus.RESOLVED, expiry_ns=story.now_ns, result="yes")
    assert shown() == ("over", "decided: yes")
