"""What people and Prometheus see of the quoter: readiness, the snapshot on its admin port, and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from common.clock import NS_PER_MS
from common.core import Sample
from common.pretrade import FEED_AGE_MAX_NS

from quoter.orders.budget import Use
from quoter.orders.own_orders import Order
from quoter.trading.blotter import Blotter
from quoter.trading.bot import Bot, QuotedMarket
from quoter.trading.trader import Trader

ORDERS_SHOWN_MAX = 200


def unready(trader: Trader, now_ns: int) -> list[str]:
    """Return why the account cannot be quoted now."""
    session = trader.session
    reasons = []
    if trader.latched:
        reasons.append("stopping: " + ("no order remains open" if session.empty else "cancelling what is open"))
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
        f"bot {bot.algo_id} has no limits from risk"
        for bot in trader.bots.values()
        if bot.running and bot.config.risk_limits is not None and trader.limits_of(bot.algo_id) is None
    ]
    return reasons


def snapshot(trader: Trader, blotter: Blotter, faults: Mapping[str, str], now_ns: int) -> dict[str, Any]:
    """Return a JSON-able snapshot: session, halts, and each bot's markets with target, orders and holding."""
    return {
        "account": trader.account,
        "venue": trader.venue,
        "session": trader.session.describe(now_ns),
        "bus_up": trader.bus_up,
        "stopping": trader.latched,
        "nothing_rests": trader.session.empty,
        "halts": list(trader.halts.active),
        "open_orders": len(trader.orders),
        "fills": blotter.fills,
        "fills_not_in_position": trader.holdings.uncovered,
        "messages_left": round(trader.budget.left(Use.CANCEL, now_ns), 1),
        "rejections": dict(sorted(trader.rejections.items())),
        "venue_refusals": dict(sorted(blotter.rejects.items())),
        "cash": _cash(trader),
        "bots_without_limits": [bot.algo_id for bot in trader.bots.values() if bot.config.risk_limits is None],
        "config_faults": dict(sorted(faults.items())),
        "exposure": {
            bot.algo_id: {underlying: found._asdict() for underlying, found in sorted(bot.exposures.items())}
            for bot in trader.bots.values()
        },
        "markouts": {bot.algo_id: _markouts(bot, now_ns) for bot in trader.bots.values()},
        "bots": [
            _market(trader, bot, quoted, now_ns) for bot in trader.bots.values() for quoted in bot.quoted.values()
        ],
    }


def _cash(trader: Trader) -> dict[str, Any]:
    collateral, converter = trader.collateral, trader.converter
    known = collateral.cash is not None
    return {
        "total": str(collateral.cash) if known else None,
        "locked_by_bids": round(collateral.locked, 6),
        "free": round(collateral.free, 6) if known else None,
        "pairs_merged": converter.merged_pairs,
        "pairs_split": converter.split_pairs,
        "converting": converter.request._asdict() if converter.request else None,
    }


def _markouts(bot: Bot, now_ns: int) -> list[dict[str, Any]]:
    marks = bot.markouts.marks(now_ns, bot.config.flow.markout_half_life_s)
    return [
        {
            "series": series,
            "side": side.name.lower(),
            "horizon_s": horizon_s,
            "markout": round(mark.markout, 6),
            "adverse": round(mark.adverse, 6),
            "error": round(mark.error, 6) if math.isfinite(mark.error) else None,
            "shares": round(mark.shares, 1),
            "fills": mark.fills,
        }
        for series, side, horizon_s, mark in marks
    ]


def _flow(bot: Bot, quoted: QuotedMarket, now_ns: int) -> dict[str, Any]:
    flow, vpin = bot.config.flow, quoted.traded.vpin.value()
    return {
        "imbalance": round(quoted.traded.public.imbalance(now_ns, flow.half_life_s, flow.prior), 4),
        "own_imbalance": round(quoted.traded.own.imbalance(now_ns, flow.half_life_s, flow.prior), 4),
        "vpin": round(vpin, 4) if vpin is not None else None,
        **quoted.toxicity._asdict(),
    }


def _market(trader: Trader, bot: Bot, quoted: QuotedMarket, now_ns: int) -> dict[str, Any]:
    symbol, tick = quoted.terms.symbol, quoted.terms.grid.tick_size
    yes, no, _, _ = trader.holdings.of(bot.algo_id, symbol)
    plan = quoted.plan
    orders = trader.orders.of(bot.algo_id, symbol)
    return {
        "algo_id": bot.algo_id,
        "symbol": symbol,
        "state": quoted.published[2] if quoted.published else "waiting",
        "reason": quoted.published[3] if quoted.published else "",
        "bids": [[round(level.price_ticks * tick, 6), level.quantity_lots] for level in plan.bids] if plan else [],
        "asks": [[round(level.price_ticks * tick, 6), level.quantity_lots] for level in plan.asks] if plan else [],
        "fair": quoted.fair.fair if quoted.fair else None,
        "fair_age_ms": (now_ns - quoted.fresh_at_ns) // NS_PER_MS if quoted.fair else None,
        "skew": plan.skew if plan else 0.0,
        "flow": _flow(bot, quoted, now_ns),
        "crossing": {
            "taking": quoted.crossing.taking._asdict() if quoted.crossing.taking else None,
            "orders": quoted.crossing.orders,
            "cost": round(quoted.crossing.spent, 6),
        },
        "parts": {name: round(value, 6) for name, value in plan.parts.items()} if plan else {},
        "seconds_left": round(quoted.terms.seconds_left(trader.venue_now_ns(now_ns)), 3),
        "position": {"yes": yes, "no": no, "net": yes - no},
        "pnl": _profit(quoted, yes, no),
        "orders": [_order(order, tick) for order in orders[:ORDERS_SHOWN_MAX]],
    }


