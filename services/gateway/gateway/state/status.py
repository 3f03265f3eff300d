"""The platform on one page for tools: the document `./mm status --json` prints."""

from __future__ import annotations

from gateway.kinds.parts import Json
from gateway.state.picture import accounts, bot_row, halt_rows, services, streams, traded_provenance
from gateway.state.rows import market_rows
from gateway.state.view import View

GATEWAY = "gateway"


def status(view: View, now_ns: int) -> Json:
    """Return services by name, a row per bot and symbol, and the halts in force.

    `position` is YES minus NO shares; `pnl` is what the held shares are worth at fair value less what they cost.
    A bot without any market has one row with an empty symbol, so that nobody looks for it in vain.
    """
    markets = market_rows(view, now_ns)
    bots = {
        algo_id: bot_row(view, stored.event, markets, now_ns)
        for algo_id, stored in sorted(view.bots.items())
        if not stored.event.removed
    }
    rows = [_row(market) for market in markets]
    quoted = {row["algo_id"] for row in rows}
    rows += [_idle(view, bot) for algo_id, bot in bots.items() if algo_id not in quoted]
    for row in rows:
        pnl = bots[row["algo_id"]]["pnl"] if row["algo_id"] in bots else None
        row["pnl_bot"] = pnl["total"] if pnl else None
        row["pnl_daily"] = pnl["daily"] if pnl else None
    faults = view.unready(now_ns)
    own_health = {"state": "unready" if faults else "ready", "faults": faults, "age_ms": 0}
    return {
        "provenance": traded_provenance(view, now_ns),
        "services": {**services(view, now_ns), GATEWAY: own_health},
        "bots": rows,
        "halts": halt_rows(view),
        "accounts": [
            {name: row[name] for name in ("account", "open_orders", "quoter_silent_ms", "report")}
            for row in accounts(view, now_ns)
        ],
        "streams": streams(view, now_ns),
    }


def _row(market: Json) -> Json:
    fair, position = market["fair"], market["position"]
    return {
        "algo_id": market["algo_id"],
        "symbol": market["symbol"],
        "state": market["state"],
        "reason": market["reason"],
        "price_source": market["price_source"],
        "lot": market["lot"],
        "base": market["base"],
        "bids": market["resting"]["bids"],
        "asks": market["resting"]["asks"],
        "position": position["net"] if position else None,
        "position_yes": position.get("yes") if position else None,
        "position_no": position.get("no") if position else None,
        "pnl": position["pnl"] if position else None,
        "fair": fair["value"] if fair else None,
        "fair_age_ms": fair["age_ms"] if fair else None,
        "seconds_left": market["seconds_left"],
    }


def _idle(view: View, bot: Json) -> Json:
    held = 0 if bot["algo_id"] in view.positions else None
    return {
        "algo_id": bot["algo_id"],
        "symbol": "",
        "state": bot["state"],
        "reason": ", ".join(bot["halts"]),
        "price_source": None,
        "lot": None,
        "base": "",
        "bids": [],
        "asks": [],
        "position": held,
        "position_yes": held,
        "position_no": held,
        "pnl": None,
        "fair": None,
        "fair_age_ms": None,
        "seconds_left": None,
    }
