"""What anybody may ask over REST: a token for a key, the clock, markets, books and trades."""

from __future__ import annotations

from typing import Final

from exchange.entry import parse
from exchange.entry.keys import LIFETIME_DEFAULT_S, LIFETIME_MAX_S, LIFETIME_MIN_S
from exchange.entry.session import BOOK_DEPTH
from exchange.market.markets import STATUSES
from exchange.market.refusals import Refusal
from exchange.rest.report import info
from exchange.rest.request import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Call, Reply

_LOGIN: Final = frozenset({"api_key", "api_secret", "lifetime_s"})


def log_in(call: Call) -> Reply:
    body = call.body()
    parse.only(body, _LOGIN)
    lifetime_s = parse.integer(body, "lifetime_s", LIFETIME_MIN_S, LIFETIME_MAX_S, LIFETIME_DEFAULT_S)
    token, grant = call.venue.keyring.login(body.get("api_key"), body.get("api_secret"), lifetime_s, call.now_ns)
    return 200, {
        "token": token,
        "token_type": "Bearer",
        "expires_ns": grant.expires_ns,
        "account": grant.key.account,
        "scopes": list(grant.key.scopes),
    }


def venue_time(call: Call) -> Reply:
    return 200, {"ts_ns": call.now_ns}


def venue_info(call: Call) -> Reply:
    return 200, {**info(call.venue), "ts_ns": call.now_ns}


def list_markets(call: Call) -> Reply:
    call.allow("status", "asset")
    status, asset = call.query.get("status"), call.query.get("asset")
    if status is not None and status not in STATUSES:
        raise Refusal("invalid_field", f"status must be one of {', '.join(STATUSES)}", "status")
    found = [
        market
        for market in call.venue.trading.markets.values()
        if status in (None, market.status) and asset in (None, market.asset)
    ]
    found.sort(key=lambda market: (market.expiry_ns, market.id))
    markets = [market.as_json() for market in found]
    return 200, {"markets": markets, "price_sources": call.venue.source.assets, "ts_ns": call.now_ns}


def one_market(call: Call) -> Reply:
    return 200, {"market": call.venue.trading.market(call.path["market"]).as_json(), "ts_ns": call.now_ns}


def order_book(call: Call) -> Reply:
    call.allow("depth")
    depth = parse.query_integer(call.query, "depth", 1, 99, BOOK_DEPTH)
    market = call.venue.trading.market(call.path["market"])
    bids, asks = market.book.levels(depth)
    book = {"market": market.id, "sequence": market.book.sequence, "bids": bids, "asks": asks}
    return 200, {**book, "ts_ns": call.now_ns}


def newest_trades(call: Call) -> Reply:
    call.allow("limit")
    market = call.venue.trading.market(call.path["market"])
    limit = parse.query_integer(call.query, "limit", 1, PAGE_ITEMS_MAX, PAGE_ITEMS_DEFAULT)
    newest = [
        {name: value for name, value in trade.items() if name not in ("type", "market")}
        for trade in reversed(market.trades)
    ]
    return 200, {"market": market.id, "trades": newest[:limit], "ts_ns": call.now_ns}
