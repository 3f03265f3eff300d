"""The limits that risk gives each bot, as of its newest word."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from common.events import BotLimits, RiskState
from common.pretrade import NO_LIMITS


class Given(NamedTuple):
    """What risk gives one bot."""

    limits: BotLimits
    revision: int
    """Of the bot's configuration that they were made from."""
    shard: str
    """Who says so."""
    fresh_at_ns: int
    """When that was said."""


class GivenLimits:
    """By bot; one that is not there has none and may not trade."""

    def __init__(self) -> None:
        self.by_bot: dict[str, Given] = {}
        self._of_earlier_risk: dict[str, AbstractSet[str]] = {}
        """By shard: the bots to which it gives limits in a form that we do not trade by."""

    def on_risk(self, state: RiskState, fresh_at_ns: int) -> None:
        """Take in what a shard says; a bot that it no longer lists has no limits."""
        shard, known = state.shard, self.by_bot
        self._of_earlier_risk[shard] = state.limits.keys() - state.bot_limits.keys()
        for algo_id in [algo_id for algo_id, given in known.items() if given.shard == shard]:
            if algo_id not in state.bot_limits:
                del known[algo_id]
        for algo_id, limits in state.bot_limits.items():
            before = known.get(algo_id)
            # The same object for what has not changed: a market makes its limits of another one only.
            same = before.limits if before is not None and before.limits == limits else limits
            known[algo_id] = Given(same, state.config_revisions.get(algo_id, 0), shard, fresh_at_ns)

    def why_none(self, algo_id: str) -> str:
        """Return why a bot has no limits, for people."""
        if any(algo_id in bots for bots in self._of_earlier_risk.values()):
            return f"{NO_LIMITS}: it is of an earlier release, upgrade it too"
        return NO_LIMITS
