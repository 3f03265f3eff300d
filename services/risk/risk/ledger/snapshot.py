"""The ledger as documents for the positions store, and back: equal ledgers give equal bytes.

`meta` holds sequence, counters and hashes; `bot:`, `account:`, `line:` (one instrument's) and `sides:` (one bot's) one
document each; `seen:` the fingerprints of what is booked, 256 a document. Decimals are written in their one canonical
spelling, maps in the order of their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from common.errors import ContractError
from common.instruments import Outcome, escape_token

from risk.ledger.books import AccountBook, Balance, BotBook, Folded, FoldStatus, Ledger
from risk.ledger.positions import ZERO, Line, LineKey, MarketKey, Stake
from risk.ledger.seen import CHUNK_FINGERPRINTS, FINGERPRINT_BYTES
from risk.ledger.sides import Side, SideKey, Sides

FORMAT = 3
"""Number of this form; form 2 had no sides, in form 1 (form_1.py) a line was a whole market's."""
WITHOUT_SIDES = 2
META = "meta"


@dataclass(slots=True)
class StoreHealth:
    """How the positions store is, for the core: written by its shell, read at the timers."""

    away: bool = False
    ahead: str = ""
    """Why the store cannot be ours or FILL has lost entries; '' when all is well. Trading halts on it."""


class MetaDocument(msgspec.Struct, frozen=True):
    """Where the ledger stands."""

    format: int
    sequence: int
    tip: bytes
    chain: bytes
    entries: int
    repeats: int
    disputes: int
    holes: int
    marks: int
    """Fingerprints in the store, under the name they had when its form was made."""


class FormDocument(msgspec.Struct, frozen=True):
    """What `meta` says first in every form."""

    format: int


class BalanceDocument(msgspec.Struct, frozen=True):
    """One balance of a bot."""

    account: str
    currency: str
    cash: Decimal
    shares: Decimal
    fees: Decimal
    profit: Decimal
    capital: Decimal
    fx_rate: Decimal | None


class BotDocument(msgspec.Struct, frozen=True):
    """One bot's book."""

    algo_id: str
    day: int
    opening_equity: Decimal
    fills: int
    balances: list[BalanceDocument]


class AccountDocument(msgspec.Struct, frozen=True):
    """One account's book."""

    account: str
    cash: list[tuple[str, Decimal]]
    account_sequence: int
    deposited: bool
    currency: str
    disputed: list[int]


class LineDocument(msgspec.Struct, frozen=True):
    """One line."""

    algo_id: str
    account: str
    venue: str
    symbol: str
    outcome: Outcome
    currency: str
    lot_size: Decimal
    multiplier: Decimal
    lots: int
    cost: Decimal
    fees: Decimal
    fills: int
    last_sequence: int


class SideDocument(msgspec.Struct, frozen=True):
    """One instrument as a bot's quotes or hedges have traded it."""

    account: str
    venue: str
    symbol: str
    of_hedger: bool
    base: str
    currency: str
    term: str
    multiplier: Decimal
    bought: Decimal
    sold: Decimal
    bought_for: Decimal
    sold_for: Decimal
    cost: Decimal
    realized: Decimal


class SidesDocument(msgspec.Struct, frozen=True):
    """Both sides of one bot."""

    algo_id: str
    start_ns: int
    factor: Decimal
    sides: list[SideDocument]
    fees: list[tuple[str, Decimal]]
    unrated: list[tuple[str, Decimal]]
    transfers: list[tuple[str, str, Decimal]]


ENCODER = msgspec.msgpack.Encoder(decimal_format="string")


def documents(ledger: Ledger, form: int = FORMAT) -> dict[str, bytes]:
    """Return the whole ledger as fields of this form, or of the one that had no sides."""
    fields = {META: meta_document(ledger, form)}
    fields |= {bot_field(algo_id): _bot(ledger.bots[algo_id]) for algo_id in sorted(ledger.bots)}
    fields |= {account_field(name): _account(ledger.accounts[name]) for name in sorted(ledger.accounts)}
    fields |= {line_field(key): _line(ledger.lines[key]) for key in sorted(ledger.lines)}
    if form != WITHOUT_SIDES:
        fields |= {sides_field(algo_id): _sides(ledger.sides[algo_id]) for algo_id in sorted(ledger.sides)}
    fields |= {seen_field(number): chunk for number, chunk in enumerate(ledger.seen.chunks())}
    return fields


