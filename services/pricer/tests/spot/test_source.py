"""A spot bot's source price through the pricer: from configuration and books to what is stated, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from common.clock import NS_PER_MS, NS_PER_S
from common.core import Newest
from common.events import Alert, AlertLevel, BasePrice, Book, MarketStatus, OwnDepth, SourcePrice
from common.venues import Exchanges
from pricer.service import Pricer
from pricer.sources.venues import Venues
from pricer.testing.harness import Harness

VENUES = Venues(
    Exchanges({"KRAKEN": "kraken_spot", "BINANCE": "binance_spot", "DLTXMM": "dltxmm_spot", "BITTREX": "bittrex_spot"})
)
KRAKEN, BINANCE, DLTXMM = "kraken_spot", "binance_spot", "dltxmm_spot"
BIDS, ASKS = [(100.0, 3.0), (99.0, 2.0), (97.0, 5.0)], [(101.0, 1.0), (102.0, 4.0)]
OTHER_BIDS, OTHER_ASKS = [(99.5, 1.0), (99.0, 4.0)], [(101.5, 2.0), (103.0, 9.0)]


class Bench(Harness):
    """A pricer with one spot bot, BTCUSD quoted at DLTXMM unless told otherwise, and feeds that live."""

    def __init__(self, how: str = "BEST_AGGREGATED", sources: str = "KRAKEN", **more: Any) -> None:
        super().__init__(venues=VENUES)
        self.coin(DLTXMM, "BTCUSD", "BTC", "USD")
        self.coin(DLTXMM, "BTCJPY", "BTC", "JPY")
        self.alive()
        self.spot(how, sources, **more)

    def spot(
        self, how: str = "BEST_AGGREGATED", sources: str = "KRAKEN", *, revision: int = 1, **more: Any
    ) -> list[Any]:
        instrument = {"instrument": "BTCUSD", "exchange": "DLTXMM", "source_exchange": sources} | more.pop("where", {})
        pricer = {"buy_quote_sizes": "2 2", "sell_quote_sizes": "2 3", "source_aggregation": how} | more
        return self.bot(kind="spot", revision=revision, instrument=instrument, pricer=pricer)

    def alive(self, *venues: str) -> None:
        for venue in venues or (KRAKEN, BINANCE, DLTXMM, "bittrex_spot"):
            self.status(venue)

    def pass_by(self, seconds: float) -> list[Any]:
        """Let time pass in steps of the timer with feeds that live; return what came of it."""
        told: list[Any] = []
        for _ in range(round(seconds * 50)):
            self.wait(0.02)
            self.alive()
            told += [*self.timer(), *self.burst()]
        return told


def prices(of: list[BasePrice]) -> list[float | None]:
    return [each.price for each in of]


def sized(stated: SourcePrice) -> tuple[list[float | None], list[float | None]]:
    assert stated.sizes is not None
    return prices(stated.sizes.bids), prices(stated.sizes.asks)


def kinds(told: list[Any]) -> list[str]:
    return [each.kind for each in told if isinstance(each, Alert)]


# --- each aggregation by hand -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "bids", "asks"),
    [
        # 3 at 100, 1 at 99.5 of 4; 1 at 101, 2 at 101.5 and 2 at 102 of 5, the last slice of 3 is 101.5 + 2 x 102.
        ("BEST_AGGREGATED", [100.0, 99.75], [101.25, (101.5 + 2 * 102) / 3]),
        # Kraken: 100; 100 and 99. Binance: 99.25; 99. Kraken: 101 and 102; 3 x 102. Binance: 101.5; 103.
        ("BEST_SINGLE", [100.0, 99.5], [101.5, 102.0]),
        ("WORST_SINGLE", [99.25, 99.0], [101.5, 103.0]),
        ("BBO", [100.0, 100.0], [101.0, 101.0]),
        ("MID_PT", [100.5, 100.5], [100.5, 100.5]),
    ],
)
def test_a_price_for_each_size_from_two_books(how: str, bids: list[float], asks: list[float]) -> None:
    bench = Bench(how, "KRAKEN, BINANCE")
    bench.book(BINANCE, "BTCUSD", OTHER_BIDS, OTHER_ASKS)
    (stated,) = bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    assert sized(stated)[0] == pytest.approx(bids)
    assert sized(stated)[1] == pytest.approx(asks)
    assert (stated.bid, stated.ask, stated.unusable) == (100.0, 101.0, "")
    assert (stated.algo_id, stated.venue, stated.symbol) == ("1", DLTXMM, "BTCUSD")
    assert (stated.fx, stated.fx_rate, stated.epoch) == (None, 1.0, 3)
    assert stated.sizes is not None
    assert stated.sizes.config_revision == 1
    assert [each.quantity for each in stated.sizes.asks] == [2.0, 3.0]
    assert [(each.venue, each.symbol, each.reason) for each in stated.books] == [
        (KRAKEN, "BTCUSD", ""),
        (BINANCE, "BTCUSD", ""),
    ]
    assert (stated.ts_event_ns, stated.ts_received_ns) == (bench.now_ns - 7, bench.now_ns - 5)


def test_replication_states_the_levels_and_their_own_sizes() -> None:
    bench = Bench("REPLICATION", buy_quote_sizes="5 [1 2]", sell_quote_sizes="100 [3 9]")
    (stated,) = bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    assert stated.sizes is not None
    assert stated.sizes.bids == [BasePrice(100.0, 3.0), BasePrice(99.0, 2.0)]
    assert stated.sizes.asks == [BasePrice(None, 100.0, "fewer than 3 levels are offered")]


def test_a_side_without_sizes_has_no_prices() -> None:
    bench = Bench(sell_quote_sizes="")
    (stated,) = bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    assert sized(stated) == ([100.0, 99.5], [])


# --- FX ---------------------------------------------------------------------------------------------------------------


def jpy(**more: Any) -> Bench:
    where = {"instrument": "BTCJPY", "underlyings": "BTCUSD", "fx_leg": "USDJPY"} | more
    return Bench("BBO", where=where)


def test_btcjpy_from_btcusd_by_usdjpy() -> None:
    bench = jpy()
    (stated,) = bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    assert stated.unusable == "no book to price from: kraken_spot:USDJPY is not seen"
    (stated,) = bench.book(KRAKEN, "USDJPY", [(150.0, 1e6)], [(150.1, 1e6)])
    assert sized(stated) == ([15_000.0] * 2, [stated.ask] * 2)
    assert stated.bid == 15_000.0
    assert stated.ask == pytest.approx(101 * 150.1)
    assert stated.fx_rate == pytest.approx(150.05)
    assert stated.fx is not None
    assert (stated.fx.symbol, stated.fx.bid, stated.fx.ask, stated.fx.inverse) == ("USDJPY", 150.0, 150.1, False)
    assert (stated.fx.bid_venue, stated.fx.ask_venue, stated.fx.age_ns) == (KRAKEN, KRAKEN, 0)


def test_adaeth_from_adabtc_by_ethbtc_inversely_and_at_the_best_of_two_venues() -> None:
    where = {
        "instrument": "ADAETH",
        "exchange": "BITTREX",
        "source_exchange": "BINANCE",
        "underlyings": "ADABTC",
        "fx_leg": "ETHBTC",
        "fx_exchange": "BINANCE KRAKEN",
    }
    bench = Bench("BBO", where=where)
    bench.coin("bittrex_spot", "ADAETH", "ADA", "ETH")
    bench.book(BINANCE, "ETHBTC", [(0.0500, 9.0)], [(0.0512, 9.0)])
    bench.book(KRAKEN, "ETHBTC", [(0.0499, 9.0)], [(0.0510, 9.0)])
    (stated,) = bench.book(BINANCE, "ADABTC", [(0.0000100, 5e5)], [(0.0000102, 5e5)])
    assert sized(stated)[0] == pytest.approx([0.0000100 / 0.0510] * 2, rel=1e-12)
    assert sized(stated)[1] == pytest.approx([0.0000102 / 0.0500] * 2, rel=1e-12)
    assert stated.fx is not None
    assert (stated.fx.inverse, stated.fx.bid_venue, stated.fx.ask_venue) == (True, BINANCE, KRAKEN)


def test_where_the_pair_is_crossed_or_old_there_is_no_rate() -> None:
    bench = jpy(fx_exchange="KRAKEN BINANCE")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    bench.book(KRAKEN, "USDJPY", [(150.0, 1e6)], [(150.1, 1e6)])
    (stated,) = bench.book(BINANCE, "USDJPY", [(150.2, 1e6)], [(150.3, 1e6)])
    assert stated.unusable == "crossed: binance_spot:USDJPY bids more than kraken_spot:USDJPY asks"
    assert stated.bid == 15_000.0, "the last that was known"
    assert stated.ask == pytest.approx(101 * 150.1)


def test_a_configuration_whose_currencies_do_not_fit_is_stated_as_unusable() -> None:
    bench = Bench(where={"instrument": "BTCJPY", "underlyings": "BTCUSD"})
    told = [each for each in bench.pass_by(0.04) if isinstance(each, SourcePrice)]
    assert told[0].unusable == "fx_leg: must convert USD into JPY, the currency of BTC/JPY, is missing"
    assert (told[0].symbol, told[0].bid, told[0].ask, told[0].books) == ("BTCJPY", 0.0, 0.0, [])


# --- own orders -------------------------------------------------------------------------------------------------------


def test_our_own_orders_are_in_no_price() -> None:
    bench = Bench("BBO")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    (stated,) = bench.own(KRAKEN, "BTCUSD", {10_000: 300}, {10_100: 40})
    assert sized(stated) == ([99.0, 99.0], [101.0, 101.0])
    assert [(each.own_bids, each.own_asks) for each in stated.books] == [(3.0, 0.4)]


def test_what_was_stated_before_a_bot_came_is_known() -> None:
    bench = Bench("BBO")
    bench.own(BINANCE, "BTCUSD", {10_000: 300}, {})
    bench.spot("BBO", "BINANCE", revision=2)
    (stated,) = bench.book(BINANCE, "BTCUSD", BIDS, ASKS)
    assert sized(stated)[0] == [99.0, 99.0]


def test_a_book_that_cannot_be_told_from_ours_is_left_out() -> None:
    bench = Bench("BBO", "KRAKEN BINANCE")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    bench.book(BINANCE, "BTCUSD", OTHER_BIDS, OTHER_ASKS)
    (stated,) = bench.own(KRAKEN, "BTCUSD", {}, {}, too_many=True)
    assert sized(stated)[0] == [99.5, 99.5]
    assert [each.reason for each in stated.books] == ["not told apart from own orders", ""]


# --- stale, crossed, thin ---------------------------------------------------------------------------------------------


def test_a_stale_book_is_left_out_and_a_last_one_pulls() -> None:
    bench = Bench("BBO", "KRAKEN BINANCE")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    bench.book(BINANCE, "BTCUSD", OTHER_BIDS, OTHER_ASKS)
    bench.status(KRAKEN, stale_symbols=["BTCUSD"])
    (stated,) = [each for each in bench.timer() if isinstance(each, SourcePrice)]
    assert sized(stated)[0] == [99.5, 99.5]
    assert [each.reason for each in stated.books] == ["stale", ""]
    bench.status(BINANCE, connected=False)
    (stated,) = [each for each in bench.timer() if isinstance(each, SourcePrice)]
    assert stated.unusable == ("no book to price from: kraken_spot:BTCUSD is stale, binance_spot:BTCUSD is stale")
    assert (stated.bid, stated.ask, sized(stated)) == (99.5, 101.5, ([], []))
    bench.wait(0.5)
    (stated,) = [each for each in bench.timer() if isinstance(each, SourcePrice)]
    assert stated.age_ns == NS_PER_S // 2, "as old as what was known last"


def test_a_feed_that_says_nothing_any_more_leaves_its_books_to_get_stale() -> None:
    bench = Bench("BBO")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    bench.wait(1.5)
    (stated,) = [each for each in bench.timer() if isinstance(each, SourcePrice)]
    assert stated.unusable.endswith("is stale")
    assert stated.books[0].age_ns == 1_500 * NS_PER_MS


def test_a_quiet_book_of_a_living_venue_is_as_old_as_its_connection() -> None:
    bench = Bench("BBO")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    bench.pass_by(5.0)
    bench.wait(0.2)
    bench.status(KRAKEN, silent_ns=100 * NS_PER_MS)
    (stated,) = [each for each in bench.timer() if isinstance(each, SourcePrice)]
    assert (stated.unusable, stated.age_ns) == ("", 100 * NS_PER_MS)


def test_a_book_read_back_is_as_old_as_it_is() -> None:
    bench = Bench("BBO")
    (stated,) = bench.book(KRAKEN, "BTCUSD", BIDS, ASKS, age_ns=NS_PER_S // 2)
    assert (stated.unusable, stated.age_ns) == ("", NS_PER_S // 2)
    (stated,) = bench.book(KRAKEN, "BTCUSD", BIDS, ASKS, age_ns=2 * NS_PER_S)
    assert stated.unusable.endswith("is stale")


def test_a_crossed_book_is_left_out_and_books_that_cross_each_other_pull() -> None:
    bench = Bench("BBO", "KRAKEN BINANCE")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    (stated,) = bench.book(BINANCE, "BTCUSD", [(101.0, 1.0)], [(101.0, 1.0)])
    assert (stated.unusable, [each.reason for each in stated.books]) == ("", ["", "crossed"])
    (stated,) = bench.book(BINANCE, "BTCUSD", [(101.5, 1.0)], [(102.0, 1.0)])
    assert stated.unusable == "crossed: binance_spot:BTCUSD bids more than kraken_spot:BTCUSD asks"
    (stated,) = bench.book(BINANCE, "BTCUSD", [(101.0, 1.0)], [(102.0, 1.0)])
    assert (stated.unusable, stated.bid, stated.ask) == ("", 101.0, 101.0), "locked is not crossed"


def test_a_side_that_nobody_shows_pulls() -> None:
    bench = Bench("BEST_AGGREGATED", "KRAKEN BINANCE")
    bench.book(KRAKEN, "BTCUSD", BIDS, [])
    (stated,) = bench.book(BINANCE, "BTCUSD", OTHER_BIDS, [])
    assert stated.unusable == "nothing is offered at kraken_spot:BTCUSD, binance_spot:BTCUSD"
    (stated,) = bench.book(BINANCE, "BTCUSD", [], OTHER_ASKS)
    assert (stated.unusable, stated.bid, stated.ask) == ("", 100.0, 101.5)
    (stated,) = bench.book(BINANCE, "BTCUSD", [], [])
    assert stated.books[1].reason == "empty"


def test_a_size_that_the_books_do_not_fill_says_so_and_the_others_stand() -> None:
    bench = Bench(buy_quote_sizes="2 9 1", sell_quote_sizes="2")
    (stated,) = bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    assert sized(stated) == ([100.0, None, None], [101.5])
    assert stated.sizes is not None
    assert [each.reason for each in stated.sizes.bids] == [
        "",
        "10 are bid, up to 11 are needed",
        "10 are bid, up to 12 are needed",
    ]
    assert stated.unusable == ""


# --- when it is stated, and who is told -------------------------------------------------------------------------------


def test_books_that_come_together_make_one_price_per_bot() -> None:
    bench = Bench("BBO", "KRAKEN BINANCE")
    for venue in (KRAKEN, BINANCE):
        bench.hand_in(bench.made(venue, "BTCUSD", BIDS, ASKS))
        bench.hand_in(bench.made(venue, "BTCUSD", BIDS, OTHER_ASKS))
    (stated,) = bench.burst()
    assert [each.reason for each in stated.books] == ["", ""]
    assert bench.burst() == []


def test_a_book_that_changes_no_price_states_none_until_it_is_to_be_renewed() -> None:
    bench = Bench("BBO")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    assert bench.book(KRAKEN, "BTCUSD", [*BIDS, (90.0, 1.0)], ASKS) == []
    assert bench.book(DLTXMM, "BTCUSD", BIDS, ASKS) == [], "not its source"
    renewed = [each for each in bench.pass_by(1.0) if isinstance(each, SourcePrice)]
    assert len(renewed) == 5


def test_nothing_is_stated_before_its_market_opens_or_once_it_has_closed() -> None:
    bench = Bench(where={"instrument": "ETHUSD"})
    assert bench.book(KRAKEN, "ETHUSD", BIDS, ASKS) == []
    assert bench.pass_by(0.4) == []
    assert bench.pricer.unready(bench.now_ns) == []
    bench.coin(DLTXMM, "ETHUSD", "ETH", "USD")
    assert len(bench.book(KRAKEN, "ETHUSD", BIDS, ASKS)) == 1
    bench.coin(DLTXMM, "ETHUSD", "ETH", "USD", MarketStatus.CLOSED)
    assert bench.book(KRAKEN, "ETHUSD", OTHER_BIDS, OTHER_ASKS) == []


def test_a_new_configuration_is_stated_under_its_revision() -> None:
    bench = Bench("BBO")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    bench.spot("MID_PT", revision=2, buy_quote_sizes="1 2 3")
    (stated,) = [each for each in bench.pass_by(0.02) if isinstance(each, SourcePrice)]
    assert stated.sizes is not None
    assert (stated.sizes.config_revision, sized(stated)[0]) == (2, [100.5] * 3)


def test_an_exchange_that_is_none_of_ours_is_told_and_the_bot_is_not_priced() -> None:
    bench = Bench()
    (alert,) = bench.spot("BBO", "MTGOX", revision=2)
    assert (alert.kind, alert.level) == ("bot_config_invalid", AlertLevel.WARNING)
    assert "must be one of BINANCE, BITTREX, DLTXMM, KRAKEN, is 'MTGOX'" in alert.text


def test_what_lasts_is_told_once_and_its_end_too() -> None:
    bench = Bench("BEST_AGGREGATED", "KRAKEN BINANCE", buy_quote_sizes="2 9")
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    told = bench.pass_by(3.0)
    assert kinds(told) == ["source_thin", "source_left_out"]
    assert [each.text for each in told if isinstance(each, Alert)] == [
        "BTCUSD: books are too thin for buy 2",
        "BTCUSD: binance_spot:BTCUSD is left out: not seen",
    ]
    bench.book(BINANCE, "BTCUSD", OTHER_BIDS, OTHER_ASKS)
    told = [each for each in bench.pass_by(3.0) if isinstance(each, Alert)]
    assert [(each.kind, each.level) for each in told] == [
        ("source_thin", AlertLevel.INFO),
        ("source_left_out", AlertLevel.INFO),
    ]
    bench.book(BINANCE, "BTCUSD", [(200.0, 1.0)], [(201.0, 1.0)])
    told = bench.pass_by(0.5)
    bench.book(BINANCE, "BTCUSD", OTHER_BIDS, OTHER_ASKS)
    assert kinds([*told, *bench.pass_by(3.0)]) == [], "a moment is told in the price alone"
    bench.book(BINANCE, "BTCUSD", [(200.0, 1.0)], [(201.0, 1.0)])
    assert kinds(bench.pass_by(3.0)) == ["source_unusable"]


def test_people_see_books_sizes_and_why_not() -> None:
    bench = jpy()
    bench.book(KRAKEN, "USDJPY", [(150.0, 1e6)], [(150.1, 1e6)])
    bench.book(KRAKEN, "BTCUSD", BIDS, ASKS)
    (picture,) = bench.pricer.state(bench.now_ns)["bots"]["1"]["underlyings"].values()
    assert picture["bids"] == [[2.0, 15_000.0], [2.0, 15_000.0]]
    assert set(picture["books"]) == {"kraken_spot:BTCUSD", "kraken_spot:USDJPY"}
    assert picture["fx"] == {"bid": 150.0, "ask": 150.1, "inverse": False}
    names = {sample.name for sample in bench.pricer.samples()}
    assert {"mm_spot_source_usable", "mm_spot_source_sizes_missing", "mm_source_up"} <= names
    bench.status(KRAKEN, connected=False)
    bench.timer()
    assert any("is stale" in reason for reason in bench.pricer.unready(bench.now_ns))


def test_books_are_listened_to_at_the_venues_there_are() -> None:
    heard = [each for each in Pricer(["a"], quoted_venues=["b"]).inputs() if isinstance(each, Newest)]
    assert [each.tokens for each in heard if each.event is Book] == [{"venue": "a"}, {"venue": "b"}]
    assert [each.tokens for each in heard if each.event is OwnDepth] == [{}]
    assert [each.tokens for each in Pricer().inputs() if isinstance(each, Newest) and each.event is Book] == [{}]
