"""One session with the quoter behind it, against a venue that can be told to fail: what the conformance suite drives.

A venue joins the suite with a subclass: how its tiny venue is made to do each fault. The faults and what has to come of
them stand in tests/test_session_conformance.py and know no venue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, Protocol

from common.core import Close, Effect, HttpRequest, HttpResponse, Open, Receipt, Send, Turn
from common.events import AccountState, Alert, Event, Fill, Posting
from common.instruments import Instrument, Outcome, Side
from common.orders import OrderIds, OrderState

from quoter.orders.own_orders import Order, Orders
from quoter.service import Quoter
from quoter.venues.base import Outputs, Placement, Session

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_795_222_810 * S
EPOCH = 3
PICTURE_NS = 10 * S


class Venue(Protocol):
    """What a stage needs of a tiny venue."""

    change: Callable[[str, Any], Any] | None
    """Changes a document before it is sent; told the path, or `frame`."""
    frames: list[bytes]
    """What waits to be delivered."""
    mute: bool
    """The answers about orders are lost."""
    deaf: bool
    """The requests about orders are lost."""
    no_beats: bool
    """Heartbeats are lost."""

    def on_send(self, effect: Send) -> None: ...

    def on_ask(self, ask: HttpRequest) -> HttpResponse: ...

    def opened(self, effect: Open) -> bool: ...

    def disconnect(self) -> None: ...

    def take_frames(self) -> Iterator[bytes]: ...


class Stage:
    """Carries effects between a session and its venue; `told` collects every event that came out."""

    symbol = ""
    lots = 100
    """A size the venue takes."""
    tick_size = Decimal(0)
    """Stated with every order; 0 for not at all."""
    secrets: tuple[str, ...] = ()
    has_switch = True
    """The venue cancels our orders when it does not hear from us."""

    def __init__(self, session: Session, orders: Orders, venue: Venue) -> None:
        self.session, self.orders, self.tiny = session, orders, venue
        self.core = Quoter("mm1", session.name, session, orders)
        self.core.epoch = EPOCH
        self.ids = OrderIds(EPOCH)
        self.now_ns = START_NS
        self.told: list[Event] = []
        self.urls: list[str] = []
        self.placed: list[int] = []
        self.hold = False
        """Keep back whatever the venue says until it is let go."""
        self._answers: list[HttpResponse] = []
        """Kept back."""
        self._due: deque[HttpResponse] = deque()
        self._carrying = False
        self._sequence = 100

    # --- carrying -----------------------------------------------------------------------------------------------

    def receipt(self) -> Receipt:
        return Receipt(self.now_ns)

    def carry(self, effects: Iterable[Effect]) -> None:
        """Carry effects out, then hand in the answers they caused, one after the other, until there are none."""
        outermost, self._carrying = not self._carrying, True
        try:
            for effect in list(effects):
                self._carry_one(effect)
            while outermost and self._due:
                for effect in list(self.core.on_answer(self._due.popleft(), self.receipt())):
                    self._carry_one(effect)
        finally:
            self._carrying = not outermost
        if not self.hold:
            self.deliver()

    def _carry_one(self, effect: Effect) -> None:
        if isinstance(effect, Event):
            self.told.append(effect)
            if isinstance(effect, Fill | Posting):
                self._sequence += 1
                self.carry(self.core.on_published(effect, self._sequence, self.receipt()))
        elif isinstance(effect, Turn):
            self.carry(effect.handler(self.receipt()))
        elif isinstance(effect, Send):
            self.tiny.on_send(effect)
        elif isinstance(effect, HttpRequest):
            self.urls.append(effect.url)
            answer = self.tiny.on_ask(effect)
            if self.hold:
                self._answers.append(answer)
            else:
                self._due.append(answer)
        elif isinstance(effect, Open):
            self.urls.append(effect.url)
            if self.tiny.opened(effect):
                self.carry(self.core.on_open(self.receipt()))
            else:
                self.carry(self.core.on_close("cannot connect", self.receipt()))
        elif isinstance(effect, Close):
            self.cut(effect.reason)

    def relay(self, outputs: Outputs) -> None:
        self.carry(self.core.on_session(outputs, self.receipt()))

    def deliver(self, frames: Iterable[bytes] | None = None) -> None:
        for frame in self.tiny.take_frames() if frames is None else frames:
            self.carry(self.core.on_frame(frame, self.receipt()))

    def let_go(self) -> None:
        """Hand in what was kept back."""
        self.hold = False
        answers, self._answers = self._answers, []
        for answer in answers:
            self.carry(self.core.on_answer(answer, self.receipt()))
        self.deliver()

    def cut(self, reason: str = "cut") -> None:
        self.tiny.disconnect()
        self.carry(self.core.on_close(reason, self.receipt()))

    # --- what we do ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.carry(self.core.start(self.receipt()))
        self.wait(100)

    def wait(self, ms: int) -> None:
        for _ in range(max(1, ms // 50)):
            self.now_ns += 50 * MS
            self.on_time()
            # The core's own timer would cancel these orders: they belong to no bot's business.
            self.relay(self.session.on_timer(self.now_ns))
            if (self.now_ns - START_NS) % PICTURE_NS == 0:
                self.relay(self.session.request_snapshot("timer", self.now_ns))

    def on_time(self) -> None:
        """Take the venue's clock along."""

    def place(self, *prices: int, outcome: Outcome = Outcome.YES, cancels: Iterable[int] = ()) -> list[int]:
        """Send orders at prices in ticks, in one go, behind some cancels; return their ids."""
        places = []
        for ticks in prices:
            order_id = self.ids.next(self.now_ns)
            self.orders.add(Order(order_id, "1", self.symbol, outcome, Side.BUY, ticks, self.lots))
            places.append(
                Placement(order_id, self.symbol, outcome, Side.BUY, ticks, self.lots, True, tick_size=self.tick_size)
            )
        order_ids = [place.order_id for place in places]
        self.placed += order_ids
        self._leave(cancels)
        self.carry(self.session.send(list(cancels), places, self.now_ns))
        return order_ids

    def cancel(self, *order_ids: int) -> None:
        self._leave(order_ids)
        self.carry(self.session.send(order_ids, [], self.now_ns))

    def _leave(self, order_ids: Iterable[int]) -> None:
        for order_id in order_ids:
            order = self.orders.get(order_id)
            if order is not None:
                self.orders.step(order, OrderState.CANCELLING)

    # --- what came of it ----------------------------------------------------------------------------------------

    def state(self, order_id: int) -> OrderState:
        order = self.orders.get(order_id)
        assert order is not None
        return order.state

    def fills(self, order_id: int) -> list[Fill]:
        return [event for event in self.told if isinstance(event, Fill) and event.order_id == order_id]

    def filled(self, order_id: int) -> int:
        return sum(fill.quantity_lots for fill in self.fills(order_id))

    def snapshots(self) -> list[AccountState]:
        return [event for event in self.told if isinstance(event, AccountState)]

    def alerts(self) -> list[str]:
        return [event.kind for event in self.told if isinstance(event, Alert)]

    def shown(self) -> str:
        """Return everything that people, logs and other services may get to see."""
        return "\n".join(
            [
                repr(self.session.describe(self.now_ns)),
                repr(list(self.session.samples())),
                repr(self.session),
                repr(self.core.state(self.now_ns)),
                *map(repr, self.told),
                *self.urls,
            ]
        )

    # --- what happens at the venue ------------------------------------------------------------------------------

    def fill(self, order_id: int, lots: int, *, told: bool = True) -> None:
        """Execute part of an order; untold, the news of it is lost."""
        waiting = len(self.tiny.frames)
        self.execute(order_id, lots)
        if not told:
            del self.tiny.frames[waiting:]
        if not self.hold:
            self.deliver()

    def end_short(self, order_id: int, lots: int, *, told: bool = True) -> None:
        """Execute part of an order and end it by the venue's word; untold, the news of its end is lost."""
        self.fill(order_id, lots)
        waiting = len(self.tiny.frames)
        self.finish(order_id)
        if not told:
            del self.tiny.frames[waiting:]
        self.deliver()

    def fault(self, name: str, on: bool = True) -> None:
        """Begin or end a fault.

        answers_lost, requests_lost, login_refused, rate_limited, beats_lost: as they say, for what concerns orders.
        second_refused: the second order of the next batch is refused.
        """
        if name == "answers_lost":
            self.tiny.mute = on
        elif name == "requests_lost":
            self.tiny.deaf = on
        elif name == "beats_lost":
            self.tiny.no_beats = on
        else:
            assert name in ("login_refused", "rate_limited", "second_refused"), name
            self.refuse(name, on=on)

    # --- what a venue fills in ----------------------------------------------------------------------------------

    def resting(self) -> set[int]:
        """Return the ids of our orders that rest at the venue, 0 for orders of strangers."""
        raise NotImplementedError

    def accepted(self) -> list[Any]:
        """Return the names of all orders the venue ever took, in order."""
        raise NotImplementedError

    def execute(self, order_id: int, lots: int) -> None:
        """Execute part of an order at the venue."""
        raise NotImplementedError

    def finish(self, order_id: int) -> None:
        """End an order by the venue's own word."""
        raise NotImplementedError

    def refuse(self, name: str, *, on: bool) -> None:
        """Begin or end a fault in which the venue refuses: login_refused, rate_limited, second_refused."""
        raise NotImplementedError

    def revive(self, order_id: int) -> None:
        """Let an order rest at the venue that it had said was over."""
        raise NotImplementedError

    def end_in_words(self, order_id: int) -> None:
        """Let the venue end an order that met nobody, with whatever it says then."""
        raise NotImplementedError

    def lists(self) -> tuple[str, ...]:
        """Return the paths of the lists the session reads."""
        raise NotImplementedError

    def rows_in(self, route: str, document: Any) -> list[Any] | None:
        """Return the rows of a list's page, to be changed in place; None for other documents."""
        raise NotImplementedError

    def spoil_fills(self, rows: list[Any]) -> None:
        """Take the numbers out of the rows of executions."""
        raise NotImplementedError

    def own(self, yes: int, no: int) -> None:
        """Let the account hold shares in lots, which it bought long ago."""
        raise NotImplementedError

    def decide(self) -> None:
        """Decide the market for YES: every share of it pays one dollar, as the venue pays."""
        raise NotImplementedError

    def settle(self) -> None:
        """Let every execution so far be final, where that takes a time of its own."""

    def pay_in(self, dollars: int) -> None:
        """Let the account have so much cash."""
        raise NotImplementedError

    def trade_elsewhere(self, markets: int) -> None:
        """Let the account have traded in some markets before, which are decided and redeemed."""
        raise NotImplementedError

    def asked(self) -> int:
        """Return how many requests the venue has had."""
        raise NotImplementedError

    def stranger(self) -> None:
        """Let an order of the account rest that we never sent."""
        raise NotImplementedError

    def repeat(self) -> None:
        """Tell the last fill again."""
        raise NotImplementedError

    def garble(self) -> None:
        """Break the frames that wait, and deliver them."""
        frames = list(self.tiny.take_frames())
        self.deliver([frame[: len(frame) // 2] for frame in frames] or [b"{"])


class SpotStage(Stage):
    """A stage with a spot symbol, of a venue that takes fees in a currency of its choice."""

    coin: Instrument
    refusal_state = OrderState.REJECTED
    """How an order ends that must not take and would have."""

    @property
    def fee_currency(self) -> str:
        raise NotImplementedError

    @property
    def fee_per_lot(self) -> Decimal:
        """Return what whoever trades pays, in `fee_currency`."""
        raise NotImplementedError

    def offer(self, ticks: int, lots: int) -> None:
        """Let others sell so much at a price."""
        raise NotImplementedError

    def money(self) -> dict[str, Decimal]:
        """Return what the account has of each currency."""
        raise NotImplementedError

    def place_coin(self, side: Side, ticks: int, lots: int, *, immediate: bool = False) -> int:
        """Send an order for the symbol and return its id."""
        return place_coin(self, self.coin, side, ticks, lots, immediate=immediate)


def place_coin(stage: Stage, coin: Instrument, side: Side, ticks: int, lots: int, *, immediate: bool = False) -> int:
    """Send an order for a spot symbol and return its id."""
    order_id = stage.ids.next(stage.now_ns)
    stage.orders.add(Order(order_id, "1", coin.symbol, coin.outcome, side, ticks, lots, immediate=immediate))
    stage.placed.append(order_id)
    terms = (coin.symbol, coin.outcome, side, ticks, lots, not immediate, immediate, coin.tick_size, coin.lot_size)
    stage.carry(stage.session.send([], [Placement(order_id, *terms)], stage.now_ns))
    return order_id
