"""What hedgers may do by the fills in FILL, counted here again: how much they trade, and what is left at the end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.events import (
    BOT_SCOPE,
    Fill,
    HedgeUpdate,
    OrderCommand,
    RiskStatistics,
    TradingStatistics,
    class_of,
    decode,
)
from common.instruments import Outcome

from toolkit.simulation.bus import MemoryBus, Message
from toolkit.simulation.checks import Findings

NS_PER_S = 1_000_000_000
NEAR_NS = 5 * NS_PER_S
"""For how long after a hedge of others has ended, or before it is said, it may be counted as open by who decides."""
PRICES_MAX = {"ADABTC": Decimal("0.00001")}
"""Of pairs whose term currency is hedged, more than anything that a run may see."""
BEYOND_MAX_NS = 4 * NS_PER_S
"""A figure that is beyond its maximum for longer is hedged, or there is a reason why it is not."""
ZERO = Decimal(0)


class Hedged:
    """The figure of one hedger after each fill that changes it: a bot's current position, or a currency's exposure."""

    def __init__(self, scope: str, currency: str, section: Mapping[str, Any]) -> None:
        """`section` is its configuration, HEDGER or RISK_HEDGER."""
        self.scope, self.currency = scope, currency
        self.max, self.norm = (Decimal(each) for each in section["position_max_norm_size"].split())
        self.factor = Decimal(section.get("hedge_qty_factor", 1))
        self.sequences, self.figures = [0], [ZERO]
        self.quoted = self.hedged = ZERO
        self.beyond_since_ns = 0
        """Since when it has been beyond its maximum; 0 while it is not."""

    @property
    def figure(self) -> Decimal:
        return self.figures[-1]

    def book(self, fill: Fill, sequence: int, now_ns: int) -> None:
        """Count a fill, once."""
        change = self._change(fill)
        if not change:
            return
        self.sequences.append(sequence)
        self.figures.append(self.figure + change)
        if abs(self.figure) <= self.max:
            self.beyond_since_ns = 0
        elif not self.beyond_since_ns:
            self.beyond_since_ns = now_ns

    def _change(self, fill: Fill) -> Decimal:
        signed = fill.side.sign * fill.quantity_lots * fill.instrument.lot_size
        if self.scope.startswith(BOT_SCOPE):
            if fill.algo_id != self.scope.removeprefix(BOT_SCOPE):
                return ZERO
            if fill.parent_id:
                self.hedged += signed
                return self.factor * signed
            self.quoted += signed
            return signed
        change = -fill.fee if fill.fee_currency == self.currency else ZERO
        if fill.outcome is not Outcome.NONE:
            return change
        if fill.instrument.base == self.currency:
            change += signed
        elif fill.instrument.currency == self.currency:
            change -= signed * fill.price
        return change

    def after(self, sequence: int) -> Iterator[tuple[int, Decimal]]:
        """Yield the figure as of a FILL sequence, and each later one with its sequence."""
        place = bisect_right(self.sequences, sequence) - 1
        yield from zip(self.sequences[place:], self.figures[place:], strict=True)


@dataclass(slots=True)
class _Parent:
    command: OrderCommand
    said_ns: int
    most: Decimal = ZERO
    ended_ns: int = 1 << 62


class HedgeWatch:
    """Listens to fills, to what hedgers say, and to the statistics that are made of them."""

    def __init__(self, bus: MemoryBus, hedgers: Sequence[Hedged], findings: Findings) -> None:
        self._bus, self._findings = bus, findings
        self.hedgers = {each.scope: each for each in hedgers}
        self._fills: dict[str, list[tuple[int, Decimal]]] = {}
        """Traded so far by each parent, by FILL sequence."""
        self._parents: dict[str, _Parent] = {}
        self._commands: list[tuple[OrderCommand, int, int]] = []
        """What was said, when, and the last FILL sequence of then."""
        self.told = 0
        """Statistics that were looked at."""
        bus.listen("fill.trade.*.*", self._on_fill)
        bus.listen("order.>", self._on_order)
        bus.listen("stats.trading.*", self._on_statistics)

    def _on_fill(self, message: Message) -> None:
        fill = decode(Fill, message.data)
        for hedger in self.hedgers.values():
            hedger.book(fill, message.sequence, message.stored_ns)
        if fill.parent_id:
            rows = self._fills.setdefault(fill.parent_id, [(0, ZERO)])
            rows.append((message.sequence, rows[-1][1] + fill.quantity_lots * fill.instrument.lot_size))

    def _on_order(self, message: Message) -> None:
        cls = class_of(message.subject)
        if cls is HedgeUpdate:
            parent = self._parents.get(decode(HedgeUpdate, message.data).parent_id)
            if parent is not None and decode(HedgeUpdate, message.data).state.ended:
                parent.ended_ns = min(parent.ended_ns, message.stored_ns)
        elif cls is OrderCommand:
            command = decode(OrderCommand, message.data)
            parent = self._parents.setdefault(command.parent_id, _Parent(command, message.stored_ns))
            parent.most = max(parent.most, command.quantity)
            if command.scope in self.hedgers and not command.cancelled:
                self._commands.append((command, message.stored_ns, self._bus.streams["FILL"].sequence))

    @property
    def said(self) -> int:
        """Return how many times hedgers have said what is to be traded."""
        return len(self._commands)

    def _judge(self, command: OrderCommand, now_ns: int, last_sequence: int) -> None:
        """A hedge trades no more, what it has traded included, than brings its figure to the norm.

        A first word is judged by the figure of the ledger it was decided from, to the last unit; one that changes a
        hedge by any since. A currency's counts what is open of others, which may be said a little later than it.
        """
        hedger = self.hedgers[command.scope]
        others = [
            parent.most * PRICES_MAX.get(parent.command.instrument, Decimal(1))
            for parent in self._parents.values()
            if parent.command.scope != hedger.scope
            and parent.said_ns < now_ns + NEAR_NS
            and now_ns - NEAR_NS < parent.ended_ns
        ]
        slack = ZERO if hedger.scope.startswith(BOT_SCOPE) else sum(others, start=ZERO)
        sign = command.side.sign if hedger.factor > 0 else -command.side.sign
        most = ZERO
        for sequence, figure in hedger.after(command.ledger_sequence):
            if sequence > (command.ledger_sequence if command.revision == 1 else last_sequence):
                break
            excess = max(ZERO, -sign * figure + slack - hedger.norm) / abs(hedger.factor)
            most = max(most, excess + self._traded(command.parent_id, sequence))
        if command.quantity > most:
            text = f"{command.parent_id} revision {command.revision}: {command.side} {command.quantity}, excess {most}"
            self._findings.add("hedge_beyond", text)

    def _traded(self, parent_id: str, sequence: int) -> Decimal:
        rows = self._fills.get(parent_id, [(0, ZERO)])
        return rows[bisect_right(rows, sequence, key=lambda row: row[0]) - 1][1]

    def _on_statistics(self, message: Message) -> None:
        told = decode(TradingStatistics, message.data)
        hedger = self.hedgers.get(BOT_SCOPE + told.algo_id)
        if hedger is None:
            return
        self.told += 1
        _, figure = next(hedger.after(told.ledger_sequence))
        made = told.quoter_net_qty + hedger.factor * told.hedger_net_qty
        if not told.current_position_size == made == figure:
            text = f"bot {told.algo_id} has {told.current_position_size}, of its parts {made}, of its fills {figure}"
            self._findings.add("statistics", text)

    # --- at the end ---------------------------------------------------------------------------------------------

    def check_life(self, rows: Sequence[Mapping[str, Any]], now_ns: int) -> None:
        """What is beyond its maximum is being hedged, or it is said why not; `rows` are risk's."""
        by_scope = {row["scope"]: row for row in rows}
        for hedger in self.hedgers.values():
            row = by_scope.get(hedger.scope)
            if row is None:
                self._findings.add("unhedged", f"risk knows nothing of {hedger.scope}")
                continue
            lasting = bool(hedger.beyond_since_ns) and now_ns - hedger.beyond_since_ns > BEYOND_MAX_NS
            if lasting and not Decimal(row["open"]) and not row["why"]:
                self._findings.add("unhedged", f"{hedger.scope}: {hedger.figure} > {hedger.max}, nobody says why")

    def check(self, gained: Mapping[str, Decimal]) -> None:
        """Judge what was said; compare exposures as risk tells them with what all accounts have gained, by currency."""
        for each in self._commands:
            self._judge(*each)
        for message in self._bus.last_per_subject("stats.risk.*"):
            told = decode(RiskStatistics, message.data)
            if not told.exchange and not told.algo_id and told.current_position_size != gained.get(told.currency, ZERO):
                text = f"{told.currency}: risk has {told.current_position_size}, accounts {gained.get(told.currency)}"
                self._findings.add("exposure", text)
