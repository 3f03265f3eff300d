"""The books: examples with the seed's corrected numbers, and properties over arbitrary streams."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest
from common.events import Fill, Liquidity, Posting, PostingKind, encode
from common.instruments import Outcome, Side
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from risk.ledger.books import FoldStatus, Ledger
from risk.ledger.entries import Entry, Undecodable, read_entry
from risk.ledger.pairs import net_lots
from risk.ledger.positions import LineKey, MarketKey
from risk.ledger.snapshot import documents, restore
from risk.testing.events import DAY_NS, NOW_NS, SYMBOL, a_fill, a_posting, a_settlement
from risk.testing.harness import stored

MARKET = MarketKey("1", "mm1", "degen", SYMBOL)
YES = LineKey(*MARKET, Outcome.YES)


def fold_all(*entries: Fill | Posting | Entry) -> Ledger:
    ledger = Ledger()
    for sequence, entry in enumerate(entries, 1):
        ledger.fold(stored(entry), sequence)
    return ledger


def lopsided() -> Ledger:
    """100 YES for 40 and 500 NO for 275, as in the document's example."""
    return fold_all(a_fill(1), a_fill(2, outcome=Outcome.NO, price_ticks=55, quantity_lots=500))


def test_b9_a_hundred_yes_and_five_hundred_no_lose_215_when_yes_wins() -> None:
    ledger = lopsided()
    ledger.fold(stored(a_settlement(result="yes")), 3)
    assert ledger.bots["1"].realized == -215


def test_b9_a_hundred_yes_and_five_hundred_no_win_185_when_no_wins() -> None:
    ledger = lopsided()
    ledger.fold(stored(a_settlement(result="no")), 3)
    assert ledger.bots["1"].realized == 185


def test_b9_a_hundred_yes_and_five_hundred_no_are_net_four_hundred_no() -> None:
    assert net_lots(lopsided().lines_in(MARKET)) == -400


def test_a_void_pays_half_a_unit_for_each_share_of_either_outcome() -> None:
    ledger = lopsided()
    ledger.fold(stored(a_settlement(result="void")), 3)
    assert ledger.bots["1"].realized == Decimal("0.5") * 600 - 315


def test_a_settlement_closes_the_line_and_leaves_only_cash() -> None:
    ledger = lopsided()
    folded = ledger.fold(stored(a_settlement(result="no")), 3)
    balance = ledger.bots["1"].balances["mm1", "USD"]
    assert folded.status is FoldStatus.BOOKED
    assert ledger.lines == {}
    assert (balance.shares, balance.cash) == (Decimal(0), Decimal(185))


def test_a_settlement_of_nothing_pays_nothing() -> None:
    ledger = fold_all(a_settlement(result="yes"))
    assert ledger.accounts == {}
    assert ledger.entries == 1


def test_a_fill_delivered_twice_counts_once() -> None:
    ledger = fold_all(a_fill(1), a_fill(2), a_fill(1))
    assert ledger.lines[YES].lots == 200
    assert (ledger.repeats, ledger.sequence) == (1, 3)


def test_a_fill_recovered_by_another_quoter_is_the_same_fill() -> None:
    recovered = a_fill(1, epoch=7, algo_id="unassigned", order_sequence=9, account_sequence=77, ts_received_ns=1)
    ledger = fold_all(a_fill(1), recovered)
    assert ledger.repeats == 1
    assert list(ledger.bots) == ["1"]


@pytest.mark.parametrize(
    "changed",
    [{"price_ticks": 41}, {"quantity_lots": 99}, {"side": Side.SELL}, {"outcome": Outcome.NO}, {"fee": Decimal("0.1")}],
)
def test_the_same_execution_with_other_figures_is_disputed_not_booked(changed: dict[str, object]) -> None:
    ledger = fold_all(a_fill(1))
    before = documents(ledger)
    folded = ledger.fold(stored(a_fill(1, **changed)), 2)
    assert folded.status is FoldStatus.DISPUTED
    assert "other figures" in folded.reason
    assert ledger.accounts["mm1"].disputed == [2]
    assert [name for name, data in documents(ledger).items() if data != before[name]] == ["meta", "account:mm1"]


