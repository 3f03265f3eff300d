"""The ticks a benchmark sends and the orders that show which of them were acted on.

Each symbol's price walks a fixed round of fair values, one per tick: up over every second one and back down over the
others, so that a quote one tick wide of its neighbours moves with each tick and its price alone says which tick of the
round it belongs to. Orders are matched to the oldest tick that fits, never to one before the last match, so a figure
may be too high but not too low.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Fair values in half-tick steps of a 1-cent market: 15.5 to 84.5 cents. Between two ticks neither rounding nor the
# seconds that pass can move the quote.
LOWEST, HIGHEST = 15, 84
ROUND: list[int] = [*range(LOWEST, HIGHEST + 1, 2), *range(HIGHEST, LOWEST, -2)]
PLACE: dict[int, int] = {cents: place for place, cents in enumerate(ROUND)}

# Both quotes stand this far from the fair value: wide enough that a bid may pass over the ticks it missed without
# meeting the bot's own offer of a moment ago.
HALF_SPREAD_CENTS = 10


def fair_of_bid(price_cents: int) -> int:
    """Return the whole cents of the fair value a YES bid was made from: bid = floor(fair - half-spread)."""
    return price_cents + HALF_SPREAD_CENTS


def fair_of_ask(price_cents: int) -> int:
    """Return the whole cents of the fair value a YES ask was made from: ask = ceil(fair + half-spread)."""
    return price_cents - HALF_SPREAD_CENTS - 1


@dataclass(slots=True)
class Track:
    """One symbol during one run: when each tick left, and which were acted on."""

    sent_ns: list[int] = field(default_factory=list)
    acted: int = -1
    acted_count: int = 0
    ambiguous: int = 0
    """Orders that fitted more than one tick because a whole round had passed without any."""
    latencies_ns: list[int] = field(default_factory=list)

    def next_fair_cents(self) -> int:
        return ROUND[len(self.sent_ns) % len(ROUND)]

    def behind(self) -> bool:
        """Say whether the newest tick has not been acted on."""
        return self.acted < len(self.sent_ns) - 1

    def on_order(self, fair_cents: int, now_ns: int) -> None:
        """An order for this symbol was received, made from this fair value."""
        place = PLACE.get(fair_cents)
        if place is None or (self.acted >= 0 and self.acted % len(ROUND) == place):
            # The other side of a quote already seen, or one from before the run.
            return
        first = self.acted + 1
        tick = first + (place - first) % len(ROUND)
        if tick >= len(self.sent_ns):
            return
        self.ambiguous += tick + len(ROUND) < len(self.sent_ns)
        self.acted = tick
        self.acted_count += 1
        self.latencies_ns.append(now_ns - self.sent_ns[tick])
