"""What a person sees: services, venues, bots, markets, fills and alerts, each number with its age."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from common.clock import NS_PER_MS
from common.events import Alert, BotConfig, Fill, Halt, OrderUpdate, SourcePrice
from common.halts import STORE_CHANGED
from common.instruments import InstrumentKind
from common.provenance import Provenance
from common.stores import STANDS_STILL
from common.streams.levels import alarming_share

from gateway.changes.adjustments import adjustment_row
from gateway.kinds.hedges import exposure_row, figures_row, hedge_row, source_row
from gateway.kinds.parts import Json
from gateway.kinds.registry import bot_part
from gateway.state.ages import (
    ACCOUNT_STALE_NS,
    FAIR_STALE_NS,
    FEED_STALE_NS,
    LEVELS_STALE_NS,
    POSITION_STALE_NS,
    RISK_STALE_NS,
    STATISTICS_STALE_NS,
    aged,
)
from gateway.state.provenance import over
from gateway.state.rows import market_rows
from gateway.state.view import View

FILLS_SHOWN_MAX = 60
ALERTS_SHOWN_MAX = 40
WARNINGS_SHOWN_MAX = 30
"""Of them, beside what is only told."""
ADJUSTMENTS_SHOWN_MAX = 20
"""Decided ones; every proposal that waits for a decision is shown."""
TRANSFERS_SHOWN_MAX = 20
STATES_SHOWN = ("quoting", "reduce_only", "crossing", "pulled", "stale", "not_taken_up")
"""What a bot is said to do when it does several things in several markets, the first that applies."""


def picture(view: View, now_ns: int) -> Json:
    """Return the whole live page's content."""
    markets = market_rows(view, now_ns)
    return {
        "now_ns": now_ns,
        "bus_connected": view.connected,
        "provenance": traded_provenance(view, now_ns),
        "services": services(view, now_ns),
        "venues": venues(view, now_ns),
        "risk": [
            {
                "shard": shard,
                "ledger_sequence": state.event.ledger_sequence,
                **aged(state.age_ns(now_ns), RISK_STALE_NS),
            }
            for shard, state in sorted(view.risk.items())
        ],
        "streams": streams(view, now_ns),
        "halts": halt_rows(view),
        "bots": [
            bot_row(view, stored.event, markets, now_ns)
            for _, stored in sorted(view.bots.items())
            if not stored.event.removed
        ],
        "markets": markets,
        "spot": spot(view, now_ns),
        "hedges": hedges(view),
        "exposures": [
            {**exposure_row(each.event), **aged(each.age_ns(now_ns), STATISTICS_STALE_NS)} for each in view.watched()
        ],
        "accounts": accounts(view, now_ns),
        "fills": [
            {**fill_row(sequence, fill), **_market_of(view, fill)}
            for sequence, fill in recent_fills(view, FILLS_SHOWN_MAX)
        ],
        "adjustments": adjustments(view, now_ns),
        "transfers": [each.row() for each in islice(view.transfers.newest_first(), TRANSFERS_SHOWN_MAX)],
        "alerts": [alert_row(sequence, alert) for sequence, alert in alerts_shown(view)],
    }


def services(view: View, now_ns: int) -> Json:
    """Return each service's state, what it says is wrong, and how long ago it said so."""
    return {
        name: {
            "state": health.state(now_ns),
            "faults": list(health.faults),
            "age_ms": (now_ns - health.answered_ns) // NS_PER_MS if health.answered_ns else None,
        }
        for name, health in view.surveillance.services.items()
    }


def traded_provenance(view: View, now_ns: int) -> Provenance:
    """Return whether money and prices are real where our bots trade."""
    traded = [venue for stored in view.bots.values() if (venue := view.place_of(stored.event)[0])]
    return over(view, traded or view.quoted_venues, now_ns)


def streams(view: View, now_ns: int) -> list[Json]:
    """Return how full each stream of the bus is, 0 to 1; `alarming` where a person should enlarge it."""
    told = view.statistics.get("streams")
    if told is None:
        return []
    age = aged(told.age_ns(now_ns), LEVELS_STALE_NS)
    return [
        {"stream": name, "share": share, "alarming": alarming_share(name, share), **age}
        for name, share in sorted(told.event.figures.items())
    ]


