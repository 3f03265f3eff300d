"""Snapshots of the account at Polymarket: cash, shares, what waits to be redeemed, and what rests beside what we think.

Shares are what the venue's list of positions says the wallet holds, whenever they were bought, so that a snapshot costs
the same however many markets were ever traded. That list follows the chain with a delay: where it says otherwise than
the last snapshot and the trades since, the market's two tokens are asked for one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from common.clock import NS_PER_MS, NS_PER_S
from common.errors import ContractError
from common.events import AlertLevel, Balance, OpenOrder, Redeemable
from common.instruments import Outcome, Side
from common.orders import OrderState

from quoter.venues.base import AccountSnapshot, OrderReport, SessionAlert, pair_holdings
from quoter.venues.conversation import Pause, Script
from quoter.venues.polymarket.account import Account
from quoter.venues.polymarket.numbers import (
    CURRENCY,
    LOT_SIZE,
    MICROS,
    MICROS_PER_LOT,
    MICROS_PER_PRICE_UNIT,
    VENUE,
    Text,
    lots_of,
    micros,
    stamp_s,
    text_of,
)
from quoter.venues.polymarket.orders import OwnBook
from quoter.venues.polymarket.rest import PolymarketRest
from quoter.venues.polymarket.signing.ticket import sent_s
from quoter.venues.polymarket.trades import Known
from quoter.venues.polymarket.words import WireOrder, WirePosition, outcome_named
from quoter.venues.rest_account import FINAL_MS
from quoter.venues.rows import Rows

SETTLE_WAITS_MAX = 120
SETTLE_WAIT_MS = 500.0
TRIES_MAX = 5
TRY_PAUSE_MS = 500.0
SUSPECTS_MAX = 20
"""Markets asked for token by token in one snapshot."""
ASKED_MAX = 20
"""Orders asked for one by one in one snapshot."""
FOREIGN_MAX = 1_000
SIZE_STEP = Decimal("0.000001")
REDEEMABLE_MAX = 500
"""Decided holdings told one by one, the newest; their sum is always whole."""


DECIDED_MAX = 10_000
ROUNDING = LOT_SIZE
"""Dollars that a part of a trade, or an outcome that pays, may move beyond the lots told: less than a lot's worth."""
PAYOUTS = {"0": Decimal(0), "0.5": Decimal("0.5"), "1": Decimal(1)}
"""What a share of a decided market may be worth."""


class Decided(NamedTuple):
    """Shares of a decided market and what they pay."""

    symbol: str
    yes_lots: int
    no_lots: int
    cash: Decimal
    since_ns: int

    def redeemable(self) -> Redeemable:
        """Return them as the account's snapshot names them."""
        held = pair_holdings(VENUE, self.symbol, self.yes_lots, self.no_lots)
        return Redeemable(self.symbol, held, CURRENCY, self.cash, self.since_ns)


@dataclass(slots=True)
class Shares:
    """What the list of positions says."""

    held: dict[str, list[int]] = field(default_factory=dict)
    """YES and NO lots by market that is not decided."""
    decided: dict[str, Decided] = field(default_factory=dict)
    """By market: shares whose market is decided, also those that won nothing."""
    won: dict[str, str] = field(default_factory=dict)
    """Tokens that are listed as redeemable for something, with their market."""
    foreign: list[str] = field(default_factory=list)
    """Markets without YES and NO, which are none of ours."""
    faults: list[str] = field(default_factory=list)
    """What is wrong with rows that could not be read; what they would have said is missing."""


