"""When a market is decided, pay out what is held: one posting per bot and per state of it, however often asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from common.events import InstrumentKey, Market, MarketStatus, Payout, Posting, PostingKind, TieRule
from common.instruments import InstrumentKind, Outcome

from risk.ledger.books import Ledger
from risk.ledger.pairs import lots_of
from risk.ledger.positions import ZERO, Line, MarketKey

MARKETS_MAX = 5_000
VOID_SHARE = Decimal("0.5")
"""A voided market pays half of what a winning share would for each share of either outcome; fees stay."""


class Decision(NamedTuple):
    """What one share of each outcome is worth at the end."""

    result: str
    yes: Decimal
    no: Decimal


def decision_of(market: Market) -> Decision | None:
    """Return what a finished market pays per share; None when it is not finished or does not say how it ended."""
    if market.status is MarketStatus.VOIDED:
        half = VOID_SHARE * market.multiplier
        return Decision("void", half, half)
    if market.status is not MarketStatus.RESOLVED or market.result not in ("yes", "no"):
        return None
    if market.result == "yes":
        return Decision("yes", market.multiplier, ZERO)
    return Decision("no", ZERO, market.multiplier)


def own_result(market: Market) -> str:
    """Return yes, no or void by strike, settlement price and tie rule; '' when that cannot be said."""
    if market.kind is not InstrumentKind.BINARY or market.strike is None or market.settlement_price is None:
        return ""
    above = market.settlement_price > market.strike
    tie = market.settlement_price == market.strike
    if tie and market.tie_rule is TieRule.SPLIT:
        return "void"
    return "yes" if above or (tie and market.tie_rule is TieRule.AT_OR_ABOVE) else "no"


def settlement_posting(lines: Sequence[Line], market: Market, decision: Decision, now_ns: int) -> Posting:
    """Return the posting that closes the lines of a market as they stand.

    Its id names the last FILL sequence it has seen of them: asked again it is the same posting, and a fill that
    arrives late makes the next one.
    """
    key, last_sequence = lines[0].key, max(line.last_sequence for line in lines)
    yes_lots, no_lots = lots_of(lines, Outcome.YES), lots_of(lines, Outcome.NO)
    return Posting(
        account=key.account,
        algo_id=key.algo_id,
        entry_id=f"settlement:{key.venue}:{key.symbol}:{key.algo_id}:{last_sequence}",
        kind=PostingKind.SETTLEMENT,
        venue=key.venue,
        cash={lines[0].currency: ZERO},
        payouts=[
            Payout(InstrumentKey(key.venue, key.symbol, Outcome.YES), decision.yes),
            Payout(InstrumentKey(key.venue, key.symbol, Outcome.NO), decision.no),
        ],
        result=decision.result,
        reason=f"{yes_lots} YES and {no_lots} NO held at FILL sequence {last_sequence}",
        ts_event_ns=market.ts_event_ns or now_ns,
        ts_received_ns=now_ns,
    )


def _with_outcomes(ledger: Ledger) -> Iterator[tuple[MarketKey, list[Line]]]:
    """Yield the markets of the ledger that can be decided; what has no outcomes never is."""
    for key, lines in ledger.markets().items():
        if lines[0].key.outcome is not Outcome.NONE:
            yield key, lines


class Markets:
    """The markets we know of and how they ended; the oldest finished ones are forgotten first."""

    def __init__(self) -> None:
        self._markets: dict[tuple[str, str], Market] = {}
        self.version = 0
        """Of all that is said of them."""

    def __len__(self) -> int:
        return len(self._markets)

    def put(self, market: Market) -> None:
        """Remember the newest word on a market; a finished one stays finished."""
        key = (market.venue, market.symbol)
        known = self._markets.get(key)
        if known is not None and known.status.over and not market.status.over:
            return
        self.version += 1
        self._markets.pop(key, None)
        self._markets[key] = market
        if len(self._markets) > MARKETS_MAX:
            finished = (key for key, each in self._markets.items() if each.status.over)
            self._markets.pop(next(finished, next(iter(self._markets))))

    def get(self, venue: str, symbol: str) -> Market | None:
        return self._markets.get((venue, symbol))

    def base_of(self, venue: str, symbol: str) -> str:
        """Return the currency that a spot market buys, '' where nobody has said."""
        market = self._markets.get((venue, symbol))
        return market.base if market is not None else ""

    def over(self, venue: str, symbol: str) -> bool:
        """Say whether a market is finished."""
        market = self._markets.get((venue, symbol))
        return market is not None and market.status.over

    def ended(self, venue: str, symbol: str) -> bool:
        """Say whether a market has come to its end, decided or not."""
        market = self._markets.get((venue, symbol))
        return market is not None and (market.status.over or market.status is MarketStatus.CLOSED)

    def due(self, ledger: Ledger, now_ns: int) -> Iterator[Posting]:
        """Yield the settlement of whatever is held of a market that is finished."""
        for key, lines in _with_outcomes(ledger):
            market = self._markets.get((key.venue, key.symbol))
            decision = decision_of(market) if market is not None else None
            if market is not None and decision is not None:
                yield settlement_posting(lines, market, decision, now_ns)

    def undecided(self, ledger: Ledger) -> list[str]:
        """Return symbols held whose market is finished without a result we understand."""
        found = []
        for key, _ in _with_outcomes(ledger):
            market = self._markets.get((key.venue, key.symbol))
            if market is not None and market.status.over and decision_of(market) is None and key.symbol not in found:
                found.append(key.symbol)
        return found
