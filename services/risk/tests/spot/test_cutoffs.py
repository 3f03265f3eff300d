"""Cutoffs of spot bots: when they are due, once each whatever restarts, and what they leave as it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Fill, Posting, PostingKind, TradingStatistics
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.ledger.books import NS_PER_DAY, Ledger
from risk.ledger.snapshot import documents
from risk.spot.cutoffs import last_cutoff_ns
from risk.spot.statistics import Open
from risk.testing.events import NOW_NS, S
from risk.testing.harness import Harness, kinds, of, stored
from risk.testing.spot import (
    BTCJPY_MARKET,
    BTCUSD_MARKET,
    DLTXMM,
    KRAKEN,
    SPOT_PLATFORM,
    USDJPY_MARKET,
    a_document,
    a_hedge,
    a_pair,
    a_quote,
    a_spot_bot,
    a_top,
)

D = Decimal
HOUR_NS = 3600 * S
DUE_NS = NOW_NS + 4 * HOUR_NS
"""16:00 UTC of the day whose noon it is."""


def a_harness(ledger: Ledger | None = None, now_ns: int = NOW_NS, *, priced: bool = True, **hedger: Any) -> Harness:
    """Return risk with bot 3 and a cutoff at 16:00."""
    harness = Harness(
        a_spot_bot(hedger=hedger),
        BTCJPY_MARKET,
        BTCUSD_MARKET,
        USDJPY_MARKET,
        ledger=ledger,
        now_ns=now_ns,
        platform=SPOT_PLATFORM,
    )
    harness.tell(a_document("risk", "MM", {"account_currency": "USD", "cutoff_time": 57_600_000}))
    if priced:
        price(harness)
    return harness


def price(harness: Harness, jpy: float = 9_060_000) -> None:
    for market, mid in ((BTCUSD_MARKET, 60_100), (USDJPY_MARKET, 151), (BTCJPY_MARKET, jpy)):
        harness.tell(a_top(market.venue, market.symbol, mid))


def cutoffs(said: Any) -> list[Posting]:
    return [each for each in of(Posting, said) if each.kind is PostingKind.CUTOFF and each.opening is not None]


def statistics_of(harness: Harness) -> TradingStatistics:
    spot = harness.risk.spot
    moment = harness.risk._moment(harness.now_ns)
    return spot._trading(spot.documents.bots["3"], BTCJPY_MARKET, Open(D(0), D(0)), moment)


def at(harness: Harness, now_ns: int) -> list[Any]:
    """Return what is said at the first look from a time on; prices have come with it."""
    harness.now_ns = now_ns
    price(harness)
    return harness.do(harness.risk.on_look_due(harness.receipt()))


@pytest.mark.parametrize(
    ("cutoff_ms", "now_ns", "due_ns"),
    [
        (57_600_000, DUE_NS - 1, DUE_NS - NS_PER_DAY),
        (57_600_000, DUE_NS, DUE_NS),
        (0, NOW_NS, NOW_NS - 12 * HOUR_NS),
        (86_399_999, NOW_NS, NOW_NS - 12 * HOUR_NS - 1_000_000),
    ],
)
def test_the_last_cutoff_is_the_newest_one_that_has_passed(cutoff_ms: int, now_ns: int, due_ns: int) -> None:
    assert last_cutoff_ns(cutoff_ms, now_ns) == due_ns


def test_at_the_cutoff_time_the_position_is_opened_as_the_quotes_own() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 2_000, fee=D(900)))
    harness.book(a_hedge(2, -1_500))
    assert cutoffs(at(harness, DUE_NS - S)) == []
    (posting,) = cutoffs(at(harness, DUE_NS))
    assert posting.entry_id == f"cutoff:3:{DUE_NS // 1_000_000}"
    assert posting.opening is not None
    assert (posting.opening.price, posting.opening.factor) == (D(9_060_000), D(1))
    told = statistics_of(harness)
    assert (told.quoter_bot_qty, told.quoter_sld_qty, told.hedger_sld_qty) == (D("0.5"), D(0), D(0))
    assert (told.current_position_size, told.start_ns) == (D("0.5"), DUE_NS)
    assert (told.position_cost, told.pnl, told.fees, told.net_pnl) == (D(4_530_000), D(0), D(0), D(0))
    assert cutoffs(at(harness, DUE_NS + S)) == [], "a period begins once"
    assert len(cutoffs(at(harness, DUE_NS + NS_PER_DAY))) == 1


def test_a_short_position_is_opened_as_sold() -> None:
    harness = a_harness()
    harness.book(a_quote(1, -2_000))
    at(harness, DUE_NS)
    told = statistics_of(harness)
    assert (told.quoter_sld_qty, told.current_position_size, told.position_cost) == (D(2), D(-2), D(-18_120_000))


def test_a_restart_at_the_cutoff_counts_it_once() -> None:
    first = a_harness()
    first.book(a_quote(1, 2_000))
    (posting,) = cutoffs(at(first, DUE_NS))
    # A second risk decided the same from the ledger of before, at another price: FILL has both.
    second = a_harness(now_ns=DUE_NS)
    second.book(a_quote(1, 2_000))
    second.tell(a_top(DLTXMM, "BTCJPY", 9_200_000))
    (again,) = cutoffs(second.do(second.risk.on_look_due(second.receipt())))
    assert again.message_id() == posting.message_id()
    assert again.opening != posting.opening
    before = documents(first.risk.ledger)["sides:3"]
    first.book(again)
    assert documents(first.risk.ledger)["sides:3"] == before
    restarted = a_harness(first.risk.ledger, DUE_NS + S)
    assert cutoffs(restarted.wait(2)) == []


def test_a_cutoff_that_was_due_while_risk_was_down_is_made_up_for() -> None:
    before = a_harness()
    before.book(a_quote(1, 2_000))
    late = a_harness(before.risk.ledger, DUE_NS + 5 * HOUR_NS)
    (posting,) = cutoffs(late.wait(1))
    assert posting.opening is not None
    assert posting.opening.start_ns == DUE_NS


def test_a_cutoff_waits_for_a_price_of_what_is_held_and_people_are_told() -> None:
    harness = a_harness(priced=False)
    harness.book(a_quote(1, 2_000))
    harness.now_ns = DUE_NS
    said = harness.do(harness.risk.on_look_due(harness.receipt()))
    assert cutoffs(said) == []
    assert ("warning", "cutoff_waits") in kinds(said)
    assert statistics_of(harness).start_ns == NOW_NS
    assert len(cutoffs(at(harness, DUE_NS + 60 * S))) == 1


def test_a_change_of_the_factor_is_a_cutoff_of_its_own_and_keeps_the_position() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 2_000))
    harness.book(a_hedge(2, -1_500))
    harness.tell(a_spot_bot(revision=2, hedger={"hedge_qty_factor": "0.5"}))
    assert statistics_of(harness).current_position_size == D("0.5"), "by the old factor until it is booked"
    (posting,) = cutoffs(at(harness, NOW_NS + S))
    assert posting.entry_id == "cutoff:3:factor:2"
    told = statistics_of(harness)
    assert (told.current_position_size, told.quoter_net_qty, told.hedger_net_qty) == (D("0.5"), D("0.5"), D(0))
    harness.book(a_hedge(3, -1_000))
    assert statistics_of(harness).current_position_size == 0
    assert cutoffs(at(harness, NOW_NS + 2 * S)) == []


def test_nothing_is_hedged_by_a_factor_that_is_not_booked_yet() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 2_000))
    harness.tell(a_spot_bot(revision=2, hedger={"hedge_qty_factor": "0.5"}))
    harness.do(harness.risk.on_risk_state_due(harness.receipt()))
    (row,) = harness.risk.hedges.state()
    assert (row["figure"], row["wanted"]) == (None, "0")
    at(harness, NOW_NS + S)
    harness.do(harness.risk.on_risk_state_due(harness.receipt()))
    (row,) = harness.risk.hedges.state()
    assert row["figure"] == "2"


def test_a_hedge_instrument_of_another_currency_begins_a_period_of_its_own() -> None:
    """10 ETH are no BTC: what was hedged in BTC is the quotes' own from then on."""
    harness = a_harness()
    harness.tell(a_pair(KRAKEN, "ETHUSD"))
    harness.book(a_quote(1, 2_000))
    harness.book(a_hedge(2, -1_500))
    assert cutoffs(harness.wait(2)) == []
    harness.tell(a_spot_bot(revision=2, hedger={"hedge_instrument": "ETHUSD"}))
    harness.do(harness.risk.on_risk_state_due(harness.receipt()))
    (row,) = harness.risk.hedges.state()
    assert row["figure"] is None
    (posting,) = cutoffs(at(harness, NOW_NS + 3 * S))
    assert posting.entry_id == f"cutoff:3:hedge:2:{NOW_NS}"
    told = statistics_of(harness)
    assert (told.current_position_size, told.hedger_net_qty) == (D("0.5"), D(0))
    harness.book(a_hedge(3, -100))
    (late,) = cutoffs(at(harness, NOW_NS + 4 * S))
    assert late.entry_id != posting.entry_id, "a child of before was executed late"
    assert statistics_of(harness).current_position_size == D("0.4")
    harness.book(a_hedge(4, -1_000, 2_600, symbol="ETHUSD", base="ETH"))
    assert cutoffs(at(harness, NOW_NS + 5 * S)) == []


