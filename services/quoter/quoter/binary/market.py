"""One bot in one YES/NO market: its configuration there, what it has learnt of who trades, and what it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from common.bots import BinaryBot
from common.clock import NS_PER_S
from common.core import Sample
from common.events import FairValue, Fill, Liquidity
from common.instruments import Instrument
from common.pretrade import Closing, Held

from quoter.binary.crossing import Crossing, Taking, bound, offers, taking, to_give_up
from quoter.binary.ladder import selling_held
from quoter.binary.models.glft import leans_for
from quoter.binary.plan import Opinion, Planner, giving_way
from quoter.binary.skew import phase_of
from quoter.binary.terms import BinaryTerms, binary_terms
from quoter.orders.diff import TargetOrder
from quoter.orders.inventory import PairHeld
from quoter.orders.own_orders import Orders
from quoter.orders.terms import Terms
from quoter.signals.flow import UNTOUCHED, MarketFlow, Toxicity, toxicity
from quoter.signals.markouts import Markouts, QuoteSide
from quoter.signals.protection import Window
from quoter.signals.reach import Comers, Reach, bearable
from quoter.signals.signals import CALM, Signals
from quoter.trading.strategy import Inputs, MarketStrategy, Plan, Trip

STEP = 0.0005
"""Leans and distances are changed in steps of this, so that they do not move quotes all the time."""


@dataclass(slots=True)
class Shared:
    """What one bot has configured, and learnt over all its markets."""

    config: BinaryBot
    price_age_max_ns: int
    window: Window = field(default_factory=Window)
    """Own fills of the last seconds, in all markets."""
    markouts: Markouts = field(default_factory=Markouts)
    looked_at_ns: int = 0
    """When the markouts were last looked at."""

    def fair_of(self, inputs: Inputs | None, now_ns: int) -> float | None:
        """Return a fair value that is fresh enough to judge fills by, or None."""
        if inputs is None or inputs.price is None or inputs.fresh_at_ns < now_ns - self.price_age_max_ns:
            return None
        return inputs.mark


class Known(NamedTuple):
    """What the strategy knew at a pass."""

    terms: BinaryTerms
    config: BinaryBot
    held: Held
    signals: Signals

    def explained(self, plan: Plan, venue_now_ns: int) -> dict[str, Any]:
        seconds_left, elapsed = self.terms.seconds_left(venue_now_ns), self.terms.elapsed(venue_now_ns)
        # A reach without a bound is none.
        reach = {name: None if math.isinf(value) else value for name, value in self.signals.reach._asdict().items()}
        return {
            "phase": phase_of(elapsed, seconds_left, self.config.inventory).value,
            "elapsed": round(elapsed, 4),
            "signals": self.signals._asdict() | {"reach": reach},
        }

    def position(self) -> dict[str, int]:
        held = self.held
        return {
            "yes": held.yes_lots,
            "no": held.no_lots,
            "net": held.yes_lots - held.no_lots,
            "doubt_yes": held.unconfirmed_yes_lots,
            "doubt_no": held.unconfirmed_no_lots,
        }


class BinaryMarket(MarketStrategy):
    """What is wanted in one market, and what has been learnt there."""

    takes = True
    terms: BinaryTerms
    inventory: PairHeld
    config: BinaryBot
    """The bot's, as it is for this market."""

    def __init__(self, shared: Shared, terms: Terms) -> None:
        self.shared = shared
        self.window = Window()
        """Own fills of the last seconds."""
        self.signals: Signals = CALM
        """What flow and other markets say; renewed outside the path of a tick."""
        self.planner = Planner()
        self.crossing = Crossing()
        self.comers = Comers()
        """Who has taken from our quotes here."""
        self.traded = MarketFlow()
        self.toxicity: Toxicity = UNTOUCHED
        """As of the last timer."""
        self.renew(terms)

    def renew(self, terms: Terms) -> None:
        self.terms = found = binary_terms(terms)
        self.config = config = self.shared.config.in_market(terms.underlying, terms.symbol)
        bounds = config.inventory
        if bounds.model == "glft":
            # Solved here, so that passes only look up.
            leans_for(bounds, found.pair.yes.value(1, 1.0))
        self.inventory = PairHeld(found.pair)
        self.closing = Closing(
            found.expiry_ns - round(bounds.reduce_only_s * NS_PER_S),
            found.expiry_ns - round(bounds.close_threshold_s * NS_PER_S),
        )
        self.price_tolerance_ticks = config.quoting.price_tolerance_ticks
        self.size_tolerance = config.quoting.size_tolerance

    def plan(self, inputs: Inputs) -> Plan:
        fair, context, inventory = inputs.price, inputs.context, self.inventory
        assert type(fair) is FairValue, "a fair value that is missing is stale"
        assert context.limits is not None, "limits that are missing are stale"
        held = inventory.held
        found = self.planner.plan(
            Opinion(fair.fair, fair.volatility, fair.uncertainty, self.signals, inventory.cost),
            held,
            context.venue_now_ns,
            self.terms,
            self.config,
            context.limits,
        )
        if self.crossing.taking is not None:
            return giving_way(found)
        if self.config.unwind.sell_held:
            yes, no = held.yes_lots - held.unconfirmed_yes_lots, held.no_lots - held.unconfirmed_no_lots
            wanted = selling_held(found.wanted, yes, no, self.terms.grid.ticks_per_unit)
            return msgspec.structs.replace(found, wanted=wanted)
        return found

    # --- what it learns -----------------------------------------------------------------------------------------

    def on_fill(self, fill: Fill, instrument: Instrument, inputs: Inputs, now_ns: int) -> Trip | None:
        """Take in a new fill: its flow, its markout to come, and what protection says to it.

        Orders of ours that took from others were our own idea: they say nothing of who trades with us.
        """
        shared = self.shared
        if inputs.price is not None:
            self.crossing.on_fill(fill, instrument, inputs.mark)
        if fill.liquidity is Liquidity.TAKER:
            return None
        bids, ticks = instrument.on_axis(fill.side, fill.price_ticks)
        side = QuoteSide.BID if bids else QuoteSide.ASK
        lots, towards_yes = fill.quantity_lots, side * fill.quantity_lots
        self.traded.on_own(-instrument.units(towards_yes), now_ns, shared.config.flow)
        self.comers.on_fill(towards_yes, now_ns)
        fair = shared.fair_of(inputs, now_ns)
        if fair is not None:
            price, shares = float(instrument.price(ticks)), instrument.units(lots)
            shared.markouts.on_fill(fill.symbol, self.terms.series, side, price, fair, shares, now_ns)
        limits, bot_limits = shared.config.protection, shared.config.bot_protection
        why = self.window.on_fill(lots, towards_yes, now_ns, limits)
        bot_why = shared.window.on_fill(lots, towards_yes, now_ns, bot_limits)
        self.refresh(now_ns)
        if bot_why:
            return Trip(f"all markets: {bot_why}", whole_bot=True, until_lifted=not bot_limits.freeze_s)
        return Trip(f"{fill.symbol}: {why}", whole_bot=False, until_lifted=not limits.freeze_s) if why else None

    def on_trade(self, signed: float, now_ns: int) -> None:
        self.traded.on_trade(signed, now_ns, self.shared.config.flow)

    def on_cancels(self, orders: Orders, now_ns: int) -> None:
        self.comers.own.note(orders.levels(self.terms), now_ns)

    def on_timer(self, inputs: Inputs, orders: Orders, venue_now_ns: int, now_ns: int) -> None:
        fair = self.shared.fair_of(inputs, now_ns)
        # Without one nothing is quoted either.
        if fair is not None:
            self.stand_back(fair, venue_now_ns, now_ns)
        self.recompute_reach(inputs, orders, venue_now_ns, now_ns)

    def refresh(self, now_ns: int) -> None:
        """Freeze a market whose protection, or whose bot's, is in force; let it go when that has run out."""
        frozen = ""
        if self.shared.window.frozen(now_ns):
            frozen = self.shared.window.why
        elif self.window.frozen(now_ns):
            frozen = self.window.why
        if self.signals.frozen != frozen:
            self.signals = self.signals._replace(frozen=frozen)

    def stand_back(self, fair: float, venue_now_ns: int, now_ns: int) -> None:
        """Say how far quotes stand back from those who seem to know more."""
        shared, signals = self.shared, self.signals
        left_s, series = self.terms.seconds_left(venue_now_ns), self.terms.series
        found = toxicity(self.traded, shared.markouts, series, fair, left_s, now_ns, shared.config.flow)
        self.toxicity = found
        bid = found.bid if abs(found.bid - signals.bid_toxicity) > STEP else signals.bid_toxicity
        ask = found.ask if abs(found.ask - signals.ask_toxicity) > STEP else signals.ask_toxicity
        if bid != signals.bid_toxicity or ask != signals.ask_toxicity:
            self.signals = signals._replace(bid_toxicity=bid, ask_toxicity=ask)

    def recompute_reach(self, inputs: Inputs, orders: Orders, venue_now_ns: int, now_ns: int) -> None:
        """Say how much of a net will surely be taken before nothing may rest any more."""
        inventory, unwind = self.config.inventory, self.config.unwind
        if inputs.plan is not None and inputs.plan.wanted:
            self.comers.update(now_ns)
        else:
            self.comers.rest(now_ns)
        shown, yes, book = Reach(0.0, 0.0), self.terms.pair.yes, inputs.book
        own_bids, own_asks = self.comers.own.update(orders.levels(self.terms), now_ns)
        if unwind.cross_from_s and book is not None and inputs.price is not None:
            fair, tick = inputs.mark, self.terms.grid.tick_size
            bids, asks = offers(book.bids, yes, own_bids), offers(book.asks, yes, own_asks)
            long = bearable(bids, fair, yes, selling=True, unwind=unwind)
            short = bearable(asks, fair, yes, selling=False, unwind=unwind)
            best_bid = bids[0].yes_ticks * tick if long else 0.0
            best_ask = asks[0].yes_ticks * tick if short else 0.0
            shown = Reach(long, short, others_bid=best_bid, others_ask=best_ask)
        left_s = self.terms.seconds_left(venue_now_ns) - inventory.close_threshold_s
        shown = self.comers.mean_shown(shown, now_ns)
        reach = self.comers.reach(left_s, inventory, shown, unwind.cross_tolerance)
        if reach != self.signals.reach:
            self.signals = self.signals._replace(reach=reach)

    # --- what it takes ------------------------------------------------------------------------------------------

    def to_take(self, inputs: Inputs, orders: Orders, now_ns: int) -> TargetOrder | str:
        """Return the order that is to make the bot flat at expiry, once the last one has had its time."""
        crossing = self.crossing
        if not self.config.unwind.cross_from_s:
            crossing.taking = None
            return ""
        found = self._crossing(inputs, orders)
        waits = now_ns < crossing.next_at_ns
        crossing.taking = None if waits or isinstance(found, str) else found
        if isinstance(found, str):
            return found
        if waits:
            return "waits after the last taking order"
        return TargetOrder(found.outcome, found.price_ticks, found.quantity_lots, found.side)

    def took(self, orders: int, now_ns: int) -> None:
        self.crossing.orders += orders
        self.crossing.sent(now_ns, self.config.unwind)

    def let_be(self) -> None:
        self.crossing.taking = None

    def _crossing(self, inputs: Inputs, orders: Orders) -> Taking | str:
        """Return what should be taken from the book now, or why nothing is; empty: nothing to give up."""
        crossing, unwind, terms, context = self.crossing, self.config.unwind, self.terms, inputs.context
        cost_max = bound(terms.seconds_left(context.venue_now_ns), self.config.inventory.close_threshold_s, unwind)
        held, book = self.inventory.held, inputs.book
        net = to_give_up(held)
        if cost_max < 0.0 or abs(net) <= unwind.cross_tolerance:
            return ""
        if context.fair is None or context.limits is None:
            return "no fair value or no limits"
        if book is None:
            return "no book has been seen"
        if crossing.spent >= unwind.cross_budget:
            return "what crossing may cost in this market is spent"
        yes, (own_bids, own_asks) = terms.pair.yes, orders.levels(terms)
        yes_lots, no_lots = held.yes_lots - held.unconfirmed_yes_lots, held.no_lots - held.unconfirmed_no_lots
        found = taking(
            net,
            context.fair,
            offers(book.bids, yes, own_bids) if net > 0 else offers(book.asks, yes, own_asks),
            yes,
            cost_max=cost_max,
            budget=unwind.cross_budget - crossing.spent,
            lots_max=context.limits.max_order_lots,
            sellable_lots=yes_lots if net > 0 else no_lots,
            unwind=unwind,
        )
        return found if found is not None else "nothing in the book is worth its price"

    # --- what people see ----------------------------------------------------------------------------------------

    def particulars(self) -> Known:
        return Known(self.terms, self.config, self.inventory.held, self.signals)

    def status(self, inputs: Inputs, now_ns: int) -> dict[str, Any]:
        flow, traded, vpin, crossing = self.shared.config.flow, self.traded, self.traded.vpin.value(), self.crossing
        return {
            "flow": {
                "imbalance": round(traded.public.imbalance(now_ns, flow.half_life_s, flow.prior), 4),
                "own_imbalance": round(traded.own.imbalance(now_ns, flow.half_life_s, flow.prior), 4),
                "vpin": round(vpin, 4) if vpin is not None else None,
                **self.toxicity._asdict(),
            },
            "crossing": {
                "taking": crossing.taking._asdict() if crossing.taking else None,
                "orders": crossing.orders,
                "cost": round(crossing.spent, 6),
            },
        }

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        traded, flow, crossing = self.traded, self.shared.config.flow, self.crossing
        yield Sample("mm_crossings", "counter", "Orders that took liquidity", labels, crossing.orders)
        yield Sample("mm_crossing_cost", "gauge", "Paid beyond fair value by them", labels, crossing.spent)
        yield Sample("mm_protection_freezes", "counter", "Times frozen", labels, self.window.freezes)
        for name, found in (("public", traded.public), ("own", traded.own)):
            share = found.imbalance(self.shared.looked_at_ns, flow.half_life_s, flow.prior)
            yield Sample("mm_flow_imbalance", "gauge", "Taker flow, -1 to 1", labels | {"of": name}, share)
        vpin = traded.vpin.value()
        if vpin is not None:
            yield Sample("mm_vpin", "gauge", "Volume-synchronised probability of informed trading", labels, vpin)
        for side, cost in (("bid", self.toxicity.bid), ("ask", self.toxicity.ask)):
            yield Sample("mm_toxicity", "gauge", "Widening of a side for toxicity", labels | {"side": side}, cost)