def test_a_trade_id_may_return_in_another_account_or_market() -> None:
    ledger = fold_all(a_fill(1), a_fill(1, account="mm2"), a_fill(1, symbol="ETH-5M-1"), a_fill(1, order_id=5))
    assert (ledger.repeats, ledger.disputes, ledger.entries) == (0, 0, 4)


def test_a_sequence_already_folded_changes_nothing() -> None:
    ledger = fold_all(a_fill(1), a_fill(2))
    before = documents(ledger)
    assert ledger.fold(stored(a_fill(3)), 2).status is FoldStatus.OLD
    assert documents(ledger) == before


def test_a_sale_leaves_at_average_cost_and_makes_its_profit_at_once() -> None:
    ledger = fold_all(a_fill(1), a_fill(2, price_ticks=60), a_fill(3, side=Side.SELL, price_ticks=70, quantity_lots=50))
    line = ledger.lines[YES]
    assert (line.lots, line.cost) == (150, Decimal(75))
    assert ledger.bots["1"].realized == Decimal("0.70") * 50 - 25


def test_a_sale_beyond_what_is_held_opens_the_other_way() -> None:
    ledger = fold_all(a_fill(1), a_fill(2, side=Side.SELL, price_ticks=50, quantity_lots=150))
    line = ledger.lines[YES]
    assert (line.lots, line.cost) == (-50, Decimal(-25))
    assert ledger.bots["1"].realized == 10


def test_fees_and_rebates_are_booked_to_the_last_digit() -> None:
    ledger = fold_all(a_fill(1, fee=Decimal("0.107309")), a_fill(2, fee=Decimal("-0.021461")))
    balance = ledger.bots["1"].balances["mm1", "USD"]
    assert balance.fees == Decimal("0.085848")
    assert balance.cash == Decimal("-80.085848")
    assert ledger.lines[YES].fees == Decimal("0.085848")


def test_costs_of_a_third_of_a_position_do_not_lose_a_digit() -> None:
    ledger = fold_all(
        a_fill(1, quantity_lots=1, price_ticks=10),
        a_fill(2, quantity_lots=2, price_ticks=33),
        *[a_fill(trade, side=Side.SELL, quantity_lots=1, price_ticks=50) for trade in (3, 4, 5)],
    )
    balance = ledger.bots["1"].balances["mm1", "USD"]
    assert (balance.shares, balance.cash) == (Decimal(0), Decimal("0.74"))
    assert ledger.bots["1"].realized == Decimal("0.74")


def test_split_and_merge_move_pairs_at_one_unit_each() -> None:
    split = a_posting("s", PostingKind.SPLIT, symbol=SYMBOL, yes_lots=10, no_lots=10, cash=Decimal(-10))
    merge = a_posting("m", PostingKind.MERGE, symbol=SYMBOL, yes_lots=-10, no_lots=-10, cash=Decimal(10))
    ledger = fold_all(split)
    assert [(line.lots, line.cost) for line in ledger.lines_in(MARKET)] == [(10, Decimal(5)), (10, Decimal(5))]
    ledger.fold(stored(merge), 2)
    assert [line.cost for line in ledger.lines_in(MARKET)] == [0, 0]
    assert ledger.bots["1"].realized == ledger.accounts["mm1"].cash["USD"] == 0


def test_a_deposit_is_capital_not_profit() -> None:
    ledger = fold_all(a_posting("d", PostingKind.DEPOSIT, cash=Decimal(100_000)))
    assert ledger.bots["1"].realized == 0
    assert ledger.accounts["mm1"].cash == {"USD": 100_000}
    assert ledger.accounts["mm1"].deposited