def venues(view: View, now_ns: int) -> list[Json]:
    """Return how each venue's public data arrives."""
    return [
        {
            "venue": venue,
            "connected": feed.event.connected,
            "silent_ms": feed.event.silent_ns // NS_PER_MS,
            "clock_offset_ms": feed.event.clock_offset_ns / NS_PER_MS,
            "clock_known": feed.event.clock_known,
            "stale_symbols": feed.event.stale_symbols,
            "reconnects": feed.event.reconnects,
            "gaps": feed.event.gaps,
            "note": feed.event.note,
            **aged(feed.age_ns(now_ns), FEED_STALE_NS),
        }
        for venue, feed in sorted(view.feeds.items())
    ]


def spot(view: View, now_ns: int) -> list[Json]:
    """Return each spot bot's figures, with the prices that its quotes are made of."""
    prices: dict[str, list[Json]] = {}
    for (algo_id, _, _), stated in view.fairs.items():
        if isinstance(stated.event, SourcePrice):
            row = source_row(stated.event) | aged(stated.age_ns(now_ns), FAIR_STALE_NS)
            prices.setdefault(algo_id, []).append(row)
    return [
        {**figures_row(each.event), "prices": prices.get(algo_id, []), **aged(each.age_ns(now_ns), STATISTICS_STALE_NS)}
        for algo_id, each in sorted(view.figures.items())
    ]


def hedges(view: View) -> list[Json]:
    """Return the hedges that are open, then the last of each scope that has ended."""
    rows = []
    for key, command in sorted(view.hedges.items()):
        update = view.hedge_updates.get(key)
        rows.append(hedge_row(command.event, None if update is None else update.event))
    return sorted(rows, key=lambda row: bool(row["ended"]))


def accounts(view: View, now_ns: int) -> list[Json]:
    """Return what the venues say of our accounts, money exact."""
    return [
        {
            "account": name,
            "venue": account.event.venue,
            "currency": account.event.main.currency,
            "cash_total": account.event.main.total,
            "cash_available": account.event.main.available,
            "balances": [
                {"currency": each.currency}
                # In full: a coin's 8 decimals would be written as a power of ten.
                | {name: f"{getattr(each, name):f}" for name in ("total", "available", "borrowed")}
                for each in account.event.balances
            ],
            "open_orders": len(account.event.open_orders),
            "quoter_silent_ms": view.quoters.silent_ms(name, now_ns),
            "report": _report(view, name),
            **aged(account.age_ns(now_ns), ACCOUNT_STALE_NS),
        }
        for name, account in sorted(view.accounts.items())
    ]


def _report(view: View, account: str) -> Json | None:
    """Return what the watchdog last said of a dead quoter's orders."""
    report = view.quoters.reports.get(account)
    return {"said": report.said, "ts_ns": report.ts_ns} if report is not None else None


def adjustments(view: View, now_ns: int) -> list[Json]:
    """Return the corrections of the books: those that wait for a decision, then the newest others."""
    waiting = view.adjustments.waiting(now_ns)
    others = (each for each in view.adjustments.newest_first() if each not in waiting)
    return [adjustment_row(each, now_ns) for each in [*waiting, *islice(others, ADJUSTMENTS_SHOWN_MAX)]]


def bot_row(view: View, config: BotConfig, markets: list[Json], now_ns: int) -> Json:
    """Return one bot: what it should do, what it does, what it holds and what it has earned."""
    own = [row for row in markets if row["algo_id"] == config.algo_id]
    venue, account = view.place_of(config)
    currencies = dict.fromkeys(market.currency for row in own if (market := view.market(row["venue"], row["symbol"])))
    halts = list(
        view.halts.touching(algo_id=config.algo_id, venue=venue, account=account, currencies=tuple(currencies))
    )
    return {
        "algo_id": config.algo_id,
        "kind": config.kind,
        "state": _bot_state(view, config, own, bool(halts), now_ns),
        # A stop for loss is a halt: to a person the bot is not running, though its configuration says it should.
        "running": config.running and not halts,
        "configured_running": config.running,
        "revision": config.revision,
        "venue": venue,
        "account": account,
        **bot_part(config.kind, config.sections),
        "halts": [f"{halt.scope}:{halt.reason}" for halt in halts],
        "markets": len(own),
        "pnl": bot_pnl(view, config.algo_id, own, now_ns),
    }