def changes(ledger: Ledger, folded: Folded) -> dict[str, bytes]:
    """Return the fields that a message just folded has changed; an empty value deletes its field."""
    fields = {META: meta_document(ledger)}
    if folded.status in (FoldStatus.REPEAT, FoldStatus.FORGED, FoldStatus.UNCOUNTED):
        return fields
    if folded.account in ledger.accounts:
        fields[account_field(folded.account)] = _account(ledger.accounts[folded.account])
    if folded.status is FoldStatus.DISPUTED:
        return fields
    if folded.algo_id in ledger.bots:
        fields[bot_field(folded.algo_id)] = _bot(ledger.bots[folded.algo_id])
    if folded.algo_id in ledger.sides:
        fields[sides_field(folded.algo_id)] = _sides(ledger.sides[folded.algo_id])
    for key in folded.lines:
        line = ledger.lines.get(key)
        fields[line_field(key)] = _line(line) if line else b""
    number, chunk = ledger.seen.newest_chunk()
    fields[seen_field(number)] = chunk
    return fields


def differences(wanted: Mapping[str, bytes], fields: Mapping[str, bytes]) -> list[str]:
    """Return the names of the documents that are not what they should be, in order."""
    return [name for name in sorted(wanted.keys() | fields.keys()) if wanted.get(name) != fields.get(name)]


def form_of(fields: Mapping[str, bytes]) -> int:
    """Return the number of the form in which some fields are, 0 when there are none; ContractError without `meta`."""
    return _decode(FormDocument, META, fields.get(META, b"")).format if fields else 0


def sequence_of(fields: Mapping[str, bytes]) -> int:
    """Return the FILL sequence that fields of any form stand at; ContractError when `meta` does not say it."""
    return _decode(MetaDocument, META, fields.get(META, b"")).sequence


