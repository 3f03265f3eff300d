"""The pricer as a whole: events in, fair values out, and when nothing may come out."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from common.clock import NS_PER_MS, NS_PER_S, SECONDS_PER_YEAR
from common.core import Newest
from common.events import Alert, FairValue, Halt, MarketStatus, TopOfBook
from pricer.binary.models import Diffusion, Jumps, Model, Student, Surface
from pricer.binary.valuation import Valuation
from pricer.service import Pricer
from pricer.testing.harness import EXPIRY_NS, OFFSET_NS, T0_NS, Harness


@pytest.fixture
def harness() -> Harness:
    harness = Harness()
    harness.statuses()
    harness.bot()
    harness.market()
    return harness


def test_a_tick_becomes_the_fair_value_of_its_market(harness: Harness) -> None:
    harness.wait(60)
    harness.statuses()
    life_s = 240 - OFFSET_NS / NS_PER_S
    years = life_s / SECONDS_PER_YEAR
    probability, slope = Student(12.0).value(math.log(60_030.0 / 60_000.0), 0.25 * years, years)
    assert harness.top(60_030.0) == [
        FairValue(
            epoch=3,
            algo_id="1",
            venue="degen",
            symbol="BTC-5M-1",
            fair=probability,
            delta=slope / 60_030.0,
            volatility=0.5,
            spot=60_030.0,
            seconds_left=life_s,
            ready=True,
            age_ns=0,
            ts_event_ns=harness.now_ns - 7,
            ts_received_ns=harness.now_ns - 5,
        )
    ]


def test_a_tick_prices_every_open_market_of_its_underlying_and_no_other(harness: Harness) -> None:
    harness.market("BTC-5M-2", strike=Decimal(61_000))
    harness.market("ETH-5M-1")
    harness.market("BTC-1H-1")
    harness.market("BTC-5M-3", status=MarketStatus.LISTED, strike=None)
    values = [value for value in harness.top() if isinstance(value, FairValue)]
    assert [value.symbol for value in values] == ["BTC-5M-1", "BTC-5M-2"]
    assert values[0].fair > values[1].fair


def test_each_bot_gets_its_own_value_from_its_own_volatility(harness: Harness) -> None:
    harness.bot("2", pricing={"volatility_prior": 1.0})
    harness.bot("3", instrument={"venue": "other", "series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}})
    values = [value for value in harness.top(60_060.0) if isinstance(value, FairValue)]
    assert [(value.algo_id, value.volatility) for value in values] == [("1", 0.5), ("2", 1.0)]
    assert values[0].fair > values[1].fair > 0.5


def test_a_bot_can_price_from_the_micro_price(harness: Harness) -> None:
    sources = {"BTC": [{"symbol": "BTCUSDT", "price": "micro"}]}
    harness.bot(revision=2, instrument={"series": ["BTC-5M"], "sources": sources})
    (value,) = harness.top()
    assert isinstance(value, FairValue)
    assert value.spot == 59_999.75


def test_time_alone_moves_the_value_on_the_timer(harness: Harness) -> None:
    (early,) = harness.top(60_030.0)
    assert harness.wait(0.05).timer() == []
    (late,) = harness.wait(0.05).timer()
    assert isinstance(early, FairValue)
    assert isinstance(late, FairValue)
    assert late.fair > early.fair
    assert late.age_ns == 100 * NS_PER_MS
    assert late.ts_received_ns == early.ts_received_ns


def test_a_dead_source_silences_its_underlying_and_not_its_neighbour(harness: Harness) -> None:
    harness.market("ETH-5M-1", strike=Decimal(2_000))
    harness.top()
    for _ in range(6):
        harness.wait(1)
        harness.status("binance", stale_symbols=["BTCUSDT"])
        harness.status("degen")
        harness.top(2_000.0, "ETHUSDT")
    assert {value.symbol for value in harness.wait(0.1).timer() if isinstance(value, FairValue)} == {"ETH-5M-1"}
    assert harness.pricer.unready(harness.now_ns) == ["bot 1, BTC: no fresh source"]


@pytest.mark.parametrize(
    "trouble",
    [
        {"venue": "binance", "connected": False},
        {"venue": "binance", "stale_symbols": ["BTCUSDT"]},
        {"venue": "binance", "reconnects": 1},
        {"venue": "degen", "clock_known": False},
    ],
)
def test_trouble_with_the_feed_silences_at_once(harness: Harness, trouble: Mapping[str, Any]) -> None:
    assert harness.top()
    harness.status(**trouble)
    assert harness.wait(0.1).timer() == []


def test_a_connection_without_a_sign_of_life_silences_after_the_age_limit(harness: Harness) -> None:
    harness.top()
    for _ in range(5):
        harness.wait(0.2)
        harness.status("binance", silent_ns=harness.now_ns - T0_NS)
        harness.status("degen")
    assert harness.timer()
    harness.wait(0.1)
    assert harness.timer() == []


def test_a_price_that_a_broken_bus_held_back_is_as_old_as_the_silence_of_its_venue(harness: Harness) -> None:
    # It arrives with age 0, but the venue was last heard of a while ago, on the liveliest of its connections.
    (value,) = harness.top()
    assert isinstance(value, FairValue)
    assert value.age_ns == 0
    harness.status("binance", silent_ns=800 * NS_PER_MS, heard_ns=300 * NS_PER_MS)
    (value,) = harness.wait(0.1).timer()
    assert isinstance(value, FairValue)
    assert value.age_ns == 400 * NS_PER_MS
    (value,) = harness.top()
    assert isinstance(value, FairValue)
    assert value.age_ns == 0


def test_r74_a_feed_that_died_silences_after_a_second(harness: Harness) -> None:
    harness.top()
    assert harness.wait(1).top()
    assert harness.wait(0.1).top() == []


def test_nothing_is_priced_before_anything_is_known_of_the_feeds() -> None:
    harness = Harness()
    harness.bot()
    harness.market()
    assert harness.top() == []
    harness.status("binance")
    assert harness.top() == []
    assert harness.pricer.unready(harness.now_ns) == ["bot 1, BTC: clock of degen unknown", "bot 1, ETH: no price yet"]
    harness.status("degen")
    assert len(harness.top()) == 1


def test_time_left_is_the_venues_and_ends_the_values(harness: Harness) -> None:
    harness.wait(299.5)
    harness.statuses()
    (value,) = harness.top()
    assert isinstance(value, FairValue)
    assert value.seconds_left == pytest.approx(0.25)
    harness.wait(0.25)
    assert harness.top() == []


@pytest.mark.parametrize("over", [MarketStatus.CLOSED, MarketStatus.RESOLVED, MarketStatus.VOIDED])
def test_a_market_that_is_over_is_forgotten(harness: Harness, over: MarketStatus) -> None:
    harness.top()
    harness.market(status=over)
    assert harness.top() == []
    assert harness.pricer.state(harness.now_ns)["open_markets"] == 0


def test_markets_nobody_closed_are_forgotten_in_the_end(harness: Harness) -> None:
    harness.wait(901)
    harness.market("BTC-5M-9", expiry_ns=EXPIRY_NS + 900 * NS_PER_S)
    assert harness.pricer.state(harness.now_ns)["open_markets"] == 1


@pytest.mark.parametrize("unusable", [{"strike": None}, {"strike": Decimal(0)}, {"expiry_ns": 0}])
def test_an_open_market_that_does_not_say_what_decides_it_is_not_priced(
    harness: Harness, unusable: dict[str, Any]
) -> None:
    harness.market(**unusable)
    assert harness.top() == []
    assert harness.pricer.state(harness.now_ns)["dropped"]["unusable_market"] == 1


def test_an_earlier_feed_can_neither_price_nor_reopen(harness: Harness) -> None:
    harness.status("binance", epoch=2)
    assert harness.top(epoch=1) == []
    assert len(harness.top(epoch=2)) == 1
    harness.market(epoch=2, strike=Decimal(50_000))
    harness.market(epoch=1, strike=Decimal(70_000))
    (value,) = harness.top(epoch=2)
    assert isinstance(value, FairValue)
    assert value.fair == 1.0
    assert harness.pricer.state(harness.now_ns)["dropped"]["old_epoch"] == 2


def test_the_last_word_of_an_earlier_feed_on_a_market_still_counts(harness: Harness) -> None:
    harness.status("degen", epoch=9)
    harness.market("BTC-5M-2", epoch=4)
    assert [value.symbol for value in harness.top() if isinstance(value, FairValue)] == ["BTC-5M-1", "BTC-5M-2"]


def test_the_second_source_takes_over_without_counting_the_difference_as_a_move(harness: Harness) -> None:
    sources = {"BTC": [{"symbol": "BTCUSDT"}, {"venue": "kraken", "symbol": "BTC/USD"}]}
    harness.bot(
        revision=2,
        instrument={"series": ["BTC-5M"], "sources": sources},
        combination={"method": "first"},
        pricing={"volatility_prior_s": 0.0, "volatility_floor": 0.05},
    )
    for _ in range(10):
        harness.wait(5)
        harness.statuses()
        harness.status("kraken")
        (value,) = harness.top()
        assert harness.top(61_000.0, "BTC/USD", venue="kraken") == []
    harness.status("binance", connected=False)
    (value,) = harness.top(61_000.0, "BTC/USD", venue="kraken") or harness.wait(0.1).timer()
    assert isinstance(value, FairValue)
    assert (value.spot, value.volatility) == (61_000.0, 0.05)


def test_after_an_outage_values_are_shown_before_they_may_be_quoted(harness: Harness) -> None:
    harness.top()
    harness.status("binance", connected=False)
    assert harness.wait(0.1).timer() == []
    harness.status("binance", reconnects=1)
    ready = [value.ready for value in harness.top() if isinstance(value, FairValue)]
    harness.wait(1)
    harness.status("binance", reconnects=1)
    harness.status("degen")
    ready += [value.ready for value in harness.top() if isinstance(value, FairValue)]
    assert ready == [False, True]


def test_a_bot_may_ask_for_seconds_of_prices_before_it_quotes(harness: Harness) -> None:
    harness.bot(revision=2, pricing={"ready_after_s": 10.0})
    ready = []
    for _ in range(4):
        ready += [value.ready for value in harness.top() if isinstance(value, FairValue)]
        harness.wait(5)
        harness.statuses()
    assert ready == [False, False, True, True]


def test_a_change_of_a_bots_quoting_keeps_what_its_volatility_has_learnt(harness: Harness) -> None:
    for number in range(200):
        harness.statuses()
        harness.top(60_000.0 * (1 + 0.001 * (number % 2)))
        harness.wait(5)
    learnt = harness.pricer.state(harness.now_ns)["bots"]["1"]["underlyings"]["BTC"]["volatility"]
    harness.bot(revision=2, quoting={"spread": 0.06})
    harness.market(expiry_ns=harness.now_ns + 60 * NS_PER_S)
    harness.statuses()
    (value,) = harness.top(60_000.0)
    assert isinstance(value, FairValue)
    assert learnt > 1.0
    assert value.volatility == pytest.approx(learnt, rel=0.01)


def test_a_configuration_that_cannot_be_used_is_named_and_not_priced_from(harness: Harness) -> None:
    (alert,) = harness.bot(revision=2, pricing={"interval_ms": 1, "colour": "red"})
    assert isinstance(alert, Alert)
    assert "pricing.interval_ms" in alert.text
    assert "pricing.colour" in alert.text
    assert harness.top() == []


def test_a_bot_of_a_kind_that_is_not_served_is_ignored_without_a_word(harness: Harness) -> None:
    assert harness.bot("2", kind="unheard-of", pricing=7) == []
    assert [value.algo_id for value in harness.top() if isinstance(value, FairValue)] == ["1"]
    assert harness.pricer.state(harness.now_ns)["dropped"]["invalid_config"] == 0


def test_an_overtaken_configuration_changes_nothing(harness: Harness) -> None:
    harness.bot(revision=5, pricing={"volatility_prior": 1.0})
    harness.bot(revision=4)
    (value,) = harness.top()
    assert isinstance(value, FairValue)
    assert value.volatility == 1.0


def test_a_removed_bot_is_not_priced(harness: Harness) -> None:
    harness.bot("2")
    harness.bot(revision=2, removed=True)
    assert [value.algo_id for value in harness.top() if isinstance(value, FairValue)] == ["2"]


def test_a_fault_in_one_bots_pricing_halts_that_bot_alone(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.bot("2")
    sound = Valuation.values

    def faulty(valuation: Valuation, now_ns: int, epoch: int) -> list[FairValue]:
        if valuation.algo_id == "1":
            raise ZeroDivisionError("float division by zero")
        return sound(valuation, now_ns, epoch)

    monkeypatch.setattr(Valuation, "values", faulty)
    halt, value = harness.top()
    assert isinstance(halt, Halt)
    assert (halt.scope, halt.reason, halt.actor, halt.lifted) == ("bot-1", "exception", "pricer", False)
    assert "ZeroDivisionError" in halt.detail
    assert isinstance(value, FairValue)
    assert value.algo_id == "2"

    monkeypatch.setattr(Valuation, "values", sound)
    assert [each.algo_id for each in harness.top() if isinstance(each, FairValue)] == ["2"]
    lifted = Halt(scope="bot-1", reason="exception", lifted=True, actor="jane", halt_id="7", ts_ns=harness.now_ns)
    list(harness.pricer.on_halt(lifted, harness.receipt()))
    assert [each.algo_id for each in harness.top() if isinstance(each, FairValue)] == ["1", "2"]


def test_while_the_bus_is_away_or_the_lease_in_doubt_nothing_is_said(harness: Harness) -> None:
    harness.pricer.on_disconnected(harness.receipt())
    assert harness.top() == []
    assert harness.pricer.unready(harness.now_ns) == ["bus down or lease in doubt"]
    harness.pricer.on_reconnected(harness.receipt())
    assert len(harness.top()) == 1


def test_prices_of_symbols_no_bot_follows_take_no_room(harness: Harness) -> None:
    for number in range(1_000):
        assert harness.top(1.0, f"NOBODY{number}") == []
    assert harness.pricer.state(harness.now_ns)["feeds"].keys() == {"degen", "binance"}
    assert all(len(feed.sources) <= 2 for feed in harness.pricer._roster.feeds.values())


def test_people_see_what_is_priced_and_why_not(harness: Harness) -> None:
    harness.top(60_030.0)
    picture = harness.pricer.state(harness.now_ns)["bots"]["1"]["underlyings"]
    assert picture["BTC"]["source"] == "binance:BTCUSDT"
    assert picture["BTC"]["markets"]["BTC-5M-1"]["fair"] > 0.5
    assert picture["ETH"]["silent"] == "no price yet"
    samples = {(sample.name, *sorted(sample.labels.values())): sample.value for sample in harness.pricer.samples()}
    assert samples["mm_pricer_priced", "1", "BTC"] == 1
    assert samples["mm_pricer_priced", "1", "ETH"] == 0
    assert samples["mm_fair_value", "1", "BTC-5M-1"] == picture["BTC"]["markets"]["BTC-5M-1"]["fair"]


def test_only_the_venues_that_prices_come_from_are_listened_to() -> None:
    tops = [
        each for each in Pricer(["binance", "kraken"]).inputs() if isinstance(each, Newest) and each.event is TopOfBook
    ]
    assert [dict(each.tokens) for each in tops] == [{"venue": "binance"}, {"venue": "kraken"}]


@pytest.mark.parametrize(
    ("pricing", "model"),
    [
        ({"distribution": "diffusion"}, Diffusion()),
        ({"distribution": "student", "student_df": 5}, Student(5.0)),
        ({"distribution": "jumps", "jumps_per_day": 96, "jump_deviation": 0.0008}, Jumps(96 * 365, 0.0, 0.0008)),
        ({"distribution": "surface", "smile_rho": -0.3, "smile_eta": 0.7}, Surface(-0.3, 0.7)),
    ],
)
def test_f1_the_configured_distribution_prices_from_the_next_tick_on(pricing: dict[str, Any], model: Model) -> None:
    harness = Harness()
    harness.statuses()
    harness.bot()
    harness.market()
    harness.wait(60)
    harness.statuses()
    [before] = harness.top(60_030.0)
    harness.bot(revision=2, pricing=pricing)
    [after] = harness.top(60_030.0)
    assert isinstance(before, FairValue)
    assert isinstance(after, FairValue)
    years = after.seconds_left / SECONDS_PER_YEAR
    value = model.value(math.log(60_030.0 / 60_000.0), after.volatility**2 * years, years)
    assert after.fair == pytest.approx(value.probability, rel=1e-12)
    assert after.delta == pytest.approx(value.slope / 60_030.0, rel=1e-12)
    assert after.fair != before.fair


def test_both_averages_make_the_volatility_in_their_shares() -> None:
    def volatility(share: float) -> float:
        harness = Harness()
        harness.statuses()
        harness.bot(
            pricing={
                "volatility_half_life_s": 20,
                "volatility_slow_half_life_s": 7_200,
                "volatility_prior_s": 0,
                "volatility_fast_share": share,
                "volatility_quick_half_lives_s": [],
                "distribution": "diffusion",
            }
        )
        harness.market()
        for step in range(30):
            harness.statuses()
            harness.top(60_000.0 + (100.0 if step % 2 and step > 20 else 0.0))
            harness.wait(5)
        harness.statuses()
        [value] = harness.top(60_000.0)
        assert isinstance(value, FairValue)
        return value.volatility

    fast, slow, mixed = volatility(1.0), volatility(0.0), volatility(0.4)
    assert fast > 1.2 * slow
    assert mixed**2 == pytest.approx(0.4 * fast**2 + 0.6 * slow**2)
