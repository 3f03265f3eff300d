"""What a market's age, a holding, its limits and signals make of every quote until one of them changes.

None of it depends on the fair value, so that a fair value that follows another finds it worked out. Age moves all the
time and moves little: what follows from it is worked out anew with every period of the timer, and exactly when a phase
begins in which less is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.bots import BinaryBot
from common.clock import NS_PER_MS, NS_PER_S
from common.pretrade import Held, MarketLimits

from quoter.binary.skew import Lean, Phase, headroom, lean, phase_of, within, without_loss_beyond, yielding
from quoter.binary.terms import BinaryTerms
from quoter.orders.diff import Headroom
from quoter.signals.signals import Signals

AGE_NS = 50 * NS_PER_MS
"""How old a stance may be: a period of the timer, which looks at markets without a new fair value."""
WHOLE = 1e-6
"""How far a spacing may lie from a whole number of ticks to count as one."""


@dataclass(frozen=True, slots=True)
class Stance:
    """How a market is quoted, whatever its fair value."""

    held: Held
    cost: float
    terms: BinaryTerms
    config: BinaryBot
    limits: MarketLimits
    signals: Signals
    from_ns: int
    until_ns: int
    """Venue time from which on the market is older than this says."""
    phase: Phase
    leaning: Lean
    free: Headroom
    """Within the limits, whatever the age."""
    left: Headroom
    """Of that what the age, and what takers will surely take, leave."""
    loss_may_bind: bool
    """Where a bid's price decides whether the worst result would cost too much."""
    late: bool
    """Nobody bids any more for the side that has all but lost."""
    yields: float
    """How far to give in on price for a net that takers may not take in time, 0 to 1."""
    size: int
    bid_size: int
    ask_size: int
    spacing_is_whole: bool
    """The ladder's levels lie whole ticks apart."""

    @property
    def net(self) -> int:
        return self.held.yes_lots - self.held.no_lots

    @property
    def reducing(self) -> bool:
        return self.phase is Phase.REDUCE_ONLY

    def stands(
        self,
        held: Held,
        cost: float,
        venue_now_ns: int,
        terms: BinaryTerms,
        config: BinaryBot,
        limits: MarketLimits,
        signals: Signals,
    ) -> bool:
        """Say whether these are the inputs it was made from, and the market is hardly older."""
        return (
            self.from_ns <= venue_now_ns < self.until_ns
            and signals is self.signals
            and limits is self.limits
            and config is self.config
            and terms is self.terms
            and cost == self.cost
            and held == self.held
        )

    def headroom_at(self, fair: float) -> Headroom:
        """Return the headroom for YES and NO bids at a fair value.

        The side that has all but lost near the end has none, nor what would add to an exposure over all markets that is
        beyond its limit. What would only pair off shares of the other outcome is bid for all the same: it makes this
        market riskless.
        """
        left, held, signals = self.left, self.held, self.signals
        if self.loss_may_bind:
            loss_max = self.config.inventory.max_settlement_loss
            left = without_loss_beyond(left, held, self.cost, fair, loss_max, self.terms.pair)
        if not self.late and not signals.closed_side:
            return left
        yes_lots, no_lots = left
        dead_below = self.config.quoting.dead_side_below
        if signals.closed_side == "bid" or (self.late and fair <= dead_below):
            yes_lots = min(yes_lots, max(0, held.no_lots - held.unconfirmed_no_lots - held.yes_lots))
        if signals.closed_side == "ask" or (self.late and 1.0 - fair <= dead_below):
            no_lots = min(no_lots, max(0, held.yes_lots - held.unconfirmed_yes_lots - held.no_lots))
        return Headroom(yes_lots, no_lots)


def stance_of(
    held: Held,
    cost: float,
    venue_now_ns: int,
    terms: BinaryTerms,
    config: BinaryBot,
    limits: MarketLimits,
    signals: Signals,
) -> Stance:
    """Return the stance in a market at a moment of the venue's clock."""
    inventory, quoting = config.inventory, config.quoting
    elapsed, seconds_left = terms.elapsed(venue_now_ns), terms.seconds_left(venue_now_ns)
    phase = phase_of(elapsed, seconds_left, inventory)
    free = headroom(held, phase, min(inventory.max_position, limits.max_position_lots), limits.max_net_lots)
    reduce_from = 1.0 - inventory.reduce_only_s / terms.life_s
    leaning = lean(held.yes_lots, held.no_lots, elapsed, reduce_from, phase, inventory, signals.reach)
    reducing = phase is Phase.REDUCE_ONLY
    size = min(quoting.size, limits.max_order_lots)
    least = min(size, inventory.adding_min)
    left = free if reducing else within(free, held, leaning, inventory.adding_min, terms.min_lots)
    # No bid costs more than 1 a share: what that leaves free is free at every fair value.
    dearest = (
        without_loss_beyond(left, held, cost, fair, inventory.max_settlement_loss, terms.pair) for fair in (0, 1)
    )
    spacing_ticks = quoting.spacing / terms.grid.tick_size
    return Stance(
        held,
        cost,
        terms,
        config,
        limits,
        signals,
        venue_now_ns,
        min(venue_now_ns + AGE_NS, _next_phase_ns(venue_now_ns, terms, config)),
        phase,
        leaning,
        free,
        left,
        any(each != left for each in dearest),
        elapsed >= quoting.dead_side_from,
        yielding(held.yes_lots - held.no_lots, signals.reach),
        size,
        size if reducing else max(int(size * leaning.bid_share), least),
        size if reducing else max(int(size * leaning.ask_share), least),
        abs(spacing_ticks - round(spacing_ticks)) < WHOLE,
    )


def _next_phase_ns(venue_now_ns: int, terms: BinaryTerms, config: BinaryBot) -> int:
    """Return when the market next enters a phase in which less may rest; never what is over."""
    inventory = config.inventory
    starts = (
        terms.expiry_ns - int(left_s * NS_PER_S) for left_s in (inventory.reduce_only_s, inventory.close_threshold_s)
    )
    return min((start for start in starts if start > venue_now_ns), default=venue_now_ns + AGE_NS)