def _profit(quoted: QuotedMarket, yes: int, no: int) -> float | None:
    """Return what the shares held are worth at fair value less what they cost; None without a fair value."""
    if quoted.fair is None:
        return None if yes or no else 0.0
    fair, pair = quoted.fair.fair, quoted.terms.pair
    return round(pair.yes.value(yes, fair) + pair.no.value(no, fair) - quoted.cost, 6)


def _order(order: Order, tick: float) -> dict[str, Any]:
    return {
        "order_id": str(order.order_id),
        "outcome": order.outcome.value,
        "price": round(order.price_ticks * tick, 6),
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
    yield Sample("mm_fills_uncovered", "gauge", "Fills not in Position yet", account, trader.holdings.uncovered)
    yield Sample("mm_messages_refused", "counter", "Messages over the rate limit", account, trader.budget.refused)
    yield Sample("mm_pairs_merged", "counter", "Pairs merged into cash", account, trader.converter.merged_pairs)
    yield Sample("mm_pairs_split", "counter", "Pairs split from cash", account, trader.converter.split_pairs)
    if trader.collateral.cash is not None:
        yield Sample("mm_free_cash", "gauge", "Free cash: locked by no bid", account, trader.collateral.free)
    for reason, count in sorted(trader.rejections.items()):
        yield Sample(
            "mm_pretrade_rejections", "counter", "Orders the pre-trade check refused", {"reason": reason}, count
        )
    for code, count in sorted(blotter.rejects.items()):
        yield Sample("mm_venue_refusals", "counter", "Orders the venue refused", {"code": code}, count)
    for bot in trader.bots.values():
        one, money = {"algo_id": bot.algo_id}, trader.activity.money.of(bot.algo_id)
        yield Sample("mm_notional", "gauge", "Notional of open bids and unpaired shares", one, money)
        ratio = trader.activity.orders_per_fill(bot.algo_id)
        yield Sample("mm_orders_per_fill", "gauge", "Orders sent per execution, over an hour", one, ratio)
        for underlying, found in bot.exposures.items():
            where = {"algo_id": bot.algo_id, "underlying": underlying}
            yield Sample("mm_exposure_per_percent", "gauge", "Delta: P&L per 1 % move", where, found.per_percent)
            yield Sample("mm_exposure_worst", "gauge", "Loss in the worst scenario", where, found.worst)
            yield Sample("mm_exposure_settled", "gauge", "P&L if everything settled now", where, found.settled)
        for symbol, quoted in bot.quoted.items():
            labels = {"algo_id": bot.algo_id, "symbol": symbol}
            count = len(trader.orders.of(bot.algo_id, symbol))
            yield Sample("mm_orders_open", "gauge", "Orders that may still be executed", labels, count)
            yield Sample("mm_crossings", "counter", "Orders that took liquidity", labels, quoted.crossing.orders)
            yield Sample("mm_crossing_cost", "gauge", "Paid beyond fair value by them", labels, quoted.crossing.spent)
            yield Sample("mm_quote_updates", "counter", "Batches sent", labels, quoted.quote_updates)
            yield Sample("mm_protection_freezes", "counter", "Times frozen", labels, quoted.window.freezes)
            yield from _flow_samples(bot, quoted, labels)
        yield from _markout_samples(bot)
    yield from trader.session.samples()


def _flow_samples(bot: Bot, quoted: QuotedMarket, labels: dict[str, str]) -> Iterable[Sample]:
    traded, flow = quoted.traded, bot.config.flow
    for name, found in (("public", traded.public), ("own", traded.own)):
        share = found.imbalance(bot.looked_at_ns, flow.half_life_s, flow.prior)
        yield Sample("mm_flow_imbalance", "gauge", "Taker flow, -1 to 1", labels | {"of": name}, share)
    vpin = traded.vpin.value()
    if vpin is not None:
        yield Sample("mm_vpin", "gauge", "Volume-synchronised probability of informed trading", labels, vpin)
    for side, cost in (("bid", quoted.toxicity.bid), ("ask", quoted.toxicity.ask)):
        yield Sample("mm_toxicity", "gauge", "Widening of a side for toxicity", labels | {"side": side}, cost)


def _markout_samples(bot: Bot) -> Iterable[Sample]:
    bot_label = {"algo_id": bot.algo_id}
    yield Sample("mm_markouts_missed", "counter", "Fills without a later fair value", bot_label, bot.markouts.missed)
    freezes = bot.window.freezes
    yield Sample("mm_bot_protection_freezes", "counter", "Times the whole bot was frozen", bot_label, freezes)
    for series, side, horizon_s, mark in bot.markouts.marks(bot.looked_at_ns, bot.config.flow.markout_half_life_s):
        where = bot_label | {"series": series, "side": side.name.lower(), "horizon_s": f"{horizon_s:g}"}
        yield Sample("mm_markout", "gauge", "Fair value later less fill price, per share", where, mark.markout)
        yield Sample("mm_markout_fills", "counter", "Fills judged", where, mark.fills)
