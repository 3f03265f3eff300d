"""When the account's holdings are asked for anew: every half minute, and for a risk that has just begun."""

from __future__ import annotations

from common.clock import NS_PER_S
from common.events import RiskState

PICTURE_NS = 30 * NS_PER_S
"""An AccountState is published this often."""


class SnapshotTimes:
    """When the next snapshot of the account is due, on our own clock."""

    def __init__(self) -> None:
        self._taken_at_ns = 0
        self._lives: dict[str, int] = {}

    def begin(self, now_ns: int) -> None:
        """Count the snapshot with which every session starts."""
        self._taken_at_ns = now_ns

    def on_risk(self, state: RiskState) -> bool:
        """Take note of who is risk: another life of it believes no snapshot from before its start, and needs one.

        Return whether it is another life.
        """
        another = self._lives.get(state.shard) != state.epoch
        if another:
            self._taken_at_ns = 0
        self._lives[state.shard] = state.epoch
        return another

    def due(self, now_ns: int) -> bool:
        """Say whether a snapshot is due, and count it as taken."""
        if now_ns - self._taken_at_ns < PICTURE_NS:
            return False
        self._taken_at_ns = now_ns
        return True
