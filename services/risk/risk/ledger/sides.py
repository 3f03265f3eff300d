"""What a bot's quotes and its hedges have each traded since its last cutoff: the sides its position is made of.

The lines of the ledger know instruments; a bot's figures ask who traded. Both are folds of FILL, and these begin anew
at each cutoff. Only what has no outcomes has sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import NamedTuple

from common.events import Fill, Opening, Posting, PostingKind
from common.instruments import Outcome

from risk.ledger.positions import ONE, ZERO, canonical, divided, rounded_product

_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])


class SideKey(NamedTuple):
    """What was traded through which account, and by whom."""

    account: str
    venue: str
    symbol: str
    of_hedger: bool
    """By hedges; else by quotes and orders that take out."""


@dataclass(slots=True)
class Side:
    """One instrument as quotes or hedges have traded it since the cutoff, in units of its base currency."""

    key: SideKey
    base: str
    currency: str
    """That its price is in."""
    term: str
    """That `cost` and `realized` are in: the bot's term currency."""
    multiplier: Decimal
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    bought_for: Decimal = ZERO
    """Money paid, in `currency`, fees apart."""
    sold_for: Decimal = ZERO
    cost: Decimal = ZERO
    """What is held has cost on average, below 0 for what was sold short; converted at the rate of each fill."""
    realized: Decimal = ZERO
    """Profit of what was closed at average cost."""

    @property
    def net(self) -> Decimal:
        """Return what was bought less what was sold."""
        return canonical(_WIDE.subtract(self.bought, self.sold))

    def net_in(self, currency: str) -> Decimal:
        """Return the net in units of a currency: of the base, else the money of what is priced in it, turned round.

        Who sells 0.1 BTC for 6,000 USD has bought 6,000 USD.
        """
        if currency == self.currency != self.base:
            return canonical(_WIDE.subtract(self.sold_for, self.bought_for))
        return self.net

    def trade(self, quantity: Decimal, paid: Decimal) -> None:
        """Count a signed quantity and the money it took in `currency`, negative when it brought some."""
        if quantity > 0:
            self.bought = canonical(_WIDE.add(self.bought, quantity))
            self.bought_for = canonical(_WIDE.add(self.bought_for, paid))
        else:
            self.sold = canonical(_WIDE.subtract(self.sold, quantity))
            self.sold_for = canonical(_WIDE.subtract(self.sold_for, paid))

    def move_cost(self, held: Decimal, quantity: Decimal, paid: Decimal) -> None:
        """Change the cost by a quantity that comes to what was held, for money of the term currency."""
        if held * quantity >= 0:
            self.cost = canonical(_WIDE.add(self.cost, paid))
            return
        closing = min(abs(quantity), abs(held))
        paid_closing = _part(paid, closing, abs(quantity))
        released = _part(self.cost, closing, abs(held))
        self.cost = canonical(_WIDE.add(_WIDE.subtract(self.cost, released), _WIDE.subtract(paid, paid_closing)))
        self.realized = canonical(_WIDE.subtract(self.realized, _WIDE.add(paid_closing, released)))


