"""One spot bot in its market: what it wants there at a source price, and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from common.bots.spot import SpotBot
from common.clock import NS_PER_MS
from common.events import BasePrice, QuoteLevel, SizedPrices, SourcePrice
from common.instruments import BUY, NONE, SELL, ceil_ticks
from common.pretrade import MarketLimits

from quoter.orders.diff import Changes, Headroom, TargetOrder
from quoter.orders.inventory import SignedHeld
from quoter.orders.own_orders import Order, Orders
from quoter.orders.terms import Terms
from quoter.signals.others import OwnLevels
from quoter.spot.explaining import Known
from quoter.spot.headroom import Allowed, BothSides, Cut, SideHeadroom, Stand, cut, exposure_headroom
from quoter.spot.ladder import Bases, Prices, prices
from quoter.spot.rules import HIGHEST_TICKS, rules_of
from quoter.spot.standing import Stay, changes, stay_of
from quoter.spot.taking import highest_to_buy, lowest_to_sell, within
from quoter.trading.strategy import Account, GivenWay, Inputs, MarketStrategy, Plan, pulled

TAKE_GAP_NS = 100 * NS_PER_MS
"""After an order that took the next one waits so long, and for another book: this one may show what is gone."""
STEPS_BITS = 6
"""What cash is there for is bid for in steps of a 32nd to a 64th of it."""
NOTHING_TO_DO: Changes[Order] = Changes([], [])
STOPPED = pulled("PRICER is stopped")
ONLY_TAKES = "aggressive_mode: only what take_out takes is sent"


class Business(Protocol):
    """The bot that a market is of."""

    @property
    def algo_id(self) -> str: ...
    @property
    def config(self) -> SpotBot: ...
    @property
    def account(self) -> Account: ...


class Made(NamedTuple):
    """A plan, and all that it was made of."""

    bids: Sequence[int]
    """Ticks by size."""
    asks: Sequence[int]
    lots: tuple[Sequence[int], Sequence[int]]
    of: tuple[BothSides, MarketLimits]
    plan: Plan


class SpotMarket(MarketStrategy):
    """What is wanted in the market."""

    inventory: SignedHeld

    def __init__(self, bot: Business, terms: Terms) -> None:
        self._bot = bot
        self._orders, self._collateral = bot.account.orders, bot.account.collateral
        self._sizes: object = None
        """Of the configuration that there is now."""
        self._own = OwnLevels()
        self._sized_from: int | None = None
        """The revision since which the configuration has its sizes; None until a plan has seen it."""
        self._next_take_ns = 0
        self._taken_from: object = None
        """The book from which was taken last."""
        self._locked_by_others: tuple[float, float] | None = None
        """Cash and coins that orders of others lock, as of the last timer; None before it."""
        self.taken_orders = 0
        self._open = self._orders.open_orders(bot.algo_id, terms.symbol)
        self.renew(terms)

    def renew(self, terms: Terms) -> None:
        self.terms, config = terms, self._bot.config
        sizes = _sizes_of(config)
        if sizes != self._sizes:
            # Source prices of before are good for another margin, not for other sizes.
            self._sizes, self._sized_from = sizes, None
        self._configured = self._stated = self.rules = rules = rules_of(config, terms.instrument)
        self._way: GivenWay | None = None
        """That was given to a hedge, as far as it is in the rules."""
        short = rules.exposure.short_lots
        self.inventory = SignedHeld(terms.instrument, max_short_lots=HIGHEST_TICKS if short is None else short)
        self.takes_beside = rules.take is not None
        self._least_money_lots = _ticks_lots(terms)
        self._limits: MarketLimits | None = None
        """As they were taken over last."""
        self._made: Made | None = None
        self._stay: tuple[int, Stay] | None = None
        """Where prices may move while nothing of `_made` is to be done, and for which version of the open orders."""
        self._price: SourcePrice | None = None
        self._prices: Prices | None = None
        """Of the newest plan."""
        self._headroom: tuple[object, BothSides] | None = None
        self.least_ticks = 1

    # --- what rests ---------------------------------------------------------------------------------------------

    def plan(self, inputs: Inputs) -> Plan:
        price, context, rules = inputs.price, inputs.context, self.rules
        assert type(price) is SourcePrice, "a source price that is missing is stale"
        limits = context.limits
        assert limits is not None, "limits that are missing are stale"
        if not rules.running:
            return STOPPED
        if self._bot.account.ways.get(self.terms.symbol) != self._way:
            self._give_way(self._bot.account.ways.get(self.terms.symbol))
        if limits is not self._limits:
            self._take_limits(limits)
            rules = self.rules
        sizes = price.sizes
        if sizes is None or not self._fits(sizes, context.config_revision):
            return pulled(f"waits for the source price of revision {context.config_revision}")
        before, found = self._price, self._prices
        if found is None or before is None or not _states_the_same(price, before):
            tick = self.terms.tick
            self.least_ticks = least = max(1, ceil_ticks(limits.min_spread.at(inputs.mark), tick))
            bids, asks = [each.price for each in sizes.bids], [each.price for each in sizes.asks]
            found = self._prices = prices(Bases(bids, asks, price.bid, price.ask), rules, tick, least)
        self._price = price
        return self._planned(found, sizes, limits, self._exposure(limits))

    def _give_way(self, way: GivenWay | None) -> None:
        """Keep off the prices at which a hedge of ours is to trade, as from a bound: what rests there goes at once."""
        self._way, rules = way, self._configured
        if way is not None:
            rules = rules._replace(
                max_bid_ticks=min(rules.max_bid_ticks, way.most_bid_ticks),
                min_ask_ticks=max(rules.min_ask_ticks, way.least_ask_ticks),
            )
        self._stated = self.rules = rules
        self._limits = self._made = self._stay = None

    def _take_limits(self, limits: MarketLimits) -> None:
        """Take over what risk's limits say of this market's inventory and of the least time of its quotes.

        What may be short is said by `net`: a bot that is hedged elsewhere may sell more here than its exposure allows.
        """
        self._limits, rules, self._prices = limits, self._stated, None
        if limits.net is not None:
            self.inventory.max_short_lots = HIGHEST_TICKS
        self.rules = rules._replace(
            buys=rules.buys._replace(active_ns=rules.buys.active_ns or limits.min_buy_quote_ms * NS_PER_MS),
            sells=rules.sells._replace(active_ns=rules.sells.active_ns or limits.min_sell_quote_ms * NS_PER_MS),
        )

    def _fits(self, sizes: SizedPrices, revision: int) -> bool:
        """Say whether a price is of the sizes that the configuration has now."""
        if self._sized_from is None:
            self._sized_from = revision
        if sizes.config_revision < self._sized_from:
            return False
        rules = self.rules
        return rules.copies or (len(sizes.bids), len(sizes.asks)) == (len(rules.buys.lots), len(rules.sells.lots))

    def _exposure(self, limits: MarketLimits) -> BothSides:
        """Return how much exposure either side has left; computed again when something of it has changed."""
        least, most = self.inventory.net_bounds
        key = (least, most, limits)
        known = self._headroom
        if known is not None and known[0] == key:
            return known[1]
        held = Stand(least, most, least, most)
        most_lots = min(limits.max_position_lots, limits.max_net_lots)
        found = exposure_headroom(held, self.rules.exposure, most_lots, self.inventory.max_short_lots, limits.net)
        self._headroom = (key, found)
        return found

    def _planned(self, found: Prices, sizes: SizedPrices, limits: MarketLimits, headroom: BothSides) -> Plan:
        """Return the plan of before where it stands: the same, or nothing of it is far enough from what rests."""
        rules = self.rules
        if rules.copies:
            whole = self.terms.instrument.whole_lots
            buy_lots: Sequence[int] = [whole(each.quantity) for each in sizes.bids]
            sell_lots: Sequence[int] = [whole(each.quantity) for each in sizes.asks]
        else:
            buy_lots, sell_lots = rules.buys.lots, rules.sells.lots
        funded = self._funded(found, headroom, sum(buy_lots), sum(sell_lots))
        lots, of, made = (buy_lots, sell_lots), (funded, limits), self._made
        if made is not None and made.lots == lots and made.of == of:
            if made.bids == found.bids and made.asks == found.asks:
                return made.plan
            stay = self._stay
            if stay is not None and stay[0] == self._open.version and stay[1].holds(found.bids, found.asks, rules):
                return made.plan
        plan = self._made_new(found, sizes, limits, lots, funded)
        self._made, self._stay = Made(found.bids, found.asks, lots, of, plan), None
        return plan

    def _made_new(
        self,
        found: Prices,
        sizes: SizedPrices,
        limits: MarketLimits,
        lots: tuple[Sequence[int], Sequence[int]],
        headroom: BothSides,
    ) -> Plan:
        rules, (buys, sells) = self.rules, headroom
        lots_left = Headroom(buys.lots, sells.lots)
        if rules.aggressive:
            return Plan([], [], [], lots_left, 0.0, "quoting", ONLY_TAKES)
        most_ticks, least_ticks, own = rules.max_bid_ticks, rules.min_ask_ticks, self._configured
        of_bids = "max_bid" if most_ticks == own.max_bid_ticks else "a hedge is to sell there"
        of_asks = "min_ask" if least_ticks == own.min_ask_ticks else "a hedge is to buy there"
        of_side = self._bounds(buys, limits), self._bounds(sells, limits)
        bids = cut(found.bids, lots[0], of_side[0], bids=True, bound_ticks=most_ticks, bound=of_bids)
        asks = cut(found.asks, lots[1], of_side[1], bids=False, bound_ticks=least_ticks, bound=of_asks)
        wanted = [want for pair in _by_level(bids.levels, asks.levels) for want in pair]
        why = [_why("bid", bids, sizes.bids), _why("ask", asks, sizes.asks)]
        parts = {"bid_gives_way": found.down, "ask_gives_way": found.up}
        return Plan(bids.levels, asks.levels, wanted, lots_left, 0.0, "quoting", "; ".join(filter(None, why)), parts)

    def _bounds(self, headroom: SideHeadroom, limits: MarketLimits) -> Allowed:
        money = self.terms.instrument.money(1, 1)
        return Allowed(
            headroom,
            limits.max_order_lots,
            int(limits.notional.max_order_notional / money),
            self.terms.min_lots,
            self._least_money_lots,
            limits.common.max_side_orders,
        )

    # --- funds --------------------------------------------------------------------------------------------------

    def _funded(self, found: Prices, headroom: BothSides, buy_lots: int, sell_lots: int) -> BothSides:
        """Return the headroom, smaller where the account has not got what all quotes of a side would take.

        What others lock is that of the last timer, and what quotes of ours lock is free for those that replace them.
        """
        buys, sells = headroom
        instrument, collateral = self.terms.instrument, self._collateral
        cash, coins = collateral.total(instrument.currency), collateral.total(instrument.base)
        if self._locked_by_others is None:
            self._locked_by_others = self._others_lock()
        other_cash, other_coins = self._locked_by_others
        top = max(found.bids, default=0)
        if top and buys.lots and cash is not None:
            a_lot = self._cover(top)
            if min(buy_lots, buys.lots) * a_lot > cash - other_cash:
                paid = max(0, int((cash - other_cash) / a_lot))
                # In steps, so that not every tick of the price is another size.
                paid -= paid % (1 << max(0, paid.bit_length() - STEPS_BITS))
                buys = SideHeadroom(paid, f"no more {instrument.currency} in the account")
        if sells.lots:
            if coins is None:
                sells = SideHeadroom(0, f"it is not known how much {instrument.base} there is")
            elif instrument.units(min(sell_lots, sells.lots)) > coins - other_coins:
                there = instrument.whole_lots(max(0.0, coins - other_coins))
                sells = SideHeadroom(there, f"no more {instrument.base} in the account")
        return BothSides(buys, sells)

    def _others_lock(self) -> tuple[float, float]:
        """Return what orders of others lock of the account's cash and coins: of all that is locked, not ours."""
        instrument, locked = self.terms.instrument, self._collateral.locked
        return (
            max(0.0, locked(instrument.currency) - self._locked(BUY)),
            max(0.0, locked(instrument.base) - self._locked(SELL)),
        )

    def on_timer(self, inputs: Inputs, orders: Orders, venue_now_ns: int, now_ns: int) -> None:
        self._locked_by_others = self._others_lock()

    def _cover(self, ticks: int) -> float:
        """Return the cash that a bid of one lot takes, with its fee."""
        instrument, fees = self.terms.instrument, self.terms.bid_fees
        return instrument.money(ticks, 1) if fees is None else fees.cover(instrument, ticks, 1, takes=False)

    def _locked(self, side: object) -> float:
        """Return what the bot's own open orders of a side lock: cash of bids, coins of asks."""
        instrument = self.terms.instrument
        orders = [each for each in self._orders.of(self._bot.algo_id, self.terms.symbol) if each.side is side]
        if side is SELL:
            return instrument.units(sum(order.leaves_lots for order in orders))
        return sum(order.leaves_lots * self._cover(order.price_ticks) for order in orders)

    def changes(self, plan: Plan, working: Sequence[Order], inputs: Inputs) -> Changes[Order]:
        if plan.state != "quoting":
            return super().changes(plan, working, inputs)
        least = self._least_apart(plan, inputs)
        found = changes(plan.wanted, working, self.rules, plan.headroom, least, inputs.context.now_ns)
        made = self._made
        if made is not None and plan is made.plan and found == NOTHING_TO_DO:
            self._stay = self._stay_of(made, working)
        return found

    def _stay_of(self, made: Made, working: Sequence[Order]) -> tuple[int, Stay] | None:
        """Return where prices may move: where each size has a quote of its own, and all of it."""
        plan, (buy_lots, sell_lots) = made.plan, made.lots
        bids, asks = ([(each.price_ticks, each.quantity_lots) for each in side] for side in (plan.bids, plan.asks))
        if bids != list(zip(made.bids, buy_lots, strict=True)) or asks != list(zip(made.asks, sell_lots, strict=True)):
            return None
        stay = stay_of(plan.wanted, working, self.rules)
        return None if stay is None else (self._open.version, stay)

    def _least_apart(self, plan: Plan, inputs: Inputs) -> int:
        """Return how many ticks own bids and asks are apart at least, as of the price of this pass."""
        own = self.rules.least.at(inputs.mark)
        least = max(self.least_ticks, ceil_ticks(own, self.terms.tick))
        if plan.bids and plan.asks:
            # By their own middle, which is not quite the source's.
            return min(least, plan.asks[0].price_ticks - plan.bids[0].price_ticks)
        return least

    # --- what it takes ------------------------------------------------------------------------------------------

    def to_take(self, inputs: Inputs, orders: Orders, now_ns: int) -> TargetOrder | str:
        rule, book, price = self.rules.take, inputs.book, inputs.price
        if rule is None or book is None or type(price) is not SourcePrice or price.sizes is None:
            return ""
        instrument, tick = self.terms.instrument, self.terms.tick
        base_bid = _first(price.sizes.bids, price.bid)
        base_ask = _first(price.sizes.asks, price.ask)
        highest = highest_to_buy(base_bid, rule, tick, self.rules.max_bid_ticks)
        lowest = lowest_to_sell(base_ask, rule, tick, self.rules.min_ask_ticks)
        buys = bool(book.asks) and round(book.asks[0].price / tick) <= highest
        if not buys and not (book.bids and round(book.bids[0].price / tick) >= lowest):
            return ""
        limits = inputs.context.limits
        if limits is None:
            return "no limits"
        most, why = self._may_take(highest if buys else lowest, limits, buys=buys)
        most = min(most, rule.most_lots)
        own_bids, own_asks = self._own.update(orders.levels(self.terms), now_ns)
        if buys:
            found = within(book.asks, own_asks, instrument, highest, most, buys=True)
        else:
            found = within(book.bids, own_bids, instrument, lowest, most, buys=False)
        if found is None:
            return ""
        if now_ns < self._next_take_ns or book is self._taken_from:
            return "waits after the last order that took"
        ticks, lots = found
        if lots < max(1, self.terms.min_lots) or ticks * lots < self._least_money_lots:
            return f"less than the venue's smallest order: {why}"
        self._taken_from = book
        return TargetOrder(NONE, ticks, lots, BUY if buys else SELL)

    def _may_take(self, ticks: int, limits: MarketLimits, *, buys: bool) -> tuple[int, str]:
        """Return the lots that may be taken at a price beside all open orders, and what allows no more."""
        instrument, fees, side = self.terms.instrument, self.terms.bid_fees, BUY if buys else SELL
        headroom = self._exposure(limits)[0 if buys else 1]
        orders = self._orders.of(self._bot.algo_id, self.terms.symbol)
        most = headroom.lots - sum(order.leaves_lots for order in orders if order.side is side)
        currency = instrument.currency if buys else instrument.base
        free = self._collateral.free(currency)
        if free is None:
            return 0, f"it is not known how much {currency} there is"
        if buys:
            a_lot = instrument.money(ticks, 1) if fees is None else fees.cover(instrument, ticks, 1, takes=True)
            paid = int(free / a_lot)
        else:
            paid = instrument.whole_lots(max(0.0, free))
        of_order = min(limits.max_order_lots, int(limits.notional.max_order_notional / instrument.money(ticks, 1)))
        found, why = min((most, headroom.bound), (paid, f"no more {currency}"), (of_order, "the limit of one order"))
        return max(0, found), why

    def took(self, orders: int, now_ns: int) -> None:
        self.taken_orders += orders
        self._next_take_ns = now_ns + TAKE_GAP_NS

    def on_cancels(self, orders: Orders, now_ns: int) -> None:
        if self.takes_beside:
            self._own.note(orders.levels(self.terms), now_ns)

    # --- what people see ----------------------------------------------------------------------------------------

    def particulars(self) -> Known:
        lots = self.inventory.shown()
        return Known(self.rules, self.terms, lots, self._price, self._prices, self._configured, self._way)

    def status(self, inputs: Inputs, now_ns: int) -> dict[str, Any]:
        price = self._price
        base = [] if price is None else [price.bid, price.ask, price.fx_rate]
        return {"source": base, "take_outs": self.taken_orders}


