"""One hedge parent at work: what was wanted, what its children have done, and what follows from both.

At most one child is open at a time: the next is sent when the one before has ended, and not before the resend time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from common.clock import NS_PER_MS, NS_PER_S
from common.events import ExecutionStyle, HedgeState, HedgeUpdate, OrderCommand
from common.orders import CHILDREN_MAX, OrderState

from quoter.hedging.children import CancelChild, Child, PlaceChild
from quoter.hedging.places import Chosen, HedgePlace, Places, Way, Wish, choose, smallest_quantity, way_of
from quoter.hedging.pricing import bound_of
from quoter.orders.own_orders import NEVER_SENT
from quoter.orders.refusals import PRICE_AT_FAULT

ZERO = Decimal(0)
REFUSALS_MAX = 8
"""Children in a row that were refused: the parent is refused with the last reason."""
PAUSE_MAX_NS = 16 * NS_PER_S
"""After a refused child the next one waits for the resend time, twice that, and so on up to this."""
NO_FAULT = PRICE_AT_FAULT | {NEVER_SENT}
"""Why a child ends at once although nothing is wrong: the market has moved to its price, or it is wanted no more."""
ENDED_MAX = 50
"""Ended children that are remembered for executions that come late."""


class Shown(NamedTuple):
    """What was told of a parent last."""

    revision: int
    state: HedgeState
    quantity: Decimal
    done: Decimal
    open: Decimal
    reason: str
    children: int
    last_child_done: Decimal
    first_price: Decimal | None


@dataclass(slots=True)
class Working:
    """A parent that we hold."""

    command: OrderCommand
    """Its newest revision."""
    state: HedgeState = HedgeState.ACCEPTED
    reason: str = ""
    number: int = 0
    """Children sent so far."""
    first_price: Decimal | None = None
    superseded: bool = False
    """Whether its scope has another parent."""
    settled: Decimal = ZERO
    """Executed by children that are not remembered one by one any more."""
    children: dict[int, Child] = field(default_factory=dict)
    """By order id, in the order in which they were sent."""
    next_from_ns: int = 0
    """No child is sent before."""
    taken_over: bool = False
    """Whether a predecessor has sent children and nothing was looked at since: when the last left is not known."""
    refusals: int = 0
    """Children refused since one was last taken."""
    cancel_takes_ns: int = 0
    """How long the venue took to cancel one last: so long before the next is due, one at a wrong price is cancelled."""
    told: Shown | None = None
    way: Way | None = None
    """Where quotes of ours give way to it."""

    @property
    def done(self) -> Decimal:
        return self.settled + sum((child.executed for child in self.children.values()), start=ZERO)

    @property
    def open(self) -> Decimal:
        return sum((child.leaves for child in self.children.values()), start=ZERO)

    @property
    def living(self) -> list[Child]:
        return [child for child in self.children.values() if child.living]

    @property
    def last_child_done(self) -> Decimal:
        last = max(self.children.values(), key=lambda child: child.number, default=None)
        return last.executed if last is not None and last.number == self.number else ZERO

    # --- what it is told ----------------------------------------------------------------------------------------

    def take_over(self, told: HedgeUpdate | None, children: list[Child]) -> None:
        """Go on where a predecessor stopped: by its last word, and by the children it sent since."""
        if told is not None:
            self.state, self.reason, self.number = told.state, told.reason, told.children
            self.first_price = told.first_price
            self.settled = told.done - told.last_child_done
        for child in sorted(children, key=lambda child: child.number):
            # Those before the last one had ended when it was told, and are counted there.
            if told is None or child.number >= told.children:
                self.children[child.order_id] = child
                self.number = max(self.number, child.number)
        self.taken_over = self.number > 0
        if self.children and not self.state.ended:
            self.state = HedgeState.WORKING

    def adopt(self, child: Child) -> bool:
        """Take in a predecessor's child that was not told; False for one that is counted already."""
        if child.order_id in self.children or child.number < self.number:
            return False
        self.children[child.order_id] = child
        self.number = max(self.number, child.number)
        return True

    @property
    def measured(self) -> bool:
        """Whether all its children can be counted; until then nothing is sent, and nothing told."""
        return all(child.lot_size is not None for child in self.children.values())

    def measure(self, places: Places) -> None:
        """Find the lots of a predecessor's children, as far as their markets are known."""
        for child in self.children.values():
            place = places.get(child.venue)
            if child.lot_size is None and place is not None:
                child.lot_size = place.instrument.lot_size

    def on_child(self, child: Child, state: OrderState, executed_lots: int, reason: str, now_ns: int) -> list[Child]:
        """Take in what has become of a child: its state, and what it has executed in all; return whom it forgot."""
        was_living, was_cancelling = child.living, child.state is OrderState.CANCELLING
        child.executed_lots = max(child.executed_lots, executed_lots)
        child.state = state
        if state is OrderState.LIVE:
            self.refusals = 0
            # A cancel that the venue refused is asked for again.
            child.cancelled = child.cancelled and not was_cancelling
        if child.living or not was_living:
            return []
        if child.cancel_asked_ns:
            takes_ns = now_ns - child.cancel_asked_ns
            self.cancel_takes_ns = min(takes_ns, self.command.resend_ms * NS_PER_MS // 2)
        if state is OrderState.REJECTED and not child.executed_lots and reason not in NO_FAULT:
            self.refusals += 1
            self.reason = reason
            pause_ns = min(PAUSE_MAX_NS, self.command.resend_ms * NS_PER_MS << min(self.refusals, 16))
            self.next_from_ns = max(self.next_from_ns, now_ns + pause_ns)
        else:
            self.refusals = 0
        return self._forget_old()

    def _forget_old(self) -> list[Child]:
        ended = [child for child in self.children.values() if not child.living][:-ENDED_MAX]
        for child in ended:
            self.settled += child.executed
            del self.children[child.order_id]
        return ended

    # --- what it does -------------------------------------------------------------------------------------------

    def work(self, places: Places, now_ns: int) -> Iterator[CancelChild | Chosen]:
        """Yield the cancels that are due and, where a child may be sent now, where it goes."""
        self.measure(places)
        if self.state.ended or not self.measured:
            return
        given = self.way
        if self.taken_over:
            self.taken_over = False
            self.next_from_ns = now_ns + self.command.resend_ms * NS_PER_MS
        ending, living = self._ending(now_ns), self.living
        self.way = None
        if ending is None and self.command.style is not ExecutionStyle.PASSIVE:
            self.way = way_of(self._wish(self.command.quantity - self.done, replacing=bool(living)), places, given)
        for child in living:
            if not child.cancelled and (ending is not None or self._is_misplaced(child, places, now_ns)):
                child.cancelled, child.cancel_asked_ns = True, now_ns if ending is None else 0
                yield CancelChild(child.order_id, child.venue)
        if living:
            return
        left = self.command.quantity - self.done
        smallest = smallest_quantity(self.command, places)
        if left <= 0 or (smallest is not None and left < smallest):
            ending = HedgeState.DONE
        elif ending is None and self.refusals >= REFUSALS_MAX:
            ending = HedgeState.REFUSED
        if ending is not None:
            self._end(ending)
            return
        if now_ns < self.next_from_ns:
            return
        chosen = self._choose(left, places)
        if isinstance(chosen, str):
            self.reason = chosen
        else:
            yield chosen

    def _ending(self, now_ns: int) -> HedgeState | None:
        if self.command.cancelled or self.superseded:
            return HedgeState.CANCELLED
        if now_ns >= self.command.expires_at_ns or self.number >= CHILDREN_MAX:
            return HedgeState.EXPIRED
        return None

    def _end(self, state: HedgeState) -> None:
        self.state, self.way = state, None
        if state is HedgeState.CANCELLED:
            self.reason = "its scope has another parent" if self.superseded else self.command.reason
        elif state is not HedgeState.REFUSED:
            self.reason = ""

    def _is_misplaced(self, child: Child, places: Places, now_ns: int) -> bool:
        """Say whether a child should not be open any more: nothing may rest there, or it stands at a wrong price."""
        place = places.get(child.venue)
        if child.immediate:
            return False
        if place is None or place.shut_by or place.depth is None:
            return True
        left = self.command.quantity - self.done
        if child.leaves > left or self._is_beyond(child, place):
            return True
        if now_ns < self.next_from_ns - self.cancel_takes_ns:
            return False
        chosen = self._choose(left, places, replacing=True)
        if isinstance(chosen, str):
            return True
        here = chosen.venue == child.venue and chosen.limit.price_ticks == child.price_ticks
        self.reason = chosen.limit.held
        return not here

    def _is_beyond(self, child: Child, place: HedgePlace) -> bool:
        """Say whether a price is beyond a bound, which may have come nearer since."""
        if self.first_price is None:
            return True
        bound = bound_of(self.command, self.first_price, place.instrument)
        return child.side.sign * (child.price_ticks - bound.price_ticks) > 0

    def _choose(self, left: Decimal, places: Places, *, replacing: bool = False) -> Chosen | str:
        return choose(self._wish(left, replacing=replacing), places)

    def _wish(self, left: Decimal, *, replacing: bool) -> Wish:
        passive_first = self.command.style is ExecutionStyle.LEAN and not self.number
        return Wish(self.command, left, self.first_price, passive_first, replacing)

    def send(self, chosen: Chosen, order_id: int, place: HedgePlace, now_ns: int) -> PlaceChild:
        """Enter the next child, which is about to be sent."""
        command, limit = self.command, chosen.limit
        self.number += 1
        self.state, self.reason = HedgeState.WORKING, limit.held
        if self.first_price is None:
            self.first_price = chosen.first
        self.next_from_ns = now_ns + command.resend_ms * NS_PER_MS
        self.children[order_id] = Child(
            order_id,
            self.number,
            chosen.venue,
            command.side,
            limit.price_ticks,
            chosen.lots,
            place.instrument.lot_size,
            limit.immediate,
            limit.post_only,
        )
        return PlaceChild(
            order_id,
            command.algo_id,
            command.parent_id,
            chosen.venue,
            command.side,
            limit.price_ticks,
            chosen.lots,
            limit.post_only,
            limit.immediate,
            command.custom_order_parameters,
        )

    # --- what others hear of it -------------------------------------------------------------------------------------

    def shown(self) -> Shown:
        return Shown(
            self.command.revision,
            self.state,
            self.command.quantity,
            self.done,
            self.open,
            self.reason,
            self.number,
            self.last_child_done,
            self.first_price,
        )

    def update(self, shown: Shown, sequence: int, epoch: int, now_ns: int) -> HedgeUpdate:
        """Return the event that tells what is shown."""
        command = self.command
        return HedgeUpdate(
            scope=command.scope,
            account=command.account,
            parent_id=command.parent_id,
            update_sequence=sequence,
            ts_ns=now_ns,
            epoch=epoch,
            **shown._asdict(),
        )

    def renew(self, command: OrderCommand) -> None:
        """Take in a newer revision."""
        self.command = command
