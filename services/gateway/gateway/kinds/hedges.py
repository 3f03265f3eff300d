"""Rows of hedges, of spot bots' figures and of currencies watched: exact numbers as text, what nobody knows as null."""

from __future__ import annotations

from decimal import Decimal

from common.events import HedgeUpdate, OrderCommand, RiskStatistics, SourcePrice, TradingStatistics

from gateway.kinds.parts import Json


def hedge_row(command: OrderCommand, update: HedgeUpdate | None) -> Json:
    """Return what a scope wants traded, and how far its holder is; `update` is of the same parent or None."""
    known = update is not None and update.parent_id == command.parent_id
    return {
        "scope": command.scope,
        "account": command.account,
        "instrument": command.instrument,
        "side": command.side.value,
        "quantity": plain(command.quantity),
        "style": command.style.value,
        "venues": list(dict.fromkeys(each.venue for each in command.venues)),
        "why": command.reason,
        "state": update.state.value if update is not None and known else "sent",
        "done": plain(update.done) if update is not None and known else "0",
        "open": plain(update.open) if update is not None and known else "0",
        "children": update.children if update is not None and known else 0,
        "waits_for": update.reason if update is not None and known else "",
        "ended": command.cancelled or (update is not None and known and update.state.ended),
    }


def figures_row(figures: TradingStatistics) -> Json:
    """Return what a spot bot has traded, holds and has earned since its last cutoff."""
    return {
        "algo_id": figures.algo_id,
        "since_ns": figures.start_ns,
        "quoter_net": plain(figures.quoter_net_qty),
        "hedger_net": plain(figures.hedger_net_qty),
        "position": plain(figures.current_position_size),
        "open_buy": plain(figures.open_buy_qty),
        "open_sell": plain(figures.open_sell_qty),
        "pnl": plain(figures.pnl),
        "fees": plain(figures.fees),
        "net_pnl": plain(figures.net_pnl),
        "currency": figures.term_currency,
        "account_pnl": plain(figures.account_pnl),
        "account_currency": figures.account_currency,
        "unrated": figures.unrated,
    }


def source_row(price: SourcePrice) -> Json:
    """Return a source price as it stands: both sides, the rate it was converted by, and why it cannot be used."""
    rate = price.fx
    return {
        "symbol": price.symbol,
        "bid": price.bid,
        "ask": price.ask,
        "fx": None
        if rate is None
        else {"symbol": rate.symbol, "bid": rate.bid, "ask": rate.ask, "inverse": rate.inverse},
        "unusable": price.unusable,
    }


def exposure_row(figures: RiskStatistics) -> Json:
    """Return the exposure of a currency that is watched: over all, at one exchange, or of one bot."""
    return {
        "currency_id": figures.currency_id,
        "currency": figures.currency,
        "exchange": figures.exchange,
        "algo_id": figures.algo_id,
        "position": plain(figures.current_position_size),
        "open_buy": plain(figures.open_buy_qty),
        "open_sell": plain(figures.open_sell_qty),
    }


def plain(number: Decimal | None) -> str | None:
    """Return a number in full, without zeros at its end and without a power of ten: 0.00000012, 1500."""
    if number is None:
        return None
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
