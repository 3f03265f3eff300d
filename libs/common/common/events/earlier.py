"""Events as they were written before the ledger was kept by instrument, and what each of them means today.

They lie in FILL, in spools and in backups for as long as those are kept, and as last values on the bus. Nobody writes
them any more: `decode` tries today's form first, then this one. Each form lacks a field that the other demands, so no
bytes are both, and a build that knows only the earlier form refuses today's instead of reading zeros out of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from common.events.base import register_earlier
from common.events.instruments import InstrumentKey, InstrumentTerms
from common.events.risk import Position, PositionLine
from common.events.trading import (
    AccountState,
    Balance,
    Fill,
    Holding,
    InstrumentMove,
    Liquidity,
    OpenOrder,
    Payout,
    Posting,
    PostingKind,
    Redeemable,
)
from common.instruments import InstrumentKind, Outcome, Side


class EarlierFill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An execution; its instrument was spread over fields, its fee was in the currency of the trade."""

    epoch: int = 0
    account: str
    algo_id: str
    venue: str
    symbol: str
    order_id: int
    order_sequence: int
    venue_order_id: str
    venue_trade_id: str
    outcome: Outcome = Outcome.NONE
    side: Side
    price_ticks: int
    quantity_lots: int
    leaves_lots: int
    liquidity: Liquidity
    fee: Decimal = Decimal(0)
    currency: str
    tick_size: Decimal
    lot_size: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    fx_rate: Decimal = Decimal(1)
    match_type: str = ""
    account_sequence: int = 0
    ts_event_ns: int
    ts_received_ns: int


class EarlierPosting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change that is not an execution, in YES and NO lots and one currency; YES was also what has no outcomes."""

    epoch: int = 0
    account: str
    algo_id: str
    posting_id: str
    kind: PostingKind
    venue: str
    symbol: str = ""
    yes_lots: int = 0
    no_lots: int = 0
    cash: Decimal = Decimal(0)
    currency: str = "USD"
    result: str = ""
    payout_yes: Decimal = Decimal(0)
    payout_no: Decimal = Decimal(0)
    equity: Decimal = Decimal(0)
    reason: str = ""
    ts_event_ns: int = 0
    ts_received_ns: int
    account_sequence: int = 0


class EarlierPositionLine(msgspec.Struct, frozen=True):
    """A bot's holding of one market; a position without outcomes stood under YES."""

    account: str
    venue: str
    symbol: str
    yes_lots: int
    no_lots: int
    cost: Decimal
    fees: Decimal
    fills: int


class EarlierPosition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """All live symbols of a bot. Without lines it has no field that today's lacks: what has more is none of these."""

    epoch: int = 0
    algo_id: str
    lines: list[EarlierPositionLine]
    realized: Decimal
    fees: Decimal
    fill_sequence: int
    ts_ns: int


class EarlierHolding(msgspec.Struct, frozen=True):
    """Shares of one market as the venue showed them."""

    symbol: str
    yes_lots: int
    no_lots: int


class EarlierRedeemable(msgspec.Struct, frozen=True):
    """Shares of a decided market that were not redeemed yet."""

    symbol: str
    yes_lots: int
    no_lots: int
    cash: Decimal
    since_ns: int


class EarlierAccountState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the venue said an account held, in one currency and by market."""

    epoch: int = 0
    account: str
    venue: str
    currency: str
    cash_total: Decimal
    cash_available: Decimal
    holdings: list[EarlierHolding]
    open_orders: list[OpenOrder]
    account_sequence: int
    reason: str
    ts_event_ns: int
    ts_received_ns: int
    redeemable_cash: Decimal = Decimal(0)
    redeemable: list[EarlierRedeemable] = msgspec.field(default_factory=list)
    rounding_cash: Decimal = Decimal(0)


def fill_of(earlier: EarlierFill) -> Fill:
    """Return a fill in today's form: one rate was that of price and fee alike, and 1 where nothing was said."""
    return Fill(
        epoch=earlier.epoch,
        account=earlier.account,
        algo_id=earlier.algo_id,
        instrument=InstrumentTerms(
            venue=earlier.venue,
            symbol=earlier.symbol,
            outcome=earlier.outcome,
            kind=InstrumentKind.SPOT if earlier.outcome is Outcome.NONE else InstrumentKind.BINARY,
            currency=earlier.currency,
            tick_size=earlier.tick_size,
            lot_size=earlier.lot_size,
            multiplier=earlier.multiplier,
        ),
        order_id=earlier.order_id,
        order_sequence=earlier.order_sequence,
        venue_order_id=earlier.venue_order_id,
        venue_trade_id=earlier.venue_trade_id,
        side=earlier.side,
        price_ticks=earlier.price_ticks,
        quantity_lots=earlier.quantity_lots,
        leaves_lots=earlier.leaves_lots,
        liquidity=earlier.liquidity,
        rate=earlier.fx_rate,
        fee=earlier.fee,
        fee_currency=earlier.currency,
        fee_rate=earlier.fx_rate,
        match_type=earlier.match_type,
        account_sequence=earlier.account_sequence,
        ts_event_ns=earlier.ts_event_ns,
        ts_received_ns=earlier.ts_received_ns,
    )


