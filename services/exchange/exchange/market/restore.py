"""From journal facts back to accounts, orders and markets, and from those to the facts of a fresh journal."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.market.accounts import Account
from exchange.market.ledger import Ledger
from exchange.market.lifecycle import Lifecycle, Mid, closing_fact
from exchange.market.markets import Market
from exchange.market.matching import Order
from exchange.market.money import signed_micros_of, ticks_of
from exchange.market.tape import Json
from exchange.market.trading import Trading
from exchange.spot.restore import (
    balance_rows,
    entry_facts,
    restore_balances,
    restore_entry,
    restore_spot_order,
    restore_symbol,
    restore_trade,
    symbol_facts,
)


def restore_fact(fact: Json, ledger: Ledger, trading: Trading, lifecycle: Lifecycle) -> int | None:
    """Apply one fact; returns when it happened, in ns, where it says so."""
    match fact["type"]:
        case "order":
            account = ledger.account(fact["account"])
            if "symbol" in fact["order"]:
                return restore_spot_order(fact["order"], account, trading)
            return _order(fact["order"], account)
        case "fill":
            account, fill = ledger.account(fact["account"]), fact["fill"]
            account.fills.add(fill["account_sequence"], fill)
            account.sequence = max(account.sequence, fill["account_sequence"])
            return int(fill["ts_ns"])
        case "account":
            return _entry(fact["entry"], ledger.account(fact["account"]))
        case "balance":
            return restore_entry(fact["entry"], ledger.account(fact["account"]))
        case "symbol":
            restore_symbol(fact["symbol"], trading)
            return int(fact["ts_ns"])
        case "spot_trade":
            return restore_trade(fact, trading)
        case "state":
            _state(fact, ledger.account(fact["account"]))
            return None
        case "market":
            return _market(fact, trading)
        case "trade":
            if (market := trading.markets.get(fact["market"])) is not None:
                market.trades.append(fact)
                market.last_ticks = ticks_of(fact["price"])
            return int(fact["ts_ns"])
        case "mid":
            lifecycle.mids[fact["asset"]] = Mid(int(fact["units"]), fact["ts_ns"], fact["ts_ns"])
            return int(fact["ts_ns"])
        case "closing":
            trading.markets[fact["market"]].closing_units = int(fact["units"])
            return None
        case "ids":
            kind, reserved = fact["kind"], fact["reserved"]
            ledger.ids.reserved[kind] = max(ledger.ids.reserved[kind], reserved)
            return None
    raise ValueError(f"journal fact of unknown type {fact['type']!r}")


def _order(body: Json, account: Account) -> int:
    ticks = ticks_of(body["price"])
    assert ticks is not None, body["price"]
    order = Order(
        order_id=int(body["order_id"]),
        account=account.name,
        client_order_id=int(body["client_order_id"]),
        market=body["market"],
        side=body["side"],
        outcome=body["outcome"],
        price_ticks=ticks,
        size=body["size"],
        leaves=body["leaves"],
        time_in_force=body["time_in_force"],
        post_only=body["post_only"],
        created_ns=body["created_ns"],
        ts_ns=body["ts_ns"],
        filled=body["filled"],
        status=body["status"],
        reason=body["reason"],
        order_sequence=body["order_sequence"],
        account_sequence=body["account_sequence"],
    )
    account.remember(order)
    account.sequence = max(account.sequence, order.account_sequence)
    return order.ts_ns


def _entry(entry: Json, account: Account) -> int:
    account.entries.add(entry["account_sequence"], entry)
    account.sequence = max(account.sequence, entry["account_sequence"])
    account.cash_micros = signed_micros_of(entry["balance"])
    if (market := entry["market"]) is not None:
        position = account.position(market)
        position.yes += entry["yes_change"]
        position.no += entry["no_change"]
        if not position.yes and not position.no:
            del account.positions[market]
    return int(entry["ts_ns"])


def _state(fact: Json, account: Account) -> None:
    account.sequence = fact["sequence"]
    account.cash_micros = fact["cash_micros"]
    account.positions.clear()
    for market, yes, no in fact["positions"]:
        position = account.position(market)
        position.yes, position.no = yes, no
    restore_balances(fact.get("balances", []), account)
    account.fills.trimmed_to = fact["fills_trimmed_to"]
    account.entries.trimmed_to = fact["entries_trimmed_to"]


def _market(fact: Json, trading: Trading) -> int:
    market = Market.from_json(fact["market"])
    if (known := trading.markets.get(market.id)) is not None:
        market.trades = known.trades
    trading.markets[market.id] = market
    return int(fact["ts_ns"])


def facts_of(ledger: Ledger, trading: Trading, lifecycle: Lifecycle, now_ns: int) -> Iterator[Json]:
    """The state as facts; restoring them gives the same accounts, orders, histories and markets."""
    for kind, reserved in ledger.ids.reserved.items():
        yield {"type": "ids", "kind": kind, "reserved": reserved}
    for market in trading.markets.values():
        yield {"type": "market", "market": market.as_json(), "ts_ns": now_ns}
        if market.status == "CLOSED" and market.closing_units is not None:
            yield closing_fact(market)
        yield from market.trades
    yield from symbol_facts(trading, now_ns)
    for asset, mid in lifecycle.mids.items():
        yield {"type": "mid", "asset": asset, "units": str(mid.units), "ts_ns": mid.ts_ns}
    for account in ledger.accounts.values():
        for _, fill in account.fills.rows:
            yield {"type": "fill", "account": account.name, "fill": fill}
        for _, entry in account.entries.rows:
            yield {"type": "account", "account": account.name, "entry": entry}
        yield from entry_facts(account)
        for order in account.by_order_id.values():
            yield {"type": "order", "account": account.name, "order": order.as_json()}
        # Last, so that it has the final word where the kept history no longer sums up.
        yield {
            "type": "state",
            "account": account.name,
            "sequence": account.sequence,
            "cash_micros": account.cash_micros,
            "positions": [[market, row.yes, row.no] for market, row in account.positions.items()],
            "balances": balance_rows(account),
            "fills_trimmed_to": account.fills.trimmed_to,
            "entries_trimmed_to": account.entries.trimmed_to,
        }
