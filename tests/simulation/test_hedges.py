"""Risk's decisions and the quoter's children together: what one says, the other works, late and over restarts."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from common.events import HedgeUpdate, HedgeVenue, OrderCommand, OrderUpdate
from common.instruments import Instrument
from common.orders import OrderState
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from quoter.hedging.children import PlaceChild
from quoter.hedging.depth import Depth
from quoter.hedging.parents import Parents
from quoter.hedging.places import HedgePlace
from risk.hedging.terms import Hedger
from risk.testing.events import S
from risk.testing.hedging import BINANCE, World, a_hedger, place

D = Decimal
MS = 1_000_000
NORM, MAX = D("0.2"), D(1)
PLACES = (place(), place(BINANCE, "mm2", "quoter-2", lot_size=D("0.01")))


@dataclass
class Process:
    """A quoter's hedges at one account, and the orders that its venue has."""

    venue: HedgeVenue
    instrument: Instrument
    epoch: int = 0
    parents: Parents = field(default_factory=lambda: Parents({}))
    open: dict[int, PlaceChild] = field(default_factory=dict)
    executed: dict[int, int] = field(default_factory=dict)
    sent: list[PlaceChild] = field(default_factory=list)
    news: dict[int, OrderUpdate] = field(default_factory=dict)
    """What ORDER has of its orders."""

    def begin(self, order: list[OrderCommand | HedgeUpdate]) -> None:
        """Start, or start again: from ORDER, and with what is left at the venue cancelled."""
        self.epoch += 1
        self.parents = Parents({self.venue.account: set(self.executed)})
        for event in order:
            if isinstance(event, HedgeUpdate):
                self.parents.remember(event)
            elif event.account == self.venue.account:
                self.parents.on_command(event)
        for update in self.news.values():
            self.parents.remember_child(update)
        self.parents.begin(self.venue.account, self.epoch)
        for order_id in list(self.open):
            self.report(order_id, OrderState.CANCELLED, 0)

    def places(self) -> dict[HedgeVenue, HedgePlace]:
        return {self.venue: HedgePlace(self.instrument, Depth(((599_900, 10_000),), ((600_000, 10_000),)))}

    def report(self, order_id: int, state: OrderState, now_ns: int) -> None:
        order = self.open[order_id]
        executed = self.executed[order_id]
        if state.terminal:
            del self.open[order_id]
        self._note(order, state)
        self.parents.on_child(self.venue.account, order_id, state, executed, now_ns)

    def _note(self, order: PlaceChild, state: OrderState) -> None:
        known = self.news.get(order.order_id)
        self.news[order.order_id] = OrderUpdate(
            account=self.venue.account,
            algo_id=order.algo_id,
            venue=self.venue.venue,
            symbol=self.venue.symbol,
            order_id=order.order_id,
            order_sequence=known.order_sequence + 1 if known is not None else 1,
            side=order.side,
            price_ticks=order.price_ticks,
            quantity_lots=order.quantity_lots,
            leaves_lots=0,
            state=state,
            ts_received_ns=0,
            parent_id=order.parent_id,
            executed_lots=self.executed[order.order_id],
        )

    def work(self, now_ns: int) -> list[HedgeUpdate]:
        """Place and cancel what the parents ask for; a cancel is carried out at once."""
        for step in list(self.parents.work(lambda _: self.places(), now_ns)):
            if isinstance(step, PlaceChild):
                assert step.order_id not in self.executed
                self.open[step.order_id] = step
                self.sent.append(step)
                self.executed[step.order_id] = 0
                self._note(step, OrderState.SUBMITTING)
            elif step.order_id in self.open:
                self.report(step.order_id, OrderState.CANCELLED, now_ns)
        return list(self.parents.updates(now_ns))