@dataclass(slots=True)
class Sides:
    """Both sides of one bot since its last cutoff."""

    algo_id: str
    start_ns: int
    """When the cutoff was due, or the first entry happened."""
    factor: Decimal = ONE
    """Position that a unit hedged stands for (`hedge_qty_factor`), as of the last cutoff."""
    by_key: dict[SideKey, Side] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    """By currency: in the term currency what a fill brought a rate for, else in what it was taken in."""
    unrated: dict[str, Decimal] = field(default_factory=dict)
    """Money paid for hedges and corrections that no rate came with, by currency; no cost has it."""
    transfers: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """Cash that came by transfers since the account's baseline, by account and currency; no cutoff touches it."""
    _quoter_nets: dict[str, Decimal] = field(default_factory=dict, repr=False, compare=False)
    """By base, until the next entry: they are asked for four times a second, of every bot."""
    _hedger_nets: dict[str, Decimal] = field(default_factory=dict, repr=False, compare=False)
    _positions: dict[str, Decimal] = field(default_factory=dict, repr=False, compare=False)

    def quoter_net(self, base: str) -> Decimal:
        """Return the net of its quotes in what is traded as `base`."""
        net = self._quoter_nets.get(base)
        if net is None:
            own = (side.net for side in self.by_key.values() if not side.key.of_hedger and side.base == base)
            net = self._quoter_nets[base] = _total(own)
        return net

    def hedger_net(self, base: str) -> Decimal:
        """Return the net of its hedges, in units of `base` where they were paid in it."""
        net = self._hedger_nets.get(base)
        if net is None:
            hedges = (side.net_in(base) for side in self.by_key.values() if side.key.of_hedger)
            net = self._hedger_nets[base] = _total(hedges)
        return net

    def position(self, base: str) -> Decimal:
        """Return the current position: net of the quotes + factor x net of the hedges.

        10 bought by quotes and 4 sold by hedges that count twice are 10 + 2 x -4 = 2.
        """
        position = self._positions.get(base)
        if position is None:
            hedged = _WIDE.multiply(self.factor, self.hedger_net(base))
            position = self._positions[base] = canonical(_WIDE.add(self.quoter_net(base), hedged))
        return position

    # --- the fold; nothing here may refuse, since the ledger's lines have changed by then -------------------------

    def on_fill(self, fill: Fill, paid: Decimal) -> None:
        """Count a fill and the cash it took, fees apart."""
        terms = fill.instrument
        key = SideKey(fill.account, fill.venue, fill.symbol, bool(fill.parent_id))
        term = fill.term_currency or fill.currency
        rate = ONE if term == fill.currency else fill.term_rate
        side = self._side(key, terms.base, fill.currency, term, terms.multiplier)
        quantity = _WIDE.multiply(fill.side.sign * fill.quantity_lots, terms.lot_size)
        held = side.net
        side.trade(quantity, paid)
        if rate is None or side.term != term:
            _add(self.unrated, fill.currency, paid)
            rate = None
            side.move_cost(held, quantity, ZERO)
        else:
            side.move_cost(held, quantity, rounded_product(paid, rate))
        if fill.fee:
            self._add_fee(fill, rate, term)
        self._forget_nets()

    def on_posting(self, posting: Posting, quantity: Decimal = ZERO, paid: Decimal = ZERO) -> None:
        """Count a posting; `quantity` is what it moves of its instrument, `paid` the cash that took."""
        if posting.kind is PostingKind.FEE:
            for currency, cash in posting.cash.items():
                _add(self.fees, currency, -cash)
        elif posting.kind is PostingKind.TRANSFER and not posting.moves_lots:
            for currency, cash in posting.cash.items():
                key = posting.account, currency
                self.transfers[key] = canonical(_WIDE.add(self.transfers.get(key, ZERO), cash))
        elif posting.opening is not None:
            self._cut_off(posting, posting.opening)
        elif posting.kind in (PostingKind.ADJUSTMENT, PostingKind.REVERSAL):
            self._correct(posting, quantity, paid)
        self._forget_nets()

    def _forget_nets(self) -> None:
        for known in (self._quoter_nets, self._hedger_nets, self._positions):
            known.clear()

    def _correct(self, posting: Posting, quantity: Decimal, paid: Decimal) -> None:
        """Count a correction: a hedge's where it says so, else the quotes', since it does not say whose trade it was.

        Of lots that nobody has traded since the cutoff it cannot be said in which currency they count: they are left
        out, with their money. What hedges were paid counts at the rate of now, as that of a fill without one.
        """
        if not quantity:
            for currency, cash in posting.cash.items():
                _add(self.unrated, currency, -cash)
            return
        of_hedger = bool(posting.moves and posting.moves[0].parent_id)
        side = self.by_key.get(SideKey(posting.account, posting.venue, posting.symbol, of_hedger))
        if side is None:
            return
        held = side.net
        side.trade(quantity, paid)
        if side.term == side.currency:
            side.move_cost(held, quantity, paid)
        else:
            _add(self.unrated, side.currency, paid)
            side.move_cost(held, quantity, ZERO)
        for currency, cash in posting.cash.items():
            if currency != side.currency:
                _add(self.fees, currency, -cash)

    def _cut_off(self, posting: Posting, opening: Opening) -> None:
        """Have a new period begin: the position is opened as the quotes' own, at its price of now; no hedge is left."""
        base, price = opening.base, opening.price
        multiplier = posting.moves[0].multiplier or ONE
        # What hedged another base currency is no position in this one.
        position = self.quoter_net(base) if opening.whole else self.position(base)
        closed = [key for key, side in self.by_key.items() if opening.whole or key.of_hedger or side.base == base]
        carried = _total(self.by_key[key].cost for key in closed)
        for key in closed:
            del self.by_key[key]
        self.start_ns, self.factor = opening.start_ns, canonical(opening.factor)
        self.fees.clear()
        self.unrated.clear()
        if not position:
            return
        worth = carried if price is None else rounded_product(_WIDE.multiply(position, price), multiplier)
        key = SideKey(posting.account, posting.venue, posting.symbol, False)
        side = self._side(key, base, opening.currency, opening.currency, multiplier)
        side.trade(position, worth)
        side.move_cost(ZERO, position, worth)

    def _side(self, key: SideKey, base: str, currency: str, term: str, multiplier: Decimal) -> Side:
        side = self.by_key.get(key)
        if side is None:
            side = self.by_key[key] = Side(key, base, currency, term, canonical(multiplier))
        return side

    def _add_fee(self, fill: Fill, rate: Decimal | None, term: str) -> None:
        """Count a fee in the term currency, by what the fill says of its worth; else in what it was taken in."""
        in_currency: Decimal | None = None
        if fill.fee_currency == fill.currency:
            in_currency = fill.fee
        elif fill.fee_currency == fill.instrument.base:
            in_currency = rounded_product(_WIDE.multiply(fill.fee, fill.price), fill.instrument.multiplier)
        elif fill.fee_rate is not None and fill.rate is not None:
            in_currency = divided(_WIDE.multiply(fill.fee, fill.fee_rate), fill.rate)
        if fill.fee_currency == term:
            _add(self.fees, term, fill.fee)
        elif in_currency is not None and rate is not None:
            _add(self.fees, term, rounded_product(in_currency, rate))
        else:
            _add(self.fees, fill.fee_currency, fill.fee)


def _add(amounts: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    amounts[currency] = canonical(_WIDE.add(amounts.get(currency, ZERO), amount))


def _total(amounts: Iterator[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = _WIDE.add(total, amount)
    return canonical(total)


def _part(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `part / whole` of an amount, rounded to 12 decimals."""
    return amount if part == whole else divided(_WIDE.multiply(amount, part), whole)


def has_sides(entry: Fill | Posting) -> bool:
    """Say whether an entry makes sides where there are none: it trades what has no outcomes, cuts off or transfers."""
    if isinstance(entry, Fill):
        return entry.outcome is Outcome.NONE
    return entry.opening is not None or (entry.kind is PostingKind.TRANSFER and not entry.moves_lots)
