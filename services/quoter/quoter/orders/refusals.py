"""What follows when new orders are refused: the price, or the market, is left alone, longer each time, with an alert.

A price that would have traded at once is at fault itself: others go on, and it is tried again soon. With every other
reason the whole market waits, twice as long each time, and then one order alone asks whether the reason is gone. When
nothing at all is taken from us for long, the account halts: then something is wrong that no waiting mends. Orders that
take at once near expiry have waits of their own, short ones: no hold on a resting price keeps them back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from common.clock import NS_PER_MS, NS_PER_S
from common.instruments import Outcome

from quoter.orders.own_orders import Order

PRICE_HOLD_NS = 500 * NS_PER_MS
"""A resting price that was refused is not tried again for this long."""
PAUSE_NS = 500 * NS_PER_MS
"""How long a market waits after the first refusal for one reason; twice as long after each further one..."""
PAUSE_MAX_NS = 16 * NS_PER_S
"""... and this long at most..."""
TAKING_PAUSE_MAX_NS = 2 * NS_PER_S
"""... or this long for orders that take at once: the market's life is nearly over."""
ALERTED_AT = 2
"""The wait of a market that causes an alert: the first one may be a moment's trouble."""
ALERT_GAP_NS = 60 * NS_PER_S
"""There is an alert of one reason at most this often."""
HALT_AFTER_NS = 30 * NS_PER_S
"""An account of which nothing was taken for this long, though it was tried, halts..."""
HALT_ORDERS_MIN = 8
"""... when this many orders or more were refused in that time."""
CANCEL_AGAIN_NS = 100 * NS_PER_MS
"""How long after its first refusal a cancel is sent again; twice as long after each further one..."""
CANCEL_AGAIN_MAX_NS = 1 * NS_PER_S
"""... and this long at most: what should be gone is tried forever."""
CANCELS_ALERTED_AT = 3
"""Refusals of one order's cancel that cause an alert."""
PROBES = 1
"""Orders that go out after a wait, to see whether the reason is gone."""
PRICES_MAX = 200
"""Prices of one market that are held at once; every one of them was an order of ours."""

PRICE_AT_FAULT = frozenset({"would_cross"})
NO_REFUSAL = frozenset({"fok_not_filled"})
"""How venues say that an order which takes at once found nothing to take."""
NOT_THE_ACCOUNT = frozenset(
    {
        "market_not_open",
        "unknown_market",
        "market_unknown",
        "tick_size_changed",
        "no_websocket",
        "busy",
        "late",
        "not_sent",
    }
)
"""Reasons of one market, or of our own session, which knows itself when it is no longer fit to trade."""


@dataclass(slots=True)
class Pause:
    """How long a market is left alone for one reason."""

    code: str
    times: int = 0
    until_ns: int = 0


class Verdict(NamedTuple):
    """What a refusal comes to beyond its own order."""

    alert: str = ""
    """What people should be told."""
    halt: str = ""
    """Why the account should halt."""


@dataclass(slots=True)
class MarketRefusals:
    """What the venue has lately refused in one market to one bot."""

    prices: dict[tuple[Outcome, int], int] = field(default_factory=dict)
    """Resting prices and until when they are left alone."""
    resting: dict[str, Pause] = field(default_factory=dict)
    """By reason."""
    taking: dict[str, Pause] = field(default_factory=dict)
    """By reason, for orders that take at once."""

    @property
    def none(self) -> bool:
        """Say that nothing waits here for what was refused."""
        return not (self.prices or self.resting or self.taking)

    def on_refused(self, order: Order, code: str, now_ns: int) -> Pause | None:
        """Take in a refusal; return the market's wait when it begins one."""
        if code in PRICE_AT_FAULT and not order.immediate:
            if len(self.prices) < PRICES_MAX:
                self.prices[order.outcome, order.price_ticks] = now_ns + PRICE_HOLD_NS
            return None
        pauses, most_ns = (self.taking, TAKING_PAUSE_MAX_NS) if order.immediate else (self.resting, PAUSE_MAX_NS)
        pause = pauses.setdefault(code, Pause(code))
        if now_ns < pause.until_ns:
            # Sent before the wait began: of the same batch, or on its way at the time.
            return None
        pause.until_ns = now_ns + min(most_ns, PAUSE_NS << min(pause.times, 30))
        pause.times += 1
        return pause

    def on_taken(self, order: Order) -> None:
        """The venue took an order: whatever the reasons were, they are gone."""
        (self.taking if order.immediate else self.resting).clear()

    def forget_prices(self) -> None:
        """The market's grid has changed: prices mean something else."""
        self.prices.clear()

    def held(self, outcome: Outcome, price_ticks: int, now_ns: int) -> int:
        """Return for how long a resting price is still left alone, in ns; 0 when it is not."""
        until_ns = self.prices.get((outcome, price_ticks), 0)
        if until_ns and now_ns >= until_ns:
            del self.prices[outcome, price_ticks]
        return max(0, until_ns - now_ns)

    def pause(self, now_ns: int, *, taking: bool) -> Pause | None:
        """Return the longest wait in force, or None."""
        pauses = self.taking if taking else self.resting
        running = [pause for pause in pauses.values() if now_ns < pause.until_ns]
        return max(running, key=lambda pause: pause.until_ns) if running else None

    def orders_max(self, wanted: int, *, taking: bool) -> int:
        """Return how many orders may be tried together: after a wait a probe, until one is taken."""
        return min(wanted, PROBES) if (self.taking if taking else self.resting) else wanted


class AccountRefusals:
    """The orders of an account that were refused since one was last taken."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._orders = 0
        self._alerted_ns: dict[str, int] = {}

    def on_taken(self) -> None:
        self._since_ns, self._orders = None, 0

    def on_refused(self, order: Order, code: str, pause: Pause | None, now_ns: int) -> Verdict:
        """Count a refusal and say what it comes to."""
        if code in PRICE_AT_FAULT or code in NO_REFUSAL:
            return Verdict()
        if self._since_ns is None:
            self._since_ns = now_ns
        alert = halt = ""
        if pause is not None and pause.times >= ALERTED_AT and self._may_alert(code, now_ns):
            wait_s = (pause.until_ns - now_ns) / NS_PER_S
            alert = f"new orders in {order.symbol} are refused: {code}; the next is tried in {wait_s:.1f} s"
        if code not in NOT_THE_ACCOUNT:
            self._orders += 1
            lasted_ns = now_ns - self._since_ns
            if lasted_ns >= HALT_AFTER_NS and self._orders >= HALT_ORDERS_MIN:
                halt = f"{self._orders} new orders refused and none accepted for {lasted_ns // NS_PER_S} s: {code}"
                self.on_taken()
        return Verdict(alert, halt)

    def on_cancel_refused(self, order: Order, code: str, now_ns: int) -> str:
        """Let the cancel wait before it is sent again; return what people should be told, or an empty text."""
        order.cancel_from_ns = now_ns + min(CANCEL_AGAIN_MAX_NS, CANCEL_AGAIN_NS << min(order.cancels_refused, 30))
        order.cancels_refused += 1
        if order.cancels_refused < CANCELS_ALERTED_AT or not self._may_alert(f"cancel {code}", now_ns):
            return ""
        times = order.cancels_refused
        return f"order {order.order_id} in {order.symbol} cannot be cancelled: {code}, {times} times; it is tried again"

    def _may_alert(self, code: str, now_ns: int) -> bool:
        alerted_ns = self._alerted_ns.get(code)
        if alerted_ns is not None and now_ns - alerted_ns < ALERT_GAP_NS:
            return False
        self._alerted_ns[code] = now_ns
        return True