class BothSides(World):
    """The world of risk's tests, with the quoter's parents in place of holders that do as they please."""

    def __init__(self, hedgers: list[Hedger]) -> None:
        super().__init__(hedgers)
        self.processes = {
            each.account: Process(HedgeVenue(each.account, each.instrument.venue, "BTCUSD"), each.instrument)
            for each in PLACES
        }
        for process in self.processes.values():
            process.begin([])

    def obey(self, most: int = 1_000_000) -> None:
        for _ in range(min(most, len(self.order) - self.obeyed)):
            self.obeyed += 1
            event = self.order[self.obeyed - 1]
            if isinstance(event, OrderCommand):
                self.processes[event.account].parents.on_command(event)

    def work(self, lots_sent: int, lots_executed: int) -> None:
        """Let every process work, and its venue execute at most so much of each order."""
        for process in self.processes.values():
            self.order += process.work(self.now_ns)
            for order_id, order in list(process.open.items()):
                lots = min(lots_executed, order.quantity_lots - process.executed[order_id])
                if lots:
                    process.executed[order_id] += lots
                    self._book(process, order, lots)
                whole = process.executed[order_id] == order.quantity_lots
                process.report(order_id, OrderState.FILLED if whole else OrderState.LIVE, self.now_ns)
            self.order += process.work(self.now_ns)

    def _book(self, process: Process, order: PlaceChild, lots: int) -> None:
        units = lots * process.instrument.lot_size / D("0.001")
        parent = next(e for e in self.order if isinstance(e, OrderCommand) and e.parent_id == order.parent_id)
        self.trade(order.algo_id, order.side.sign * int(units), parent)

    def restart_processes(self) -> None:
        for process in self.processes.values():
            process.begin(self.order[: self.obeyed])

    def settle(self, rounds: int = 60) -> list[object]:  # type: ignore[override]
        for _ in range(rounds):
            self.now_ns += S
            self.decide()
            self.obey()
            self.work(0, 1_000_000)
            self.fold()
            self.hear()
        return []


class Hedged(RuleBasedStateMachine):
    """Two bots and their currency over two processes; quotes are taken on one side only, so that too much is seen."""

    @initialize(currency=st.booleans(), style=st.sampled_from(["LEAN", "PASSIVE", "CROSS_MARKET"]))
    def begin(self, currency: bool, style: str) -> None:
        names = ["bot-3", "bot-4", "risk-currency-7"] if currency else ["bot-3", "bot-4"]
        self.world = BothSides(
            [
                a_hedger(name, PLACES, position_max_norm_size="1 0.2", execution_style=style, max_order_size="0.7")
                for name in names
            ]
        )

    @rule(
        bot=st.sampled_from(["3", "4"]),
        lots=st.integers(300, 3_000),
        executed=st.integers(0, 900),
        dies=st.sampled_from(["", "", "risk", "quoters"]),
        first=st.sampled_from(["fold", "hear"]),
    )
    def turn(self, bot: str, lots: int, executed: int, dies: str, first: str) -> None:
        """A quote is taken and hedged; then somebody may die, and of fills and answers one comes before the other."""
        world = self.world
        world.trade(bot, lots)
        world.fold()
        world.decide()
        world.obey()
        self.works(executed, 500)
        if dies == "risk":
            world.restart()
        elif dies == "quoters":
            world.restart_processes()
        world.fold() if first == "fold" else world.hear()
        world.decide()
        world.obey()
        self.works(executed, 500)

    @rule(executed=st.integers(0, 3_000), ms=st.integers(0, 1_500))
    def works(self, executed: int, ms: int) -> None:
        self.world.now_ns += ms * MS
        self.world.work(0, executed)

    @rule(folds=st.integers(0, 5), hears=st.integers(0, 5), obeys=st.integers(0, 5))
    def news_travels(self, folds: int, hears: int, obeys: int) -> None:
        self.world.fold(folds)
        self.world.hear(hears)
        self.world.decide()
        self.world.obey(obeys)

    @rule(halt=st.sampled_from(["", "bot-3:manual", "global:manual"]))
    def halt_or_lift(self, halt: str) -> None:
        self.world.halts = (halt,) if halt else ()
        self.news_travels(100, 100, 100)
        self.works(3_000, 500)
        self.news_travels(100, 100, 100)

    @rule()
    def parents_grow_old(self) -> None:
        self.world.now_ns += 31 * S

    @invariant()
    def never_too_much(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        quoted = sum((fill.quantity_lots * D("0.001") for fill in world.fills if not fill.parent_id), start=D(0))
        assert world.hedged() <= max(D(0), quoted - NORM)
        assert world.position("risk-currency-7") >= min(NORM, quoted)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.halts = ()
        world.settle()
        hedged = world.hedged()
        for name, standing in world.hedging.standings.items():
            value = standing.figure.value
            assert value is not None
            assert abs(value) <= MAX or (name.startswith("bot-") and standing.why), (name, value, standing.why)
        world.settle(3)
        assert world.hedged() == hedged
        assert [parent for process in world.processes.values() for parent in process.parents.open()] == []


TestHedged = Hedged.TestCase
TestHedged.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_a_bot_and_its_currency_come_back_over_two_processes() -> None:
    world = BothSides([a_hedger(name, PLACES, position_max_norm_size="1 0.2") for name in ("bot-3", "risk-currency-7")])
    world.trade("3", 3_000)
    world.fold()
    world.settle()
    assert world.position("bot-3") == NORM
    assert world.hedged() == 3 - NORM
    sold = {(order.algo_id, process.venue.venue) for process in world.processes.values() for order in process.sent}
    assert sold == {("3", "kraken_spot"), ("3", BINANCE)}
