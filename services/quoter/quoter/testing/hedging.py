"""Hedge parents at work, for tests: alone, with a venue that executes children as it is told, and in a process."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from common.events import (
    Book,
    Distance,
    ExecutionStyle,
    FeedStatus,
    Fill,
    HedgeUpdate,
    HedgeVenue,
    Level,
    Market,
    MarketStatus,
    OrderCommand,
    OrderUpdate,
    OrderUpdates,
    RiskState,
)
from common.instruments import Instrument, InstrumentKind, Side
from common.orders import OrderState
from common.testing.limits import spot_limits

from quoter.hedging.children import CancelChild, PlaceChild
from quoter.hedging.depth import Depth
from quoter.hedging.parents import Parents
from quoter.hedging.places import HedgePlace, Places
from quoter.testing.several import Several
from quoter.testing.spot import COIN, SpotVenue
from quoter.testing.venue import Venue, VenueOrder

MS = 1_000_000
S = 1_000 * MS
NOW_NS = 1_795_000_000 * S
KRAKEN = HedgeVenue("mm1", "kraken_spot", "BTCUSD")
BINANCE = HedgeVenue("mm1", "binance_spot", "BTCUSD")
SCOPE = "bot-3"


def instrument(venue: str = KRAKEN.venue, **changed: Any) -> Instrument:
    """Return BTC/USD in ticks of 1 and lots of 0.001."""
    terms: dict[str, Any] = {"tick_size": Decimal(1), "lot_size": Decimal("0.001"), "base": "BTC"}
    return Instrument(venue, "BTCUSD", InstrumentKind.SPOT, "USD", **(terms | changed))


def depth(bid: int = 59_990, ask: int = 60_000, lots: int = 100_000, **own: int) -> Depth:
    """Return a book of one level a side."""
    return Depth(((bid, lots),), ((ask, lots),), **own)


def a_place(book: Depth | None = None, **changed: Any) -> HedgePlace:
    known: dict[str, Any] = {"instrument": instrument(), "depth": depth() if book is None else book}
    return HedgePlace(**(known | changed))


def a_command(**changed: Any) -> OrderCommand:
    """Return a parent that buys 1 BTC for bot 3 at the best ask, at most 20 bps above the first."""
    told: dict[str, Any] = {
        "scope": SCOPE,
        "account": "mm1",
        "ledger_sequence": 100,
        "revision": 1,
        "venues": [KRAKEN],
        "instrument": "BTCUSD",
        "side": Side.BUY,
        "quantity": Decimal(1),
        "style": ExecutionStyle.LEAN,
        "max_offset": Distance(Decimal(20), in_bps=True),
        "resend_ms": 500,
        "config_revision": 1,
        "expires_at_ns": NOW_NS + 300 * S,
        "ts_ns": NOW_NS,
    }
    return OrderCommand(**(told | changed))


def revised(command: OrderCommand, **changed: Any) -> OrderCommand:
    return msgspec.structs.replace(command, revision=command.revision + 1, **changed)


class Stand:
    """Parents, a clock, and a venue whose orders are what has been placed."""

    def __init__(self, *commands: OrderCommand, places: Places | None = None) -> None:
        self.now_ns = NOW_NS
        self.places: dict[HedgeVenue, HedgePlace] = dict(places or {KRAKEN: a_place()})
        self.orders: dict[int, PlaceChild] = {}
        self.executed: dict[int, int] = {}
        """Lots by order."""
        self.ended: set[int] = set()
        self.cancels: list[int] = []
        self.told: list[HedgeUpdate] = []
        self.updates: dict[int, OrderUpdate] = {}
        """What ORDER has of each child."""
        self.parents = Parents({})
        self.parents.begin("mm1", 1)
        for command in commands:
            self.parents.on_command(command)

    def look(self, after_ns: int = 0) -> list[PlaceChild | CancelChild]:
        """Let time pass and have the parents look at everything; what they send reaches the venue."""
        self.now_ns += after_ns
        steps = list(self.parents.work(lambda _: self.places, self.now_ns))
        for step in steps:
            if isinstance(step, PlaceChild):
                assert step.order_id not in self.orders
                self.orders[step.order_id] = step
                self.executed[step.order_id] = 0
                self._note(step.order_id, OrderState.SUBMITTING)
            else:
                self.cancels.append(step.order_id)
        self.told += self.parents.updates(self.now_ns)
        return steps

    def living(self) -> list[PlaceChild]:
        return [order for order_id, order in self.orders.items() if order_id not in self.ended]

    def _note(self, order_id: int, state: OrderState, sequence: int = 0) -> None:
        order, known = self.orders[order_id], self.updates.get(order_id)
        self.updates[order_id] = OrderUpdate(
            account=order.venue.account,
            algo_id=order.algo_id,
            venue=order.venue.venue,
            symbol=order.venue.symbol,
            order_id=order_id,
            order_sequence=known.order_sequence + 1 if known is not None else 1,
            side=order.side,
            price_ticks=order.price_ticks,
            quantity_lots=order.quantity_lots,
            leaves_lots=0 if state.terminal else order.quantity_lots - self.executed[order_id],
            state=state,
            ts_received_ns=self.now_ns,
            parent_id=order.parent_id,
            executed_lots=self.executed[order_id],
        )

    def report(self, order_id: int, state: OrderState, executed_lots: int | None = None, reason: str = "") -> None:
        """Have the venue say what has become of an order."""
        if executed_lots is not None:
            self.executed[order_id] = executed_lots
        if state.terminal:
            self.ended.add(order_id)
        self._note(order_id, state)
        account = self.orders[order_id].venue.account
        self.parents.on_child(account, order_id, state, self.executed[order_id], self.now_ns, reason)

    def fill(self, lots: int, order_id: int | None = None) -> None:
        """Execute some of an order: of the one that is open where none is named."""
        key = self.living()[0].order_id if order_id is None else order_id
        executed = min(self.orders[key].quantity_lots, self.executed[key] + lots)
        done = executed == self.orders[key].quantity_lots
        self.report(key, OrderState.FILLED if done else OrderState.LIVE, executed)

    def end(self, state: OrderState = OrderState.CANCELLED, reason: str = "") -> None:
        """End the order that is open."""
        self.report(self.living()[0].order_id, state, reason=reason)

    def traded(self) -> Decimal:
        """Return what has been executed, in units."""
        lots = {order_id: self.places[order.venue].instrument.lot_size for order_id, order in self.orders.items()}
        return sum((lots[order_id] * count for order_id, count in self.executed.items()), start=Decimal(0))

    def restart(self, epoch: int, *commands: OrderCommand) -> None:
        """The process dies; its successor reads what was published, and asks the venue what became of the rest."""
        self.parents = Parents({"mm1": self.orders.keys()})
        for update in self.told:
            self.parents.remember(update)
        for command in commands:
            # Read before it has begun, as everything that is stored.
            self.parents.on_command(command)
        for order in self.updates.values():
            self.parents.remember_child(order)
        self.parents.begin("mm1", epoch)
        for order_id in list(self.orders):
            if order_id not in self.ended:
                # A predecessor's orders are cancelled before anything is sent.
                self.report(order_id, OrderState.CANCELLED)


# --- a process ------------------------------------------------------------------------------------------------------

LIMITS = spot_limits(max_order_notional=1e9, max_notional=1e9, max_account_notional=1e9)


def here(account: str = "mm1") -> HedgeVenue:
    return HedgeVenue(account, COIN.venue, COIN.symbol)


class Hedged(Several):
    """Drives accounts that hedge for bots of elsewhere; what it publishes of orders is there for the next life."""

    def __init__(self, accounts: int = 2) -> None:
        super().__init__(accounts)
        self.halts: list[str] = []
        self.ledger_sequence = 100
        self.commands: dict[tuple[str, str], OrderCommand] = {}
        """The last of each subject."""

    def new_venue(self) -> Venue:
        venue = SpotVenue()
        venue.money |= {"USD": Decimal(10_000_000), "BTC": Decimal(100)}
        venue.cash = "10000000.000000"
        return venue

    # --- inputs -------------------------------------------------------------------------------------------------

    def market(self, status: MarketStatus = MarketStatus.OPEN, symbol: str = COIN.symbol) -> Market:
        return Market(
            venue=COIN.venue,
            symbol=symbol,
            kind=COIN.kind,
            status=status,
            base=COIN.base,
            currency=COIN.currency,
            tick_size=COIN.tick_size,
            lot_size=COIN.lot_size,
            min_notional=COIN.min_notional,
            ts_received_ns=0,
        )

    def feed(self) -> None:
        self.tell(FeedStatus(venue=COIN.venue, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True))
        limits = dict.fromkeys(("3", "4", "risk-currency-7"), LIMITS)
        state = RiskState(
            shard="0",
            ledger_sequence=0,
            limits={},
            bot_limits=limits,
            config_revisions={},
            halts=self.halts,
            ts_ns=self.now_ns,
        )
        self.tell(state)

    def book(self, bid: str = "59990", ask: str = "60000", size: float = 10.0) -> None:
        self.tell(
            Book(
                venue=COIN.venue,
                symbol=COIN.symbol,
                bids=[Level(float(bid), size)],
                asks=[Level(float(ask), size)],
                ts_received_ns=self.now_ns,
            )
        )

    def start(self, *accounts: str) -> None:
        """Begin accounts whose market and book are known."""
        self.tell(self.market(), 2)
        self.feed()
        self.carry(self.core.start(self.receipt()))
        for command in self.commands.values():
            self.tell(command)
        for account in accounts or tuple(self.venues):
            self.read_back(account)
            self.hold_lease(account)
        self.book()
        self.wait(500)

    def read_back(self, account: str) -> None:
        """Hand in what ORDER has, as a part's own start does, with no more than it surely reads."""
        newest: dict[str, tuple[int, HedgeUpdate]] = {}
        for place, update in enumerate(self.told):
            if isinstance(update, HedgeUpdate):
                self.hedges.remember(update)
                newest[update.scope] = place, update
        booked = [each.account_sequence for each in self.of(Fill) if each.account == account]
        self.core.core_of(account).booked_sequence = max(booked, default=0)
        first = min([place for place, update in newest.values() if not update.state.ended], default=len(self.told))
        for updates in self.told[first:]:
            if not isinstance(updates, OrderUpdates):
                continue
            if updates.account == account:
                self.core.core_of(account).remember(updates)
            else:
                self.hedges.remember_children(updates)

    def die(self) -> None:
        """The process is killed: its connections are cut, and with them go its orders."""
        for venue in self.venues.values():
            venue.disconnect()
        self._due.clear()
        self.be_born()

    def command(self, **changed: Any) -> OrderCommand:
        """Have risk say a parent: it sells 1 BTC across the spread for bot 3, within 20 bps."""
        told: dict[str, Any] = {
            "scope": SCOPE,
            "account": "mm1",
            "ledger_sequence": self.ledger_sequence,
            "revision": 1,
            "venues": [here()],
            "instrument": "BTCUSD",
            "side": Side.SELL,
            "quantity": Decimal(1),
            "style": ExecutionStyle.CROSS_MARKET,
            "max_offset": Distance(Decimal(20), in_bps=True),
            "resend_ms": 100,
            "config_revision": 1,
            "expires_at_ns": self.now_ns + 30 * S,
            "ts_ns": self.now_ns,
        }
        command = OrderCommand(**(told | changed))
        self.say(command)
        return command

    def say(self, command: OrderCommand) -> None:
        self.commands[command.scope, command.account] = command
        self.tell(command)

    # --- what came of it ----------------------------------------------------------------------------------------

    def hedges_told(self) -> list[HedgeUpdate]:
        return self.of(HedgeUpdate)

    def children(self, account: str = "mm1") -> list[VenueOrder]:
        """Return what the venue has had of hedges, in their order."""
        return list(self.venues[account].orders.values())

    def news(self, parent_id: str) -> list[OrderUpdate]:
        return [each for updates in self.of(OrderUpdates) for each in updates.orders if each.parent_id == parent_id]

    def sold(self) -> Decimal:
        """Return all that was executed at the venues, in units of the base currency."""
        lots = sum(order.filled for account in self.venues for order in self.children(account))
        return COIN.quantity(lots)

    def offer(self, lots: int, account: str = "mm1") -> None:
        """Let orders that take find so much."""
        self.venues[account].takeable = lots
