"""Choose the markets a bot works on: those it is in already, then the ones with most life left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Candidate(NamedTuple):
    """A market a bot may quote."""

    symbol: str
    seconds_left: float
    life_s: float
    exposure_lots: int
    """|YES - NO| held, plus what rests."""
    managed: bool
    """True when the bot holds shares or has orders there: such a market always stays."""


def select(candidates: Iterable[Candidate], max_markets: int, min_life_s: float, max_position_lots: int) -> list[str]:
    """Return the symbols to work on, at most `max_markets` besides those that must stay.

    All are scored before any is taken. Ties go to the earlier expiry, then to the name.
    """
    candidates = list(candidates)
    staying = sorted(each.symbol for each in candidates if each.managed)
    fresh = [each for each in candidates if not each.managed and each.seconds_left >= min_life_s]
    fresh.sort(key=lambda each: (-score(each, max_position_lots), each.seconds_left, each.symbol))
    return staying + [each.symbol for each in fresh[: max(0, max_markets - len(staying))]]


def score(candidate: Candidate, max_position_lots: int) -> float:
    """Return the attraction of a market, at most 1: the share of its life left minus the exposure already in it."""
    left = min(1.0, candidate.seconds_left / candidate.life_s) if candidate.life_s > 0 else 0.0
    return left - candidate.exposure_lots / max_position_lots
