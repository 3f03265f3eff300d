"""What the world beyond a market's fair value says about quoting it."""

from __future__ import annotations

from typing import NamedTuple

from quoter.signals.reach import UNBOUNDED, Reach


class Signals(NamedTuple):
    """Everything but fair value and holding that a quote depends on; all prices in units of a YES share."""

    bid_toxicity: float = 0.0
    """How far to move the bid away: what those who sell to us have lately cost us per share, 0 or more."""
    ask_toxicity: float = 0.0
    """The same for those who buy from us."""
    net_skew: float = 0.0
    """To subtract from both sides because of what is held in other markets of the same underlying."""
    closed_side: str = ""
    """'bid' or 'ask': the side that would add to an exposure over all markets that is beyond its limit."""
    reach: Reach = UNBOUNDED
    """Net that takers and others' quotes will surely take before the end."""
    frozen: str = ""
    """Why nothing may rest for now: too many fills, too much volume or delta in too short a time; empty otherwise."""


CALM = Signals()
