"""What may be booked: every number of a fill or posting is checked here, once, before it touches the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import msgspec
from common.bus.messages import StoredMessage
from common.errors import ContractError
from common.events import Fill, FillIdentity, Opening, Posting, PostingKind, class_of, decode
from common.instruments import InstrumentKind, Outcome, unescape_token
from common.signing import Refusal

from risk.ledger.positions import ZERO, canonical, exact_money
from risk.ledger.seen import CONTENT_BYTES, IDENTITY_BYTES

LOTS_MAX = 10**12
TEXT_CHARS_MAX = 128
DIGITS_MAX = 18
"""Significant digits and decimals of any decimal number in an entry."""
RESULTS = ("yes", "no", "void")
SHARELESS = (PostingKind.DEPOSIT, PostingKind.FEE, PostingKind.CUTOFF)


class StoredEntry(NamedTuple):
    """A fill or posting, and the bytes of it that are stored, which may be of an earlier form."""

    event: Fill | Posting
    data: bytes

    @property
    def account(self) -> str:
        return self.event.account

    @property
    def algo_id(self) -> str:
        return self.event.algo_id


class Undecodable(NamedTuple):
    """A message of the FILL stream that is not what the contract says; it is kept, not booked."""

    account: str
    algo_id: str
    data: bytes
    reason: str


class Forged(NamedTuple):
    """A message of the FILL stream that no owner of the stream has said: only its place is counted."""

    account: str
    algo_id: str
    data: bytes
    reason: str


class Uncounted(NamedTuple):
    """A message of the FILL stream that moves no money: what the store says of itself."""

    account: str
    algo_id: str
    data: bytes
    reason: str


Entry: TypeAlias = StoredEntry | Undecodable | Forged | Uncounted

Check: TypeAlias = Callable[[StoredMessage], Refusal | None]
"""Says why a stored message is not its owner's; the live reader and a rebuild ask the same."""


def check_entry(message: StoredMessage, check: Check) -> Entry:
    """Return what a stored message of FILL says once it is known whose it is."""
    refusal = check(message)
    if refusal is None:
        return read_entry(message.subject, message.data)
    make = forged if refusal.fault.forged else undecodable
    return make(message.subject, message.data, refusal.reason)


def read_entry(subject: str, data: bytes) -> Entry:
    """Return what a stored message of FILL says, or that it says nothing we understand, and whose it is."""
    cls = class_of(subject)
    if cls is FillIdentity:
        return uncounted(data)
    try:
        if cls not in (Fill, Posting):
            raise ContractError(subject, "not a subject of fills or postings")
        event = decode(cls, data, subject)
    except ContractError as error:
        return undecodable(subject, data, str(error))
    assert isinstance(event, (Fill, Posting))
    return StoredEntry(event, data)


def undecodable(subject: str, data: bytes, reason: str) -> Undecodable:
    """Return what can be said of a message whose bytes do not decode: account and bot stand in its subject."""
    tokens = [_plain(token) for token in subject.split(".")]
    account, algo_id = (tokens[2], tokens[3]) if len(tokens) == 4 else ("unknown", "unassigned")
    return Undecodable(account, algo_id, data, reason)


def forged(subject: str, data: bytes, reason: str) -> Forged:
    """Return what stands in the place of a message that its owner never said; its subject names whom it meant."""
    return Forged(*undecodable(subject, data, reason))


def uncounted(data: bytes) -> Uncounted:
    """Return what stands in the place of a message that concerns no account."""
    return Uncounted("", "", data, "the identity of the store")


def _plain(token: str) -> str:
    try:
        return unescape_token(token) or "unknown"
    except (ValueError, UnicodeDecodeError):
        return "unknown"


