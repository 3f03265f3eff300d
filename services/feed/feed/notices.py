"""What a person should know of a venue: each kind of trouble told at once, then at most once in a while."""

from __future__ import annotations

from common.clock import NS_PER_S
from common.core import Effect
from common.events import Alert, AlertLevel

ALERT_EVERY_NS = 60 * NS_PER_S
"""The same kind of trouble of one venue is told at most this often."""
TEXT_CHARS_MAX = 500


class Notices:
    """Alerts about one venue. The kinds are a handful of names in our own code, so what is kept stays small."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._told_ns: dict[str, int] = {}

    def alert(
        self,
        kind: str,
        text: str,
        epoch: int,
        now_ns: int,
        effects: list[Effect],
        level: AlertLevel = AlertLevel.WARNING,
        every_ns: int = ALERT_EVERY_NS,
    ) -> bool:
        """Add an alert of kind `{kind}_{venue}` unless one was told less than `every_ns` ago; True when it is added."""
        told_ns = self._told_ns.get(kind)
        if told_ns is not None and now_ns - told_ns < every_ns:
            return False
        self._told_ns[kind] = now_ns
        effects.append(
            Alert(
                epoch=epoch,
                level=level,
                algo_id="platform",
                source="feed",
                kind=f"{kind}_{self._venue}",
                text=f"{self._venue}: {text}"[:TEXT_CHARS_MAX],
                ts_ns=now_ns,
            )
        )
        return True
