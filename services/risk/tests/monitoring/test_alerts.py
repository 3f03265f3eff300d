"""What people are told, and when they are not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.core import Effect
from common.events import (
    Alert,
    AlertLevel,
    Halt,
    PositionLimits,
    Statistics,
)
from common.instruments import Outcome, Side
from common.running.telemetry import render_metrics
from common.streams import MIB, STREAM_BY_NAME
from common.streams.levels import Level
from common.testing.limits import binary_limits, spot_limits
from risk.ledger.positions import Line, LineKey, Stake
from risk.monitoring.alerts import near_limit
from risk.testing.events import NOW_NS, SYMBOL, S, a_config, a_fair, a_feed_status, a_fill, a_target
from risk.testing.harness import Harness, kinds, of


def test_a_position_beyond_four_fifths_of_its_limit_warns_until_it_is_back() -> None:
    harness = Harness()
    harness.book(a_fill(1, quantity_lots=640))
    assert ("warning", "position_near_limit") not in kinds(harness.wait(2))
    harness.book(a_fill(2, quantity_lots=1))
    assert kinds(harness.wait(3)).count(("warning", "position_near_limit")) == 1
    harness.book(a_fill(3, side=Side.SELL, quantity_lots=10))
    harness.wait(1)
    harness.book(a_fill(4, quantity_lots=10))
    assert ("warning", "position_near_limit") in kinds(harness.wait(1))


@pytest.mark.parametrize(
    ("lots", "base", "text"),
    [
        (16_000, "BTC", ""),
        (16_001, "BTC", "1.6001 BTC of BTC/USD, limit 2"),
        (-16_001, "BTC", "-1.6001 BTC of BTC/USD, limit 2"),
        # Nobody has said what is traded there, or it has no limit: then no new order goes there either.
        (90_000, "", ""),
        (90_000, "ETH", ""),
    ],
)
def test_a_spot_position_is_near_its_limit_in_units_of_its_base(lots: int, base: str, text: str) -> None:
    key = LineKey("1", "mm1", "degen", "BTC/USD", Outcome.NONE)
    line = Line(key, "USD", Decimal("0.0001"), Decimal(1), Stake(lots))
    limits = spot_limits(positions={"BTC": PositionLimits(Decimal(2), Decimal(1))})
    assert near_limit([line], limits, base) == text
    assert near_limit([line], binary_limits(), base) == ""


def test_ten_minutes_of_live_quotes_without_a_fill_are_told() -> None:
    harness = Harness()
    for _ in range(599):
        harness.tell(a_target(harness.now_ns + 2 * S))
        assert ("warning", "no_fills") not in kinds(harness.wait(1))
    harness.tell(a_target(harness.now_ns + 2 * S))
    harness.wait(1)
    harness.tell(a_target(harness.now_ns + 2 * S))
    assert ("warning", "no_fills") in kinds(harness.said) + kinds(harness.wait(1))


def test_b31_no_fills_without_live_quotes_are_nothing_to_tell() -> None:
    harness = Harness()
    harness.tell(a_target(harness.now_ns + 1_000 * S, bids=[], asks=[]))
    assert ("warning", "no_fills") not in kinds(harness.wait(700))


def test_a_fill_ends_the_quiet() -> None:
    harness = Harness()
    for second in range(700):
        harness.tell(a_target(harness.now_ns + 2 * S))
        harness.wait(1)
        if second == 350:
            harness.book(a_fill(1))
    assert ("warning", "no_fills") not in kinds(harness.said)


def test_a_silent_feed_is_told_after_five_seconds_and_its_own_silence_counts() -> None:
    harness = Harness()
    harness.tell(a_feed_status(silent_ns=3 * S))
    assert ("warning", "feed_stale") not in kinds(harness.wait(2))
    assert ("warning", "feed_stale") in kinds(harness.wait(1))


def test_a_trading_venue_whose_clock_is_off_halts_and_a_price_venue_does_not() -> None:
    harness = Harness()
    for venue in ("degen", "binance"):
        harness.tell(a_feed_status(venue, clock_offset_ns=-2_001 * 1_000_000))
    assert [halt.scope for halt in of(Halt, harness.wait(4))] == ["venue-degen"]


def test_two_alerts_of_one_instant_have_ids_of_their_own() -> None:
    harness = Harness(a_config("1"))
    harness.book(a_fill(1, quantity_lots=700))
    harness.book(a_fill(2, symbol="ETH-5M-1", quantity_lots=700))
    alerts = [alert for alert in of(Alert, harness.wait(1)) if alert.level is AlertLevel.WARNING]
    assert len({alert.message_id() for alert in alerts}) == len(alerts) == 2


def test_statistics_state_and_samples_tell_what_people_watch() -> None:
    harness = Harness()
    harness.book(a_fill(1, fee=Decimal("-0.5")))
    harness.tell(a_fair(0.50))
    figures = {each.scope: each.figures for each in of(Statistics, harness.wait(1))}
    assert figures["bot-1"]["pnl_unrealized"] == figures["platform"]["pnl_unrealized"] == 10
    assert figures["bot-1"][f"position_yes.{SYMBOL}"] == 100
    assert figures["bot-1"]["daily_pnl"] == 10.5
    samples = {(each.name, each.labels.get("symbol", "")): each.value for each in harness.risk.samples()}
    assert samples["mm_position_yes", SYMBOL] == 100
    assert samples["mm_pnl_realized", ""] == 0.5
    assert samples["mm_pnl_unrealized", SYMBOL] == 10
    assert samples["mm_fills_total", SYMBOL] == 1
    state = harness.risk.state(harness.now_ns)
    assert state["bots"][0]["lines"][0]["cost"] == "40.000000"
    assert state["ledger"]["chain"] == harness.risk.ledger.chain.hex()


GAUGES = ("mm_pnl_realized", "mm_pnl_unrealized", "mm_position_yes", "mm_position_no")


def test_s1_9_the_sources_metrics_have_its_names_and_a_market_each() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.book(a_fill(2, outcome=Outcome.NO, symbol="ETH-5M-1"))
    found = list(harness.risk.samples())
    for name in (*GAUGES, "mm_fills_total"):
        kinds_found = {each.kind for each in found if each.name == name}
        assert kinds_found == ({"counter"} if name == "mm_fills_total" else {"gauge"})
    for name in ("mm_pnl_unrealized", "mm_position_yes", "mm_position_no", "mm_fills_total"):
        assert {SYMBOL, "ETH-5M-1"} <= {each.labels.get("symbol") for each in found if each.name == name}
    text = render_metrics(harness.risk.samples).decode()
    assert f'mm_position_yes{{algo_id="1",symbol="{SYMBOL}"}} 100.0' in text
    assert f'mm_fills_total{{algo_id="1",symbol="{SYMBOL}"}} 1.0' in text


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("50.00", set()),
        ("50.01", {("warning", "daily_loss_warning")}),
        ("100.00", {("warning", "daily_loss_warning")}),
        ("100.01", {("critical", "daily_loss")}),
    ],
)
def test_s1_9_more_than_half_the_daily_loss_warns_and_more_than_all_of_it_stops(
    loss: str, told: set[tuple[str, str]]
) -> None:
    harness = Harness()
    harness.book(a_fill(1, quantity_lots=1, fee=Decimal(loss)))
    harness.tell(a_fair(0.40))
    said = harness.wait(1)
    assert set(kinds(said)) == told
    assert bool(of(Halt, said)) == (("critical", "daily_loss") in told)


@pytest.mark.parametrize(("lots", "warned"), [(640, False), (641, True)])
def test_s1_9_a_position_beyond_four_fifths_of_its_limit_warns(lots: int, warned: bool) -> None:
    # Net is the tighter limit: 800.
    harness = Harness(a_config(risk_limits={"max_daily_loss": "9999", "max_drawdown": "9999"}))
    harness.book(a_fill(1, quantity_lots=lots))
    assert (("warning", "position_near_limit") in kinds(harness.wait(1))) is warned


def test_s1_9_ten_minutes_of_live_quotes_without_a_fill_ask_to_check_connectivity() -> None:
    harness = Harness()
    harness.tell(a_target(harness.now_ns + 3_600 * S))
    assert ("warning", "no_fills") not in kinds(harness.wait(599))
    texts = [alert.text for alert in of(Alert, harness.wait(3)) if alert.kind == "no_fills"]
    assert texts == ["no fills in 10 minutes of live quotes: check connectivity"]


def test_s1_9_a_feed_silent_for_more_than_five_seconds_is_told() -> None:
    harness = Harness()
    harness.tell(a_feed_status("binance"))
    assert ("warning", "feed_stale") not in kinds(harness.wait(5))
    assert ("warning", "feed_stale") in kinds(harness.wait(1))


def full(stream: str, share: float) -> Level:
    bytes_max = STREAM_BY_NAME[stream].max_mib * MIB
    return Level(stream, int(share * bytes_max), bytes_max, 1, NOW_NS)


def test_r81_a_person_is_told_at_80_and_at_95_percent_before_fill_is_full() -> None:
    harness = Harness()

    def heard(*levels: Level) -> list[Effect]:
        return harness.do(harness.risk.on_levels(levels, harness.receipt()))

    assert of(Alert, heard(full("FILL", 0.8), full("ORDER", 1.0))) == [], "ORDER forgets by design"
    (warned,) = of(Alert, heard(full("FILL", 0.81)))
    assert (warned.level, warned.kind) == (AlertLevel.WARNING, "stream_filling")
    assert warned.text == (
        "FILL: 81 % of 512 MiB; full, it refuses fills and halts their accounts: ./mm streams resize FILL 1024"
    )
    assert of(Alert, heard(full("FILL", 0.82))) == [], "told once in ten minutes"
    assert kinds(heard(full("FILL", 0.96))) == [("critical", "stream_nearly_full")], "and at once when it is urgent"
    assert kinds(heard(full("FILL", 0.5))) == []
    assert kinds(heard(full("FILL", 0.96))) == [("critical", "stream_nearly_full")]


def test_r81_everybody_hears_how_full_every_stream_is() -> None:
    harness = Harness()
    (told,) = of(
        Statistics, harness.do(harness.risk.on_levels([full("FILL", 0.25), full("ORDER", 0.5)], harness.receipt()))
    )
    assert (told.scope, told.figures) == ("streams", {"FILL": 0.25, "ORDER": 0.5})
    metrics = render_metrics(harness.risk.samples).decode()
    assert 'mm_stream_full{stream="FILL"} 0.25' in metrics
