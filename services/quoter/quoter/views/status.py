"""What people and Prometheus see of the quoter: readiness, the snapshot on its admin port, and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from common.clock import NS_PER_MS
from common.core import Sample
from common.pretrade import FEED_AGE_MAX_NS

from quoter.orders.budget import Use
from quoter.orders.collateral import Collateral
from quoter.orders.inventory import MarketInventory, inventory_of
from quoter.orders.own_orders import Order
from quoter.trading.blotter import Blotter
from quoter.trading.bot import Bot, QuotedMarket
from quoter.trading.trader import Trader
from quoter.views.explain import counted_in, rounded

ORDERS_SHOWN_MAX = 200


def unready(trader: Trader, now_ns: int) -> list[str]:
    """Return why the account cannot be quoted now."""
    session = trader.session
    reasons = []
    if trader.latched:
        reasons.append("stopping: " + ("no order remains open" if session.nothing_rests else "cancelling what is open"))
    if not trader.bus_up:
        reasons.append("the bus is down or the lease in doubt")
    if not session.reconciled:
        reasons.append("the venue session is not up and reconciled")
    elif not session.armed(now_ns):
        reasons.append("the venue does not confirm its dead-man switch")
    if now_ns - trader.clock.heard_at_ns > FEED_AGE_MAX_NS:
        reasons.append(f"no feed status for {trader.venue}")
    elif now_ns - trader.clock.alive_at_ns > trader.clock.live_within_ns:
        reasons.append(f"{trader.venue} is silent")
    elif not trader.clock.known:
        reasons.append(f"the clock of {trader.venue} is not known")
    scopes = trader.scopes_of("")
    reasons += [f"halted: {halt}" for halt in trader.halts.active if halt.partition(":")[0] in scopes]
    # A bot that was given no risk_limits may not trade, as it was told: nothing is wrong with the account.
    reasons += [
        f"bot {bot.algo_id}: {trader.limits.why_none(bot.algo_id)}"
        for bot in trader.bots.values()
        if bot.running and bot.config.risk_limits is not None and bot.algo_id not in trader.limits.by_bot
    ]
    # One that has limits, but none in a market that it works on, quotes nothing there.
    reasons += [
        f"bot {bot.algo_id}: {quoted.context.no_limits} ({symbol})"
        for bot in trader.bots.values()
        for symbol, quoted in bot.quoted.items()
        if bot.running and quoted.context.given is not None and quoted.context.limits is None
    ]
    return reasons


def snapshot(trader: Trader, blotter: Blotter, faults: Mapping[str, str], now_ns: int) -> dict[str, Any]:
    """Return a JSON-able snapshot: session, halts, and each bot's markets with target, orders and holding."""
    return {
        **_of_kinds(trader, now_ns),
        "account": trader.account,
        "venue": trader.venue,
        "epoch": trader.epoch,
        "session": trader.session.describe(now_ns),
        "bus_up": trader.bus_up,
        "stopping": trader.latched,
        "nothing_rests": trader.session.nothing_rests,
        "halts": list(trader.halts.active),
        "open_orders": len(trader.orders),
        "fills": blotter.fills,
        "fills_not_in_position": trader.holdings.unledgered,
        "messages_left": round(trader.budget.left(Use.CANCEL, now_ns), 1),
        "rejections": dict(sorted(trader.rejections.items())),
        "venue_refusals": dict(sorted(blotter.rejects.items())),
        "cash": _cash(trader),
        "bots_without_limits": [bot.algo_id for bot in trader.bots.values() if bot.config.risk_limits is None],
        "config_faults": dict(sorted(faults.items())),
        "bots": [
            _market(trader, bot, quoted, now_ns) for bot in trader.bots.values() for quoted in bot.quoted.values()
        ],
    }


def _cash(trader: Trader) -> dict[str, Any]:
    own = trader.session.currency
    others = [currency for currency in trader.collateral.currencies if currency != own]
    found: dict[str, Any] = {
        **_cash_of(trader.collateral, own),
        "others": {currency: _cash_of(trader.collateral, currency) for currency in others},
    }
    for kind in trader.kinds.values():
        found |= kind.status()
    return found


def _cash_of(collateral: Collateral, currency: str) -> dict[str, Any]:
    cash, free = collateral.cash(currency), collateral.free(currency)
    return {
        "total": None if cash is None else f"{cash:f}",
        "locked_by_bids": round(collateral.locked(currency), 8),
        "free": None if free is None else round(free, 8),
    }


def _of_kinds(trader: Trader, now_ns: int) -> dict[str, dict[str, Any]]:
    """Return what kinds of bot have to say, by name and bot."""
    found: dict[str, dict[str, Any]] = {}
    for bot in trader.bots.values():
        for name, told in bot.strategy.status(now_ns).items():
            found.setdefault(name, {})[bot.algo_id] = told
    return found