def fingerprint(entry: Fill | Posting) -> bytes:
    """Return identity and content of an entry as 16 bytes: repeats share all, contradictions only the identity.

    A cutoff's equity is not part of what it says: a restart on midnight may mark the same day twice, the first counts.
    """
    identity = hashlib.blake2b(f"{type(entry).__name__}|{entry.message_id()}".encode(), digest_size=IDENTITY_BYTES)
    said: tuple[str, ...]
    if isinstance(entry, Fill):
        said = (entry.venue, entry.outcome, entry.side, str(entry.price_ticks), str(entry.quantity_lots))
        said += (_text(entry.fee), entry.currency)
        said += () if entry.fee_currency == entry.currency else (entry.fee_currency,)
    else:
        # As in the earlier form, so that an entry told again in today's form is known.
        yes_lots, no_lots = entry.lots_of(Outcome.YES, Outcome.NONE), entry.lots_of(Outcome.NO)
        (currency, cash), *others = entry.cash.items()
        said = (entry.kind, entry.symbol, str(yes_lots), str(no_lots), _text(cash), currency)
        said += (entry.result, _text(entry.payout_of(Outcome.YES)), _text(entry.payout_of(Outcome.NO)))
        for currency, cash in others:
            said += (_text(cash), currency)
    content = hashlib.blake2b(msgspec.msgpack.encode(said), digest_size=CONTENT_BYTES)
    return identity.digest() + content.digest()


def _text(amount: Decimal) -> str:
    return str(canonical(amount))


def fault_in(entry: Fill | Posting) -> str:
    """Return 'field: rule' for the first thing that cannot be booked, '' when all is well."""
    try:
        _check_texts(entry)
        if isinstance(entry, Fill):
            _check_fill(entry)
        else:
            _check_posting(entry)
    except ValueError as error:
        return str(error)
    return ""


def _check_texts(entry: Fill | Posting) -> None:
    named = {"account": entry.account, "algo_id": entry.algo_id, "venue": entry.venue}
    if isinstance(entry, Fill):
        named |= {"symbol": entry.symbol, "venue_trade_id": entry.venue_trade_id}
        named |= {"currency": entry.currency, "fee_currency": entry.fee_currency}
        named |= {"term_currency": entry.term_currency} if entry.term_currency else {}
    else:
        named |= {"entry_id": entry.entry_id} | {f"cash.{currency}": currency for currency in entry.cash}
    for name, text in named.items():
        if not 1 <= len(text) <= TEXT_CHARS_MAX:
            raise ValueError(f"{name}: must have 1 to {TEXT_CHARS_MAX} characters, has {len(text)}")


def _check_fill(fill: Fill) -> None:
    if not 1 <= fill.quantity_lots <= LOTS_MAX:
        raise ValueError(f"quantity_lots: must be 1 to {LOTS_MAX}, is {fill.quantity_lots}")
    if not 0 <= fill.price_ticks <= LOTS_MAX:
        raise ValueError(f"price_ticks: must be 0 to {LOTS_MAX}, is {fill.price_ticks}")
    terms = fill.instrument
    numbers = {"tick_size": terms.tick_size, "lot_size": terms.lot_size, "multiplier": terms.multiplier}
    rates = {"rate": fill.rate, "fee_rate": fill.fee_rate, "term_rate": fill.term_rate}
    numbers |= {name: rate for name, rate in rates.items() if rate is not None}
    for name, number in numbers.items():
        _check_digits(name, number)
        if number <= 0:
            raise ValueError(f"{name}: must be above 0, is {number}")
    _check_digits("fee", fill.fee)
    exact_money(fill.fee, "fee")
    paid_for(fill)
    if terms.kind is InstrumentKind.BINARY and fill.price_ticks * terms.tick_size > 1:
        raise ValueError(f"price_ticks: a YES or NO share costs at most 1, is {fill.price_ticks} x {terms.tick_size}")


def paid_for(fill: Fill) -> Decimal:
    """Return the cash a fill takes, fees apart; negative for a sale. ValueError when money cannot hold it."""
    cost = fill.instrument.instrument().cost(fill.side, fill.price_ticks, fill.quantity_lots)
    return exact_money(cost, "price x quantity")


def cash_of(entry: Fill | Posting) -> dict[str, Decimal]:
    """Return by currency what an entry does to the cash of its account, fees included; a settlement says nothing."""
    if isinstance(entry, Posting):
        return entry.cash
    cash = {entry.currency: -paid_for(entry)}
    cash[entry.fee_currency] = cash.get(entry.fee_currency, ZERO) - entry.fee
    return cash