def _bot_state(view: View, config: BotConfig, own: list[Json], halted: bool, now_ns: int) -> str:
    if halted:
        return "halted"
    if not config.running:
        return "stopped"
    risk = next((state for _, state in sorted(view.risk.items())), None)
    if risk is None or risk.age_ns(now_ns) > RISK_STALE_NS:
        return "no_risk"
    if not any(config.algo_id in state.event.bot_limits for state in view.risk.values()):
        return "no_limits"
    states = [row["state"] for row in own]
    return next((state for state in STATES_SHOWN if state in states), "waiting")


def bot_pnl(view: View, algo_id: str, own: list[Json], now_ns: int) -> Json | None:
    """Return a bot's profit in account currency: settled, at fair value on what it holds, and since 00:00 UTC.

    Risk's own figures where they are fresh; else the last position marked to the fair values of `own` rows.
    """
    position = view.positions.get(algo_id)
    stated = view.statistics.get(f"bot-{algo_id}")
    if stated is not None and (position is None or stated.age_ns(now_ns) <= STATISTICS_STALE_NS):
        figures = stated.event.figures
        # What risk does not state it does not know, for lack of an exchange rate.
        realized, unrealized = figures.get("pnl_realized"), figures.get("pnl_unrealized")
        age = aged(stated.age_ns(now_ns), STATISTICS_STALE_NS)
        unrated = position.event.unrated if position is not None else []
        today = figures.get("daily_pnl", _since_cutoff(view, algo_id, now_ns))
        return _pnl(realized, unrealized, today, figures.get("fees"), unrated, age)
    if position is None:
        return None
    marks = [_in_account_currency(view, algo_id, row) for row in own if row["position"] is not None]
    known = [mark for mark in marks if mark is not None]
    daily = [state.event.daily_pnl[algo_id] for state in view.risk.values() if algo_id in state.event.daily_pnl]
    whole = not position.event.unrated
    return _pnl(
        float(position.event.realized) if whole else None,
        sum(known) if len(known) == len(marks) else None,
        float(sum(daily)) if daily else None,
        float(position.event.fees) if whole else None,
        position.event.unrated,
        aged(position.age_ns(now_ns), POSITION_STALE_NS),
    )


def _since_cutoff(view: View, algo_id: str, now_ns: int) -> float | None:
    """Return what a spot bot has earned since its cutoff, by the rates that its own figures are converted with."""
    figures = view.figures.get(algo_id)
    if figures is None or figures.age_ns(now_ns) > STATISTICS_STALE_NS or figures.event.account_pnl is None:
        return None
    return float(figures.event.account_pnl)


def _in_account_currency(view: View, algo_id: str, row: Json) -> float | None:
    """Return what a market's position has earned, None where that is in another currency than the account's."""
    earned: float | None = row["position"]["pnl"]
    if not earned:
        return earned
    market, config = view.market(row["venue"], row["symbol"]), view.bots.get(algo_id)
    account = view.accounts.get(view.place_of(config.event)[1]) if config is not None else None
    if market is None or account is None:
        return earned
    return earned if market.currency == account.event.main.currency else None


def _pnl(
    realized: float | None,
    unrealized: float | None,
    daily: float | None,
    fees: float | None,
    unrated: Sequence[str],
    age: Json,
) -> Json:
    total = None if realized is None or unrealized is None else realized + unrealized
    figures = {"realized": realized, "unrealized": unrealized, "total": total, "daily": daily, "fees": fees}
    return {**figures, "unrated": list(unrated), **age}


