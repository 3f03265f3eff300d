"""Alerts: daily loss, positions near their limit, no fills while quoting, stale feeds.

| condition | what happens |
| --- | --- |
| daily loss > 50 % of its limit | warning |
| daily loss > 100 % of its limit | critical, the bot halts |
| position > 80 % of its limit | warning |
| no fills in 10 minutes of live quotes | warning: check connectivity |
| price feed silent > 5 s | warning (the quoter stops quoting) |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from common.events import Alert, AlertLevel, BinaryLimits, BotLimits, FeedStatus, QuoteTarget, SpotLimits
from common.instruments import InstrumentKind, Outcome

from risk.ledger.pairs import net_lots
from risk.ledger.positions import Line

POSITION_WARNING_SHARE = Decimal("0.8")
QUIET_NS_MAX = 600 * 1_000_000_000
"""Time with live quotes and without a fill."""
QUIET_STEP_NS_MAX = 5_000_000_000
"""A longer pause between two looks counts as this much: it was not watched."""
FEED_SILENT_NS_MAX = 5_000_000_000
REPEAT_NS = 600 * 1_000_000_000
"""A condition that lasts is told again this often."""
CONDITIONS_MAX = 10_000
SOURCE = "risk"
PLATFORM = "platform"


def near_limit(lines: Sequence[Line], limits: BotLimits, base: str) -> str:
    """Return which holding of a market is beyond 80 % of its limit, in words; '' when none is.

    `base` is what the market trades, '' where nobody has said.
    """
    binary = lines[0].key.outcome is not Outcome.NONE
    kind = InstrumentKind.BINARY if binary else InstrumentKind.SPOT
    return next((_NEAR[kind](lines, each, base) for each in limits.kinds if each.kind is kind), "")


def _near_binary(lines: Sequence[Line], limits: BinaryLimits, base: str) -> str:
    for line in sorted(lines, key=lambda line: line.key.outcome is Outcome.NO):
        if abs(line.lots) > POSITION_WARNING_SHARE * limits.max_position_lots:
            return f"{line.lots} {line.key.outcome.upper()} of {line.key.symbol}, limit {limits.max_position_lots}"
    net = net_lots(lines)
    if abs(net) > POSITION_WARNING_SHARE * limits.max_net_lots:
        return f"net {net} YES of {lines[0].key.symbol}, limit {limits.max_net_lots}"
    return ""


def _near_spot(lines: Sequence[Line], limits: SpotLimits, base: str) -> str:
    limit, line = limits.positions.get(base), lines[0]
    held = line.quantity
    if limit is None or abs(held) <= POSITION_WARNING_SHARE * limit.max_position:
        return ""
    return f"{held:f} {base} of {line.key.symbol}, limit {limit.max_position:f}"


_NEAR: Mapping[InstrumentKind, Callable[[Sequence[Line], Any, str], str]] = {
    InstrumentKind.BINARY: _near_binary,
    InstrumentKind.SPOT: _near_spot,
}
"""How near holdings of a kind of instrument are to their limits; a kind that is added has one line here."""


def live(target: QuoteTarget, now_ns: int) -> bool:
    """Say whether a target means that quotes of ours are resting."""
    return bool(target.bids or target.asks) and target.valid_until_ns >= now_ns


def silence_of(status: FeedStatus, received_ns: int, now_ns: int) -> str:
    """Return what is wrong with a feed, '' when it is alive."""
    if not status.connected:
        return f"{status.venue}: not connected"
    silent_ns = status.silent_ns + now_ns - received_ns
    if silent_ns > FEED_SILENT_NS_MAX:
        return f"{status.venue}: nothing arrived for {silent_ns / 1e9:.1f} s"
    return ""


class Quiet:
    """How long each bot has had live quotes without a fill."""

    def __init__(self) -> None:
        self._quiet_ns: dict[str, int] = {}
        self._looked_at_ns = 0

    def on_fill(self, algo_id: str) -> None:
        self._quiet_ns.pop(algo_id, None)

    def update(self, quoting: list[str], now_ns: int) -> Iterator[str]:
        """Count the time since the last look for bots that quote now; yield those that are quiet too long."""
        step_ns = min(now_ns - self._looked_at_ns, QUIET_STEP_NS_MAX) if self._looked_at_ns else 0
        self._looked_at_ns = now_ns
        for algo_id in quoting:
            quiet_ns = self._quiet_ns.get(algo_id, 0) + step_ns
            if quiet_ns >= QUIET_NS_MAX:
                yield algo_id
                quiet_ns = 0
            self._quiet_ns[algo_id] = quiet_ns


class Conditions:
    """What is wrong now: told when it begins and every ten minutes while it lasts."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], int] = {}

    def hold(
        self, level: AlertLevel, algo_id: str, kind: str, text: str, now_ns: int, key: str = ""
    ) -> Iterator[Alert]:
        """Yield an alert unless this condition was told within the last ten minutes."""
        condition = (kind, algo_id, key)
        told_at_ns = self._told.get(condition)
        if told_at_ns is not None and now_ns - told_at_ns < REPEAT_NS:
            return
        self._told.pop(condition, None)
        self._told[condition] = now_ns
        if len(self._told) > CONDITIONS_MAX:
            del self._told[next(iter(self._told))]
        yield self.alert(level, algo_id, kind, text, now_ns)

    def end(self, algo_id: str, kind: str, key: str = "") -> None:
        """The condition is over: when it comes back it is told at once."""
        self._told.pop((kind, algo_id, key), None)

    def alert(self, level: AlertLevel, algo_id: str, kind: str, text: str, now_ns: int) -> Alert:
        """Return an alert that is told whatever was told before."""
        return Alert(level=level, algo_id=algo_id, source=SOURCE, kind=kind, text=text, ts_ns=now_ns)
