"""The two lines of a market beside the pair line they replace: the same profit, cost and cash, whatever happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import msgspec
from common.events import Fill, Payout, Posting, PostingKind
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from hypothesis import given
from hypothesis import strategies as st
from risk.ledger.books import FoldStatus, Ledger
from risk.ledger.positions import Line, LineKey, MarketKey, Stake, part_of, published
from risk.testing.events import SYMBOL, a_fill, a_posting, a_settlement
from risk.testing.harness import stored

MARKET = MarketKey("1", "mm1", "degen", SYMBOL)
TERMS = (("0.01", "1", "1"), ("0.001", "0.01", "1"), ("0.0025", "0.01", "100"))


@dataclass
class PairLine:
    """A market's holding in one line, with the arithmetic of before lines were instruments'."""

    lot_size: Decimal
    multiplier: Decimal
    yes: tuple[int, Decimal] = (0, Decimal(0))
    no: tuple[int, Decimal] = (0, Decimal(0))
    cash: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    fills: int = 0

    @property
    def cost(self) -> Decimal:
        return self.yes[1] + self.no[1]

    def fill(self, fill: Fill) -> None:
        lots = fill.side.sign * fill.quantity_lots
        paid = lots * fill.price_ticks * fill.instrument.tick_size * self.lot_size * self.multiplier
        name = "no" if fill.outcome is Outcome.NO else "yes"
        self._move(name, lots, paid)
        self.cash -= paid + fill.fee
        self.fees += fill.fee
        self.realized -= fill.fee
        self.fills += 1

    def post(self, posting: Posting) -> None:
        (cash,) = posting.cash.values()
        yes, no, paid = posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO), -cash
        shared = part_of(paid, abs(yes), abs(yes) + abs(no))
        leaving = paid if yes < 0 else Decimal(0)
        yes_paid = shared if yes * no >= 0 else leaving
        self._move("yes", yes, yes_paid)
        self._move("no", no, paid - yes_paid)
        self.cash += cash

    def settle(self, posting: Posting) -> None:
        yes, no = (posting.payout_of(outcome) for outcome in (Outcome.YES, Outcome.NO))
        payout = (self.yes[0] * yes + self.no[0] * no) * self.lot_size
        self.realized += payout - self.cost
        self.cash += payout
        self.yes = self.no = (0, Decimal(0))
        self.fees, self.fills = Decimal(0), 0

    def unrealized(self, fair: Decimal) -> Decimal:
        shares = self.yes[0] * fair + self.no[0] * (1 - fair)
        return shares * self.lot_size * self.multiplier - self.cost

    def _move(self, name: str, lots: int, paid: Decimal) -> None:
        if not lots:
            return
        held, cost = getattr(self, name)
        if held * lots >= 0:
            setattr(self, name, (held + lots, cost + paid))
            return
        closing = min(abs(lots), abs(held))
        paid_closing = part_of(paid, closing, abs(lots))
        released = part_of(cost, closing, abs(held))
        setattr(self, name, (held + lots, cost - released + (paid - paid_closing)))
        self.realized += -paid_closing - released


def fills() -> st.SearchStrategy[Fill]:
    return st.builds(
        lambda outcome, side, ticks, lots, fee: a_fill(
            1, outcome=outcome, side=side, price_ticks=ticks, quantity_lots=lots, fee=Decimal(fee) / 10**6
        ),
        st.sampled_from([Outcome.YES, Outcome.NO]),
        st.sampled_from(Side),
        st.integers(1, 99),
        st.integers(1, 500),
        st.integers(-50_000, 50_000),
    )


def conversions() -> st.SearchStrategy[Posting]:
    """Merges, splits and corrections: lots of either outcome and cash."""
    return st.builds(
        lambda yes, no, cash: a_posting(
            "p", PostingKind.REVERSAL, symbol=SYMBOL, yes_lots=yes, no_lots=no, cash=Decimal(cash) / 100
        ),
        st.integers(-60, 60),
        st.integers(-60, 60),
        st.integers(-5_000, 5_000),
    ).filter(lambda posting: posting.moves_lots)


def settlements() -> st.SearchStrategy[Posting]:
    return st.sampled_from(["yes", "no", "void"]).map(lambda result: a_settlement(result=result))


ENTRIES = st.lists(st.one_of(fills(), fills(), fills(), conversions(), settlements()), min_size=1, max_size=40)


def numbered(entries: Iterable[Fill | Posting], terms: tuple[str, str, str]) -> Iterable[Fill | Posting]:
    """Make every entry one of its own, in a market of some tick, lot size and multiplier; the first is a fill."""
    tick, lot, multiplier = (Decimal(each) for each in terms)
    for number, entry in enumerate((a_fill(1), *entries), 1):
        if isinstance(entry, Fill):
            terms_now = msgspec.structs.replace(entry.instrument, tick_size=tick, lot_size=lot, multiplier=multiplier)
            yield msgspec.structs.replace(entry, order_id=number, instrument=terms_now)
        else:
            payouts = [Payout(each.instrument, each.per_unit * multiplier) for each in entry.payouts]
            yield msgspec.structs.replace(entry, entry_id=str(number), payouts=payouts)


@given(ENTRIES, st.sampled_from(TERMS), st.integers(0, 1_000))
def test_two_lines_do_what_the_pair_line_did(
    entries: list[Fill | Posting], terms: tuple[str, str, str], mille: int
) -> None:
    ledger, pair = Ledger(), PairLine(Decimal(terms[1]), Decimal(terms[2]))
    settled = False
    for sequence, entry in enumerate(numbered(entries, terms), 1):
        if isinstance(entry, Posting) and entry.kind is not PostingKind.SETTLEMENT and not ledger.lines:
            # What a lot is worth is not known to a posting: it counts as one unit where nothing is held.
            continue
        assert ledger.fold(stored(entry), sequence).status is FoldStatus.BOOKED
        if isinstance(entry, Fill):
            pair.fill(entry)
        elif entry.kind is PostingKind.SETTLEMENT:
            pair.settle(entry)
        else:
            pair.post(entry)
        settled = isinstance(entry, Posting) and entry.kind is PostingKind.SETTLEMENT
        lines = ledger.lines_in(MARKET)
        assert bool(lines) is not settled
        told = [published(line) for line in lines]
        lots = {each.instrument.outcome: each.lots for each in told}
        assert (lots.get(Outcome.YES, 0), lots.get(Outcome.NO, 0)) == (pair.yes[0], pair.no[0])
        assert sum(each.cost for each in told) == pair.cost
        assert (sum(each.fees for each in told), sum(each.fills for each in told)) == (pair.fees, pair.fills)
        assert ledger.bots["1"].realized == pair.realized
        assert ledger.accounts["mm1"].cash == {"USD": pair.cash}
        assert sum(line.unrealized(mille / 1_000) for line in lines) == pair.unrealized(Decimal(mille) / 1_000)


KINDS = st.sampled_from([(outcome, *terms) for outcome in Outcome for terms in TERMS])


@given(KINDS, st.integers(-1_000, 1_000), st.integers(1, 999), st.integers(1, 90))
def test_a_line_is_worth_what_its_instrument_says(
    kind: tuple[Outcome, str, str, str], lots: int, mille: int, ticks: int
) -> None:
    outcome, tick, lot, multiplier = kind
    fill = a_fill(
        1,
        outcome=outcome,
        price_ticks=ticks,
        quantity_lots=abs(lots) + 1,
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        multiplier=Decimal(multiplier),
    )
    instrument = fill.instrument.instrument()
    line = Line(LineKey(*MARKET, outcome), "USD", instrument.lot_size, instrument.multiplier, Stake(lots))
    mark = mille / 1_000
    assert float(line.unrealized(mark)) == round(instrument.value(lots, mark), 9)
    ledger = Ledger()
    ledger.fold(stored(fill), 1)
    assert ledger.accounts["mm1"].cash["USD"] == -instrument.notional(ticks, abs(lots) + 1)


def test_a_fill_says_what_its_instrument_is() -> None:
    spot = a_fill(1, outcome=Outcome.NONE, symbol="BTCUSD", lot_size=Decimal("0.001")).instrument.instrument()
    no = a_fill(1, outcome=Outcome.NO).instrument.instrument()
    assert isinstance(spot, Instrument)
    assert [(spot.kind, spot.price_max), (no.kind, no.price_max)] == [
        (InstrumentKind.SPOT, None),
        (InstrumentKind.BINARY, 1),
    ]
