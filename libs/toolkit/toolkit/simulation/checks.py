"""What must hold, whatever breaks: looked at after everything the venue does, and once more at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from common.events import AccountState, Fill, HedgeUpdate, OrderCommand, Position, class_of, decode

from toolkit.simulation.bus import MemoryBus

NS_PER_MS = 1_000_000
FINDINGS_MAX = 20
DOLLAR = "USD"
# What it may take from the last price frame at the feed to the last order at the venue: the bot's own age limit
# (below), one renewal of fair values, and the slowest hops of the simulation.
STALE_SLACK_MS = 2_500


@dataclass(slots=True)
class Findings:
    """What the checkers found wrong, bounded."""

    rows: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, text: str) -> None:
        self.kinds[kind] += 1
        if len(self.rows) < FINDINGS_MAX:
            self.rows.append(f"{kind}: {text}")


class VenueWatch:
    """Looks at the account at the venue after each of the venue's steps."""

    def __init__(
        self, account: Any, findings: Findings, *, max_position: int, max_price_age_ms: int, quoted: Sequence[str]
    ) -> None:
        """`quoted` are the kinds of market, YES/NO or spot, that must have been quoted."""
        self._account, self._findings = account, findings
        self._max_position = max_position
        self._max_price_age_ns = (max_price_age_ms + STALE_SLACK_MS) * NS_PER_MS
        self._newest_order_id = 0
        self._last_sequence = -1
        self.orders_seen = 0
        self.two_sided_ns: int | None = None
        """When both sides of a YES/NO market first rested."""
        self.last_quoted_ns = dict.fromkeys(quoted, 0)
        """YES/NO on both sides; spot on either, since only what is held is sold."""

    def look(self, now_ns: int, last_price_ns: int) -> None:
        if self._account.sequence == self._last_sequence:
            return
        self._last_sequence = self._account.sequence
        spot: list[Any] = []
        shares: list[Any] = []
        for order in self._account.open_orders.values():
            (spot if _is_spot(order) else shares).append(order)
        self._check_limits(shares)
        self._check_stale(shares, now_ns, last_price_ns)
        self._check_spot(spot, now_ns)
        check_balances(self._account, self._findings)

    def _check_limits(self, orders: list[Any]) -> None:
        worst: Counter[tuple[str, str]] = Counter()
        best: dict[tuple[str, str], int] = {}
        for order in orders:
            key = (order.market, order.outcome)
            worst[key] += order.leaves
            best[key] = max(best.get(key, 0), order.price_ticks)
        for (market, outcome), leaves in worst.items():
            other = "no" if outcome == "yes" else "yes"
            position = self._account.positions.get(market)
            held, held_other = (position.held(outcome), position.held(other)) if position else (0, 0)
            # Pairs are riskless: beyond the limit an outcome may still be bought as far as it brings the net to zero.
            if held + leaves > max(self._max_position, held_other):
                self._findings.add("limit", f"{market} {outcome}: {held} held + {leaves} open > {self._max_position}")
            if best[(market, outcome)] + best.get((market, other), 0) >= 100:
                self._findings.add("crossed", f"{market}: own YES and NO bids add up to a dollar or more")

    def _check_stale(self, orders: list[Any], now_ns: int, last_price_ns: int) -> None:
        newest = max((order.order_id for order in orders), default=0)
        if newest > self._newest_order_id:
            self._newest_order_id = newest
            self.orders_seen += 1
            if now_ns - last_price_ns > self._max_price_age_ns:
                self._findings.add("stale", f"a new order {(now_ns - last_price_ns) / 1e9:.3f} s after the last price")
        outcomes = {(order.market, order.outcome) for order in orders}
        if any((market, "no") in outcomes for market, outcome in outcomes if outcome == "yes"):
            self.two_sided_ns = self.two_sided_ns or now_ns
            self.last_quoted_ns["YES/NO"] = now_ns

    def _check_spot(self, orders: list[Any], now_ns: int) -> None:
        if orders:
            self.last_quoted_ns["spot"] = now_ns
        for symbol in {order.market for order in orders}:
            bids = [order.price_ticks for order in orders if order.market == symbol and order.side == "bid"]
            asks = [order.price_ticks for order in orders if order.market == symbol and order.side == "ask"]
            if bids and asks and max(bids) >= min(asks):
                self._findings.add("crossed", f"{symbol}: own bid {max(bids)}, own ask {min(asks)} ticks")


