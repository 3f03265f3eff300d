"""One market of one bot as a row: time left, fair value, book, target, what rests, what is held and its worth."""

from __future__ import annotations

from typing import TypeAlias

from common.clock import NS_PER_S
from common.events import Market, MarketStatus, QuoteLevel
from common.instruments import Instrument, InstrumentKind, Side

from gateway.kinds.parts import Held, Json, held_in
from gateway.kinds.registry import MARKETS, axis_price, price_part
from gateway.state.ages import FAIR_STALE_NS, FEED_STALE_NS, POSITION_STALE_NS, TARGET_STALE_NS, aged
from gateway.state.ladders import Ladder
from gateway.state.provenance import price_source_of
from gateway.state.view import View

Key: TypeAlias = tuple[str, str, str]
"""(algo_id, venue, symbol)"""

ROWS_MAX = 60
"""Rows in one picture; markets nearest to their expiry come first."""


def market_rows(view: View, now_ns: int) -> list[Json]:
    """Return a row for every market that a bot quotes, rests in or holds, next expiry first."""
    resting = view.ladders()
    lines = held_lines(view)
    keys = [
        *view.targets,
        *resting,
        *[key for key, line in lines.items() if line.yes_lots or line.no_lots],
        *[key for key in view.fairs if _is_open(view, key)],
    ]
    # An order that only the account's snapshot shows, in a market no bot quotes, belongs to no row.
    rows = [_row(view, key, resting.get(key), lines.get(key), now_ns) for key in dict.fromkeys(keys) if key[0]]
    rows.sort(key=lambda row: (row["expiry_ns"] or 1 << 63, row["algo_id"], row["symbol"]))
    return rows[:ROWS_MAX]


def held_lines(view: View) -> dict[Key, Held]:
    """Return what is held by (algo_id, venue, symbol)."""
    return {
        (algo_id, held.venue, held.symbol): held
        for algo_id, position in view.positions.items()
        for held in held_in(position.event)
    }


def _is_open(view: View, key: Key) -> bool:
    market = view.market(key[1], key[2])
    return market is not None and market.status is MarketStatus.OPEN


def _row(view: View, key: Key, ladder: Ladder | None, line: Held | None, now_ns: int) -> Json:
    algo_id, venue, symbol = key
    market = view.market(venue, symbol)
    state, reason = row_state(view, key, now_ns)
    return {
        "algo_id": algo_id,
        "venue": venue,
        "symbol": symbol,
        "kind": _kind(market).value,
        "state": state,
        "reason": reason,
        **_life(view, market, venue, now_ns),
        "price_source": price_source_of(view, market, now_ns),
        "fair": _fair(view, key, now_ns),
        "book": _book(view, venue, symbol, now_ns),
        "target": _target(view, key, market, now_ns),
        "resting": {
            "bids": ladder.levels(Side.BUY) if ladder else [],
            "asks": ladder.levels(Side.SELL) if ladder else [],
            "orders": ladder.orders if ladder else 0,
            "unknown": ladder.unknown if ladder else 0,
        },
        "position": _position(view, key, line, market, now_ns),
    }


def row_state(view: View, key: Key, now_ns: int) -> tuple[str, str]:
    """Return what a bot does in a market now, and why when it does not quote."""
    algo_id = key[0]
    config = view.bots.get(algo_id)
    instrument = config.event.sections.get("instrument", {}) if config is not None else {}
    market = view.market(key[1], key[2])
    halts = view.halts.touching(
        algo_id=algo_id,
        venue=key[1] or str(instrument.get("venue", "")),
        account=str(instrument.get("account", "")),
        currencies=(market.currency,) if market is not None else (),
    )
    halt = next(halts, None)
    if halt is not None:
        return "halted", f"{halt.scope}:{halt.reason}"
    if config is None or config.event.removed:
        return "removed", "no such bot is configured"
    if not config.event.running:
        return "stopped", "stopped by a person"
    target = view.targets.get(key)
    if target is None:
        if view.place_of(config.event)[0] not in ("", key[1]):
            return "hedging", "the bot's hedges are traded here"
        return "waiting", "no target yet"
    if target.age_ns(now_ns) > TARGET_STALE_NS:
        if market is not None and market.status.over:
            return "over", f"decided: {market.result}" if market.result else "decided"
        if market is not None and 0 < market.expiry_ns <= view.venue_now_ns(key[1], now_ns):
            return "over", "ended, no result yet"
        return "stale", "the quoter has not renewed its target"
    return target.event.state or "quoting", target.event.reason


