"""Emptying a scope: cancel what rests there, ask the venue until it shows nothing of it, and say what came of it.

Our own book of orders is not enough: an order may be on its way, or rest at the venue without our knowing. So the venue
is asked, over REST, once the book shows none of the scope's orders alive. Without a connection the book proves nothing;
then the whole account is swept, as every recovery does, and two looks in a row must show nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.clock import NS_PER_MS, NS_PER_S
from common.core import Effects
from common.emptying import CONFIRM_MAX_S, EMPTIED, Emptied
from common.events import AlertLevel, Halt
from common.orders import OrderState

from quoter.orders.own_orders import Order, resting
from quoter.trading.order_updates import PLATFORM, alert
from quoter.trading.trader import Trader
from quoter.venues.base import Outputs, Resting

ASK_GAP_NS = 250 * NS_PER_MS
CANCEL_GAP_NS = 500 * NS_PER_MS
CONFIRM_MAX_NS = round(CONFIRM_MAX_S * NS_PER_S)
GIVE_UP_NS = 120 * NS_PER_S
"""After that the passes of the trader and the watchdog go on alone."""
RUNS_MAX = 100
LOOKS_WITHOUT_CONNECTION = 2
WHOLE_ACCOUNT = "the whole account was cancelled: without its session neither bots nor currencies can be told apart"


AnswerTicket = Callable[[int, str, Mapping[str, Any]], Effects]
"""Answer a ticket for an account with what has come of it there."""


@dataclass(slots=True)
class Run:
    """One scope on its way to being empty."""

    what: str
    scope: str
    began_ns: int
    tickets: list[int] = field(default_factory=list)
    """Commands that wait for the outcome."""
    seen: set[int] = field(default_factory=set)
    """Orders of the scope that rested, or may have."""
    swept: set[int] = field(default_factory=set)
    """Of those, what the venue said it cancelled without our having named it."""
    at_venue: set[int] = field(default_factory=set)
    """What rested when the venue was last asked."""
    cancel_at_ns: int = 0
    ask_at_ns: int = 0
    asked_from_ns: int = 0
    """An answer to an earlier question proves nothing."""
    looks: int = 0
    answered: bool = False
    """The venue has answered at least once."""
    published: bool = False


class Emptying:
    """Every scope that is being emptied."""

    def __init__(
        self,
        trader: Trader,
        cancel: Callable[[Iterable[Order], int], Effects],
        answer: AnswerTicket,
    ) -> None:
        self._trader = trader
        self._cancel = cancel
        self._answer = answer
        self._runs: dict[str, Run] = {}
        self._last: Run | None = None
        """What was found empty last."""

    def __bool__(self) -> bool:
        """Say whether any scope is not known to be empty yet."""
        return bool(self._runs)

    def begin(self, what: str, scope: str, now_ns: int, ticket: int | None = None) -> Effects:
        """Cancel what rests in a scope and begin to prove it empty; a ticket's command is answered with the outcome."""
        run = self._runs.get(what)
        if run is None:
            if len(self._runs) >= RUNS_MAX:
                # Whoever waits at a door is answered; doors have bounds of their own.
                idle = next((each.what for each in self._runs.values() if not each.tickets), None)
                self._runs.pop(idle or "", None)
            run = self._runs[what] = Run(what, scope, now_ns)
            last = self._last
            if last is not None and last.what == what and now_ns - last.began_ns < CONFIRM_MAX_NS:
                # The same halt, heard on the bus a moment ago and ordered at the door now: one count for both.
                run.seen, run.swept = set(last.seen), set(last.swept)
        if ticket is not None:
            run.tickets.append(ticket)
            run.published = False
            run.began_ns = now_ns
        return self._cancel_alive(run, now_ns)

    def end(self, what: str) -> None:
        """Let go of a run that nobody wants any more: its halt was lifted."""
        run = self._runs.get(what)
        if run is not None and not run.tickets:
            del self._runs[what]

    def on_timer(self, now_ns: int) -> Outputs:
        for run in list(self._runs.values()):
            yield from self._go_on(run, now_ns)
            if not run.published and now_ns - run.began_ns >= CONFIRM_MAX_NS:
                yield from self._publish(run, 0, now_ns)
            if now_ns - run.began_ns >= GIVE_UP_NS:
                self._runs.pop(run.what, None)

    def on_resting(self, report: Resting, now_ns: int) -> Outputs:
        """Take in what the venue says rests; a scope that it shows nothing of is empty."""
        for run in list(self._runs.values()):
            if report.asked_at_ns < run.asked_from_ns or not run.asked_from_ns:
                continue
            run.answered = True
            gone = {order_id for order_id in report.gone if self._covers(run, order_id)}
            run.swept |= gone
            run.at_venue = {order_id for order_id in report.order_ids if self._covers(run, order_id)}
            run.seen |= gone | run.at_venue
            run.ask_at_ns = now_ns + ASK_GAP_NS
            if run.at_venue:
                run.looks = 0
                yield from self._cancel_at_venue(run, now_ns)
                continue
            connected = self._trader.session.connected
            run.looks = run.looks + 1 if not gone else 0
            if (connected and not self._alive(run)) or run.looks >= LOOKS_WITHOUT_CONNECTION:
                self._last = self._runs.pop(run.what)
                yield from self._publish(run, report.asked_at_ns, now_ns)

    # --- steps --------------------------------------------------------------------------------------------------

    def _go_on(self, run: Run, now_ns: int) -> Outputs:
        session = self._trader.session
        if session.connected and self._alive(run):
            yield from self._cancel_alive(run, now_ns)
        elif now_ns >= run.ask_at_ns:
            run.ask_at_ns = now_ns + ASK_GAP_NS
            run.asked_from_ns = run.asked_from_ns or now_ns
            yield from session.ask_resting(now_ns, sweep=not session.connected)

    def _cancel_alive(self, run: Run, now_ns: int) -> Effects:
        alive = self._alive(run)
        run.seen |= {order.order_id for order in alive}
        if now_ns < run.cancel_at_ns:
            return ()
        run.cancel_at_ns = now_ns + CANCEL_GAP_NS
        return self._cancel(resting(alive), now_ns)

    def _cancel_at_venue(self, run: Run, now_ns: int) -> Outputs:
        """Cancel what rests there although our book knows nothing of it, or thinks that it has ended."""
        session = self._trader.session
        known = [order for order in map(self._trader.orders.get, run.at_venue) if order is not None]
        living = [order for order in known if not order.state.terminal]
        yield from self._cancel(resting(living), now_ns)
        # Below 0 is what has no id of ours by which it could be cancelled.
        strays = sorted(order_id for order_id in run.at_venue - {each.order_id for each in living} if order_id > 0)
        if strays and session.connected:
            yield from session.send(strays, [], now_ns)

    def _alive(self, run: Run) -> list[Order]:
        return [each for each in self._trader.orders.living() if self._concerns(run, each)]

    def _concerns(self, run: Run, order: Order) -> bool:
        """Say whether an order is to go: it is of the scope, and not a hedge that is to go on under this halt."""
        scope = run.scope
        if order.spared_halts and run.what in [f"bot-{order.algo_id}:{reason}" for reason in order.spared_halts]:
            return False
        return scope in self._trader.scopes_of(order.algo_id, order.symbol)

    def _covers(self, run: Run, order_id: int) -> bool:
        """Say whether an order at the venue is one of the scope; of a stranger only its account is known."""
        scope, order = run.scope, self._trader.orders.get(order_id)
        if order is not None:
            return self._concerns(run, order)
        return scope in self._trader.scopes_of("") or not self._trader.session.connected

    # --- telling ------------------------------------------------------------------------------------------------

    def _publish(self, run: Run, confirmed_at_ns: int, now_ns: int) -> Outputs:
        """Answer who waits and tell everybody; told again when what was not confirmed is at last."""
        emptied = self._outcome(run, confirmed_at_ns)
        run.published = True
        tickets, run.tickets = run.tickets, []
        for ticket in tickets:
            yield from self._answer(ticket, self._trader.account, emptied.document())
        level = AlertLevel.INFO if emptied.confirmed else AlertLevel.CRITICAL
        yield alert(level, PLATFORM, EMPTIED, emptied.said(), now_ns)

    def _outcome(self, run: Run, confirmed_at_ns: int) -> Emptied:
        orders, session = self._trader.orders, self._trader.session
        ended = {order.order_id for order in map(orders.get, run.seen) if order and order.state is OrderState.CANCELLED}
        left = run.at_venue | {order.order_id for order in self._alive(run)}
        why = "" if session.connected or not run.scope.startswith(("bot-", "currency-")) else WHOLE_ACCOUNT
        if confirmed_at_ns:
            left = set()
        elif run.at_venue:
            why = f"the venue still shows {len(run.at_venue)} orders"
        elif session.connected and left:
            why = f"{len(left)} orders are of unknown outcome or their cancel is not answered"
        elif not run.answered:
            why = f"the venue did not answer within {CONFIRM_MAX_S:g} s"
        else:
            why = "the venue shows none, but not twice running yet"
        cancelled = len((ended | run.swept) - left)
        return Emptied(run.what, self._trader.account, cancelled, len(left), len(run.seen), confirmed_at_ns, why)


def name_of(halt: Halt) -> str:
    """Return what a halt is called in alerts and answers: 'scope:reason'."""
    return f"{halt.scope}:{halt.reason}"