def halt_row(view: View, halt: Halt) -> Json:
    """Return a halt in force, and what each account says of the orders in its scope."""
    return {
        "scope": halt.scope,
        "reason": halt.reason,
        "actor": halt.actor,
        "detail": halt.detail,
        "since_ns": halt.ts_ns,
        "keep_resting": not halt.empties and not halt.lifted,
        "accounts": [{"account": each.account, "said": each.said} for each in view.halts.outcomes(halt)],
    }


def halt_rows(view: View) -> list[Json]:
    """Return the halts in force; a service that stands still for its stores counts as one, whoever else knows of it."""
    rows = [halt_row(view, halt) for halt in view.halts.active()]
    if view.halts.standing is None:
        for name, health in view.surveillance.services.items():
            faults = [fault for fault in health.faults if fault.startswith(STANDS_STILL)]
            if faults:
                rows.append(
                    {
                        "scope": "global",
                        "reason": STORE_CHANGED,
                        "actor": name,
                        "detail": "; ".join(faults),
                        "since_ns": health.answered_ns,
                        "keep_resting": False,
                        "accounts": [],
                    }
                )
                break
    return rows


def recent_fills(view: View, count: int) -> list[tuple[int, Fill]]:
    """Return the last fills with their place in the stream, newest first."""
    return sorted(view.fills.items(), reverse=True)[:count]


def recent_alerts(view: View, count: int) -> list[tuple[int, Alert]]:
    """Return the last alerts with their sequence, newest first."""
    return sorted(view.alerts.items(), reverse=True)[:count]


def alerts_shown(view: View) -> list[tuple[int, Alert]]:
    """Return the last alerts with their sequence, newest first; executions and the like push no warning out."""
    warnings = view.blotter.warnings.newest(WARNINGS_SHOWN_MAX)
    notes = view.blotter.notes.newest(ALERTS_SHOWN_MAX - len(warnings))
    return sorted([*warnings, *notes], key=lambda each: each[0], reverse=True)


def fill_row(sequence: int, fill: Fill) -> Json:
    """Return an execution, price and fee exact."""
    return {
        "sequence": sequence,
        "ts_ns": fill.ts_event_ns or fill.ts_received_ns,
        "algo_id": fill.algo_id,
        "account": fill.account,
        "venue": fill.venue,
        "symbol": fill.symbol,
        "order_id": str(fill.order_id),
        "venue_trade_id": fill.venue_trade_id,
        "outcome": fill.outcome.value,
        "side": fill.side.value,
        "price": fill.price,
        "size": fill.quantity_lots,
        "lot": fill.instrument.lot_size,
        "base": fill.instrument.base if fill.instrument.kind is InstrumentKind.SPOT else "",
        "leaves": fill.leaves_lots,
        "liquidity": fill.liquidity.value,
        "fee": fill.fee,
        "fee_currency": fill.fee_currency,
        "currency": fill.currency,
    }


def _market_of(view: View, fill: Fill) -> Json:
    """Return what a person calls the market of a fill; it is known for a day after its end."""
    market = view.market(fill.venue, fill.symbol)
    return {"series": market.series, "expiry_ns": market.expiry_ns} if market else {"series": "", "expiry_ns": 0}


def alert_row(sequence: int, alert: Alert) -> Json:
    """Return something a person should know."""
    return {
        "sequence": sequence,
        "ts_ns": alert.ts_ns,
        "level": alert.level.value,
        "algo_id": alert.algo_id,
        "source": alert.source,
        "kind": alert.kind,
        "text": alert.text,
    }


def order_row(view: View, order: OrderUpdate, now_ns: int) -> Json:
    """Return an order; its id is text, because browsers round numbers of 63 bits."""
    market = view.market(order.venue, order.symbol)
    return {
        "order_id": str(order.order_id),
        "venue_order_id": order.venue_order_id,
        "algo_id": order.algo_id,
        "account": order.account,
        "venue": order.venue,
        "symbol": order.symbol,
        "outcome": order.outcome.value,
        "side": order.side.value,
        "price": order.price_ticks * market.tick_size if market is not None else None,
        "size": order.quantity_lots,
        "leaves": order.leaves_lots,
        "state": order.state.value,
        "reason": order.reason,
        "age_ms": max(0, now_ns - order.ts_received_ns) // NS_PER_MS,
    }
