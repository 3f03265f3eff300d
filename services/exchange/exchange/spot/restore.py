"""From journal facts back to spot orders, balances and trades, and from those to the facts of a fresh journal."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.market.accounts import Account
from exchange.market.money import DOLLAR, signed_units_of
from exchange.market.tape import Json
from exchange.market.trading import Trading
from exchange.spot.orders import SpotOrder
from exchange.spot.symbols import Symbol
from exchange.spot.terms import SpotTerms


class UnknownTerms(ValueError):
    """The journal has an order for a symbol whose terms it does not state."""


def restore_symbol(body: Json, trading: Trading) -> None:
    """Take the terms of a symbol; its orders and trades follow in the journal."""
    terms = SpotTerms.from_json(body)
    symbol = Symbol(terms)
    if (known := trading.symbols.get(terms.symbol)) is not None:
        symbol.trades, symbol.last_ticks = known.trades, known.last_ticks
    trading.symbols[terms.symbol] = symbol


def restore_trade(fact: Json, trading: Trading) -> int:
    """Take a public trade; returns when it happened."""
    if (symbol := trading.symbols.get(fact["symbol"])) is not None:
        symbol.trades.append(fact)
        symbol.last_ticks = symbol.terms.prices.steps_of(fact["price"])
    return int(fact["ts_ns"])


def restore_spot_order(body: Json, account: Account, trading: Trading) -> int:
    """Take an order's newest state; returns when that was."""
    if (symbol := trading.symbols.get(body["symbol"])) is None:
        raise UnknownTerms(f"order {body['order_id']}: the journal states no terms of {body['symbol']}")
    terms = symbol.terms
    price_ticks, size = terms.prices.steps_of(body["price"]), terms.sizes.steps_of(body["size"])
    assert price_ticks is not None, body["price"]
    assert size is not None, body["size"]
    order = SpotOrder(
        order_id=int(body["order_id"]),
        account=account.name,
        client_order_id=int(body["client_order_id"]),
        market=body["symbol"],
        side=body["side"],
        price_ticks=price_ticks,
        size=size,
        leaves=terms.sizes.steps_of(body["leaves"]) or 0,
        time_in_force=body["time_in_force"],
        post_only=body["post_only"],
        created_ns=body["created_ns"],
        ts_ns=body["ts_ns"],
        filled=terms.sizes.steps_of(body["filled"]) or 0,
        status=body["status"],
        reason=body["reason"],
        order_sequence=body["order_sequence"],
        account_sequence=body["account_sequence"],
        terms=terms,
    )
    account.remember(order)
    account.sequence = max(account.sequence, order.account_sequence)
    return order.ts_ns


def restore_entry(entry: Json, account: Account) -> int:
    """Take a statement entry of a currency; returns when it was booked."""
    currency, sequence = entry["currency"], entry["account_sequence"]
    account.statement(currency).add(sequence, entry)
    account.sequence = max(account.sequence, sequence)
    account.add(currency, signed_units_of(entry["balance"], currency) - account.total(currency))
    return int(entry["ts_ns"])


def restore_balances(rows: list[list[object]], account: Account) -> None:
    """Take what a `state` fact says of the currencies that are not the dollar."""
    for currency, units, trimmed_to in rows:
        balance = account.balance(str(currency))
        balance.units, balance.entries.trimmed_to = int(str(units)), int(str(trimmed_to))


def symbol_facts(trading: Trading, now_ns: int) -> Iterator[Json]:
    """The symbols and their kept trades as facts; they come before the orders for them."""
    for symbol in trading.symbols.values():
        yield symbol_frame(symbol, now_ns)
        yield from symbol.trades


def entry_facts(account: Account) -> Iterator[Json]:
    """The kept entries of the currencies that are not the dollar as facts."""
    for currency, balance in account.balances.items():
        assert currency != DOLLAR
        for _, entry in balance.entries.rows:
            yield {"type": "balance", "account": account.name, "entry": entry}


def balance_rows(account: Account) -> list[list[object]]:
    """What `restore_balances` takes back."""
    return [[name, row.units, row.entries.trimmed_to] for name, row in account.balances.items()]


def symbol_frame(symbol: Symbol, now_ns: int) -> Json:
    """A symbol as it stands: a frame of channel `symbols`, and what the journal keeps of it."""
    return {"type": "symbol", "symbol": symbol.as_json(), "ts_ns": now_ns}
