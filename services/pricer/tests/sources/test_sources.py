"""Several sources of an underlying as one price: who counts, who is told of, and what it does to the values."""

import itertools
import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from common.bots import BinaryBot
from common.clock import NS_PER_S
from common.core import Effect
from common.errors import ConfigError
from common.events import Alert, AlertLevel, FairValue
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pricer.binary.valuation import Valuation
from pricer.sources.combined import Combined
from pricer.testing.harness import T0_NS, Harness

BP = 1e-4
VENUES = {"binance": "BTCUSDT", "coinbase": "BTC-USD", "kraken": "BTC/USD"}
SOURCES: list[dict[str, Any]] = [{"venue": venue, "symbol": symbol} for venue, symbol in VENUES.items()]


class Venues(Harness):
    """A harness with a bot that follows three venues, their prices a random walk seen through each one's basis."""

    def __init__(self, sources: Sequence[dict[str, Any]] = SOURCES, seed: int = 1, **sections: Any) -> None:
        super().__init__()
        self.away = {"binance": 0.0, "coinbase": 0.0, "kraken": 0.0}
        """Log distance of each venue's price from the true one."""
        self.silent: set[str] = set()
        self.true = 60_000.0
        self._dice = random.Random(seed)
        self.moving = 0.3 * BP
        self.told: list[Alert] = []
        self.follow(sources, **sections)
        self.market(expiry_ns=T0_NS + 86_400 * NS_PER_S)

    def follow(self, sources: Sequence[dict[str, Any]], revision: int = 1, **sections: Any) -> None:
        instrument = {"series": ["BTC-5M"], "sources": {"BTC": list(sources)}}
        self.bot(revision=revision, instrument=instrument, **sections)

    def step(self, seconds: float = 0.1) -> list[FairValue]:
        """Let time pass and each venue speak once; return the values of the timer after it."""
        self.wait(seconds)
        self.true *= math.exp(self._dice.gauss(0.0, self.moving))
        self.status("degen")
        effects: list[Effect] = []
        for venue, symbol in VENUES.items():
            if venue not in self.silent:
                self.status(venue)
                effects += self.top(self.true * math.exp(self.away[venue]), symbol, venue=venue, half_spread=0.05)
            else:
                self.status(venue, silent_ns=10 * NS_PER_S)
        effects += self.timer()
        self.told += [effect for effect in effects if isinstance(effect, Alert)]
        return [effect for effect in effects if isinstance(effect, FairValue)]

    def run(self, seconds: float) -> list[FairValue]:
        return [value for _ in range(round(seconds * 10)) for value in self.step()]

    @property
    def picture(self) -> dict[str, Any]:
        found: dict[str, Any] = self.pricer.state(self.now_ns)["bots"]["1"]["underlyings"]["BTC"]
        return found


def test_f6_a_bot_names_several_venues_of_an_underlying_and_how_they_count() -> None:
    marked = [SOURCES[0] | {"weight": 0.5}, SOURCES[1] | {"reference": True}, SOURCES[2]]
    bot = BinaryBot.parse({"instrument": {"series": ["BTC-5M"], "sources": {"BTC": marked}}})
    assert [(each.venue, each.symbol, each.reference) for each in bot.instrument.sources["BTC"]] == [
        ("binance", "BTCUSDT", False),
        ("coinbase", "BTC-USD", True),
        ("kraken", "BTC/USD", False),
    ]