def _states_the_same(price: SourcePrice, before: SourcePrice) -> bool:
    """Say whether a source costs what it did: it is looked at by the timer too, and stated again while it stands."""
    return price is before or (price.bid == before.bid and price.ask == before.ask and price.sizes == before.sizes)


def _sizes_of(config: SpotBot) -> object:
    pricer, where = config.pricer, config.instrument
    named = where.instrument, where.underlying, where.source_exchange, where.fx_leg, where.fx_exchanges
    return named, pricer.source_aggregation, pricer.buy_quote_sizes, pricer.sell_quote_sizes


def _ticks_lots(terms: Terms) -> int:
    """Return the least price times size of an order, in ticks and lots."""
    instrument = terms.instrument
    a_lot = instrument.notional(1, 1)
    whole = int(instrument.min_notional // a_lot)
    return whole + (whole * a_lot != instrument.min_notional)


def _first(sizes: Sequence[BasePrice], best: float) -> float:
    """Return the base price of the first size; of a side without one, the best of all books."""
    found = sizes[0].price if sizes else None
    return best if found is None else found


def _by_level(bids: Sequence[QuoteLevel], asks: Sequence[QuoteLevel]) -> list[list[TargetOrder]]:
    """Return the orders that show the quotes, level by level: both sides stand early."""
    found = []
    for place in range(max(len(bids), len(asks))):
        buys = [TargetOrder(NONE, each.price_ticks, each.quantity_lots, BUY) for each in bids[place : place + 1]]
        sells = [TargetOrder(NONE, each.price_ticks, each.quantity_lots, SELL) for each in asks[place : place + 1]]
        found.append(buys + sells)
    return found


def _why(side: str, found: Cut, sizes: Sequence[BasePrice]) -> str:
    """Return why a side has not all its quotes, without figures that change with every tick."""
    missing = sum(each.price is None for each in sizes)
    whys = [found.why] if found.why else []
    if missing:
        whys.append(f"books do not fill {missing} of {len(sizes)} sizes")
    if not whys:
        return ""
    return f"{'fewer' if found.levels else 'no'} {side}s: {', '.join(whys)}"
