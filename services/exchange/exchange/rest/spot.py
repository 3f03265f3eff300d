"""What the venue says of its spot symbols, and of the currencies an account has."""

from __future__ import annotations

from exchange.entry import parse
from exchange.entry.session import BOOK_DEPTH
from exchange.market.money import DOLLAR
from exchange.market.refusals import Refusal
from exchange.rest.request import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Call, Reply

DEPTH_MAX = 1_000


def list_symbols(call: Call) -> Reply:
    call.allow()
    symbols = [symbol.as_json() for symbol in call.venue.trading.symbols.values() if symbol.listed]
    return 200, {"symbols": symbols, "price_sources": call.venue.source.assets, "ts_ns": call.now_ns}


def one_symbol(call: Call) -> Reply:
    return 200, {"symbol": call.venue.trading.symbol(call.path["symbol"]).as_json(), "ts_ns": call.now_ns}


def order_book(call: Call) -> Reply:
    call.allow("depth")
    depth = parse.query_integer(call.query, "depth", 1, DEPTH_MAX, BOOK_DEPTH)
    symbol = call.venue.trading.symbol(call.path["symbol"])
    bids, asks = symbol.levels(depth)
    book = {"symbol": symbol.id, "sequence": symbol.book.sequence, "bids": bids, "asks": asks}
    return 200, {**book, "ts_ns": call.now_ns}


def newest_trades(call: Call) -> Reply:
    call.allow("limit")
    symbol = call.venue.trading.symbol(call.path["symbol"])
    limit = parse.query_integer(call.query, "limit", 1, PAGE_ITEMS_MAX, PAGE_ITEMS_DEFAULT)
    newest = [
        {name: value for name, value in trade.items() if name not in ("type", "symbol")}
        for trade in reversed(symbol.trades)
    ]
    return 200, {"symbol": symbol.id, "trades": newest[:limit], "ts_ns": call.now_ns}


def amend(call: Call) -> Reply:
    body = call.body()
    for name in call.path:
        if name in body:
            raise Refusal("invalid_field", f"{name} stands in the path", name)
    return 200, call.venue.order_entry.amend(call.granted, {**body, **call.path}, call.now_ns)


def balances(call: Call) -> Reply:
    account = call.account
    rows = [account.currency_json(currency) for currency in (DOLLAR, *sorted(account.balances))]
    return 200, {
        "account": account.name,
        "balances": rows,
        "account_sequence": account.sequence,
        "ts_ns": call.now_ns,
    }


def known_currency(call: Call, currency: str) -> str:
    """A currency something at the venue is traded in; refused when it is none."""
    currencies = call.venue.currencies()
    if currency not in currencies:
        raise Refusal("invalid_field", f"currency must be one of {', '.join(currencies)}", "currency")
    return currency
