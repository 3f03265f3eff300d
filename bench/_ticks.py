"""The ticks a benchmark sends, and which of them the orders that come back were made from.

Each symbol's price walks a fixed round of fair values, one step per tick, and every step moves the quote. The quote's
two prices are rounded differently, so that together they say which half cent the fair value lies in: a quote names
its place in the round. A pipeline that conflates acts on the newest price it has, so its quote is taken for the newest
tick of that place; one that does not acts on every tick, so its quote is taken for the next tick of that place. Where
more than one tick fits it is counted, for a latency of more than a round would be taken for a shorter one.

A tick that is not acted on was superseded: inside one read, when the venue sent the next one of its symbol in the same
write, so that nobody could have acted in between; or after waiting, when the next one came later and it still stood in
a queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Places of the round, half a cent of fair value apart. An eighth of a cent lies between each and where its prices
# would be rounded differently: the seconds that pass during a run do not move a fair value as far.
PLACES = 94
LOWEST_CENTS = 27
OFF_BOUNDARY_CENTS = 0.125

# Ticks that leave within this are one write of the venue, whose timer counts milliseconds, and so one read of the feed.
TOGETHER_NS = 500_000

# Both quotes stand this far from the fair value, so that no bid of the round meets an offer of it: a quote that has
# missed ticks need not wait until the venue has confirmed that the old one is gone.
HALF_SPREAD_CENTS = 25.25

# Up over the even places, a cent per tick, and back down over the odd ones.
ROUND: list[int] = [*range(0, PLACES, 2), *range(PLACES - 1, 0, -2)]
STEP_OF_PLACE: dict[int, int] = {place: step for step, place in enumerate(ROUND)}


def fair_of(place: int) -> float:
    """Return the fair value of a place, as a probability. `fair_of(3) == 0.28625`."""
    return (LOWEST_CENTS + place / 2 + OFF_BOUNDARY_CENTS) / 100


def quote_of(place: int) -> tuple[int, int]:
    """Return bid and ask of a place in whole cents: floor(fair - half-spread) and ceil(fair + half-spread).

    Example: place 3, 28.625 cents: floor(3.375) = 3 and ceil(53.875) = 54.
    """
    cents, half = divmod(place, 2)
    return LOWEST_CENTS + cents + half - 26, LOWEST_CENTS + cents + 26


PLACE_OF_QUOTE: dict[tuple[int | None, int | None], int] = {quote_of(place): place for place in range(PLACES)}


@dataclass(slots=True)
class Track:
    """One symbol during one run: when each tick left, and which were acted on."""

    conflates: bool
    """Whether the pipeline acts on the newest price only."""
    sent_ns: list[int] = field(default_factory=list)
    acted: int = -1
    """Newest tick acted on; -1 before the first."""
    acted_count: int = 0
    ambiguous: int = 0
    """Quotes that fitted more than one tick."""
    superseded_waiting: int = 0
    """Ticks that were not acted on although the next one left later, so that they waited for it."""
    latencies_ns: list[int] = field(default_factory=list)

    def next_place(self) -> int:
        return ROUND[len(self.sent_ns) % len(ROUND)]

    def behind(self) -> bool:
        """Say whether the quote is not that of the newest tick."""
        newest = len(self.sent_ns) - 1
        return self.acted < 0 or (newest - self.acted) % len(ROUND) != 0

    def on_quote(self, place: int, received_ns: int) -> None:
        """A quote made from a fair value of this place was received."""
        step, first, newest = STEP_OF_PLACE[place], self.acted + 1, len(self.sent_ns) - 1
        oldest_fit = first + (step - first) % len(ROUND)
        newest_fit = newest - (newest - step) % len(ROUND)
        if self.acted >= 0 and (self.acted - step) % len(ROUND) == 0:
            # The quote in hand, seen again.
            return
        if newest_fit < oldest_fit:
            # A quote from before the run.
            return
        self.ambiguous += newest_fit != oldest_fit
        acted = newest_fit if self.conflates else oldest_fit
        sent_ns = self.sent_ns
        self.superseded_waiting += sum(sent_ns[n + 1] - sent_ns[n] > TOGETHER_NS for n in range(self.acted + 1, acted))
        self.acted = acted
        self.acted_count += 1
        self.latencies_ns.append(received_ns - self.sent_ns[self.acted])
