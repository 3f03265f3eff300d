"""What limits leave a spot bot's quotes: the least and the most that it may hold in its market, and by which limit.

A limited figure is x now; of it may be made at most X. Of the bot's holding h in its market may then be made h + X - x:
a fill of a quote adds the same to both, so that the bound stands until something else moves the figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from common.bots.spot import CurrencyRiskLimits, SpotBotLimits
from common.events import NetBounds
from common.instruments import CurrencyPair

from risk.hedging.counting import Figure
from risk.ledger.positions import ZERO, canonical, divided, in_full
from risk.monitoring.platform_limits import BasePlatformLimits, ExposurePlatformLimits

NOTHING = Decimal("-1e15")
"""Headroom where a figure is not known: whatever is held, nothing may be added."""


class Headroom(NamedTuple):
    """What a limit leaves, in units of the base currency; below 0 beyond it."""

    longer: Decimal
    shorter: Decimal
    why: str
    """Which limit, for people."""


@dataclass(frozen=True)
class Watched:
    """A currency document as it bears on one bot."""

    name: str
    currency: str
    figure: Figure
    limits: ExposurePlatformLimits
    """In force: its own, or the platform's where it states none."""
    sharers: int
    """Running bots whose quotes move its figure, this one included: each is dealt an equal part."""

    @cached_property
    def left(self) -> Headroom:
        """Return what it leaves one bot, in units of its own currency; nothing where its figure is not known."""
        value, limits, name = self.figure.value, self.limits, f"{self.name} ({self.currency})"
        if value is None:
            return Headroom(NOTHING, NOTHING, f"{name} is not known: {self.figure.why}")
        longer = _share(limits.max_long_exposure - value, self.sharers)
        shorter = _share(limits.max_short_exposure + value, self.sharers)
        bounds = f"limits {_plain(limits.max_long_exposure)} long, {_plain(limits.max_short_exposure)} short"
        shared = f", shared by {self.sharers}" if self.sharers > 1 else ""
        return Headroom(longer, shorter, f"{name} at {value:f}, {bounds}{shared}")


def exposure_limits(own: CurrencyRiskLimits | None, platform: ExposurePlatformLimits) -> ExposurePlatformLimits:
    """Return the limits of a currency document in force; 0, null or absent is the platform's."""
    own = own or CurrencyRiskLimits()
    return ExposurePlatformLimits(
        max_long_exposure=own.max_long_exposure or platform.max_long_exposure,
        max_short_exposure=own.max_short_exposure or platform.max_short_exposure,
    )


def headroom_of_bot(
    own: SpotBotLimits, platform: BasePlatformLimits, position: Decimal, quoter_net: Decimal
) -> Iterator[Headroom]:
    """Yield what the bot's own limits leave: of its position, and of what its quotes have made.

    With a position of 2, max_long_exposure 5 and max_short_exposure 4 it may go 3 longer and 6 shorter.
    """
    longest = own.max_long_exposure or platform.max_long_exposure
    shortest = own.max_short_exposure or platform.max_short_exposure
    bounds = f"limits {_plain(longest)} long, {_plain(shortest)} short"
    yield Headroom(longest - position, shortest + position, f"exposure {position:f}, {bounds}")
    most = own.max_quoter_position_size or platform.max_quoter_position_size
    yield Headroom(
        most - quoter_net, most + quoter_net, f"net of quotes {quoter_net:f}, max_quoter_position_size {_plain(most)}"
    )


def headroom_of_currencies(watched: Iterable[Watched], pair: CurrencyPair, mark: Decimal | None) -> Iterator[Headroom]:
    """Yield what currencies leave: the base as it is, the term turned round at the mark, since buying spends it.

    With 1,000,000 JPY short of 2,500,000 allowed and a mark of 7,500,000, 0.2 BTC more may be bought.
    """
    for each in watched:
        left = each.left
        if each.figure.value is None or each.currency == pair.base:
            yield left
        elif mark is None or mark <= 0:
            yield Headroom(NOTHING, NOTHING, f"{each.name} ({each.currency}): no price of {pair}")
        else:
            yield Headroom(divided(left.shorter, mark), divided(left.longer, mark), left.why)


def _plain(limit: Decimal) -> str:
    return f"{canonical(limit):f}"


def _share(room: Decimal, sharers: int) -> Decimal:
    """Return one bot's part of a room; all of what is beyond a limit is everybody's."""
    return room if room <= 0 else divided(room, Decimal(max(1, sharers)))


def net_bounds(venue: str, symbol: str, held: Decimal, rooms: Iterable[Headroom]) -> NetBounds:
    """Return the narrowest bounds of what may be held, by all that limits leave; at least one limit there is."""
    rooms = list(rooms)
    longer = min(rooms, key=lambda room: room.longer)
    shorter = min(rooms, key=lambda room: room.shorter)
    return NetBounds(
        venue,
        symbol,
        least=in_full(canonical(held - shorter.shorter)),
        most=in_full(canonical(held + longer.longer)),
        why_least=shorter.why,
        why_most=longer.why,
    )


def hedger_headroom(own: SpotBotLimits | None, platform: BasePlatformLimits, hedger_net: Decimal, sign: int) -> Decimal:
    """Return how much a bot's hedger may still trade in a direction, 0 or more, by max_hedger_position_size."""
    stated = own.max_hedger_position_size if own is not None else None
    most = stated or platform.max_hedger_position_size
    return max(ZERO, most - hedger_net if sign > 0 else most + hedger_net)