def _check_posting(posting: Posting) -> None:
    numbers = {f"cash.{currency}": cash for currency, cash in posting.cash.items()} | {"equity": posting.equity}
    numbers |= {f"payout.{each.instrument.outcome}": each.per_unit for each in posting.payouts}
    for name, number in numbers.items():
        _check_digits(name, number)
        exact_money(number, name)
    if not posting.cash:
        raise ValueError("cash: must name one currency at least")
    for move in posting.moves:
        if abs(move.lots) > LOTS_MAX:
            raise ValueError(f"moves.lots: must be -{LOTS_MAX} to {LOTS_MAX}, is {move.lots}")
        for name, stated in (("moves.lot_size", move.lot_size), ("moves.multiplier", move.multiplier)):
            if stated is not None:
                _check_digits(name, stated)
                if stated <= 0:
                    raise ValueError(f"{name}: must be above 0, is {stated}")
    if len({(move.lot_size, move.multiplier) for move in posting.moves}) > 1:
        raise ValueError("moves: all instruments of a market have the same lot_size and multiplier")
    if posting.kind in SHARELESS and posting.moves_lots:
        raise ValueError(f"moves: a {posting.kind} moves no lots")
    if posting.kind is PostingKind.SETTLEMENT:
        _check_settlement(posting)
    if posting.opening is not None:
        _check_opening(posting, posting.opening)
    _check_one_market(posting)


def _check_one_market(posting: Posting) -> None:
    """Demand that all instruments are of one market of the posting's venue, each named once."""
    needed = posting.moves_lots or posting.kind is PostingKind.SETTLEMENT or posting.opening is not None
    if needed and not 1 <= len(posting.symbol) <= TEXT_CHARS_MAX:
        raise ValueError("symbol: a posting that moves or settles lots names their market")
    for name, keys in (
        ("moves", [each.instrument for each in posting.moves]),
        ("payouts", [each.instrument for each in posting.payouts]),
    ):
        if any((key.venue, key.symbol) != (posting.venue, posting.symbol) for key in keys):
            raise ValueError(f"{name}: all must be of one market of {posting.venue}")
        if len(set(keys)) < len(keys):
            raise ValueError(f"{name}: an instrument is named twice")


def _check_settlement(posting: Posting) -> None:
    if posting.result not in RESULTS:
        raise ValueError(f"result: must be one of {', '.join(RESULTS)}, is {posting.result!r}")
    if any(each.per_unit < 0 for each in posting.payouts):
        raise ValueError("payouts.per_unit: must not be negative")
    if posting.moves_lots or any(posting.cash.values()):
        raise ValueError("cash: a settlement pays what the ledger holds times its payouts, nothing else")


def _check_opening(posting: Posting, opening: Opening) -> None:
    if posting.kind is not PostingKind.CUTOFF or len(posting.moves) != 1:
        raise ValueError("moves.opening: stands in a cutoff, which names one instrument")
    if posting.moves[0].instrument.outcome is not Outcome.NONE:
        raise ValueError(f"moves.opening: {posting.symbol} has outcomes, and no sides")
    for name, text in (("base", opening.base), ("currency", opening.currency)):
        if not 1 <= len(text) <= TEXT_CHARS_MAX:
            raise ValueError(f"opening.{name}: must have 1 to {TEXT_CHARS_MAX} characters, has {len(text)}")
    _check_digits("opening.factor", opening.factor)
    if not opening.factor:
        raise ValueError("opening.factor: must not be 0")
    if opening.price is not None:
        _check_digits("opening.price", opening.price)
        if opening.price <= 0:
            raise ValueError(f"opening.price: must be above 0, is {opening.price}")


def _check_digits(name: str, number: Decimal) -> None:
    """Keep sums finite: a decimal with a million digits is an attack or a bug, not money."""
    exponent = number.as_tuple().exponent
    digits = len(number.as_tuple().digits)
    if (
        not number.is_finite()
        or not isinstance(exponent, int)
        or digits > DIGITS_MAX
        or not -DIGITS_MAX <= exponent <= DIGITS_MAX
    ):
        raise ValueError(f"{name}: must be a finite decimal of at most {DIGITS_MAX} digits")
