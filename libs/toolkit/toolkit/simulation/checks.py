"""What must hold, whatever breaks: looked at after everything the venue does, and once more at the end of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from common.events import Fill, Position, decode

from toolkit.simulation.bus import MemoryBus

NS_PER_MS = 1_000_000
FINDINGS_MAX = 20
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

    def __init__(self, account: Any, findings: Findings, *, max_position: int, max_price_age_ms: int) -> None:
        self._account, self._findings = account, findings
        self._max_position = max_position
        self._max_price_age_ns = (max_price_age_ms + STALE_SLACK_MS) * NS_PER_MS
        self._newest_order_id = 0
        self._last_sequence = -1
        self.orders_seen = 0
        self.two_sided_ns: int | None = None
        """When both sides of a market first rested."""
        self.last_two_sided_ns = 0

    def look(self, now_ns: int, last_price_ns: int) -> None:
        if self._account.sequence == self._last_sequence:
            return
        self._last_sequence = self._account.sequence
        self._check_limits()
        self._check_stale(now_ns, last_price_ns)

    def _check_limits(self) -> None:
        worst: Counter[tuple[str, str]] = Counter()
        best: dict[tuple[str, str], int] = {}
        for order in self._account.open_orders.values():
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

    def _check_stale(self, now_ns: int, last_price_ns: int) -> None:
        newest = max(self._account.open_orders, default=0)
        if newest > self._newest_order_id:
            self._newest_order_id = newest
            self.orders_seen += 1
            if now_ns - last_price_ns > self._max_price_age_ns:
                self._findings.add("stale", f"a new order {(now_ns - last_price_ns) / 1e9:.3f} s after the last price")
        outcomes = {(order.market, order.outcome) for order in self._account.open_orders.values()}
        if any((market, "no") in outcomes for market, outcome in outcomes if outcome == "yes"):
            self.two_sided_ns = self.two_sided_ns or now_ns
            self.last_two_sided_ns = now_ns


def check_fills(account: Any, bus: MemoryBus, findings: Findings) -> int:
    """Compare the venue's executions of an account with FILL: each once, none missing or invented."""
    venue = Counter((row["trade_id"], row["client_order_id"], row["size"]) for _, row in account.fills.rows)
    ours: Counter[tuple[str, str, int]] = Counter()
    for message in bus.stored("fill.trade.>"):
        fill = decode(Fill, message.data)
        ours[(fill.venue_trade_id, str(fill.order_id), fill.quantity_lots)] += 1
    for key, count in sorted((ours - venue).items()):
        findings.add("invented_fill", f"{key} {count} times more in FILL than at the venue")
    for key, count in sorted((venue - ours).items()):
        findings.add("lost_fill", f"{key} {count} times more at the venue than in FILL")
    return sum(venue.values())


def check_ledger(account: Any, bus: MemoryBus, ledger: Any, findings: Findings) -> None:
    """Compare positions and cash of the ledger with the venue's, to the last digit."""
    booked: Counter[tuple[str, str]] = Counter()
    for message in bus.last_per_subject("position.*"):
        for line in decode(Position, message.data).lines:
            booked[(line.instrument.symbol, line.instrument.outcome.value)] += line.lots
    held: Counter[tuple[str, str]] = Counter()
    for market, position in account.positions.items():
        held[(market, "yes")] += position.yes
        held[(market, "no")] += position.no
    for key in sorted(set(booked) | set(held)):
        if booked[key] != held[key]:
            findings.add("position", f"{key[0]} {key[1]}: ledger {booked[key]}, venue {held[key]}")
    book = ledger.accounts.get(account.name)
    cash = None if book is None else book.cash.get("USD")
    if cash != Decimal(account.cash_micros) / 1_000_000:
        findings.add("cash", f"ledger {cash}, venue {Decimal(account.cash_micros) / 1_000_000}")


def check_rest(account: Any, findings: Findings, when: str) -> None:
    """Nothing of ours may rest at the venue."""
    for order in account.open_orders.values():
        findings.add("resting", f"{when}: order {order.client_order_id} still rests")