def _market(trader: Trader, bot: Bot, quoted: QuotedMarket, now_ns: int) -> dict[str, Any]:
    symbol, tick_size = quoted.terms.symbol, quoted.terms.tick_size
    inventory, plan = inventory_of(quoted.terms), quoted.plan
    left_s = quoted.terms.seconds_left(trader.venue_now_ns(now_ns))
    inventory.load(trader.holdings, bot.algo_id, symbol)
    orders = trader.orders.of(bot.algo_id, symbol)
    return {
        "algo_id": bot.algo_id,
        "symbol": symbol,
        "state": quoted.published[2] if quoted.published else "waiting",
        "reason": quoted.published[3] if quoted.published else "",
        **counted_in(quoted.terms),
        "bids": [[float(level.price_ticks * tick_size), level.quantity_lots] for level in plan.bids] if plan else [],
        "asks": [[float(level.price_ticks * tick_size), level.quantity_lots] for level in plan.asks] if plan else [],
        "fair": quoted.mark if quoted.price else None,
        "fair_age_ms": (now_ns - quoted.fresh_at_ns) // NS_PER_MS if quoted.price else None,
        "skew": plan.skew if plan else 0.0,
        **quoted.strategy.status(quoted, now_ns),
        "parts": {name: rounded(value) for name, value in plan.parts.items()} if plan else {},
        "seconds_left": None if left_s is None else round(left_s, 3),
        "position": inventory.shown(),
        "pnl": _profit(quoted, inventory),
        "orders": [_order(order, tick_size) for order in orders[:ORDERS_SHOWN_MAX]],
    }


def _profit(quoted: QuotedMarket, inventory: MarketInventory) -> float | None:
    """Return what is held is worth at fair value less what it cost; None without a fair value."""
    if quoted.price is None:
        return None if any(inventory.shown().values()) else 0.0
    return round(inventory.worth(quoted.mark) - inventory.cost, 6)


def _order(order: Order, tick_size: Decimal) -> dict[str, Any]:
    return {
        "order_id": str(order.order_id),
        "outcome": order.outcome.value,
        "price": float(order.price_ticks * tick_size),
        "leaves": order.leaves_lots,
        "state": order.state.value,
    }


def samples(trader: Trader, blotter: Blotter) -> Iterable[Sample]:
    """Return the quoter's figures."""
    account = {"account": trader.account}
    yield Sample("mm_halts_active", "gauge", "Halts in force", account, len(trader.halts.active))
    yield Sample("mm_bots_running", "gauge", "Bots", account, sum(bot.running for bot in trader.bots.values()))
    yield Sample("mm_venue_fills", "counter", "Executions reported by the venue", account, blotter.fills)
    yield Sample("mm_unknown_fills", "counter", "Executions of unknown orders", account, blotter.unknown_fills)
    yield Sample("mm_fills_uncovered", "gauge", "Fills not in Position yet", account, trader.holdings.unledgered)
    yield Sample("mm_messages_refused", "counter", "Messages over the rate limit", account, trader.budget.refused)
    for kind in trader.kinds.values():
        yield from kind.samples(account)
    for currency in trader.collateral.currencies:
        free = trader.collateral.free(currency)
        if free is not None:
            labels = account | {"currency": currency}
            yield Sample("mm_free_cash", "gauge", "Free cash: locked by no bid", labels, free)
    for reason, count in sorted(trader.rejections.items()):
        yield Sample(
            "mm_pretrade_rejections", "counter", "Orders the pre-trade check refused", {"reason": reason}, count
        )
    for code, count in sorted(blotter.rejects.items()):
        yield Sample("mm_venue_refusals", "counter", "Orders the venue refused", {"code": code}, count)
    for bot in trader.bots.values():
        one, money = {"algo_id": bot.algo_id}, trader.activity.money
        for currency in money.currencies_of(bot.algo_id) or [trader.session.currency]:
            labels = one | {"currency": currency}
            committed = money.of(bot.algo_id, currency)
            yield Sample("mm_notional", "gauge", "Notional of open bids and unpaired lots", labels, committed)
        ratio = trader.activity.orders_per_fill(bot.algo_id)
        yield Sample("mm_orders_per_fill", "gauge", "Orders sent per execution, over an hour", one, ratio)
        yield from bot.strategy.samples()
        for symbol, quoted in bot.quoted.items():
            labels = {"algo_id": bot.algo_id, "symbol": symbol}
            count = len(trader.orders.of(bot.algo_id, symbol))
            yield Sample("mm_orders_open", "gauge", "Orders that may still be executed", labels, count)
            yield Sample("mm_quote_updates", "counter", "Batches sent", labels, quoted.quote_updates)
            yield from quoted.strategy.samples(labels)
    yield from trader.session.samples()
