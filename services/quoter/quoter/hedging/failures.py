"""Hedges that our own code has failed to work: each scope waits by itself, longer every time, and is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.clock import NS_PER_S
from common.events import BOT_SCOPE, Alert, AlertLevel

from quoter.trading.order_updates import PLATFORM, alert

EVERYTHING = ""
"""In place of a scope: what went wrong was in the work of no single one."""
PAUSE_NS = NS_PER_S
"""How long a scope is left alone after its first failure; twice as long after each further one..."""
PAUSE_MAX_NS = 16 * NS_PER_S
"""... and this long at most."""
CALM_NS = 60 * NS_PER_S
"""A scope that has not failed for so long begins with the shortest wait again; people hear of it no more often."""
TEXT_MAX = 500


@dataclass(slots=True)
class Failure:
    """What has happened to a scope."""

    until_ns: int
    """It is not worked before."""
    last_ns: int
    times: int = 1
    alerted_ns: int = 0


class Failures:
    """The scopes that have failed lately."""

    def __init__(self) -> None:
        self._by_scope: dict[str, Failure] = {}

    def add(self, scope: str, error: str, now_ns: int) -> Iterator[Alert]:
        """Take in a failure, and tell people of it."""
        known = self._by_scope.get(scope)
        if known is None or now_ns - known.last_ns > CALM_NS:
            known = self._by_scope[scope] = Failure(now_ns + PAUSE_NS, now_ns)
        else:
            pause_ns = min(PAUSE_MAX_NS, PAUSE_NS << known.times)
            known.times, known.last_ns, known.until_ns = known.times + 1, now_ns, now_ns + pause_ns
        if not known.alerted_ns or now_ns - known.alerted_ns > CALM_NS:
            known.alerted_ns = now_ns
            what = scope or "all hedges of the process"
            text = f"{what}: cancelled, tried again in {(known.until_ns - now_ns) / NS_PER_S:g} s: {error}"
            named = scope.removeprefix(BOT_SCOPE) or PLATFORM
            yield alert(AlertLevel.CRITICAL, named, "hedging_failed", text[:TEXT_MAX], now_ns)

    def waiting(self, now_ns: int) -> set[str]:
        """Return the scopes that are left alone now."""
        return {scope for scope, each in self._by_scope.items() if now_ns < each.until_ns}
