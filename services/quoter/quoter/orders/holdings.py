"""What a bot holds: the position in risk's ledger plus the own fills that the ledger does not contain yet."""

from __future__ import annotations

from dataclasses import dataclass

from common.events import Fill, Position, Posting
from common.instruments import NONE, Instrument, Outcome, market_lots, pair_lots
from common.pretrade import NOTHING_HELD, Held

UNLEDGERED_MAX = 10_000
"""Own fills waiting to be in a Position; beyond it the position counts as unknown."""


@dataclass(slots=True)
class UnledgeredFill:
    """An own fill that risk's Position does not contain as far as we know."""

    algo_id: str
    symbol: str
    yes_lots: int
    no_lots: int
    account_sequence: int
    cost: float
    """Cash paid for it; below 0 when cash came in. Of merged pairs that is their payout, about what they cost."""
    fill_sequence: int = 0
    """Where it stands in the FILL stream; 0 until the broker has confirmed it."""


class Holdings:
    """Shares per bot and market on one account, never behind the fills we have seen."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._ledgered: dict[str, int] = {}
        self._lines: dict[str, dict[str, Held]] = {}
        self._costs: dict[str, dict[str, float]] = {}
        self._unledgered: dict[str, UnledgeredFill] = {}

    def on_position(self, position: Position) -> bool:
        """Take in risk's position; return False when it is older than one already seen."""
        algo_id = position.algo_id
        if position.fill_sequence < self._ledgered.get(algo_id, -1):
            return False
        self._ledgered[algo_id] = position.fill_sequence
        lines = self._lines[algo_id] = {}
        costs = self._costs[algo_id] = {}
        for line in position.lines:
            if line.account == self._account:
                symbol = line.instrument.symbol
                yes, no = market_lots(line.instrument.outcome, line.lots)
                known = lines.get(symbol, NOTHING_HELD)
                lines[symbol] = Held(known.yes_lots + yes, known.no_lots + no)
                costs[symbol] = costs.get(symbol, 0.0) + float(line.cost)
        for key in [key for key, fill in self._unledgered.items() if self._is_ledgered(fill)]:
            del self._unledgered[key]
        return True

    def on_fill(self, fill: Fill, instrument: Instrument) -> bool:
        """Take in an own fill as the venue tells it; return False for a repeat of one still unledgered.

        ValueError when a fill of a market with two outcomes is of neither.
        """
        yes, no = _lots_held(instrument, fill.outcome, fill.side.sign * fill.quantity_lots)
        cost = float(instrument.cost(fill.side, fill.price_ticks, fill.quantity_lots))
        return self._take_in(fill, yes, no, cost)

    def on_posting(self, posting: Posting, instrument: Instrument) -> bool:
        """Take in what moves lots of a market without a fill; return False for a repeat of one still unledgered.

        `instrument` is one of the market's. ValueError when a market with two outcomes has neither moved.
        """
        lots = [_lots_held(instrument, move.instrument.outcome, move.lots) for move in posting.moves]
        yes_lots, no_lots = sum(yes for yes, _ in lots), sum(no for _, no in lots)
        return self._take_in(posting, yes_lots, no_lots, -float(posting.cash[posting.currency]))

    def _take_in(self, event: Fill | Posting, yes_lots: int, no_lots: int, cost: float) -> bool:
        key = event.message_id()
        if key in self._unledgered:
            return False
        self._unledgered[key] = UnledgeredFill(
            event.algo_id, event.symbol, yes_lots, no_lots, event.account_sequence, cost
        )
        return True

    def on_published(self, event: Fill | Posting, fill_sequence: int) -> None:
        """The broker has stored an own fill or posting."""
        found = self._unledgered.get(event.message_id())
        if found is not None:
            found.fill_sequence = fill_sequence
            if self._is_ledgered(found):
                del self._unledgered[event.message_id()]

    def with_pairs(self, symbol: str, pairs: int) -> list[str]:
        """Return the bots that may hold this many pairs of a market, sorted."""
        bots = self._lines.keys() | {fill.algo_id for fill in self._unledgered.values()}
        return sorted(bot for bot in bots if min(self.of(bot, symbol)[:2]) >= pairs)

    def _is_ledgered(self, fill: UnledgeredFill) -> bool:
        return 0 < fill.fill_sequence <= self._ledgered.get(fill.algo_id, -1)

    def known(self, algo_id: str) -> bool:
        """Say whether the position of a bot is known."""
        return algo_id in self._ledgered and len(self._unledgered) <= UNLEDGERED_MAX

    def of(self, algo_id: str, symbol: str) -> Held:
        """Return the most a bot may hold in a market, and how much less it may be."""
        ledgered = self._lines.get(algo_id, _NOTHING).get(symbol, NOTHING_HELD)
        if not self._unledgered:
            return ledgered
        yes, no, _, _ = ledgered
        unconfirmed_yes = unconfirmed_no = 0
        for fill in self._unledgered.values():
            if fill.symbol != symbol or fill.algo_id != algo_id:
                continue
            if fill.fill_sequence:
                yes, no = yes + fill.yes_lots, no + fill.no_lots
                continue
            # Its place in FILL is not known yet, so the position may contain it or not.
            yes, no = yes + max(0, fill.yes_lots), no + max(0, fill.no_lots)
            unconfirmed_yes, unconfirmed_no = unconfirmed_yes + abs(fill.yes_lots), unconfirmed_no + abs(fill.no_lots)
        return Held(yes, no, unconfirmed_yes, unconfirmed_no)

    def cost_of(self, algo_id: str, symbol: str) -> float:
        """Return what a bot paid for what it holds in a market, fees excluded; what is in doubt counts when it adds."""
        cost = self._costs.get(algo_id, _NO_COSTS).get(symbol, 0.0)
        for fill in self._unledgered.values():
            if fill.symbol == symbol and fill.algo_id == algo_id:
                cost += fill.cost if fill.fill_sequence else max(0.0, fill.cost)
        return cost

    def all_of(self, algo_id: str) -> list[tuple[str, Held]]:
        """Return every market a bot may hold shares of, in order, with what it holds there."""
        symbols = set(self._lines.get(algo_id, _NOTHING))
        symbols |= {fill.symbol for fill in self._unledgered.values() if fill.algo_id == algo_id}
        return [(symbol, self.of(algo_id, symbol)) for symbol in sorted(symbols)]

    def unpublished_up_to(self, account_sequence: int) -> int:
        """Return how many own fills up to a place in the account's private stream the broker has not confirmed."""
        return sum(
            1
            for fill in self._unledgered.values()
            if not fill.fill_sequence and fill.account_sequence <= account_sequence
        )

    @property
    def unledgered(self) -> int:
        return len(self._unledgered)


def _lots_held(instrument: Instrument, outcome: Outcome, lots: int) -> tuple[int, int]:
    """Return lots as their market holds them; ValueError for those of neither outcome in a market that has two."""
    return (market_lots if instrument.outcome is NONE else pair_lots)(outcome, lots)


_NOTHING: dict[str, Held] = {}
_NO_COSTS: dict[str, float] = {}