class Snapshots:
    """Takes snapshots of one account, one at a time."""

    def __init__(self, rest: PolymarketRest, book: OwnBook, account: Account) -> None:
        self._rest, self._book, self._account = rest, book, account
        self._expected: dict[str, list[int]] | None = None
        """Holdings of the last snapshot."""
        self._foreign_told: dict[str, None] = {}
        self._decided: dict[str, None] = {}
        """Decided markets in which something was held, the last to be seen at the end."""
        self._redeemed = 0
        self._cash: Decimal | None = None
        """Of the last snapshot."""
        self._paid: dict[str, None] = {}
        """Tokens that are listed as redeemable and are no longer held."""
        self.taken = 0

    def take(self, reason: str) -> Script[None]:
        """Ask what the account holds; it counts only when nothing moved meanwhile and no trade is under way."""
        for _ in range(TRIES_MAX):
            moved = self._account.moved
            living = [known for known in self._account.living() if known.seen]
            resting = yield from self._rest.open_orders()
            odd = yield from self._compare(resting.rows, living)
            if self._book.unsettled:
                if not (yield from self._wait_for_chain()):
                    return
                continue
            cash = Decimal((yield from self._rest.balance())) / MICROS
            shares = self._sort((yield from self._rest.positions()))
            yield from self._ask_suspects(shares)
            yield from self._ask_redeemed(shares, cash)
            yield from self._account.fetch_newest()
            if not odd and moved == self._account.moved and self._account.settled:
                yield from self._tell_faults(shares)
                if not shares.faults and not resting.bad:
                    yield self._snapshot(reason, cash, shares, resting.rows)
                return
            yield Pause(TRY_PAUSE_MS)

    def _wait_for_chain(self) -> Script[bool]:
        """Wait until every trade has reached the chain, where holdings are counted; False when that takes too long."""
        for _ in range(SETTLE_WAITS_MAX):
            if not self._book.unsettled:
                return True
            yield Pause(SETTLE_WAIT_MS)
        return False

    # --- shares -------------------------------------------------------------------------------------------------

    def _sort(self, rows: Rows[WirePosition]) -> Shares:
        shares = Shares(faults=[bad.why for bad in rows.bad])
        for row in rows.rows:
            try:
                self._add(shares, row)
            except ContractError as error:
                shares.faults.append(str(error))
        return shares

    def _add(self, shares: Shares, row: WirePosition) -> None:
        details = self._account.details.get(row.condition_id)
        if details is None:
            try:
                outcome = outcome_named(row.outcome)
            except ContractError:
                shares.foreign.append(row.condition_id)
                return
        else:
            outcome = details.outcome(row.asset)
        size = micros(_rounded(row.size), "size")
        payout = PAYOUTS.get(f"{_number(row.cur_price).normalize():f}") if row.redeemable else None
        lots = lots_of(size - self._book.dust(row.condition_id, outcome))
        both = [0, lots] if outcome is Outcome.NO else [lots, 0]
        if payout is None:
            held = shares.held.setdefault(row.condition_id, [0, 0])
            shares.held[row.condition_id] = [held[0] + both[0], held[1] + both[1]]
            return
        if payout:
            shares.won[row.asset] = row.condition_id
        known = shares.decided.get(row.condition_id, Decided(row.condition_id, 0, 0, Decimal(0), 0))
        shares.decided[row.condition_id] = Decided(
            known.symbol,
            known.yes_lots + both[0],
            known.no_lots + both[1],
            known.cash + payout * size / MICROS,
            stamp_s(row.end_date) * NS_PER_S,
        )

    def _ask_suspects(self, shares: Shares) -> Script[None]:
        """Ask for the tokens of markets where the list says otherwise than our trades do; it may be behind."""
        for symbol in self._suspects(shares)[:SUSPECTS_MAX]:
            details = yield from self._account.learn(symbol)
            if details is None:
                continue
            both = []
            for outcome in (Outcome.YES, Outcome.NO):
                held = yield from self._rest.balance(details.token(outcome))
                both.append(lots_of(held - self._book.dust(symbol, outcome)))
            shares.held[symbol] = both

    def _ask_redeemed(self, shares: Shares, cash: Decimal) -> Script[None]:
        """Where cash has come in, ask whether what is listed as redeemable is still held; the list may be behind."""
        won = {token: shares.decided[symbol].cash for token, symbol in shares.won.items() if token not in self._paid}
        if self._cash is not None and won and cash - self._cash >= min(won.values()) - ROUNDING:
            for token in list(won)[:SUSPECTS_MAX]:
                if not (yield from self._rest.balance(token)):
                    self._paid[token] = None
        self._paid = {token: None for token in self._paid if token in shares.won}
        for token in self._paid:
            # A decided market pays one of its outcomes, or both at once: they are redeemed together.
            decided = shares.decided[shares.won[token]]
            shares.decided[decided.symbol] = Decided(decided.symbol, 0, 0, Decimal(0), decided.since_ns)

    def _suspects(self, shares: Shares) -> list[str]:
        moves = self._account.moves
        if self._expected is None:
            return [symbol for symbol in moves if symbol not in shares.decided]
        found = []
        for symbol in sorted(self._expected.keys() | moves.keys() | shares.held.keys()):
            yes, no = self._expected.get(symbol, [0, 0])
            more_yes, more_no = moves.get(symbol, (0, 0))
            if symbol not in shares.decided and shares.held.get(symbol, [0, 0]) != [yes + more_yes, no + more_no]:
                found.append(symbol)
        return found

    def _tell_faults(self, shares: Shares) -> Script[None]:
        for text in shares.faults[:1]:
            yield from self._rest.fault("bad_row", f"GET /positions: {text[:150]}; no snapshot without it")
        for symbol in shares.foreign:
            if symbol not in self._foreign_told and len(self._foreign_told) < FOREIGN_MAX:
                self._foreign_told[symbol] = None
                text = f"market {symbol[:20]} has no YES and NO: what is held there is left out"
                yield SessionAlert(AlertLevel.WARNING, "foreign_holding", text)

    # --- orders -------------------------------------------------------------------------------------------------

    def _compare(self, resting: Sequence[WireOrder], living: Sequence[Known]) -> Script[bool]:
        """Compare what rests with what we think rests, both ways, and ask about each difference.

        Returns whether there was one: the snapshot is of no single state then.
        """
        listed: set[str] = set()
        strange: list[WireOrder] = []
        ended: list[tuple[WireOrder, Known]] = []
        for wire in resting:
            listed.add(wire.id)
            known = self._book.by_hash(wire.id)
            if known is None:
                strange.append(wire)
            elif known.state.terminal:
                ended.append((wire, known))
            else:
                yield from self._account.show(wire)
        if strange:
            yield from self._account.disown(strange, "is not known")
        for wire, known in ended[:ASKED_MAX]:
            yield from self._ask_ended(wire, known)
        missing = [known for known in living if known.order_hash not in listed and not known.state.terminal]
        for known in missing[:ASKED_MAX]:
            yield from self._ask_missing(known)
        return bool(strange or ended) or any(known.state.terminal for known in missing)

    def _ask_ended(self, wire: WireOrder, known: Known) -> Script[None]:
        """An order that had ended for us was listed: it may have ended since, or rest against the venue's own word."""
        try:
            now = yield from self._rest.order(known.order_hash)
        except ContractError:
            now = wire
        if now is not None and self._book.rests(now):
            yield from self._account.disown([wire], f"was {known.state.value} for us")

    def _ask_missing(self, known: Known) -> Script[None]:
        old = self._account.now_ns - sent_s(known.order_id) * NS_PER_S > FINAL_MS * NS_PER_MS
        told = yield from self._account.ask(known, final=old)
        if old and isinstance(told, OrderReport) and told.state is OrderState.LIVE:
            text = f"order {known.order_id} is open by its own status and not in the list of open orders"
            yield SessionAlert(AlertLevel.WARNING, "order_not_listed", text)

    # --- the snapshot --------------------------------------------------------------------------------------------

    def _snapshot(self, reason: str, cash: Decimal, shares: Shares, resting: Sequence[WireOrder]) -> AccountSnapshot:
        self.taken += 1
        self._cash = cash
        self._expected = {symbol: both for symbol, both in shares.held.items() if any(both)}
        self._account.moves.clear()
        orders = [known for wire in resting if (known := self._book.by_hash(wire.id)) is not None]
        reserved = Decimal(sum(_reserved(known) for known in orders)) / MICROS / MICROS
        won = [each for each in shares.decided.values() if each.cash]
        self._note_decided(shares)
        won.sort(key=lambda each: (-each.since_ns, each.symbol))
        return AccountSnapshot(
            Balance(
                currency=CURRENCY,
                total=cash,
                available=cash - reserved,
                redeemable=sum((each.cash for each in won), start=Decimal(0)),
                rounding=ROUNDING * (self._book.counted + self._redeemed),
            ),
            [held for symbol, both in sorted(self._expected.items()) for held in pair_holdings(VENUE, symbol, *both)],
            list(self._open_orders(orders)),
            self._account.floor_s,
            reason,
            self._account.now_ns,
            [each.redeemable() for each in won[:REDEEMABLE_MAX]],
        )

    def _note_decided(self, shares: Shares) -> None:
        """Count decided markets, whose parts of lots are paid out too."""
        for symbol in shares.decided:
            if symbol not in self._decided:
                self._redeemed += 2
            self._decided[symbol] = self._decided.pop(symbol, None)
        while len(self._decided) > DECIDED_MAX:
            del self._decided[next(iter(self._decided))]

    def _open_orders(self, orders: Sequence[Known]) -> Iterator[OpenOrder]:
        for known in orders:
            left = known.quantity_lots - known.matched_micros // MICROS_PER_LOT
            details = self._account.details.get(known.symbol)
            # In ticks of now, as everybody else counts them by now.
            ticks = known.price_ticks * known.tick_units // (details.tick_units if details else known.tick_units)
            yield OpenOrder(
                known.order_id, known.order_hash, known.symbol, known.outcome, known.side, ticks, max(0, left)
            )


def _reserved(known: Known) -> int:
    """Return what a resting order holds of the cash, in millionths of millionths of a dollar."""
    if known.side is not Side.BUY:
        return 0
    units = known.price_ticks * known.tick_units
    return units * MICROS_PER_PRICE_UNIT * max(0, known.quantity_micros - known.matched_micros)


def _number(text: Text) -> Decimal:
    """Return a number; ContractError for what is none."""
    try:
        number = Decimal(text_of(text))
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ContractError("polymarket number", f"{text_of(text)[:40]!r} is no number")
    return number


def _rounded(size: Text) -> str:
    """Return a size the list counts in floats, whose last digits are none of the venue's own."""
    return str(_number(size).quantize(SIZE_STEP)) if isinstance(size, float) else text_of(size)