def test_a_bot_that_is_moved_to_another_base_leaves_what_it_held_and_what_hedged_that() -> None:
    """Bought 2 BTC of which 1.5 are hedged, then moved to ETHJPY: none of it is a position in ETH."""
    harness = a_harness()
    harness.tell(a_pair(DLTXMM, "ETHJPY"))
    harness.book(a_quote(1, 2_000))
    harness.book(a_hedge(2, -1_500))
    harness.tell(a_spot_bot(revision=2, instrument={"instrument": "ETHJPY", "fx_leg": None, "underlyings": None}))
    harness.tell(a_top(DLTXMM, "ETHJPY", 300_000))
    harness.do(harness.risk.on_risk_state_due(harness.receipt()))
    (row,) = harness.risk.hedges.state()
    assert (row["figure"], row["why"]) == (None, ["a change of its instrument is not booked yet"])
    harness.book(a_quote(3, 500, price=300_000, symbol="ETHJPY", base="ETH"))
    (posting,) = cutoffs(at(harness, NOW_NS + S))
    assert posting.reason == "the instrument is of another currency"
    sides = harness.risk.ledger.sides["3"]
    assert (sides.position("ETH"), sides.position("BTC"), sides.hedger_net("ETH")) == (D("0.5"), D(0), D(0))
    assert [(key.symbol, key.of_hedger) for key in sides.by_key] == [("ETHJPY", False)]
    assert harness.risk.ledger.lines_of("3")[0].lots, "the books still have it"
    assert cutoffs(at(harness, NOW_NS + 2 * S)) == []
    harness.book(a_quote(4, 100))
    (late,) = cutoffs(at(harness, NOW_NS + 3 * S))
    assert late.entry_id != posting.entry_id, "an order of before was still executed"
    assert harness.risk.ledger.sides["3"].position("ETH") == D("0.5")