def check_balances(account: Any, findings: Findings) -> None:
    """No account may have less than nothing of a currency, or owe more than it has."""
    for currency in _currencies(account):
        total, available = account.total(currency), account.available(currency)
        if not 0 <= available <= total:
            findings.add("negative", f"{account.name}, {currency}: {available} of {total} units are available")


def _is_spot(order: Any) -> bool:
    """Say whether an order of the venue's is for a spot symbol: it has the symbol's terms, and no outcome."""
    return hasattr(order, "terms")


def _currencies(account: Any) -> list[str]:
    return [DOLLAR, *sorted(account.balances)]


def deposited(account: Any, currency: str) -> Decimal:
    """Return what an account began with, by the venue's statement."""
    rows = [row for _, row in account.statement(currency).rows if row["type"] == "deposit"]
    return sum((Decimal(row["amount"]) for row in rows), start=Decimal(0))


def amount_of(account: Any, currency: str) -> Decimal:
    """Return what an account has of a currency at the venue."""
    return Decimal(account.total(currency)).scaleb(-6 if currency == DOLLAR else -8)


def check_fills(account: Any, bus: MemoryBus, symbols: Mapping[str, Any], findings: Findings) -> int:
    """Compare the venue's executions of an account with FILL: each once, none missing or invented, its fee the same.

    `symbols` are the terms of the venue's spot symbols, by name; of all else a lot is a share.
    """
    venue: Counter[tuple[object, ...]] = Counter()
    for _, row in account.fills.rows:
        terms = symbols.get(row.get("symbol", ""))
        lots = int(row["size"]) if terms is None else int(Decimal(row["size"]) / terms.lot)
        fee = (Decimal(row["fee"]).normalize(), row.get("fee_currency", DOLLAR))
        venue[(row["trade_id"], row["client_order_id"], lots, *fee)] += 1
    ours: Counter[tuple[object, ...]] = Counter()
    for message in bus.stored(f"fill.trade.{account.name}.>"):
        fill = decode(Fill, message.data)
        fee = (fill.fee.normalize(), fill.fee_currency)
        ours[(fill.venue_trade_id, str(fill.order_id), fill.quantity_lots, *fee)] += 1
    for key, count in sorted((ours - venue).items(), key=str):
        findings.add("invented_fill", f"{key} {count} times more in FILL than at the venue")
    for key, count in sorted((venue - ours).items(), key=str):
        findings.add("lost_fill", f"{key} {count} times more at the venue than in FILL")
    return sum(venue.values())


def check_ledger(account: Any, bus: MemoryBus, ledger: Any, symbols: Mapping[str, Any], findings: Findings) -> None:
    """Compare positions and the balance of every currency with the venue's, to the last unit.

    What the ledger has of a currency is its cash and what the positions of the symbols that buy it come to. What the
    account had before is booked once a snapshot could be judged, which the last seconds of a short run may not allow.
    """
    booked: Counter[tuple[str, str]] = Counter()
    coins: dict[str, Decimal] = {}
    for message in bus.last_per_subject("position.*"):
        for line in decode(Position, message.data).lines:
            if line.account != account.name:
                continue
            terms = symbols.get(line.instrument.symbol)
            if terms is None:
                booked[(line.instrument.symbol, line.instrument.outcome.value)] += line.lots
            else:
                coins[terms.base] = coins.get(terms.base, Decimal(0)) + line.lots * terms.lot
    held: Counter[tuple[str, str]] = Counter()
    for market, position in account.positions.items():
        held[(market, "yes")] += position.yes
        held[(market, "no")] += position.no
    for key in sorted(set(booked) | set(held)):
        if booked[key] != held[key]:
            findings.add("position", f"{key[0]} {key[1]}: ledger {booked[key]}, venue {held[key]}")
    book = ledger.accounts.get(account.name)
    cash = {} if book is None else book.cash
    booked_before = book is not None and book.deposited
    for currency in sorted({*_currencies(account), *cash, *coins}):
        ours = cash.get(currency, Decimal(0)) + coins.get(currency, Decimal(0))
        ours += Decimal(0) if booked_before else deposited(account, currency)
        if ours != amount_of(account, currency):
            findings.add("cash", f"{currency}: ledger {ours}, venue {amount_of(account, currency)}")


