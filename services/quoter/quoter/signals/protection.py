"""Market-maker protection: too many fills, too much volume or too much of one side in a short time, and a market rests.

Somebody who takes everything we show, again and again, knows something; what we lose until we see it is bounded here
and not by the size of the ladder. Venues offer the same under this name; ours holds whatever the venue does.
"""

from __future__ import annotations

from collections import deque

from common.bots import Protection
from common.clock import NS_PER_S


class Window:
    """The own fills of one market, or of all of a bot's, within the last seconds."""

    def __init__(self) -> None:
        self._fills: deque[tuple[int, int, int]] = deque()
        """(when, shares, shares towards YES)"""
        self._volume = self._net = 0
        self.frozen_until_ns = 0
        self.why = ""
        """What led to the last freeze."""
        self.freezes = 0

    def on_fill(self, lots: int, towards_yes: int, now_ns: int, limits: Protection) -> str:
        """Take in a fill; return why the market is frozen from now on, or an empty text.

        `towards_yes` is by how much it raised YES less NO. A limit of 0 is none: these three are a second line behind
        the position limits, which cannot be turned off.
        """
        self._fills.append((now_ns, lots, towards_yes))
        self._volume += lots
        self._net += towards_yes
        self._forget(now_ns - round(limits.window_s * NS_PER_S))
        reason = self._beyond(limits)
        if reason:
            # What led here is dealt with; the next freeze takes new fills.
            self._fills.clear()
            self._volume = self._net = 0
            self.frozen_until_ns = now_ns + round(limits.freeze_s * NS_PER_S)
            self.why = reason
            self.freezes += 1
        return reason

    def frozen(self, now_ns: int) -> bool:
        """Say whether nothing may rest now."""
        return now_ns < self.frozen_until_ns

    def _beyond(self, limits: Protection) -> str:
        count, over = len(self._fills), f"within {limits.window_s:g} s"
        if limits.max_fills and count > limits.max_fills:
            return f"{count} fills {over}, limit {limits.max_fills}"
        if limits.max_volume and self._volume > limits.max_volume:
            return f"{self._volume} shares {over}, limit {limits.max_volume}"
        if limits.max_net and abs(self._net) > limits.max_net:
            return f"{abs(self._net)} shares net {over}, limit {limits.max_net}"
        return ""

    def _forget(self, before_ns: int) -> None:
        while self._fills and self._fills[0][0] <= before_ns:
            _, lots, towards_yes = self._fills.popleft()
            self._volume -= lots
            self._net -= towards_yes
