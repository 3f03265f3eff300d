"""Pairs of YES and NO turned back into cash, or made of it.

A pair pays 1 whatever happens, so it is no risk; but it locks what it cost until settlement. Merging it through the
venue costs no spread. A bot that sells what it holds needs some pairs to begin with, which are split from cash. One
request is open at a time per account, and the ledger is told by the venue's own entries, never by what we asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from common.bots import Unwind
from common.clock import NS_PER_S
from common.events import MarketStatus
from common.instruments import OutcomePair
from common.pretrade import Held, MarketLimits

from quoter.binary.market import BinaryMarket
from quoter.orders.holdings import Holdings
from quoter.orders.own_orders import Orders
from quoter.trading.strategy import Plan
from quoter.venues.base import ConversionEnded, Converting, Outputs

REFUSED_PAUSE_NS = 10 * NS_PER_S
"""A market where a conversion was refused is left alone for this long."""
DOUBTFUL_MAX = 64
"""Requests remembered that ended without a word of the venue: it may yet carry them out."""
CONVERTING_STATUSES = (MarketStatus.OPEN, MarketStatus.CLOSED)


def pairs_to_merge(held: Held, selling_yes: int, selling_no: int, free_cash: float, unwind: Unwind) -> int:
    """Return how many pairs to merge now: all that are certainly held and not offered, when they are worth it."""
    pairs = min(
        held.yes_lots - held.unconfirmed_yes_lots - selling_yes,
        held.no_lots - held.unconfirmed_no_lots - selling_no,
    )
    if pairs <= 0 or free_cash < unwind.merge_below_cash:
        return max(0, pairs)
    more = pairs - (unwind.seed_pairs if unwind.sell_held else 0)
    return more if 0 < unwind.merge_pairs <= more else 0


def pairs_to_split(held: Held, free_cash: float, max_position_lots: int, pair: OutcomePair, unwind: Unwind) -> int:
    """Return how many pairs to split from cash now, for a bot that sells what it holds.

    They are made up when half of `seed_pairs` is gone, within the limit on what is held and above the cash that has
    to stay free. What may be held counts as held.
    """
    if not unwind.sell_held:
        return 0
    there = min(held.yes_lots, held.no_lots)
    headroom = max_position_lots - max(held.yes_lots, held.no_lots)
    pairs = min(unwind.seed_pairs - there, headroom)
    if pairs <= 0 or 2 * there > unwind.seed_pairs or free_cash - pair.yes.value(pairs, 1.0) < unwind.merge_below_cash:
        return 0
    return pairs


class Request(NamedTuple):
    """A conversion that has not ended."""

    algo_id: str
    symbol: str
    pairs: int
    """Below 0 to merge, above to split."""


class Candidate(NamedTuple):
    """A market of a bot that may trade now, where pairs may be converted."""

    algo_id: str
    market: BinaryMarket
    plan: Plan | None
    """What came of its last pass."""
    limits: MarketLimits | None


class Converter:
    """Which pairs are converted next, and the request that is open."""

    def __init__(self, session: object) -> None:
        self._session = session if isinstance(session, Converting) else None
        self.request: Request | None = None
        self._doubtful: dict[tuple[str, int], str] = {}
        """Whose they were, by market and pairs, oldest first."""
        self._next_at_ns = 0
        self._left_alone: dict[str, int] = {}
        """Until when, by market."""
        self.merged_pairs = 0
        self.split_pairs = 0
        self.refused = 0

    def owner(self, symbol: str, pairs: int) -> str:
        """Return the bot whose request a change of pairs answers, or an empty text."""
        request = self.request
        if request is not None and (request.symbol, request.pairs) == (symbol, pairs):
            algo_id = request.algo_id
        else:
            algo_id = self._doubtful.pop((symbol, pairs), "")
        if algo_id:
            self.merged_pairs += max(0, -pairs)
            self.split_pairs += max(0, pairs)
        return algo_id

    def on_ended(self, ended: ConversionEnded, now_ns: int) -> str:
        """Close the request; return whose it was."""
        request, self.request = self.request, None
        if ended.refused:
            self.refused += 1
            self._left_alone[ended.symbol] = now_ns + REFUSED_PAUSE_NS
        if request is None:
            return ""
        if ended.doubtful:
            self._doubtful[request.symbol, request.pairs] = request.algo_id
            if len(self._doubtful) > DOUBTFUL_MAX:
                del self._doubtful[next(iter(self._doubtful))]
        return request.algo_id

    def may_ask(self, now_ns: int) -> bool:
        """Say whether the venue converts at all, nothing is open, and the last request has had its time."""
        return self._session is not None and self.request is None and now_ns >= self._next_at_ns

    def update(
        self, candidates: Sequence[Candidate], holdings: Holdings, orders: Orders, free_cash: float | None, now_ns: int
    ) -> Outputs:
        """Ask for the merge that releases most, when one is due and none is open; otherwise for the largest split.

        Neither while nobody knows how much cash is free.
        """
        if self._session is None or free_cash is None or not self.may_ask(now_ns):
            return []
        best, best_pairs = None, 0
        for candidate in candidates:
            pairs = self._pairs(candidate, holdings, orders, free_cash, now_ns)
            if pairs and (best is None or _urgency(pairs) > _urgency(best_pairs)):
                best, best_pairs = candidate, pairs
        if best is None:
            return []
        symbol = best.market.terms.symbol
        self.request = Request(best.algo_id, symbol, best_pairs)
        self._next_at_ns = now_ns + round(best.market.shared.config.unwind.merge_gap_s * NS_PER_S)
        return self._session.convert(symbol, best_pairs, now_ns)

    def _pairs(self, candidate: Candidate, holdings: Holdings, orders: Orders, free_cash: float, now_ns: int) -> int:
        """Return how many pairs of a market to split now, or below 0 to merge."""
        algo_id, market, plan, limits = candidate
        terms, symbol = market.terms, market.terms.symbol
        if terms.status not in CONVERTING_STATUSES:
            return 0
        until_ns = self._left_alone.get(symbol)
        if until_ns is not None:
            if now_ns < until_ns:
                return 0
            del self._left_alone[symbol]
        held, unwind = holdings.of(algo_id, symbol), market.config.unwind
        merged = pairs_to_merge(held, *orders.selling(algo_id, symbol), free_cash, unwind)
        if merged or limits is None or plan is None or plan.state != "quoting":
            return -merged
        most = min(limits.max_position_lots, market.shared.config.inventory.max_position)
        return pairs_to_split(held, free_cash, most, terms.pair, unwind)


def _urgency(pairs: int) -> tuple[bool, int]:
    return pairs < 0, abs(pairs)
