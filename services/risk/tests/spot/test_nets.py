"""Positions of bots and exposures of currencies, against sums made of the same fills by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from common.events import Fill, Posting, PostingKind, decode, encode
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.hedging.counting import Figure
from risk.hedging.terms import Scope
from risk.ledger.books import FoldStatus, Ledger
from risk.ledger.snapshot import changes, documents, restore
from risk.spot.nets import exposures_of, figures_of, position_of
from risk.testing.events import a_fill, a_posting
from risk.testing.harness import fold_of, stored
from risk.testing.spot import DLTXMM, KRAKEN, LOT, a_cutoff, a_hedge, a_quote, base_of, venue_of

D = Decimal
BOT = Scope("bot-3", "BTC", algo_id="3")
ALL, AT_KRAKEN, OF_BOT_4 = (
    Scope("risk-currency-7", "BTC"),
    Scope("risk-currency-8", "BTC", venue=KRAKEN),
    Scope("risk-currency-9", "BTC", algo_id="4"),
)


def figures(ledger: Ledger, *scopes: Scope) -> list[Figure]:
    return list(figures_of(ledger, scopes, base_of, venue_of).values())


def test_a_position_is_the_net_of_quotes_and_factor_times_the_net_of_hedges() -> None:
    """Quotes bought 10 and sold 2, hedges sold 3 and bought 1: 8 + 1 x -2 = 6; with a factor of 2 it is 4."""
    fills = [a_quote(1, 10_000), a_quote(2, -2_000), a_hedge(3, -3_000), a_hedge(4, 1_000)]
    assert position_of(fold_of(*fills), "3", "BTC") == 6
    assert position_of(fold_of(a_cutoff(factor="2"), *fills), "3", "BTC") == 4
    assert position_of(fold_of(*fills), "4", "BTC") == 0


def test_a_hedge_paid_in_what_is_hedged_counts_by_its_money() -> None:
    """A position in USD, hedged by buying 0.1 BTC for 6,000 USD: that is 6,000 USD less."""
    ledger = fold_of(
        a_quote(1, 8_000_000, 150, symbol="USDJPY", base="USD"),
        a_hedge(2, 100, 60_000, term_rate="150"),
    )
    assert position_of(ledger, "3", "USD") == 2_000


def test_exposures_are_of_all_of_one_venue_and_of_one_bot() -> None:
    ledger = fold_of(a_quote(1, 10_000), a_hedge(2, -4_000), a_quote(3, 500, algo_id="4", account="mm2", venue=KRAKEN))
    assert figures(ledger, BOT, ALL, AT_KRAKEN, OF_BOT_4) == [
        Figure(D(6)),
        Figure(D("6.5")),
        Figure(D("-3.5")),
        Figure(D("0.5")),
    ]
    usd = exposures_of(ledger, base_of, venue_of).of("USD")
    assert usd == Figure(D(240_000))
    assert exposures_of(ledger, base_of, venue_of).ledger_sequence == 3


def test_fees_and_corrections_count_and_deposits_do_not() -> None:
    ledger = fold_of(
        a_posting("in", PostingKind.DEPOSIT, algo_id="unassigned", cash=D(1_000), currency="BTC"),
        a_quote(1, 1_000, fee=D("0.002"), fee_currency="BTC", fee_rate=None),
        a_posting("fee", PostingKind.FEE, algo_id="3", cash=D("-0.003"), currency="BTC"),
        a_posting("fix", PostingKind.ADJUSTMENT, algo_id="3", cash=D("0.5"), currency="BTC"),
    )
    assert figures(ledger, ALL) == [Figure(D("1.495"))]


def test_a_transfer_moves_exposure_between_venues_and_none_over_all() -> None:
    ledger = fold_of(
        a_quote(1, 10_000),
        a_posting("t-1", PostingKind.TRANSFER, algo_id="3", cash=D(-4), currency="BTC"),
        a_posting("t-2", PostingKind.TRANSFER, algo_id="3", account="mm2", cash=D(4), currency="BTC"),
    )
    exposures = exposures_of(ledger, base_of, venue_of)
    assert [exposures.of("BTC", venue).value for venue in ("", DLTXMM, KRAKEN)] == [10, 6, 4]
    assert position_of(ledger, "3", "BTC") == 10


def test_what_nobody_can_say_is_unknown_and_says_why() -> None:
    ledger = fold_of(a_quote(1, 10_000, account="mm9"))
    exposures = exposures_of(ledger, base_of, venue_of)
    assert exposures.of("BTC", KRAKEN) == Figure(None, "nobody says at which venue mm9 is")
    assert exposures.of("BTC") == Figure(D(10))
    unnamed = exposures_of(ledger, lambda venue, symbol: "", venue_of)
    assert unnamed.of("JPY") == Figure(None, "nobody says what BTCJPY at dltxmm_spot buys")
    assert figures(ledger, Scope("bot-3", "", algo_id="3")) == [Figure(None, "its market is not known")]


def test_shares_are_no_currency_and_their_money_is() -> None:
    ledger = fold_of(a_fill(1))
    assert exposures_of(ledger, base_of, venue_of).of("USD") == Figure(D(-40))
    assert ledger.sides == {}


ENTRIES = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["quote", "hedge"]),
            st.integers(-50, 50).filter(bool),
            st.integers(1, 10**6),
            st.sampled_from(["0", "0.000001", "-0.5", "7"]),
        ),
        st.tuples(
            st.just("cutoff"),
            st.sampled_from(["1", "-2", "0.37", "1.5"]),
            st.just(0),
            st.sampled_from(["", "9", "0.1"]),
        ),
    ),
    max_size=14,
)


def entry_of(number: int, kind: str, what: int | str, price: int, extra: str) -> Fill | Posting:
    if kind == "cutoff":
        return a_cutoff(str(number), extra or None, str(what))
    make = a_quote if kind == "quote" else a_hedge
    return make(number, int(what), price, fee=D(extra), fee_currency="BTC", fee_rate=None)


@settings(max_examples=80, deadline=None)
@given(ENTRIES)
def test_positions_and_exposures_are_exact_and_survive_every_restart(
    told: list[tuple[str, int | str, int, str]],
) -> None:
    ledger, fields, sequence = Ledger(), documents(Ledger()), 0
    quoted, hedged, traded, factor = Fraction(0), Fraction(0), Fraction(0), Fraction(1)
    for sequence, (kind, what, price, extra) in enumerate(told, 1):
        folded = ledger.fold(stored(entry_of(sequence, kind, what, price, extra)), sequence)
        assert folded.status is FoldStatus.BOOKED
        fields |= changes(ledger, folded)
        if kind == "cutoff":
            before = quoted + factor * hedged
            assert position_of(ledger, "3", "BTC") == before, "the position holds at a cutoff"
            quoted, hedged, factor = before, Fraction(0), Fraction(str(what))
        else:
            quantity = int(what) * Fraction(str(LOT))
            traded += quantity - Fraction(extra)
            if kind == "quote":
                quoted += quantity
            else:
                hedged += quantity
        assert Fraction(position_of(ledger, "3", "BTC")) == quoted + factor * hedged
        assert exposures_of(ledger, base_of, venue_of).of("BTC").value == traded
    stored_now = {name: data for name, data in fields.items() if data}
    assert documents(restore(stored_now)) == documents(ledger) == stored_now


def test_a_cutoff_is_told_as_it_was_said() -> None:
    for cutoff in (a_cutoff(), a_cutoff(price=None, factor="-0.37")):
        assert decode(Posting, encode(cutoff)) == cutoff
        assert cutoff.opening is not None
    assert a_posting("x", PostingKind.CUTOFF).opening is None


def test_a_cutoff_told_twice_counts_once_whatever_its_price_was() -> None:
    ledger = fold_of(a_quote(1, 10_000), a_hedge(2, -4_000), a_cutoff("day"))
    before = documents(ledger)["sides:3"]
    assert ledger.fold(stored(a_cutoff("day", price="1")), 4).status is FoldStatus.REPEAT
    assert documents(ledger)["sides:3"] == before


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": PostingKind.FEE}, "moves.opening: stands in a cutoff"),
        ({"venue": KRAKEN}, "moves: all must be of one market of kraken_spot"),
    ],
)
def test_an_opening_that_cannot_be_meant_is_disputed(changed: dict[str, object], why: str) -> None:
    folded = Ledger().fold(stored(msgspec.structs.replace(a_cutoff(), **changed)), 1)
    assert (folded.status, folded.reason.startswith(why)) == (FoldStatus.DISPUTED, True)


@pytest.mark.parametrize(("factor", "price"), [("0", "1"), ("1", "0"), ("1", "-5")])
def test_a_factor_of_nothing_and_a_price_of_nothing_are_disputed(factor: str, price: str) -> None:
    assert Ledger().fold(stored(a_cutoff(factor=factor, price=price)), 1).status is FoldStatus.DISPUTED