def test_a_cutoff_opens_the_day_and_an_older_one_does_not_reopen_it() -> None:
    day = NOW_NS // DAY_NS
    later = a_posting("c1", PostingKind.CUTOFF, equity=Decimal(7), ts_event_ns=(day + 1) * DAY_NS)
    older = a_posting("c0", PostingKind.CUTOFF, equity=Decimal(3), ts_event_ns=day * DAY_NS)
    ledger = fold_all(a_fill(1), later, older)
    assert (ledger.bots["1"].day, ledger.bots["1"].opening_equity) == (day + 1, Decimal(7))


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (a_fill(1, quantity_lots=0), "quantity_lots: must be 1"),
        (a_fill(1, price_ticks=101), "price_ticks: a YES or NO share costs at most 1"),
        (a_fill(1, price_ticks=-1), "price_ticks: must be 0"),
        (a_fill(1, tick_size=Decimal(0)), "tick_size: must be above 0"),
        (a_fill(1, fee=Decimal("NaN")), "fee: must be a finite decimal"),
        (a_fill(1, fee=Decimal("Infinity")), "fee: must be a finite decimal"),
        (a_fill(1, fee=Decimal("1E-13")), "fee: must have at most 12 decimals"),
        (a_fill(1, multiplier=Decimal("1E+30")), "multiplier: must be a finite decimal"),
        (a_fill(1, multiplier=Decimal("1E+15")), "price x quantity: must be a finite amount below"),
        (a_fill(1, account=""), "account: must have 1 to 128 characters"),
        (a_fill(1, algo_id="x" * 200), "algo_id: must have 1 to 128 characters"),
        (a_posting("p", PostingKind.DEPOSIT, yes_lots=1, symbol=SYMBOL), "moves: a deposit moves no lots"),
        (a_posting("p", PostingKind.ADJUSTMENT, yes_lots=1), "symbol: a posting that moves or settles lots"),
        (a_posting("p", PostingKind.SETTLEMENT, symbol=SYMBOL, result="maybe"), "result: must be one of yes, no, void"),
        (a_settlement(cash=Decimal(5)), "cash: a settlement pays what the ledger holds"),
    ],
)
def test_an_impossible_entry_is_kept_as_disputed_with_field_and_rule(entry: Fill | Posting, rule: str) -> None:
    ledger = Ledger()
    folded = ledger.fold(stored(entry), 1)
    assert folded.status is FoldStatus.DISPUTED
    assert folded.reason.startswith(rule)
    assert (ledger.lines, ledger.bots, ledger.sequence) == ({}, {}, 1)


def test_a_fill_in_another_currency_than_the_line_is_disputed() -> None:
    ledger = fold_all(a_fill(1))
    assert "held in USD" in ledger.fold(stored(a_fill(2, currency="EUR")), 2).reason
    assert list(ledger.bots["1"].balances) == [("mm1", "USD")]


def test_bytes_nobody_understands_are_disputed_and_belong_to_the_account_in_their_subject() -> None:
    entry = read_entry("fill.trade.mm1.1", b"\x00garbage")
    assert isinstance(entry, Undecodable)
    ledger = fold_all(a_fill(1), entry)
    assert ledger.accounts["mm1"].disputed == [2]
    assert "Fill" in entry.reason


def test_a_foreign_subject_in_the_stream_is_disputed_too() -> None:
    assert isinstance(read_entry("fill.rumour", b""), Undecodable)
    assert isinstance(read_entry("fill.trade._zz.1", encode(a_fill(1))[:-1]), Undecodable)


def test_an_entry_read_from_its_bytes_gives_the_same_chain() -> None:
    entries: list[Fill | Posting] = [a_fill(1, fee=Decimal("0.10")), a_settlement()]
    again = [read_entry(entry.address(), encode(entry)) for entry in entries]
    assert documents(fold_all(*entries)) == documents(fold_all(*again))