@pytest.mark.parametrize(
    ("sources", "fault"),
    [
        ([SOURCES[0], SOURCES[0]], "comes twice"),
        ([each | {"reference": True} for each in SOURCES], "more than one is the reference"),
        ([each | {"weight": 0} for each in SOURCES], "none has a weight"),
    ],
)
def test_sources_that_cannot_be_combined_are_refused(sources: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        BinaryBot.parse({"instrument": {"series": ["BTC-5M"], "sources": {"BTC": sources}}})


def test_more_sources_that_agree_than_there_are_is_refused() -> None:
    document = {"instrument": {"series": ["A"], "sources": {"BTC": SOURCES}}, "combination": {"min_agreeing": 4}}
    with pytest.raises(ConfigError, match="min_agreeing"):
        BinaryBot.parse(document)


def test_f6_a_tether_venue_and_dollar_venues_give_one_price_in_the_references_terms() -> None:
    venues = Venues([SOURCES[0], SOURCES[1] | {"reference": True}, SOURCES[2]])
    venues.away = {"binance": -8 * BP, "coinbase": 0.0, "kraken": 1 * BP}
    venues.run(60)
    last = venues.step()[-1]
    assert last.spot == pytest.approx(venues.true, rel=0.2 * BP)
    assert last.ready
    sources = venues.picture["sources"]
    assert sources["binance:BTCUSDT"]["basis_bps"] == pytest.approx(8.0, abs=0.2)
    assert sources["kraken:BTC/USD"]["basis_bps"] == pytest.approx(-1.0, abs=0.2)
    assert all(source["weight"] > 0.1 for source in sources.values())
    raw = last.spot - last.basis
    assert math.log(last.spot / raw) == pytest.approx(
        sum(source["weight"] * source["basis_bps"] * BP for source in sources.values()), abs=0.3 * BP
    )


def test_f6_the_error_of_the_price_becomes_an_error_of_the_value_through_its_slope() -> None:
    venues = Venues()
    first = venues.step()[-1]
    later = venues.run(300)[-1]
    # First there is the reference alone, then three that have been compared for long.
    assert first.uncertainty == pytest.approx(first.delta * first.spot * 0.2 * BP, rel=0.1)
    spread_of_three = 0.2 * BP / math.sqrt(3)
    assert later.uncertainty == pytest.approx(later.delta * later.spot * spread_of_three, rel=0.25)


def test_b18_a_stale_source_drops_out_alone_and_the_price_stands() -> None:
    venues = Venues()
    venues.away["kraken"] = 2 * BP
    venues.run(30)
    venues.silent = {"kraken"}
    values = venues.run(8)
    assert venues.picture["sources"]["kraken:BTC/USD"]["weight"] == 0.0
    assert all(value.ready for value in values)
    assert values[-1].spot == pytest.approx(venues.true, rel=0.3 * BP)


def test_a_source_that_comes_back_after_its_basis_has_changed_enters_without_a_jump() -> None:
    venues = Venues()
    venues.moving = 0.0
    venues.run(30)
    venues.silent = {"kraken"}
    venues.run(20)
    venues.away["kraken"] = 4 * BP
    venues.silent = set()
    values = venues.run(20)
    moves = [abs(math.log(after.spot / before.spot)) for before, after in itertools.pairwise(values)]
    assert max(moves) < 0.05 * BP
    assert venues.picture["sources"]["kraken:BTC/USD"]["weight"] > 0.1


def test_without_the_reference_a_returning_source_is_measured_against_the_others() -> None:
    venues = Venues([SOURCES[0] | {"reference": True}, *SOURCES[1:]])
    venues.moving = 0.0
    venues.run(30)
    venues.silent = {"binance", "kraken"}
    venues.run(20)
    venues.away["kraken"] = 4 * BP
    venues.silent = {"binance"}
    values = venues.run(20)
    moves = [abs(math.log(after.spot / before.spot)) for before, after in itertools.pairwise(values)]
    assert max(moves) < 0.1 * BP
    assert values[-1].ready
    assert values[-1].spot == pytest.approx(venues.true, rel=0.5 * BP)


def test_f6_a_source_that_diverges_is_left_out_and_told_of_once_with_its_recovery() -> None:
    venues = Venues()
    venues.run(30)
    venues.away["kraken"] = 40 * BP
    values = venues.run(10)
    told = [alert for alert in venues.told if alert.kind == "source_divergence"]
    assert [alert.level for alert in told] == [AlertLevel.WARNING]
    assert "kraken:BTC/USD is +39" in told[0].text
    assert values[-1].ready
    assert values[-1].spot == pytest.approx(venues.true, rel=0.3 * BP)
    venues.away["kraken"] = 0.0
    venues.run(10)
    told = [alert for alert in venues.told if alert.kind == "source_divergence"]
    assert [alert.level for alert in told] == [AlertLevel.WARNING, AlertLevel.INFO]
    assert venues.step()[-1].ready


def test_a_difference_that_does_not_last_is_not_told() -> None:
    venues = Venues()
    venues.run(30)
    for _ in range(5):
        venues.away["kraken"] = 40 * BP
        venues.run(2)
        venues.away["kraken"] = 0.0
        venues.run(2)
    assert "source_divergence" not in {alert.kind for alert in venues.told}


def test_f6_of_two_sources_that_differ_neither_is_quoted_from() -> None:
    venues = Venues(SOURCES[:2])
    assert venues.run(30)[-1].ready
    venues.away["coinbase"] = 40 * BP
    venues.step()
    assert not any(value.ready for value in venues.run(5))


def test_with_fewer_agreeing_sources_than_configured_nothing_is_quoted() -> None:
    venues = Venues(combination={"min_agreeing": 2})
    assert venues.run(5)[-1].ready
    venues.silent = {"binance", "kraken"}
    assert not venues.run(7)[-1].ready
    venues.silent = {"kraken"}
    assert venues.run(12)[-1].ready


def test_when_what_markets_settle_on_differs_from_all_others_nothing_is_quoted() -> None:
    oracle = [*SOURCES[:2], SOURCES[2] | {"reference": True, "weight": 0}]
    venues = Venues(oracle)
    assert venues.run(30)[-1].ready
    venues.away["kraken"] = 40 * BP
    values = venues.run(8)
    assert not values[-1].ready
    assert "kraken:BTC/USD" in venues.told[0].text


def test_a_first_source_that_only_stands_in_for_a_reference_does_not_drag_the_others_along() -> None:
    venues = Venues()
    venues.run(30)
    venues.away["binance"] = 40 * BP
    value = venues.run(120)[-1]
    assert value.ready
    assert value.spot == pytest.approx(venues.true, rel=0.5 * BP)


def test_an_oracle_is_compared_with_and_not_priced_from() -> None:
    venues = Venues([*SOURCES[:2], SOURCES[2] | {"reference": True, "weight": 0}])
    venues.away["kraken"] = 3 * BP
    value = venues.run(60)[-1]
    assert value.spot == pytest.approx(venues.true * math.exp(3 * BP), rel=0.2 * BP)
    assert venues.picture["sources"]["kraken:BTC/USD"]["weight"] == 0.0


def test_f6_a_market_that_names_the_source_it_settles_on_is_priced_in_that_sources_terms() -> None:
    venues = Venues()
    venues.away["kraken"] = -6 * BP
    venues.market("BTC-5M-2", expiry_ns=T0_NS + 86_400 * NS_PER_S, settlement_source="kraken:BTC/USD")
    venues.run(60)
    values = {value.symbol: value for value in venues.step()[-2:]}
    assert values["BTC-5M-1"].spot == pytest.approx(venues.true, rel=0.3 * BP)
    assert values["BTC-5M-2"].spot == pytest.approx(venues.true * math.exp(-6 * BP), rel=0.3 * BP)
    assert values["BTC-5M-2"].uncertainty > values["BTC-5M-1"].uncertainty


def test_the_volatility_sees_the_moves_of_the_price_and_none_of_its_sources_coming_and_going() -> None:
    dice = random.Random(8)
    seldom = {"volatility_prior_s": 0.0, "volatility_floor": 0.01}
    venues = Venues(pricing=seldom)
    venues.away = {"binance": 0.0, "coinbase": 30 * BP, "kraken": -30 * BP}
    venues.moving = 0.5 * BP
    for _ in range(60):
        venues.silent = {venue for venue in VENUES if dice.random() < 0.3 and venue != "binance"}
        venues.run(7)
    true = 0.5 * BP * math.sqrt(10 * 31_536_000)
    assert venues.picture["volatility"] == pytest.approx(true, rel=0.15)


def test_f6_a_bid_above_another_venues_offer_after_basis_and_fees_is_told_of_and_who_led() -> None:
    cheap = [each | {"taker_fee_bps": 1.0} for each in SOURCES]
    venues = Venues(cheap, combination={"agree_bps": 20.0})
    venues.away = {"binance": 0.0, "coinbase": 5 * BP, "kraken": 0.0}
    venues.run(30)
    assert not venues.picture["arbitrage"]["open"], "a basis is no arbitrage"
    venues.away["binance"] = 5 * BP
    venues.run(1)
    arbitrage = venues.picture["arbitrage"]
    assert (arbitrage["open"], arbitrage["sell_at"], arbitrage["leader"]) == (
        True,
        "binance:BTCUSDT",
        "binance:BTCUSDT",
    )
    assert arbitrage["edge_bps"] == pytest.approx(5.0 - 2.0 - 0.1 / 6, abs=0.3)
    assert [(alert.kind, alert.level) for alert in venues.told] == [("cross_venue_arbitrage", AlertLevel.INFO)]
    venues.away["binance"] = 0.0
    venues.run(2)
    assert [alert.kind for alert in venues.told] == ["cross_venue_arbitrage"] * 2
    samples = {(sample.name, sample.labels.get("source")): sample.value for sample in venues.pricer.samples()}
    assert samples["mm_arbitrages_total", "binance:BTCUSDT"] == 1


def test_f6_no_gap_is_an_arbitrage_before_the_fees_are_earned() -> None:
    venues = Venues(combination={"agree_bps": 20.0})
    venues.run(30)
    venues.away["binance"] = 15 * BP
    venues.run(2)
    assert venues.picture["arbitrage"]["edge_bps"] < 0
    assert venues.told == []


def test_s1_9_a_price_feed_that_is_stale_for_five_seconds_stops_every_value() -> None:
    venues = Venues()
    venues.run(5)
    venues.silent = set(VENUES)
    assert venues.step()
    late = venues.run(6)
    assert max(value.age_ns for value in late) <= 5 * NS_PER_S
    assert venues.step() == []
    assert venues.pricer.unready(venues.now_ns) == ["bot 1, BTC: no fresh source"]
    venues.silent = set()
    back = venues.run(2)
    assert not back[0].ready, "prices have to settle first"
    assert back[-1].ready


def test_a_change_of_other_numbers_keeps_the_basis_that_was_learnt() -> None:
    venues = Venues()
    venues.away["kraken"] = 6 * BP
    venues.run(60)
    learnt = venues.picture["sources"]["kraken:BTC/USD"]["basis_bps"]
    venues.follow(SOURCES, revision=2, combination={"agree_bps": 7.0}, pricing={"interval_ms": 200})
    venues.step(0.3)
    assert venues.picture["sources"]["kraken:BTC/USD"]["basis_bps"] == pytest.approx(learnt, abs=0.01)
    venues.follow(SOURCES, revision=3, combination={"basis_half_life_s": 60.0})
    assert venues.picture["sources"]["kraken:BTC/USD"]["basis_bps"] == 0.0


def test_one_source_is_priced_from_as_it_comes() -> None:
    venues = Venues(SOURCES[:1])
    value = venues.run(1)[-1]
    assert (value.basis, value.uncertainty) == (0.0, 0.0)
    assert value.spot == 0.5 * ((venues.true - 0.05) + (venues.true + 0.05))
    (output,) = venues.pricer._roster.bots["1"].outputs
    assert isinstance(output, Valuation)
    assert not isinstance(output.spot, Combined)


def test_a_known_offset_of_a_single_source_moves_spot_and_its_error_widens_the_value() -> None:
    venues = Venues([SOURCES[0] | {"offset_bps": 10.0, "offset_deviation_bps": 2.0}])
    value = venues.run(1)[-1]
    assert value.spot == pytest.approx(venues.true * math.exp(10 * BP))
    assert value.basis == pytest.approx(value.spot - venues.true, rel=1e-6)
    assert value.uncertainty == pytest.approx(value.delta * value.spot * 2 * BP)


WILD = 60 * BP
"""By how much a source is away that is wild."""


@settings(max_examples=25, deadline=None)
@example(
    [
        ("binance", "wild", 1.0),
        ("binance", "silent", 1.0),
        ("coinbase", "wild", 2.0),
        ("coinbase", "silent", 1.0),
        ("kraken", "wild", 1.0),
    ],
    False,
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(VENUES)),
            st.sampled_from(["talks", "silent", "lost", "wild", "calm", "crossed"]),
            st.floats(0.05, 3.0),
        ),
        min_size=5,
        max_size=60,
    ),
    st.booleans(),
)
def test_f6_whatever_happens_to_the_sources_the_price_stays_among_them(
    story: list[tuple[str, str, float]], marked: bool
) -> None:
    sources = [each | {"reference": marked and each["venue"] == "coinbase"} for each in SOURCES]
    venues = Venues(sources)
    for venue, event, seconds in story:
        if event == "talks":
            venues.silent.discard(venue)
        elif event == "silent":
            venues.silent.add(venue)
        elif event == "lost":
            venues.status(venue, connected=False)
        elif event == "crossed":
            venues.top(venues.true, VENUES[venue], venue=venue, half_spread=-1.0)
        else:
            venues.away[venue] = WILD if event == "wild" else 0.0
        for value in venues.step(seconds):
            # Offsets move by what they have seen. A source that takes over goes on from the price of those before it:
            # each of them may have led it astray by what it was wild by, and no more.
            assert abs(math.log(value.spot / venues.true)) < len(SOURCES) * WILD + 10 * BP
            assert value.uncertainty >= 0.0
            assert math.isfinite(value.basis)
            assert value.age_ns <= 5 * NS_PER_S
        weights = [source["weight"] for source in venues.picture["sources"].values()]
        assert sum(weights) == pytest.approx(1.0, abs=1e-3) or not any(weights)
    assert venues.pricer.state(venues.now_ns)["bots"]["1"]["halted"] == ""