def posting_of(earlier: EarlierPosting) -> Posting:
    """Return a posting in today's form; only the ledger knows whether its YES is that of what has no outcomes."""
    yes, no = (InstrumentKey(earlier.venue, earlier.symbol, outcome) for outcome in (Outcome.YES, Outcome.NO))
    moves = [InstrumentMove(key, lots) for key, lots in ((yes, earlier.yes_lots), (no, earlier.no_lots)) if lots]
    settles = earlier.kind is PostingKind.SETTLEMENT or bool(earlier.payout_yes or earlier.payout_no)
    payouts = [Payout(yes, earlier.payout_yes), Payout(no, earlier.payout_no)] if settles else []
    if earlier.symbol and not moves and not payouts:
        moves = [InstrumentMove(yes, 0)]
    return Posting(
        epoch=earlier.epoch,
        account=earlier.account,
        algo_id=earlier.algo_id,
        entry_id=earlier.posting_id,
        kind=earlier.kind,
        venue=earlier.venue,
        moves=moves,
        cash={earlier.currency: earlier.cash},
        payouts=payouts,
        result=earlier.result,
        equity=earlier.equity,
        reason=earlier.reason,
        ts_event_ns=earlier.ts_event_ns,
        ts_received_ns=earlier.ts_received_ns,
        account_sequence=earlier.account_sequence,
    )


def position_of(earlier: EarlierPosition) -> Position:
    """Return a position in today's form."""
    return Position(
        epoch=earlier.epoch,
        algo_id=earlier.algo_id,
        lines=[line for each in earlier.lines for line in _lines_of(each)],
        realized=earlier.realized,
        fees=earlier.fees,
        fill_sequence=earlier.fill_sequence,
        ts_ns=earlier.ts_ns,
    )


def _lines_of(earlier: EarlierPositionLine) -> Iterator[PositionLine]:
    """Yield the lines of a market; what both outcomes cost was not told apart and stands on the first of them."""
    told = (earlier.cost, earlier.fees, earlier.fills)
    held = ((Outcome.YES, earlier.yes_lots), (Outcome.NO, earlier.no_lots))
    for outcome, lots in [each for each in held if each[1]] or held[:1]:
        yield PositionLine(earlier.account, InstrumentKey(earlier.venue, earlier.symbol, outcome), lots, *told)
        told = (Decimal(0), Decimal(0), 0)


def account_state_of(earlier: EarlierAccountState) -> AccountState:
    """Return a snapshot of an account in today's form."""
    balance = Balance(
        currency=earlier.currency,
        total=earlier.cash_total,
        available=earlier.cash_available,
        redeemable=earlier.redeemable_cash,
        rounding=earlier.rounding_cash,
    )
    return AccountState(
        epoch=earlier.epoch,
        account=earlier.account,
        venue=earlier.venue,
        main=balance,
        holdings=[held for each in earlier.holdings for held in _holdings_of(earlier.venue, each)],
        open_orders=earlier.open_orders,
        account_sequence=earlier.account_sequence,
        reason=earlier.reason,
        ts_event_ns=earlier.ts_event_ns,
        ts_received_ns=earlier.ts_received_ns,
        redeemable=[
            Redeemable(each.symbol, _holdings_of(earlier.venue, each), earlier.currency, each.cash, each.since_ns)
            for each in earlier.redeemable
        ],
    )


def _holdings_of(venue: str, earlier: EarlierHolding | EarlierRedeemable) -> list[Holding]:
    lots = ((Outcome.YES, earlier.yes_lots), (Outcome.NO, earlier.no_lots))
    return [Holding(InstrumentKey(venue, earlier.symbol, outcome), held) for outcome, held in lots]


register_earlier(Fill, EarlierFill, fill_of)
register_earlier(Posting, EarlierPosting, posting_of)
register_earlier(Position, EarlierPosition, position_of)
register_earlier(AccountState, EarlierAccountState, account_state_of)