def check_statements(account: Any, bus: MemoryBus, findings: Findings) -> None:
    """Add up the venue's statement of every currency: its balance, and at its place the newest snapshot's too."""
    message = bus.last(f"account.{account.name}")
    snapshot = None if message is None else decode(AccountState, message.data)
    shown = {} if snapshot is None else {balance.currency: balance.total for balance in snapshot.balances}
    for currency in _currencies(account):
        entries = [(sequence, Decimal(row["amount"])) for sequence, row in account.statement(currency).rows]
        total = sum((amount for _, amount in entries), start=Decimal(0))
        if total != amount_of(account, currency):
            findings.add("statement", f"{currency}: entries {total}, balance {amount_of(account, currency)}")
        if snapshot is None:
            continue
        then = sum((amount for place, amount in entries if place <= snapshot.account_sequence), start=Decimal(0))
        if shown.get(currency, Decimal(0)) != then:
            text = f"snapshot {shown.get(currency)}, statement {then} at {snapshot.account_sequence}"
            findings.add("snapshot", f"{currency}: {text}")


def check_apart(accounts: Sequence[Any], findings: Findings) -> None:
    """No order of one of our accounts may have traded with an order of another."""
    seen: dict[object, str] = {}
    for account in accounts:
        for trade_id in {row["trade_id"] for _, row in account.fills.rows}:
            other = seen.setdefault(trade_id, account.name)
            if other != account.name:
                findings.add("self_trade", f"trade {trade_id} is between {other} and {account.name}")


def check_known(account: Any, known: set[int], findings: Findings) -> None:
    """Nothing may rest at the venue that the quoter does not count as its own; `known` are the ids it does."""
    for order in account.open_orders.values():
        if order.client_order_id not in known:
            findings.add(
                "unknown_order", f"order {order.client_order_id} in {order.market} rests unknown to the quoter"
            )


def check_rest(account: Any, findings: Findings, when: str) -> None:
    """Nothing of ours may rest at the venue."""
    for order in account.open_orders.values():
        findings.add("resting", f"{when}: order {order.client_order_id} still rests")


def check_hedges(bus: MemoryBus, findings: Findings) -> Decimal:
    """Compare hedges with what was said of them: none trades more than it may, and none begins beside another.

    Return all that hedges have traded, in units of their base currencies.
    """
    said: dict[str, Decimal] = {}
    newest: dict[tuple[str, str], str] = {}
    ended: set[str] = set()
    for message in bus.stored("order.>"):
        cls = class_of(message.subject)
        if cls is HedgeUpdate:
            update = decode(HedgeUpdate, message.data)
            if update.state.ended:
                ended.add(update.parent_id)
        elif cls is OrderCommand:
            command = decode(OrderCommand, message.data)
            key, parent_id = (command.scope, command.account), command.parent_id
            before = newest.setdefault(key, parent_id)
            if before != parent_id and before not in ended:
                findings.add("hedge_beside", f"{parent_id} was said while {before} was open")
            newest[key] = parent_id
            said[parent_id] = max(said.get(parent_id, Decimal(0)), command.quantity)
    traded: dict[str, Decimal] = {}
    for message in bus.stored("fill.trade.>"):
        fill = decode(Fill, message.data)
        if fill.parent_id:
            quantity = fill.quantity_lots * fill.instrument.lot_size
            traded[fill.parent_id] = traded.get(fill.parent_id, Decimal(0)) + quantity
    for parent_id, quantity in traded.items():
        if quantity > said.get(parent_id, Decimal(0)):
            findings.add("hedge_doubled", f"{parent_id} traded {quantity}, wanted were {said.get(parent_id, 0)}")
    return sum(traded.values(), start=Decimal(0))