def test_the_chain_tells_an_edited_history() -> None:
    assert fold_all(a_fill(1), a_fill(2)).chain != fold_all(a_fill(1), a_fill(2, price_ticks=41)).chain
    assert fold_all(a_fill(1), a_fill(2)).chain != fold_all(a_fill(2), a_fill(1)).chain


def test_a_hole_in_the_stream_is_counted() -> None:
    ledger = fold_all(a_fill(1))
    ledger.fold(stored(a_fill(2)), 5)
    assert (ledger.sequence, ledger.holes) == (5, 3)


SYMBOLS = ("BTC-5M-1", "ETH-5M-1")
BOTS = (("1", "mm1"), ("2", "mm1"), ("unassigned", "mm2"))
AMOUNTS = st.decimals(min_value=-3, max_value=3, places=6)


class Books(RuleBasedStateMachine):
    """Any stream of fills, repeats, settlements and corrections against naive sums of cash and shares."""

    @initialize()
    def begin(self) -> None:
        self.ledger = Ledger()
        self.sequence = 0
        self.trades = 0
        self.published: list[Fill | Posting] = []
        self.shares: dict[tuple[str, str, str, Outcome], int] = defaultdict(int)
        self.cash: dict[str, Decimal] = defaultdict(Decimal)
        self.paid_in = Decimal(0)

    def publish(self, entry: Fill | Posting) -> FoldStatus:
        self.sequence += 1
        self.published.append(entry)
        return self.ledger.fold(stored(entry), self.sequence).status

    @rule(
        bot=st.sampled_from(BOTS),
        symbol=st.sampled_from(SYMBOLS),
        outcome=st.sampled_from([Outcome.YES, Outcome.NO]),
        side=st.sampled_from(Side),
        ticks=st.integers(1, 99),
        lots=st.integers(1, 1_000),
        fee=AMOUNTS,
    )
    def fill(
        self, bot: tuple[str, str], symbol: str, outcome: Outcome, side: Side, ticks: int, lots: int, fee: Decimal
    ) -> None:
        self.trades += 1
        algo_id, account = bot
        fill = a_fill(
            self.trades,
            algo_id=algo_id,
            account=account,
            symbol=symbol,
            outcome=outcome,
            side=side,
            price_ticks=ticks,
            quantity_lots=lots,
            fee=fee,
            liquidity=Liquidity.TAKER if fee > 0 else Liquidity.MAKER,
        )
        assert self.publish(fill) is FoldStatus.BOOKED
        self.shares[algo_id, account, symbol, outcome] += side.sign * lots
        self.cash[account] -= side.sign * lots * Decimal(ticks) / 100 + fee

    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        if self.published:
            entry = data.draw(st.sampled_from(self.published))
            before = documents(self.ledger)
            assert self.publish(entry) is FoldStatus.REPEAT
            changed = {name for name, value in documents(self.ledger).items() if before[name] != value}
            assert changed == {"meta"}

    @rule(data=st.data())
    def deliver_an_old_sequence(self, data: st.DataObject) -> None:
        if self.published:
            before = documents(self.ledger)
            entry = data.draw(st.sampled_from(self.published))
            assert self.ledger.fold(stored(entry), data.draw(st.integers(1, self.sequence))).status is FoldStatus.OLD
            assert documents(self.ledger) == before

    @rule(bot=st.sampled_from(BOTS), symbol=st.sampled_from(SYMBOLS), result=st.sampled_from(["yes", "no", "void"]))
    def settle(self, bot: tuple[str, str], symbol: str, result: str) -> None:
        algo_id, account = bot
        posting = a_settlement(symbol, result, f"settlement:{self.sequence}:{algo_id}")
        posting = msgspec.structs.replace(posting, algo_id=algo_id, account=account)
        assert self.publish(posting) is FoldStatus.BOOKED
        for outcome, payout in ((each, posting.payout_of(each)) for each in (Outcome.YES, Outcome.NO)):
            self.cash[account] += self.shares.pop((algo_id, account, symbol, outcome), 0) * payout

    @rule(symbol=st.sampled_from(SYMBOLS), yes=st.integers(-50, 50), no=st.integers(-50, 50), cash=AMOUNTS)
    def correct(self, symbol: str, yes: int, no: int, cash: Decimal) -> None:
        entry_id = f"correction:{self.sequence}"
        posting = a_posting(
            entry_id, PostingKind.REVERSAL, symbol=symbol, yes_lots=yes, no_lots=no, cash=cash, account="mm1"
        )
        assert self.publish(posting) is FoldStatus.BOOKED
        self.shares["1", "mm1", symbol, Outcome.YES] += yes
        self.shares["1", "mm1", symbol, Outcome.NO] += no
        self.cash["mm1"] += cash

    @rule(
        bot=st.sampled_from(BOTS),
        side=st.sampled_from(Side),
        ticks=st.integers(1, 9_000_000),
        lots=st.integers(1, 1_000),
        fee=AMOUNTS,
    )
    def trade_spot(self, bot: tuple[str, str], side: Side, ticks: int, lots: int, fee: Decimal) -> None:
        self.trades += 1
        algo_id, account = bot
        terms = {"symbol": "BTCUSD", "outcome": Outcome.NONE, "lot_size": Decimal("0.001")}
        order = {"side": side, "price_ticks": ticks, "quantity_lots": lots, "fee": fee}
        fill = a_fill(self.trades, algo_id=algo_id, account=account, **terms, **order)
        assert self.publish(fill) is FoldStatus.BOOKED
        self.shares[algo_id, account, "BTCUSD", Outcome.NONE] += side.sign * lots
        self.cash[account] -= side.sign * lots * Decimal(ticks) / 100_000 + fee

    @rule(cash=AMOUNTS)
    def deposit(self, cash: Decimal) -> None:
        assert self.publish(a_posting(f"deposit:{self.sequence}", PostingKind.DEPOSIT, cash=cash)) is FoldStatus.BOOKED
        self.cash["mm1"] += cash
        self.paid_in += cash

    @invariant()
    def every_book_sums_to_zero(self) -> None:
        for book in self.ledger.bots.values():
            assert all(balance.total == 0 for balance in book.balances.values())

    @invariant()
    def positions_are_the_naive_sums(self) -> None:
        held = {(*key[:2], key.symbol, key.outcome): line.lots for key, line in self.ledger.lines.items() if line.lots}
        assert held == {key: lots for key, lots in self.shares.items() if lots}

    @invariant()
    def cash_is_the_naive_sum(self) -> None:
        booked = {name: account.cash.get("USD", Decimal(0)) for name, account in self.ledger.accounts.items()}
        assert {name: cash for name, cash in booked.items() if cash} == {
            name: cash for name, cash in self.cash.items() if cash
        }

    @invariant()
    def what_is_earned_is_cash_and_cost_beyond_what_was_paid_in(self) -> None:
        earned = sum((book.realized_known for book in self.ledger.bots.values()), start=Decimal(0))
        costs = sum((line.cost for line in self.ledger.lines.values()), start=Decimal(0))
        assert earned == sum(self.cash.values(), start=Decimal(0)) + costs - self.paid_in

    @invariant()
    def nothing_held_costs_nothing(self) -> None:
        for line in self.ledger.lines.values():
            assert line.lots or line.cost == 0

    @invariant()
    def a_snapshot_restores_to_the_same_bytes(self) -> None:
        fields = documents(self.ledger)
        assert documents(restore(fields)) == fields

    @invariant()
    def a_rebuild_from_the_stream_gives_the_same_bytes(self) -> None:
        rebuilt = Ledger()
        for sequence, entry in enumerate(self.published, 1):
            rebuilt.fold(read_entry(entry.address(), encode(entry)), sequence)
        assert documents(rebuilt) == documents(self.ledger)


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