def test_a_factor_is_known_before_the_first_hedge() -> None:
    harness = a_harness(hedge_qty_factor="-2")
    (posting,) = cutoffs(harness.wait(1))
    assert posting.entry_id == "cutoff:3:factor:1"
    harness.book(a_hedge(1, 1_000))
    assert statistics_of(harness).current_position_size == -2


def test_a_cutoff_of_a_spot_bot_leaves_the_utc_day_alone() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 2_000))
    day, equity = harness.risk.ledger.bots["3"].day, harness.risk.ledger.bots["3"].opening_equity
    at(harness, DUE_NS)
    assert (harness.risk.ledger.bots["3"].day, harness.risk.ledger.bots["3"].opening_equity) == (day, equity)
    lines = {key: (line.lots, line.cost) for key, line in harness.risk.ledger.lines.items()}
    assert list(lines.values()) == [(2_000, D(18_000_000))], "what the ledger holds is as it was"


MOMENTS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), st.integers(-900, 900).filter(bool)),
        st.tuples(st.just("hedge"), st.integers(-900, 900).filter(bool)),
        st.tuples(st.just("day"), st.integers(1, 2)),
        st.tuples(st.just("factor"), st.sampled_from([1, 2, -1, 3])),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=10,
)


@settings(max_examples=50, deadline=None)
@given(MOMENTS)
def test_no_cutoff_and_no_restart_moves_a_position(moments: list[tuple[str, int]]) -> None:
    harness, revision, day = a_harness(), 1, 0
    fill: list[Fill | Posting] = []
    hedger: dict[str, Any] = {}
    position, factor, trade = D(0), 1, 0
    for kind, what in moments:
        if kind in ("quote", "hedge"):
            trade += 1
            entry = (a_quote if kind == "quote" else a_hedge)(trade, what, 9_000_000 if kind == "quote" else 60_000)
            harness.book(entry)
            fill.append(entry)
            position += what * D("0.001") * (factor if kind == "hedge" else 1)
        elif kind == "day":
            day += what
            said = at(harness, DUE_NS + day * NS_PER_DAY)
            fill += cutoffs(said)
        elif kind == "factor":
            factor, revision = what, revision + 1
            hedger = {"hedge_qty_factor": str(what)}
            harness.tell(a_spot_bot(revision=revision, hedger=hedger))
            fill += cutoffs(at(harness, harness.now_ns + S))
        else:
            ledger = Ledger()
            for sequence, each in enumerate(fill, 1):
                ledger.fold(stored(each), sequence)
            mine = documents(harness.risk.ledger)
            assert documents(ledger).get("sides:3") == mine.get("sides:3")
            harness = a_harness(ledger, harness.now_ns, **hedger)
            fill += cutoffs(harness.said)
        assert harness.risk.ledger.sides.get("3") is None or (
            harness.risk.ledger.sides["3"].position("BTC") == position
        )
