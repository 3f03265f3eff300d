"""Whatever dies, and whatever of its last words is lost: a parent trades what was wanted, and never more."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from common.events import ExecutionStyle, Fill, HedgeUpdate, OrderCommand, OrderUpdates
from common.instruments import Side
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from quoter.testing.hedging import Hedged, here
from quoter.testing.spot import COIN

D = Decimal
QUANTITIES = st.integers(1, 20).map(lambda tenths: D(tenths) / 10)
WORDS = (HedgeUpdate, OrderUpdates)


class Deaths(RuleBasedStateMachine):
    """One scope's parents at two accounts, one after the other."""

    @initialize(style=st.sampled_from(ExecutionStyle), both=st.booleans())
    def begin(self, style: ExecutionStyle, both: bool) -> None:
        self.hedged, self.style = Hedged(), style
        self.hedged.start()
        self.venues = [here("mm1"), here("mm2")] if both else [here("mm1")]
        self.before = self.most = D(0)
        self.command: OrderCommand | None = None
        self.say(D(1))

    def say(self, quantity: Decimal) -> None:
        hedged = self.hedged
        hedged.ledger_sequence += 1
        self.before, self.most = hedged.sold(), quantity
        self.command = hedged.command(
            quantity=quantity, venues=self.venues, style=self.style, max_order_size=D("0.4"), side=Side.SELL
        )

    def ended(self) -> bool:
        assert self.command is not None
        told = [each for each in self.hedged.of(HedgeUpdate) if each.parent_id == self.command.parent_id]
        return bool(told) and max(told, key=lambda each: (each.epoch, each.update_sequence)).state.ended

    @precondition(lambda self: self.ended())
    @rule(quantity=QUANTITIES)
    def next_parent(self, quantity: Decimal) -> None:
        self.say(quantity)

    @precondition(lambda self: not self.ended() and not self.command.cancelled)
    @rule(quantity=QUANTITIES, cancelled=st.sampled_from([False, False, True]))
    def revise(self, quantity: Decimal, cancelled: bool) -> None:
        assert self.command is not None
        self.most = max(self.most, quantity)
        revision = self.command.revision + 1
        self.command = msgspec.structs.replace(
            self.command, revision=revision, quantity=quantity, cancelled=cancelled, ts_ns=self.hedged.now_ns
        )
        self.hedged.say(self.command)

    @rule(lots=st.integers(0, 6_000), account=st.sampled_from(["mm1", "mm2"]))
    def others_buy(self, lots: int, account: str) -> None:
        """Some of what rests is taken, and what takes finds so much."""
        venue = self.hedged.venues[account]
        venue.takeable = lots
        for order in venue.open_orders():
            if lots:
                venue.fill(order, min(lots, order.size - order.filled))
        self.hedged.wait(50)

    @rule(ms=st.sampled_from([50, 100, 300]))
    def time_passes(self, ms: int) -> None:
        self.hedged.wait(ms)

    @rule(lots=st.integers(0, 4_000), lost=st.integers(0, 6), account=st.sampled_from(["mm1", "mm2"]))
    def process_dies(self, lots: int, lost: int, account: str) -> None:
        """Something is executed, and its last words may not reach the bus; the venue knows."""
        self.others_buy(lots, account)
        hedged = self.hedged
        words = [each for each in hedged.told if isinstance(each, WORDS)]
        gone = {id(each) for each in words[len(words) - lost :]} if lost else set()
        hedged.told[:] = [each for each in hedged.told if id(each) not in gone]
        hedged.die()
        first = [account, "mm2" if account == "mm1" else "mm1"]
        hedged.start(*first)

    @rule(lots=st.integers(0, 4_000), account=st.sampled_from(["mm1", "mm2"]))
    def account_changes_hands(self, lots: int, account: str) -> None:
        self.others_buy(lots, account)
        hedged = self.hedged
        hedged.carry(hedged.core.on_lost(account, hedged.receipt()))
        hedged.wait(100)
        hedged.read_back(account)
        hedged.hold_lease(account)
        hedged.wait(100)

    @invariant()
    def never_more_than_was_wanted(self) -> None:
        if getattr(self, "command", None) is not None:
            assert self.hedged.sold() - self.before <= self.most

    def teardown(self) -> None:
        if getattr(self, "command", None) is None:
            return
        command, hedged = self.command, self.hedged
        assert command is not None
        for _ in range(40):
            self.others_buy(100_000, "mm1")
            self.others_buy(100_000, "mm2")
            if self.ended():
                break
        assert self.ended(), hedged.hedges.parents.status()
        self.never_more_than_was_wanted()
        if not command.cancelled:
            assert hedged.sold() - self.before >= command.quantity
        # FILL has the first under an id: what is asked for again is a repeat there.
        booked = {each.message_id(): each for each in reversed(hedged.of(Fill))}.values()
        assert sum(each.quantity_lots for each in booked) * COIN.lot_size == hedged.sold()
        assert {each.algo_id for each in booked} <= {"3"}


TestDeaths = Deaths.TestCase
TestDeaths.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
