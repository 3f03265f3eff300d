"""Rolling series of markets: listed ahead, opened at the underlying's mid, closed at expiry, then paid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.market.markets import LIVE, NS_PER_S, Calendar, Market, Result, Tie
from exchange.market.tape import Fact
from exchange.market.trading import Trading

OPEN_MID_AGE_MAX_NS: Final = 10 * NS_PER_S
OPEN_WAIT_MAX_NS: Final = 60 * NS_PER_S
EXPIRY_MID_AGE_MAX_NS: Final = 60 * NS_PER_S
SETTLE_DELAY_NS: Final = NS_PER_S
ABSENCE_MAX_NS: Final = 30 * NS_PER_S
MID_FACT_INTERVAL_NS: Final = NS_PER_S
FINISHED_KEPT_NS: Final = 24 * 3600 * NS_PER_S
MARKETS_KEPT: Final = 1_000
NEVER_NS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Series:
    """One rolling question per underlying."""

    name: str
    asset: str
    calendar: Calendar
    listed_ahead: int = 1
    tie: Tie = "strictly_above"


@dataclass(slots=True)
class Mid:
    """The underlying's mid as the venue last saw it."""

    units: int
    ts_ns: int
    told_ns: int = 0  # when the journal last heard of it


class Lifecycle:
    """Moves every market through its life when time or a price says so."""

    def __init__(self, trading: Trading, series: tuple[Series, ...], markets_kept: int = MARKETS_KEPT) -> None:
        self.trading = trading
        self.series = series
        self._markets_kept = markets_kept
        self._tape = trading.ledger.tape
        self.mids: dict[str, Mid] = {}
        self.next_due_ns = NEVER_NS

    def live(self) -> list[Market]:
        return [market for market in self.trading.markets.values() if market.status in LIVE]

    def start(self, now_ns: int, last_seen_ns: int | None) -> None:
        """Take up the markets an earlier run left, then list what the series need."""
        absent_ns = 0 if last_seen_ns is None else now_ns - last_seen_ns
        for market in self.live():
            if absent_ns > ABSENCE_MAX_NS:
                self.void(market, now_ns)
        self._list_ahead(now_ns)
        self.next_due_ns = now_ns
        self.advance(now_ns)

    def on_mid(self, asset: str, units: int, now_ns: int) -> None:
        """Remember a price; a market that waits for one opens on it."""
        mid = self.mids.get(asset)
        if mid is None:
            mid = self.mids[asset] = Mid(units, now_ns)
        mid.units, mid.ts_ns = units, now_ns
        if now_ns - mid.told_ns >= MID_FACT_INTERVAL_NS:
            mid.told_ns = now_ns
            self._tape.add(
                Fact("none", None, None, {"type": "mid", "asset": asset, "units": str(units), "ts_ns": now_ns})
            )
        if any(m.asset == asset and m.status == "LISTED" and m.open_ns <= now_ns for m in self.live()):
            self.next_due_ns = now_ns

    def advance(self, now_ns: int) -> None:
        """Do everything that is due, in the order in which it fell due."""
        while self.next_due_ns <= now_ns:
            due = [(self._due_ns(market, now_ns), market) for market in self.live()]
            ready = [(due_ns, index) for index, (due_ns, _) in enumerate(due) if due_ns <= now_ns]
            if not ready:
                self.next_due_ns = min((due_ns for due_ns, _ in due), default=NEVER_NS)
                return
            _, index = min(ready)
            self._step(due[index][1], now_ns)
            self._list_ahead(now_ns)

    def _due_ns(self, market: Market, now_ns: int) -> int:
        if market.status == "OPEN":
            return market.expiry_ns
        if market.status == "CLOSED":
            return market.expiry_ns + SETTLE_DELAY_NS
        if now_ns >= market.open_ns and self._mid_for_open(market, now_ns) is None:
            return min(market.open_ns + OPEN_WAIT_MAX_NS, market.expiry_ns)
        return market.open_ns

    def _mid_for_open(self, market: Market, now_ns: int) -> int | None:
        mid = self.mids.get(market.asset)
        return mid.units if mid is not None and now_ns - mid.ts_ns <= OPEN_MID_AGE_MAX_NS else None

    def _step(self, market: Market, now_ns: int) -> None:
        if market.status == "OPEN":
            self._close(market, now_ns)
        elif market.status == "CLOSED":
            self._resolve(market, now_ns)
        elif now_ns < market.expiry_ns and (units := self._mid_for_open(market, now_ns)) is not None:
            market.status, market.strike_units, market.opened_ns = "OPEN", units, now_ns
            self._publish(market, now_ns)
        else:
            self.void(market, now_ns)

    def _close(self, market: Market, now_ns: int) -> None:
        market.status = "CLOSED"
        self.trading.cancel_market(market, "market_closed", now_ns)
        self._publish(market, now_ns)
        mid = self.mids.get(market.asset)
        # Every price is applied after the venue has caught up to its time, so this is the last at or before expiry.
        if mid is not None and market.expiry_ns - mid.ts_ns <= EXPIRY_MID_AGE_MAX_NS:
            market.closing_units = mid.units
            self._tape.add(Fact("none", None, None, closing_fact(market)))

    def _resolve(self, market: Market, now_ns: int) -> None:
        if market.closing_units is None:
            self.void(market, now_ns)
            return
        market.settlement_units = market.closing_units
        self._finish(market, market.winner(market.closing_units), now_ns)

    def void(self, market: Market, now_ns: int) -> None:
        """End a market without a winner: half a dollar for each share of either outcome."""
        self.trading.cancel_market(market, "market_voided", now_ns)
        self._finish(market, "void", now_ns)
        self.next_due_ns = min(self.next_due_ns, now_ns)

    def _finish(self, market: Market, result: Result, now_ns: int) -> None:
        market.status = "VOIDED" if result == "void" else "RESOLVED"
        market.result, market.resolved_ns = result, now_ns
        self._publish(market, now_ns)
        self.trading.ledger.pay_out(market, now_ns)
        self._forget_old(now_ns)

    def _forget_old(self, now_ns: int) -> None:
        finished = [m for m in self.trading.markets.values() if m.status not in LIVE]
        for index, market in enumerate(finished):
            too_many = len(finished) - index > self._markets_kept
            if too_many or now_ns - (market.resolved_ns or 0) > FINISHED_KEPT_NS:
                del self.trading.markets[market.id]

    def _list_ahead(self, now_ns: int) -> None:
        for series in self.series:
            mine = [m for m in self.live() if m.series == series.name]
            listed = sum(m.status == "LISTED" for m in mine)
            while listed < series.listed_ahead or not mine:
                if mine:
                    window = series.calendar.next_window(max(now_ns, max(m.expiry_ns for m in mine)))
                else:
                    window = series.calendar.first_window(now_ns)
                market = Market(
                    id=self._new_id(series, window.expiry_ns),
                    asset=series.asset,
                    series=series.name,
                    tie=series.tie,
                    open_ns=window.open_ns,
                    expiry_ns=window.expiry_ns,
                )
                self.trading.markets[market.id] = market
                mine.append(market)
                listed += 1
                self.next_due_ns = min(self.next_due_ns, market.open_ns)
                self._publish(market, now_ns)

    def _new_id(self, series: Series, expiry_ns: int) -> str:
        # A name must never come back, not even when a first window after a restart ends like one before it.
        stem = f"{series.name}-{expiry_ns // NS_PER_S}"
        name, number = stem, 1
        while name in self.trading.markets:
            number += 1
            name = f"{stem}-{number}"
        return name

    def _publish(self, market: Market, now_ns: int) -> None:
        frame = {"type": "market", "market": market.as_json(), "ts_ns": now_ns}
        self._tape.add(Fact("markets", None, market.id, frame))


def closing_fact(market: Market) -> dict[str, str]:
    """What the journal keeps of a closed market that is not yet public: the price that will decide it."""
    return {"type": "closing", "market": market.id, "units": str(market.closing_units)}
