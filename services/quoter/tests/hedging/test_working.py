"""Parents against a venue that fills, refuses, forgets and is late, across restarts: never more than was wanted."""

from __future__ import annotations

from decimal import Decimal

from common.events import Distance, ExecutionStyle, HedgeState, OrderCommand
from common.instruments import Side
from common.orders import OrderState
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from quoter.hedging.children import PlaceChild
from quoter.testing.hedging import BINANCE, KRAKEN, MS, S, Stand, a_command, a_place, depth, instrument, revised

D = Decimal
LOT = D("0.001")
SLICE = D("0.4")


class Worked(RuleBasedStateMachine):
    """One scope's parents, one after the other, at two venues."""

    @initialize(style=st.sampled_from(ExecutionStyle), side=st.sampled_from(Side), sliced=st.booleans())
    def begin(self, style: ExecutionStyle, side: Side, sliced: bool) -> None:
        self.command = a_command(
            venues=[KRAKEN, BINANCE],
            style=style,
            side=side,
            max_order_size=SLICE if sliced else None,
            max_bid=D(60_100),
            min_ask=D(59_900),
        )
        there = a_place(depth(59_980, 60_010), instrument=instrument(BINANCE.venue, lot_size=D("0.01")))
        self.stand = Stand(self.command, places={KRAKEN: a_place(), BINANCE: there})
        self.epoch = 1
        self.most = {self.command.parent_id: self.command.quantity}
        """The largest quantity that each parent has ever had."""
        self.sent_at: dict[str, int] = {}

    @property
    def parent(self) -> str:
        return self.command.parent_id

    def done(self, parent_id: str) -> Decimal:
        orders = [order for order in self.stand.orders.values() if order.parent_id == parent_id]
        lots = {each.order_id: self.stand.places[each.venue].instrument.lot_size for each in orders}
        return sum((lots[key] * self.stand.executed[key] for key in lots), start=D(0))

    # --- what happens -------------------------------------------------------------------------------------------

    @rule(ms=st.integers(0, 1_500))
    def look(self, ms: int) -> None:
        for step in self.stand.look(ms * MS):
            if isinstance(step, PlaceChild):
                last_ns = self.sent_at.get(step.parent_id)
                assert last_ns is None or self.stand.now_ns - last_ns >= self.command.resend_ms * MS
                self.sent_at[step.parent_id] = self.stand.now_ns
                quantity = step.quantity_lots * self.stand.places[step.venue].instrument.lot_size
                assert self.command.max_order_size is None or quantity <= SLICE
                assert step.price_ticks <= 60_100 if step.side is Side.BUY else step.price_ticks >= 59_900

    @precondition(lambda self: self.stand.living())
    @rule(lots=st.integers(1, 1_000))
    def venue_fills(self, lots: int) -> None:
        self.stand.fill(lots)

    @precondition(lambda self: self.stand.living())
    @rule(
        state=st.sampled_from(
            [OrderState.LIVE, OrderState.CANCELLING, OrderState.UNKNOWN, OrderState.CANCELLED, OrderState.CANCELLED]
        )
    )
    def venue_says(self, state: OrderState) -> None:
        self.stand.report(self.stand.living()[0].order_id, state)

    @precondition(lambda self: self.stand.living() and not self.stand.executed[self.stand.living()[0].order_id])
    @rule()
    def venue_refuses(self) -> None:
        self.stand.end(OrderState.REJECTED, "no")

    @rule(bid=st.integers(59_700, 60_300), spread=st.integers(1, 40), own=st.booleans())
    def book_moves(self, bid: int, spread: int, own: bool) -> None:
        ours = {"own_ask_ticks": bid + spread, "own_bid_ticks": bid} if own else {}
        self.stand.places[KRAKEN] = a_place(depth(bid, bid + spread, **ours))

    @rule(shut=st.booleans())
    def venue_is_shut(self, shut: bool) -> None:
        self.stand.places[KRAKEN] = a_place(shut_by="halted" if shut else "")

    @rule(quantity=st.decimals(D("0.001"), 3, places=3))
    def risk_revises(self, quantity: Decimal) -> None:
        self._say(revised(self.command, quantity=quantity))

    @rule()
    def risk_cancels(self) -> None:
        self._say(revised(self.command, cancelled=True))

    @rule(quantity=st.decimals(D("0.001"), 3, places=3))
    def risk_begins_another(self, quantity: Decimal) -> None:
        told = [each for each in self.stand.told if each.parent_id == self.parent]
        if told and told[-1].state.ended:
            self._say(
                a_command(
                    venues=self.command.venues,
                    style=self.command.style,
                    side=self.command.side,
                    max_order_size=self.command.max_order_size,
                    max_bid=D(60_100),
                    min_ask=D(59_900),
                    ledger_sequence=self.command.ledger_sequence + 1,
                    quantity=quantity,
                    max_offset=Distance(D(50), in_bps=False),
                    expires_at_ns=self.stand.now_ns + 300 * S,
                )
            )

    def _say(self, command: OrderCommand) -> None:
        self.command = command
        self.most[command.parent_id] = max(command.quantity, self.most.get(command.parent_id, D(0)))
        self.stand.parents.on_command(command)

    @rule()
    def restart(self) -> None:
        self.epoch += 1
        self.stand.restart(self.epoch, self.command)

    # --- what holds ---------------------------------------------------------------------------------------------

    @invariant()
    def never_more_than_was_wanted(self) -> None:
        if not hasattr(self, "stand"):
            return
        for parent_id, most in self.most.items():
            assert self.done(parent_id) <= most

    @invariant()
    def one_child_at_a_time(self) -> None:
        if hasattr(self, "stand"):
            assert len(self.stand.living()) <= 1

    def teardown(self) -> None:
        if not hasattr(self, "stand"):
            return
        stand = self.stand
        stand.places[KRAKEN] = a_place()
        for _ in range(200):
            if stand.living():
                stand.fill(1_000)
            stand.look(16 * S)
        told = [each for each in stand.told if each.parent_id == self.parent][-1]
        assert told.state.ended
        assert told.done == self.done(self.parent)
        if told.state is HedgeState.DONE:
            # What is revised after that comes too late: another parent follows.
            ended = next(each for each in stand.told if each.parent_id == self.parent and each.state.ended)
            assert ended.quantity - ended.done < LOT


TestWorked = Worked.TestCase
TestWorked.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
