"""One pass over one market: what should rest, how that differs from what does, and what of it may go out.

The trader holds everything the pre-trade check needs to know. A pass is one call without waiting: plan, difference,
check. What the passes of a turn want sent leaves together, as one batch for the venue, when the turn ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from common.clock import NS_PER_MS
from common.core import Effect
from common.events import FeedStatus, MarketStatus, RiskState
from common.instruments import BUY, NONE
from common.orders import OrderIds
from common.pretrade import (
    Approved,
    CheckContext,
    NewOrder,
    PreTradeCheck,
    Rejection,
    RejectReason,
    first_halt,
    scopes_of,
    shut,
    stale,
)
from msgspec.structs import replace

from quoter.orders.budget import Budget, Use
from quoter.orders.collateral import Collateral
from quoter.orders.diff import TargetOrder, beside, within_headroom
from quoter.orders.halts import Halts
from quoter.orders.holdings import Holdings
from quoter.orders.limits import GivenLimits
from quoter.orders.own_depth import OwnDepthOut
from quoter.orders.own_orders import Order, Orders
from quoter.orders.terms import Terms, unlisted_terms
from quoter.trading.activity import Activity, young_until
from quoter.trading.batch import Batch
from quoter.trading.bot import Bot, QuotedMarket, Shown
from quoter.trading.memory import NOTHING_SENT, Memory, Sent, record_of
from quoter.trading.order_updates import OrderUpdatesOut, target_of
from quoter.trading.strategy import Account, GivenWay, Kind, Plan, pulled
from quoter.venues.base import ConversionEnded, Outputs, Session

RECOVERY_NS = 300 * NS_PER_MS
"""After a stale input quotes come back only when all have been fresh for this long."""
TARGET_GAP_NS = 100 * NS_PER_MS
"""A target that only moves is published at most this often: who reads it looks four times a second."""
NOTHING_RESTS = "no_websocket"
"""Why nothing new is quoted while the session takes only what does not rest."""


@dataclass(slots=True)
class VenueClock:
    """What the feed says of our venue."""

    offset_ns: int = 0
    known: bool = False
    connected: bool = False
    stale_symbols: frozenset[str] = frozenset()
    heard_at_ns: int = 0
    """When the feed last spoke of it."""
    alive_at_ns: int = 0
    """When the venue itself was last heard."""
    live_within_ns: int = 0


class Trader:
    """The account's business: bots and their markets, limits, halts, orders, holdings and the message budget."""

    def __init__(
        self,
        account: str,
        venue: str,
        session: Session,
        orders: Orders,
        messages_per_s: float,
        kinds: Sequence[type[Kind]],
    ) -> None:
        self.account, self.venue = account, venue
        self.session = session
        self.orders = orders
        self.bots: dict[str, Bot] = {}
        self.markets: dict[str, Terms] = {}
        self.started = False
        self.holdings = Holdings(account)
        self.news = OrderUpdatesOut(account, venue)
        self.collateral = Collateral()
        self.activity = Activity()
        self.positions_known = False
        """True once risk has told the position of every bot."""
        self.limits = GivenLimits()
        self.halts = Halts()
        self.budget = Budget(messages_per_s, messages_per_s)
        self.clock = VenueClock()
        self.bus_up = False
        self.latched = False
        """True from `stop` on: nothing new, ever."""
        self.epoch = 0
        self.ids: OrderIds | None = None
        self.rejections: dict[str, int] = {}
        self.refused: list[tuple[NewOrder, Rejection]] = []
        """What the pre-trade check refused in the pass of this moment."""
        self.self_trades: list[NewOrder] = []
        """What it refused because it would have traded with our own orders, until somebody has told people."""
        self.memory = Memory()
        self._clock_offset_max_ns = 0
        """Of the newest RiskState; before the first there are no limits either."""
        self._held_back_until_ns: dict[str, int] = {}
        self.own_depth = OwnDepthOut(account, venue, orders, self.markets)
        self.batch = Batch(session, orders, self.news, self.own_depth)
        self._unlisted = unlisted_terms(venue, session.currency, session.tick_size, session.lot_size)
        self.ways: dict[str, GivenWay] = {}
        known = Account(session, self.markets, orders, self.holdings, self.collateral, self.ways)
        self.kinds: dict[str, Kind] = {kind.model.kind: kind(known) for kind in kinds}
        """By their word in a configuration."""
        self.models = [kind.model for kind in kinds]
        self.instruments = frozenset(each for kind in self.kinds.values() for each in kind.instruments)
        """What can be quoted here at all."""

    # --- what it is told ----------------------------------------------------------------------------------------

    def on_risk(self, state: RiskState, fresh_at_ns: int) -> None:
        """Take in limits and halts; a bot that its shard no longer lists has none."""
        self.limits.on_risk(state, fresh_at_ns)
        self._clock_offset_max_ns = state.max_clock_offset_ms * NS_PER_MS
        self.halts.on_risk(state.shard, state.halts)

    def on_feed_status(self, status: FeedStatus, fresh_at_ns: int) -> None:
        self.clock = VenueClock(
            status.clock_offset_ns,
            status.clock_known,
            status.connected,
            frozenset(status.stale_symbols),
            fresh_at_ns,
            fresh_at_ns - max(0, status.silent_ns),
            status.live_within_ns,
        )

    def hold_back(self, scope: str, until_ns: int) -> None:
        """Let nothing new out in a scope for a while: a person has just cancelled everything there."""
        self._held_back_until_ns[scope] = until_ns

    def venue_now_ns(self, now_ns: int) -> int:
        return now_ns + self.clock.offset_ns

    def terms_of(self, symbol: str) -> Terms:
        """Return the terms of a market; of one we were not told about, what the session says of such."""
        return self.markets.get(symbol) or self._unlisted

    def quoted_of(self, algo_id: str, symbol: str) -> QuotedMarket | None:
        """Return a bot's business in a market; None when it has none there."""
        bot = self.bots.get(algo_id)
        return bot.quoted.get(symbol) if bot is not None else None

    def scopes_of(self, algo_id: str, symbol: str | None = None) -> frozenset[str]:
        """Return the halt scopes that contain a bot's orders in a market; without one, in the account's currency."""
        currency = self.session.currency if symbol is None else self.terms_of(symbol).instrument.currency
        return scopes_of(self.account, self.venue, algo_id, currency)

    def halted_by(self) -> str:
        """Return a halt that stops the whole account, '' where none does."""
        return next((halt for halt in self.halts.active if halt.partition(":")[0] in self.scopes_of("")), "")

    def known_scopes(self) -> frozenset[str] | None:
        """Return every scope that contains something of this account; None while its bots are not known yet."""
        if not self.started:
            return None
        bots = self.bots.keys() | {order.algo_id for order in self.orders.living()}
        own = self.scopes_of("") - {"bot-"}
        own |= {f"currency-{terms.instrument.currency}" for terms in self.markets.values()}
        return own.union(f"bot-{algo_id}" for algo_id in bots)

    # --- cash ---------------------------------------------------------------------------------------------------

    def refresh_collateral(self, now_ns: int) -> Outputs:
        """Compute what bids lock, and convert what is held where that is due; outside the path of a tick."""
        bots = list(self.bots.values())
        self.positions_known = all(self.holdings.known(bot.algo_id) for bot in bots)
        self.activity.update(bots, self.orders, self.holdings, self.terms_of, now_ns)
        self.collateral.relock(self.activity.money.locked)
        if not self.bus_up or self.latched or not self.session.reconciled:
            return []
        working = {
            bot.strategy: bot.quoted
            for bot in bots
            if bot.running and self.holdings.known(bot.algo_id) and not first_halt(self.halts.active, bot.scopes)
        }
        return [output for kind in self.kinds.values() for output in kind.convert(working, now_ns)]

    def converted_for(self, symbol: str, pairs: int) -> str:
        """Return the bot whose request a conversion answers, or an empty text."""
        return next(filter(None, (kind.converted_for(symbol, pairs) for kind in self.kinds.values())), "")

    def on_conversion_ended(self, ended: ConversionEnded, now_ns: int) -> str:
        """Let the kinds know how a request ended; return whose it was, or an empty text."""
        owners = [kind.on_conversion_ended(ended, now_ns) for kind in self.kinds.values()]
        return next(filter(None, owners), "")

    # --- a pass -------------------------------------------------------------------------------------------------

    def quote(self, bot: Bot, quoted: QuotedMarket, now_ns: int) -> None:
        """Make one market what it should be now: put cancels, new orders and the target into the batch."""
        context = quoted.context
        self._update(context, bot, quoted, now_ns)
        nothing = self._why_nothing(bot, quoted, context, now_ns)
        wanted = pulled(nothing) if nothing else quoted.strategy.plan(quoted)
        # A halt that keeps resting orders, and the bus or the session being down, block new orders only. With the
        # latter two resting orders stay where they should be; such a halt leaves it where it is.
        shut_by = None if nothing else shut(context)
        before, quoted.plan = quoted.plan, wanted
        open_orders = self.orders.open_orders(bot.algo_id, quoted.terms.symbol)
        if (
            quoted.again
            or open_orders.version != quoted.done_version
            or before is None
            or before.wanted != wanted.wanted
            or before.headroom != wanted.headroom
        ):
            sent = self._work(bot, quoted, wanted, shut_by is None and self.session.accepts_resting_orders, now_ns)
            quoted.done_version = open_orders.version
        else:
            sent = None
        waiting = shut_by[0].value if shut_by else "" if self.session.accepts_resting_orders else NOTHING_RESTS
        if sent or before is None or before.state != wanted.state or before.reason != wanted.reason:
            self.memory.note(bot.algo_id, record_of(quoted, waiting, *(sent or NOTHING_SENT)))
        self._publish(bot, quoted, wanted, waiting, now_ns)

    def _update(self, context: CheckContext, bot: Bot, quoted: QuotedMarket, now_ns: int) -> None:
        """Enter what is known now into the market's context."""
        self.surround(context, now_ns)
        halts = self.halts.active
        symbol = quoted.terms.symbol
        context.halt = first_halt(halts, self.scopes_of(bot.algo_id, symbol)) if halts else ""
        given = self.limits.by_bot.get(bot.algo_id)
        if given is None:
            context.lose_limits(self.limits.why_none(bot.algo_id))
        else:
            context.limits_revision, context.limits_age_ns = given.revision, now_ns - given.fresh_at_ns
            if given.limits is not context.given:
                context.take_limits(given.limits, self.session.currency)
        context.config_revision = bot.revision
        context.book_stale = not self.clock.connected or symbol in self.clock.stale_symbols
        strategy = bot.strategy
        current = quoted.ready and now_ns - quoted.heard_at_ns <= strategy.target_life_ns
        context.fair = quoted.mark if current else None
        context.fair_age_ns = now_ns - quoted.fresh_at_ns
        context.fair_age_max_ns = strategy.price_age_max_ns
        context.position_known = self.holdings.known(bot.algo_id)
        quoted.inventory.load(self.holdings, bot.algo_id, symbol)

    def surround(self, context: CheckContext, now_ns: int) -> None:
        """Enter what is known now of bus, session and venue, which is the same for everybody's orders."""
        clock = self.clock
        context.now_ns, context.venue_now_ns = now_ns, now_ns + clock.offset_ns
        context.bus_up = self.bus_up
        context.reconciled = self.session.reconciled
        context.deadman_armed = self.session.armed(now_ns)
        context.clock_known = clock.known
        context.clock_offset_ns = clock.offset_ns
        context.clock_offset_max_ns = self._clock_offset_max_ns
        context.feed_age_ns = now_ns - clock.heard_at_ns
        context.venue_age_ns = now_ns - clock.alive_at_ns
        context.venue_age_max_ns = clock.live_within_ns

    def _why_nothing(self, bot: Bot, quoted: QuotedMarket, context: CheckContext, now_ns: int) -> str:
        """Return why nothing may rest at all, or an empty text."""
        if self.latched:
            return "stopping"
        if not bot.running:
            return "the bot is stopped"
        if not quoted.selected:
            return "the market is not selected"
        if quoted.terms.status is not MarketStatus.OPEN:
            return f"the market is {quoted.terms.status.value}"
        scopes = self.scopes_of(bot.algo_id, quoted.terms.symbol) if self._held_back_until_ns or context.halt else ()
        if self._held_back_until_ns and self.held_back(scopes, now_ns):
            return "cancel-all was ordered"
        if context.halt and self.halts.empties(scopes):
            return f"halted: {context.halt}"
        old = stale(context)
        if old is not None:
            quoted.stale_at_ns = now_ns
            return old[0].value
        if quoted.stale_at_ns is not None:
            if now_ns - quoted.stale_at_ns < RECOVERY_NS:
                return "recovering from stale input"
            quoted.stale_at_ns = None
        return ""

    def held_back(self, scopes: Collection[str], now_ns: int) -> bool:
        for scope in [scope for scope, until_ns in self._held_back_until_ns.items() if now_ns >= until_ns]:
            del self._held_back_until_ns[scope]
        return any(scope in scopes for scope in self._held_back_until_ns)

    def _work(self, bot: Bot, quoted: QuotedMarket, wanted: Plan, may_place: bool, now_ns: int) -> Sent | None:
        """Put the difference between what should rest and what does into the batch; None when there is none."""
        symbol = quoted.terms.symbol
        living = self.orders.of(bot.algo_id, symbol)
        working = [order for order in living if not order.immediate]
        todo = quoted.strategy.changes(wanted, working, quoted)
        quoted.again = todo.waits
        if not todo.cancel and not todo.place:
            return None
        self.refused = []
        if quoted.context.halt and wanted.wanted:
            # One that cancels never comes so far. Prices move within a second, and nothing would rest any more.
            todo = todo._replace(cancel=beside(todo.cancel, wanted.wanted))
        cancels = self._cancel(bot, quoted, todo.cancel, now_ns)
        place = within_headroom(todo.place, living, wanted.headroom)
        orders = self.admitted(bot, quoted, place, now_ns) if may_place and place else []
        if todo.place and not may_place:
            quoted.again = True
        if may_place and len(place) < len(todo.place):
            self._wait_for_headroom(bot, quoted, [want for want in todo.place if want not in place], now_ns)
        placed: list[NewOrder] = []
        if orders:
            placed = self.place(quoted, orders)
        elif cancels:
            quoted.quote_updates += 1
        amended = {order.order_id for order in placed}
        gone = [order.order_id for order in cancels if order.order_id not in amended]
        return Sent(gone, placed, self.refused)

    def _wait_for_headroom(self, bot: Bot, quoted: QuotedMarket, waiting: Sequence[TargetOrder], now_ns: int) -> None:
        """Say why orders are not even tried: the word of the venue that others are gone brings the next pass."""
        text = "an order that is being cancelled may still be executed in its place"
        for order in self._new_orders(bot, quoted, waiting, now_ns, immediate=False):
            self.refused.append((order, Rejection(order.order_id, RejectReason.NO_ROOM_YET, text)))

    def _cancel(self, bot: Bot, quoted: QuotedMarket, leaving: Sequence[Order], now_ns: int) -> Sequence[Order]:
        """Put the cancels that can be sent now into the batch and return whose they are; none is refused, at most late.

        One that the venue has refused waits a little; what has not left is taken back.
        """
        if not leaving or not self.session.connected:
            return ()
        unsent = self.batch.unsent(leaving)
        most = int(self.budget.left(Use.CANCEL, now_ns))
        cancels = [order for order in leaving if now_ns >= order.cancel_from_ns and order not in unsent][:most]
        if len(unsent) + len(cancels) < len(leaving):
            quoted.again = True
        if cancels:
            self.budget.take(Use.CANCEL, len(cancels), now_ns)
            if bot.budget is not None:
                bot.budget.take(Use.CANCEL, len(cancels), now_ns)
            self.activity.cancels_of(bot.algo_id).add(len(cancels), now_ns)
            self._keep_young(quoted, cancels, now_ns)
        gone = unsent + cancels
        if gone:
            quoted.strategy.on_cancels(self.orders, now_ns)
            self.batch.cancel(gone)
        return gone

    def _keep_young(self, quoted: QuotedMarket, leaving: Sequence[Order], now_ns: int) -> None:
        """Remember until when those are not replaced that leave before they have stood as long as quotes must."""
        context = quoted.context
        min_life_ms = context.limits.common.min_quote_life_ms if context.limits is not None else 0
        if not min_life_ms:
            return
        bids_ns, asks_ns = young_until(leaving, min_life_ms * NS_PER_MS, now_ns)
        context.bid_free_from_ns = max(context.bid_free_from_ns, bids_ns)
        context.ask_free_from_ns = max(context.ask_free_from_ns, asks_ns)

    def admitted(
        self,
        bot: Bot,
        quoted: QuotedMarket,
        place: Sequence[TargetOrder],
        now_ns: int,
        *,
        immediate: bool = False,
    ) -> list[Approved]:
        """Return the wanted orders that pass the pre-trade check, with their ids."""
        context, terms = quoted.context, quoted.terms
        limits = context.limits
        assert limits is not None, "an open door has limits"
        self.orders.load_open_orders(context, bot.algo_id, terms.symbol)
        context.known_ids = self.orders.by_id
        currency = terms.instrument.currency
        context.free_cash = self.collateral.free(currency)
        context.may_take, context.takes_beside = immediate, quoted.strategy.takes_beside
        activity = self.activity
        money = activity.money
        context.bot_notional, context.account_notional = money.of(bot.algo_id, currency), money.total(currency)
        context.cancels_left = limits.common.max_cancels_per_s - activity.cancels_of(bot.algo_id).recent(now_ns)
        context.orders_per_fill = activity.orders_per_fill(bot.algo_id)
        own_budget = bot.budget_of(limits.common.max_messages_per_s)
        context.messages_left = min(self.budget.left(Use.QUOTE, now_ns), own_budget.left(Use.CANCEL, now_ns))
        admitted: list[Approved] = []
        check = PreTradeCheck(context)
        calm, tried_max = quoted.refusals.none, quoted.refusals.orders_max(len(place), taking=immediate)
        for order in self._new_orders(bot, quoted, place, now_ns, immediate=immediate):
            waits = None if calm else self._refused_before(quoted, order, tried_max - len(admitted), now_ns)
            found = waits or check.of(order)
            if isinstance(found, Approved):
                context.admit(found)
                admitted.append(found)
            else:
                quoted.again = True
                self.refused.append((order, found))
                if found.reason is RejectReason.SELF_CROSS:
                    self.self_trades.append(order)
                reason = found.reason.value
                self.rejections[reason] = self.rejections.get(reason, 0) + 1
        if admitted:
            self.budget.take(Use.QUOTE, len(admitted), now_ns)
            own_budget.take(Use.CANCEL, len(admitted), now_ns)
        return admitted

    def _new_orders(
        self, bot: Bot, quoted: QuotedMarket, wanted: Sequence[TargetOrder], now_ns: int, *, immediate: bool
    ) -> Iterator[NewOrder]:
        """Yield wanted orders with their ids; those that are not immediate rest and never take."""
        assert self.ids is not None, "ids begin with the lease's epoch"
        next_id, instrument_of = self.ids.next, quoted.terms.of
        algo_id, account, post_only = bot.algo_id, self.account, not immediate
        until_ns = now_ns + bot.strategy.target_life_ns
        for want in wanted:
            yield NewOrder(
                next_id(now_ns),
                algo_id,
                account,
                instrument_of(want.outcome),
                want.side,
                want.price_ticks,
                want.quantity_lots,
                until_ns,
                post_only,
            )

    def _refused_before(self, quoted: QuotedMarket, order: NewOrder, tries_left: int, now_ns: int) -> Rejection | None:
        """Return why an order waits because of what the venue has refused, or None."""
        refusals, taking = quoted.refusals, not order.post_only
        pause = refusals.pause(now_ns, taking=taking)
        if pause is not None:
            left_ms = (pause.until_ns - now_ns) / NS_PER_MS
            text = f"{pause.code}: the market waits {left_ms:.0f} ms more"
        elif tries_left < 1:
            text = "one order first probes whether the venue accepts any again"
        else:
            # The price of a resting order alone: one that takes wants to trade at that very price.
            held_ns = 0 if taking else refusals.held(order.instrument.outcome, order.price_ticks, now_ns)
            if not held_ns:
                return None
            text = f"the venue refused {order.price_ticks} ticks: not retried for {held_ns / NS_PER_MS:.0f} ms"
        return Rejection(order.order_id, RejectReason.REFUSED_BEFORE, text)

    def place(self, quoted: QuotedMarket, orders: Sequence[Approved]) -> list[NewOrder]:
        """Enter new orders of one market into the book of orders and into the batch; return them as they go out.

        One that goes out as the amendment of another has that one's id.
        """
        placed = []
        bids = cover = coins = 0.0
        for approved in orders:
            order = approved.order
            order_id = self.batch.place(approved, quoted.context.now_ns)
            placed.append(order if order_id == order.order_id else replace(order, order_id=order_id))
            if approved.order.side is BUY:
                bids += approved.notional
                cover += approved.cover
            elif approved.order.outcome is NONE:
                coins += approved.order.instrument.units(approved.order.quantity_lots)
        if coins:
            self.collateral.lock(quoted.terms.instrument.base, coins)
        if bids:
            # Counted here already: the next pass may come before the timer has computed it again.
            algo_id, currency = orders[0].order.algo_id, quoted.terms.instrument.currency
            self.collateral.lock(currency, cover)
            self.activity.money.add(algo_id, currency, bids)
        quoted.quote_updates += 1
        return placed

    def withdraw(self, order: Order) -> bool:
        """Take back an order that has not left yet; False when it has."""
        return self.batch.withdraw(order)

    def send(self, now_ns: int) -> Sequence[Effect]:
        """Hand what this turn put together to the session and the bus."""
        return self.batch.send(self.epoch, now_ns)

    def _publish(self, bot: Bot, quoted: QuotedMarket, wanted: Plan, waiting: str, now_ns: int) -> None:
        """Publish the target when it has changed, and renew it at half its life."""
        shown: Shown = (
            ([], [], "waiting", waiting) if waiting else (wanted.bids, wanted.asks, wanted.state, wanted.reason)
        )
        life_ns = bot.strategy.target_life_ns
        published, published_at_ns = quoted.published, quoted.published_until_ns - life_ns
        if shown == published and now_ns - published_at_ns < life_ns // 2:
            return
        if published is not None and shown[2:] == published[2:] and 0 <= now_ns - published_at_ns < TARGET_GAP_NS:
            # The next one replaces it anyway; the timer's pass tells what it is by then.
            return
        quoted.published = shown
        quoted.published_until_ns = now_ns + life_ns
        self.batch.publish(target_of(bot.algo_id, self.account, self.venue, quoted, shown, wanted.skew, self.epoch))