def restore(fields: Mapping[str, bytes]) -> Ledger:
    """Return the ledger that some fields hold; ContractError names the field that is not what it should be."""
    ledger = Ledger()
    if not fields:
        return ledger
    form = form_of(fields)
    if form != FORMAT:
        raise ContractError(META, f"format: must be {FORMAT}, is {form}")
    meta = _decode(MetaDocument, META, fields[META])
    ledger.sequence, ledger.tip, ledger.chain = meta.sequence, meta.tip, meta.chain
    ledger.entries, ledger.repeats = meta.entries, meta.repeats
    ledger.disputes, ledger.holes = meta.disputes, meta.holes
    for name in sorted(fields):
        kind = name.partition(":")[0]
        if kind == "bot":
            _restore_bot(ledger, _decode(BotDocument, name, fields[name]))
        elif kind == "account":
            _restore_account(ledger, _decode(AccountDocument, name, fields[name]))
        elif kind == "line":
            _restore_line(ledger, _decode(LineDocument, name, fields[name]))
        elif kind == "sides":
            _restore_sides(ledger, _decode(SidesDocument, name, fields[name]))
        elif kind not in (META, "seen"):
            raise ContractError(name, "no document of the ledger has this name")
    for number in range(-(-meta.marks // CHUNK_FINGERPRINTS)):
        chunk = fields.get(seen_field(number), b"")
        for start in range(0, len(chunk) - len(chunk) % FINGERPRINT_BYTES, FINGERPRINT_BYTES):
            ledger.seen.add(chunk[start : start + FINGERPRINT_BYTES])
    _demand_whole(ledger, meta)
    return ledger


def _demand_whole(ledger: Ledger, meta: MetaDocument) -> None:
    """Check what a torn or edited store would break: fingerprints, sums of books, costs, cash of accounts, sides."""
    if len(ledger.seen) != meta.marks:
        raise ContractError("seen", f"fingerprints: {meta.marks} are booked, {len(ledger.seen)} are there")
    cash: dict[tuple[str, str], Decimal] = {}
    costs: dict[tuple[str, str, str], Decimal] = {}
    for line in ledger.lines.values():
        owner = (line.key.algo_id, line.key.account, line.currency)
        costs[owner] = costs.get(owner, ZERO) + line.cost
    for book in ledger.bots.values():
        for (account, currency), balance in book.balances.items():
            if costs.pop((book.algo_id, account, currency), ZERO) != balance.shares:
                raise ContractError(bot_field(book.algo_id), f"{account} {currency}: its lines cost something else")
            if balance.total != 0:
                raise ContractError(bot_field(book.algo_id), f"{account} {currency}: the books sum to {balance.total}")
            cash[account, currency] = cash.get((account, currency), ZERO) + balance.cash
    if any(costs.values()):
        raise ContractError("line", "cost: a bot that is not there holds something")
    for name, account_book in ledger.accounts.items():
        for currency, amount in account_book.cash.items():
            if cash.pop((name, currency), ZERO) != amount:
                raise ContractError(account_field(name), f"cash: differs from what its bots hold in {currency}")
    plain = {line.key.algo_id for line in ledger.lines.values() if line.key.outcome is Outcome.NONE and line.fills}
    if plain - ledger.sides.keys():
        raise ContractError("sides", f"those of {', '.join(sorted(plain - ledger.sides.keys()))} are missing")
    if any(cash.values()):
        raise ContractError("account", "cash: a bot holds money of an account that is not there")


def _restore_bot(ledger: Ledger, document: BotDocument) -> None:
    book = BotBook(document.algo_id, document.day, document.opening_equity, document.fills)
    for each in document.balances:
        book.balances[each.account, each.currency] = Balance(
            each.cash, each.shares, each.fees, each.profit, each.capital, each.fx_rate
        )
    ledger.bots[book.algo_id] = book


def _restore_account(ledger: Ledger, document: AccountDocument) -> None:
    ledger.accounts[document.account] = AccountBook(
        document.account,
        dict(document.cash),
        document.account_sequence,
        document.deposited,
        document.currency,
        list(document.disputed),
    )


def _restore_line(ledger: Ledger, document: LineDocument) -> None:
    key = LineKey(document.algo_id, document.account, document.venue, document.symbol, document.outcome)
    ledger.lines[key] = Line(
        key,
        document.currency,
        document.lot_size,
        document.multiplier,
        Stake(document.lots, document.cost),
        document.fees,
        document.fills,
        document.last_sequence,
    )


def _restore_sides(ledger: Ledger, document: SidesDocument) -> None:
    sides = ledger.sides[document.algo_id] = Sides(document.algo_id, document.start_ns, document.factor)
    for each in document.sides:
        key = SideKey(each.account, each.venue, each.symbol, each.of_hedger)
        sides.by_key[key] = Side(
            key,
            each.base,
            each.currency,
            each.term,
            each.multiplier,
            each.bought,
            each.sold,
            each.bought_for,
            each.sold_for,
            each.cost,
            each.realized,
        )
    sides.fees.update(document.fees)
    sides.unrated.update(document.unrated)
    sides.transfers.update({(account, currency): amount for account, currency, amount in document.transfers})


def meta_document(ledger: Ledger, form: int = FORMAT) -> bytes:
    """Return where the ledger stands, as a document of a form."""
    return ENCODER.encode(
        MetaDocument(
            format=form,
            sequence=ledger.sequence,
            tip=ledger.tip,
            chain=ledger.chain,
            entries=ledger.entries,
            repeats=ledger.repeats,
            disputes=ledger.disputes,
            holes=ledger.holes,
            marks=len(ledger.seen),
        )
    )


def _bot(book: BotBook) -> bytes:
    balances = [
        BalanceDocument(account, currency, each.cash, each.shares, each.fees, each.profit, each.capital, each.fx_rate)
        for (account, currency), each in sorted(book.balances.items(), key=lambda item: item[0])
    ]
    return ENCODER.encode(BotDocument(book.algo_id, book.day, book.opening_equity, book.fills, balances))


def _account(book: AccountBook) -> bytes:
    cash = sorted(book.cash.items())
    return ENCODER.encode(
        AccountDocument(book.account, cash, book.account_sequence, book.deposited, book.currency, list(book.disputed))
    )


def _line(line: Line) -> bytes:
    return ENCODER.encode(
        LineDocument(
            *line.key,
            currency=line.currency,
            lot_size=line.lot_size,
            multiplier=line.multiplier,
            lots=line.lots,
            cost=line.cost,
            fees=line.fees,
            fills=line.fills,
            last_sequence=line.last_sequence,
        )
    )


def _sides(sides: Sides) -> bytes:
    return ENCODER.encode(
        SidesDocument(
            algo_id=sides.algo_id,
            start_ns=sides.start_ns,
            factor=sides.factor,
            sides=[_side(sides.by_key[key]) for key in sorted(sides.by_key)],
            fees=sorted(sides.fees.items()),
            unrated=sorted(sides.unrated.items()),
            transfers=[(*key, amount) for key, amount in sorted(sides.transfers.items())],
        )
    )


def _side(side: Side) -> SideDocument:
    return SideDocument(
        *side.key,
        base=side.base,
        currency=side.currency,
        term=side.term,
        multiplier=side.multiplier,
        bought=side.bought,
        sold=side.sold,
        bought_for=side.bought_for,
        sold_for=side.sold_for,
        cost=side.cost,
        realized=side.realized,
    )


def sides_field(algo_id: str) -> str:
    return f"sides:{escape_token(algo_id)}"


def bot_field(algo_id: str) -> str:
    return f"bot:{escape_token(algo_id)}"


def account_field(account: str) -> str:
    return f"account:{escape_token(account)}"


def line_field(key: MarketKey | LineKey) -> str:
    return "line:" + ".".join(escape_token(part) for part in key)


def seen_field(number: int) -> str:
    return f"seen:{number:08d}"


T = TypeVar("T")


def _decode(cls: type[T], name: str, data: bytes) -> T:
    try:
        document: Any = msgspec.msgpack.decode(data, type=cls)
    except (msgspec.DecodeError, ValueError) as error:
        raise ContractError(name, f"{cls.__name__}: {error}") from None
    assert isinstance(document, cls)
    return document
