"""All hedges of a process: hedge parents between what risk says, what venues show and the traders of the accounts.

Parents say what to place and to cancel; here the pre-trade check stands between them and the batches that the traders
send at the end of the turn. A hedge goes into a batch before any quote of the same turn, and has a part of the message
budget that quotes leave alone. While no parent is open a book costs a lookup.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from common.events import Book, Event, HedgeUpdate, HedgeVenue, OrderCommand, OrderUpdate, OrderUpdates
from common.instruments import Side
from common.orders import LIVE, SUBMITTING, UNKNOWN, OrderState
from common.pretrade import Rejection

from quoter.hedging.checking import Standing, standing_of
from quoter.hedging.children import PlaceChild
from quoter.hedging.depth import Depth, others_of
from quoter.hedging.failures import EVERYTHING, TEXT_MAX, Failures
from quoter.hedging.parents import Parents
from quoter.hedging.places import HedgePlace, Places
from quoter.orders.budget import Use
from quoter.orders.own_orders import NEVER_SENT, Order
from quoter.orders.terms import Terms
from quoter.signals.others import OwnLevels
from quoter.trading.batch import ChildTerms
from quoter.trading.order_updates import HedgeTerms
from quoter.trading.strategy import ANYWHERE, GivenWay
from quoter.trading.trader import Trader
from quoter.venues.base import Execution

Symbol = tuple[str, str]
"""Venue and symbol."""
CANCELLABLE = (SUBMITTING, LIVE, UNKNOWN)


class Hedges:
    """The hedges of all accounts of a process."""

    def __init__(self) -> None:
        self._ids: dict[str, Container[int]] = {}
        self.parents = Parents(self._ids)
        self.due = False
        """Whether there may be something to do before the turn ends."""
        self._busy = False
        self._traders: dict[str, Trader] = {}
        self._books: dict[Symbol, Book] = {}
        self._own: dict[Symbol, OwnLevels] = {}
        """What books may still show of ours, where a parent is open."""
        self._standings: dict[HedgeVenue, Standing] = {}
        """Of the parent that is looked at."""
        self._cancelling: dict[tuple[str, int], Order] = {}
        """Cancels that are due and have not been sent."""
        self._failures = Failures()

    def of(self, account: str, venue: str) -> AccountHedges:
        """Return what the books of one account see of them."""
        return AccountHedges(self, account, venue)

    # --- accounts -----------------------------------------------------------------------------------------------

    def join(self, trader: Trader) -> None:
        """Take in the trader of an account, in place of the one it had."""
        self._traders[trader.account] = trader
        self._ids[trader.account] = trader.orders.by_id

    def begin(self, account: str, epoch: int, now_ns: int) -> None:
        """Begin with an account; what a predecessor left has been remembered before."""
        self.parents.begin(account, epoch)
        self._look_up(now_ns)

    def lose(self, account: str) -> None:
        """Another quoter follows the account's: it begins again with what is read for it."""
        self.parents.lose(account)
        self._cancelling = {key: order for key, order in self._cancelling.items() if key[0] != account}
        self._wake()

    def remember(self, update: HedgeUpdate) -> None:
        """Take in what was said of a parent before its account begins."""
        self.parents.remember(update)

    def remember_children(self, updates: OrderUpdates) -> None:
        """Take in what was published of orders before an account begins; only children of hedges matter."""
        for update in updates.orders:
            self.parents.remember_child(update)

    # --- what is told -------------------------------------------------------------------------------------------

    def on_command(self, command: OrderCommand, now_ns: int) -> None:
        """Take in a parent, or another revision of one."""
        self.parents.on_command(command)
        self._look_up(now_ns)

    def _look_up(self, now_ns: int) -> None:
        """Take in what the traders know of children that were read from the bus."""
        for account, order_id in self.parents.children():
            trader = self._traders.get(account)
            order = trader.orders.get(order_id) if trader is not None else None
            if order is not None:
                self.on_order(account, order, now_ns)
        self._wake()

    def _wake(self) -> None:
        self.due = self._busy = True

    def on_order(self, account: str, order: Order, now_ns: int) -> None:
        """Take in what has become of an order that hedges."""
        executed = max(order.filled_lots, order.executed_lots)
        self.parents.on_child(account, order.order_id, order.state, executed, now_ns, order.reason)
        self._wake()

    def terms_of(self, parent_id: str) -> HedgeTerms:
        """Return what the fills of a parent's children carry for the figures of its bot."""
        command = self.parents.command_of(parent_id)
        return HedgeTerms() if command is None else HedgeTerms(command.term_currency, command.term_rate)

    def adopted(self, execution: Execution, venue: str, account: str, now_ns: int) -> OrderUpdate | None:
        """Return the child of a hedge that was executed and that nobody has told of; None where it is none.

        It was sent in the moment of a death. Every order of before has been cancelled when its fills are asked for.
        """
        command = self.parents.parent_of(execution.order_id)
        if command is None:
            return None
        update = OrderUpdate(
            account=account,
            algo_id=command.algo_id,
            venue=venue,
            symbol=execution.symbol,
            order_id=execution.order_id,
            order_sequence=1,
            venue_order_id=execution.venue_order_id,
            outcome=execution.outcome,
            side=execution.side,
            price_ticks=execution.price_ticks,
            quantity_lots=execution.quantity_lots + execution.leaves_lots,
            leaves_lots=0,
            state=OrderState.CANCELLED,
            ts_received_ns=now_ns,
            parent_id=command.parent_id,
        )
        self.parents.adopt(update)
        return update

    def on_book(self, book: Book) -> None:
        """Keep what a venue shows: when a parent comes, a quiet book may not be told again for long."""
        symbol = (book.venue, book.symbol)
        self._books[symbol] = book
        if symbol in self._own:
            self.due = True

    def forget_book(self, venue: str, symbol: str) -> None:
        """Let go of the book of a market in which nothing can be hedged."""
        self._books.pop((venue, symbol), None)

    def on_timer(self) -> None:
        """Time has passed: what is open is looked at."""
        self.due = self._busy

    def on_refused(self, update: HedgeUpdate) -> None:
        """The broker did not take what was said of a parent: it is said again."""
        self.parents.tell_again(update.parent_id)
        self._wake()

    # --- what is done -------------------------------------------------------------------------------------------

    def work(self, now_ns: int) -> Iterator[Event]:
        """Put what is to be sent now into the traders' batches, and yield what others hear of it.

        A scope whose work goes wrong has its children cancelled and is tried again; others and quotes go on. Risk
        counts its parent as open meanwhile.
        """
        self.due = False
        yield from self._step_all(now_ns)
        if EVERYTHING not in self._failures.waiting(now_ns):
            try:
                yield from self._told(now_ns)
            except Exception as error:
                yield from self._fail(EVERYTHING, error, now_ns)
        self._cancel(now_ns)
        self._give_way()
        self._busy = bool(self._cancelling) or not self.parents.idle
        if not self._busy:
            self._own.clear()

    def _step_all(self, now_ns: int) -> Iterator[Event]:
        """Work every scope that does not wait; after a failure all but that one, until there is none."""
        while EVERYTHING not in (waiting := self._failures.waiting(now_ns)):
            try:
                self._step(waiting, now_ns)
                return
            except Exception as error:
                scope, self.parents.at = self.parents.at, EVERYTHING
                yield from self._fail(scope, error, now_ns)

    def _fail(self, scope: str, error: Exception, now_ns: int) -> Iterator[Event]:
        """Cancel the children of a scope, of all where it was in the work of none, and leave it alone for a while."""
        text = f"{type(error).__name__}: {error}"
        self.parents.explain(scope, f"our own code failed, {text}"[:TEXT_MAX])
        for trader in self._traders.values():
            for order in trader.orders.living():
                if order.parent_id and scope in (EVERYTHING, order.parent_id.partition(":")[0]):
                    self._cancelling[trader.account, order.order_id] = order
        yield from self._failures.add(scope, text, now_ns)

    def _give_way(self) -> None:
        """Have quotes stand off where they keep a hedge from its price, in all accounts of the venue."""
        wanted = self.parents.ways()
        for trader in self._traders.values():
            ways: dict[str, GivenWay] = {}
            for way in wanted:
                if way.venue.venue == trader.venue:
                    known = ways.get(way.venue.symbol, ANYWHERE)
                    ways[way.venue.symbol] = (
                        known._replace(least_ask_ticks=max(known.least_ask_ticks, way.price_ticks + 1))
                        if way.side is Side.BUY
                        else known._replace(most_bid_ticks=min(known.most_bid_ticks, way.price_ticks - 1))
                    )
            if ways != trader.ways:
                trader.ways.clear()
                trader.ways.update(ways)

    def _end_lost(self, now_ns: int) -> None:
        """End the children of whose end nobody speaks.

        Those taken out of a batch before it was sent; and those of before that no trader knows once its session is up:
        the venue has none of them, since recovery has cancelled everything of earlier epochs, and told all fills.
        """
        for account, order_id in self.parents.children():
            trader = self._traders.get(account)
            order = trader.orders.get(order_id) if trader is not None else None
            if order is not None and order.reason == NEVER_SENT:
                self.parents.on_child(account, order_id, order.state, 0, now_ns, order.reason)
            elif order is None and trader is not None and trader.started and trader.session.reconciled:
                self.parents.on_child(account, order_id, OrderState.CANCELLED, 0, now_ns)

    def _step(self, waiting: Container[str], now_ns: int) -> None:
        self._end_lost(now_ns)
        for step in self.parents.work(lambda command: self._places(command, now_ns), now_ns, waiting):
            if isinstance(step, PlaceChild):
                self._place(step, now_ns)
                continue
            order = self._traders[step.venue.account].orders.get(step.order_id)
            if order is not None:
                self._cancelling[step.venue.account, step.order_id] = order

    def _place(self, child: PlaceChild, now_ns: int) -> None:
        """Put a child into its account's batch, where the pre-trade check lets it pass."""
        standing = self._standings[child.venue]
        trader, account = standing.trader, child.venue.account
        found = standing.check(child, self.parents.left(child.parent_id, child.order_id))
        if isinstance(found, Rejection):
            reason = found.reason.value
            trader.rejections[reason] = trader.rejections.get(reason, 0) + 1
            text = f"{reason}: {found.detail}"
            self.parents.on_child(account, child.order_id, OrderState.REJECTED, 0, now_ns, text)
            return
        trader.budget.take(Use.HEDGE, 1, now_ns)
        trader.batch.place(found, now_ns, self._terms_of_child(child))
        instrument = standing.terms.instrument
        if child.side is Side.BUY:
            trader.collateral.lock(instrument.currency, found.cover)
            trader.activity.money.add(child.algo_id, instrument.currency, found.notional)
        else:
            trader.collateral.lock(instrument.base, instrument.units(child.quantity_lots))

    def _terms_of_child(self, child: PlaceChild) -> ChildTerms:
        command = self.parents.command_of(child.parent_id)
        spared = tuple(command.spared_halts) if command is not None else ()
        return ChildTerms(child.parent_id, child.immediate, child.parameters, spared)

    def _cancel(self, now_ns: int) -> None:
        """Send the cancels that can be sent now; none is dropped before its order has ended."""
        for key, order in list(self._cancelling.items()):
            trader = self._traders[key[0]]
            if order.state not in CANCELLABLE:
                del self._cancelling[key]
            elif (
                trader.session.connected
                and now_ns >= order.cancel_from_ns
                and trader.budget.take(Use.CANCEL, 1, now_ns)
            ):
                trader.batch.cancel([order])
                del self._cancelling[key]

    def _told(self, now_ns: int) -> Iterator[Event]:
        """Yield what has changed of parents, each with its open children behind it.

        Whoever takes a parent over reads its newest update and what follows, so that no child is missed.
        """
        for update in self.parents.updates(now_ns):
            yield update
            for account, order_id in self.parents.children(update.parent_id):
                trader = self._traders.get(account)
                order = trader.orders.get(order_id) if trader is not None else None
                if trader is not None and order is not None and order.told_sequence:
                    yield from trader.news.tell_again(order, trader.epoch, now_ns)

    # --- where --------------------------------------------------------------------------------------------------

    def _places(self, command: OrderCommand, now_ns: int) -> Places:
        """Return the markets where a parent may be traded, as they are now."""
        self._standings.clear()
        found: dict[HedgeVenue, HedgePlace] = {}
        for venue in command.venues:
            trader = self._traders.get(venue.account)
            terms = trader.markets.get(venue.symbol) if trader is not None and trader.venue == venue.venue else None
            if trader is None or terms is None:
                continue
            depth = self._depth(venue, terms, now_ns)
            if depth is None:
                found[venue] = HedgePlace(terms.instrument, None)
                continue
            standing = self._standings[venue] = standing_of(trader, command, terms, depth, now_ns)
            found[venue] = standing.place(command)
        return found

    def _depth(self, venue: HedgeVenue, terms: Terms, now_ns: int) -> Depth | None:
        """Return what others show in a market, without what it may show of ours; None where they show nothing."""
        symbol = (venue.venue, venue.symbol)
        resting = self._resting(symbol)
        shown = self._own.setdefault(symbol, OwnLevels()).update(resting, now_ns)
        book = self._books.get(symbol)
        if book is None:
            return None
        depth = others_of(book.bids, book.asks, shown, resting, terms.instrument)
        return depth if depth.bids or depth.asks else None

    def _resting(self, symbol: Symbol) -> tuple[dict[int, int], dict[int, int]]:
        """Return the lots of all our accounts at a venue by price in ticks, bids and asks."""
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for trader in self._traders.values():
            terms = trader.markets.get(symbol[1]) if trader.venue == symbol[0] else None
            if terms is None:
                continue
            for side, levels in zip(sides, trader.orders.levels(terms), strict=True):
                for ticks, lots in levels.items():
                    side[ticks] = side.get(ticks, 0) + lots
        return sides


class AccountHedges:
    """The hedges of a process as the books of one account see them."""

    def __init__(self, hedges: Hedges, account: str, venue: str) -> None:
        self._hedges, self._account, self._venue = hedges, account, venue

    def on_order(self, order: Order, now_ns: int) -> None:
        self._hedges.on_order(self._account, order, now_ns)

    def terms_of(self, parent_id: str) -> HedgeTerms:
        return self._hedges.terms_of(parent_id)

    def adopted(self, execution: Execution, now_ns: int) -> OrderUpdate | None:
        return self._hedges.adopted(execution, self._venue, self._account, now_ns)