def _kind(market: Market | None) -> InstrumentKind:
    """Return what is traded there; a market that nobody has listed is taken for one with two outcomes."""
    return InstrumentKind.BINARY if market is None else market.kind


def _instrument(market: Market | None) -> Instrument | None:
    """Return what a market's price axis prices; None where its terms are not known, so that nothing can be marked."""
    try:
        return None if market is None else market.instrument()
    except ValueError:
        return None


def _life(view: View, market: Market | None, venue: str, now_ns: int) -> Json:
    if market is None:
        return {
            "title": "",
            "status": "unknown",
            "underlying": "",
            "series": "",
            "strike": None,
            "tick": None,
            "lot": None,
            "base": "",
            "open_ns": 0,
            "expiry_ns": 0,
            "seconds_left": None,
            "elapsed": None,
        }
    venue_now_ns = view.venue_now_ns(venue, now_ns)
    life_ns = market.expiry_ns - market.open_ns
    return {
        "title": market.title,
        "status": market.status.value,
        "underlying": market.underlying,
        "series": market.series,
        "strike": float(market.strike) if market.strike is not None else None,
        "tick": float(market.tick_size),
        "lot": float(market.lot_size),
        "base": market.base if market.kind is InstrumentKind.SPOT else "",
        "open_ns": market.open_ns,
        "expiry_ns": market.expiry_ns,
        "seconds_left": max(0.0, (market.expiry_ns - venue_now_ns) / NS_PER_S) if market.expiry_ns else None,
        "elapsed": min(1.0, max(0.0, (venue_now_ns - market.open_ns) / life_ns)) if life_ns > 0 else None,
    }


def _fair(view: View, key: Key, now_ns: int) -> Json | None:
    fair = view.fairs.get(key)
    if fair is None:
        return None
    return price_part(fair.event) | aged(fair.age_ns(now_ns), FAIR_STALE_NS)


def _book(view: View, venue: str, symbol: str, now_ns: int) -> Json | None:
    top, feed = view.tops.get((venue, symbol)), view.feeds.get(venue)
    if top is None:
        return None
    # A quiet book is not stale: its connection is, when nothing arrives on it.
    deaf = (
        feed is None
        or feed.age_ns(now_ns) > FEED_STALE_NS
        or not feed.event.connected
        or symbol in feed.event.stale_symbols
    )
    event = top.event
    return {
        "bid": event.bid or None,
        "ask": event.ask or None,
        "bid_size": event.bid_size,
        "ask_size": event.ask_size,
        "age_ms": top.age_ns(now_ns) // 1_000_000,
        "stale": deaf,
    }


def _target(view: View, key: Key, market: Market | None, now_ns: int) -> Json | None:
    target = view.targets.get(key)
    if target is None or market is None:
        return None

    def prices(levels: list[QuoteLevel]) -> list[tuple[float, int]]:
        return [(float(level.price_ticks * market.tick_size), level.quantity_lots) for level in levels]

    return {
        "bids": prices(target.event.bids),
        "asks": prices(target.event.asks),
        "skew": target.event.skew,
        **aged(target.age_ns(now_ns), TARGET_STALE_NS),
    }


def _position(view: View, key: Key, line: Held | None, market: Market | None, now_ns: int) -> Json | None:
    position = view.positions.get(key[0])
    if position is None:
        return None
    age, part = aged(position.age_ns(now_ns), POSITION_STALE_NS), MARKETS[_kind(market)]
    if line is None:
        return {**part.lots(None), "cost": 0.0, "fees": 0.0, "value": 0.0, "pnl": 0.0, "fills": 0, **age}
    fair, instrument = view.fairs.get(key), _instrument(market)
    value = None if fair is None or instrument is None else part.worth(line, axis_price(fair.event), instrument)
    return {
        **part.lots(line),
        "cost": float(line.cost),
        "fees": float(line.fees),
        "value": value,
        "pnl": None if value is None else value - float(line.cost),
        "fills": line.fills,
        **age,
    }
