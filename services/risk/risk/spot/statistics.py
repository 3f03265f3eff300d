"""What a spot bot has traded, holds and has earned since its cutoff, by its sides; and the exposures of currencies.

Each instrument has its own average cost. What hedges traded is in the bot's term currency at the rate of each fill;
what is held counts at the price and the rate of now. What nobody can say is None, and no rate is ever taken to be 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec
from common.events import Market, OrderUpdate, RiskStatistics, TradingStatistics
from common.instruments import BUY

from risk.hedging.counting import Figure
from risk.hedging.terms import Scope
from risk.ledger.positions import ZERO, canonical, in_full, rounded_product
from risk.ledger.sides import Side, Sides
from risk.spot.documents import MarketOf
from risk.spot.rates import Rates

StatisticsT = TypeVar("StatisticsT", TradingStatistics, RiskStatistics)


@dataclass
class Earned:
    """A bot's profit since its cutoff, in its term currency; None where a part of it is not known."""

    cost: Decimal = ZERO
    """Of all that is held."""
    pnl: Decimal | None = ZERO
    """Before fees."""
    fees: Decimal = ZERO
    """Without those that no rate is known for."""
    net_pnl: Decimal | None = ZERO
    unrated: set[str] = field(default_factory=set)
    """Currencies without a rate to the term currency."""


class Open(NamedTuple):
    """Quantities that open orders may still trade."""

    buy: Decimal
    sell: Decimal


def earned_by(sides: Sides, term: str, mark: Decimal | None, rates: Rates, now_ns: int) -> Earned:
    """Return what a bot has earned; `mark` is the price of its own instrument.

    Quotes bought 2 BTC at 9,000,000 JPY and hedges sold 1 at 60,000 USD, with 150 JPY a dollar then. At 9,060,000, and
    60,100 with 151 now: (18,120,000 - 18,000,000) + (9,000,000 - 60,100 x 151) = 120,000 - 75,100 = 44,900 JPY.
    """
    found = Earned()
    pnl: list[Decimal | None] = []
    for side in sides.by_key.values():
        into = rates.rate(side.term, term, now_ns)
        if into is None and (side.cost or side.realized):
            found.unrated.add(side.term)
            pnl.append(None)
            continue
        into = into or ZERO
        cost = rounded_product(side.cost, into)
        found.cost += cost
        worth = _worth(side, term, mark, rates, now_ns)
        if worth is None:
            found.unrated.add(side.base)
        pnl.append(None if worth is None else rounded_product(side.realized, into) + worth - cost)
    for currency, paid in sides.unrated.items():
        spent = _converted(paid, currency, term, rates, now_ns)
        if spent is None:
            found.unrated.add(currency)
        pnl.append(None if spent is None else -spent)
    known_fees = True
    for currency, fee in sides.fees.items():
        taken = _converted(fee, currency, term, rates, now_ns)
        if taken is None:
            found.unrated.add(currency)
            known_fees = False
        else:
            found.fees += taken
    found.pnl = _sum(pnl)
    found.net_pnl = found.pnl - found.fees if found.pnl is not None and known_fees else None
    return found


def _worth(side: Side, term: str, mark: Decimal | None, rates: Rates, now_ns: int) -> Decimal | None:
    """Return what is held on a side in the term currency, at the price and rate of now; None without them."""
    net = side.net
    if not net:
        return ZERO
    if side.key.of_hedger or side.currency != term:
        price = rates.mid(side.key.venue, side.key.symbol, now_ns)
        rate = rates.rate(side.currency, term, now_ns)
    else:
        price, rate = mark, rates.rate(term, term, now_ns)
    if price is None or rate is None:
        return None
    return rounded_product(rounded_product(net, price * side.multiplier), rate)


def _converted(amount: Decimal, currency: str, term: str, rates: Rates, now_ns: int) -> Decimal | None:
    """Return an amount in the term currency; nothing is nothing without a rate too."""
    if not amount:
        return ZERO
    rate = rates.rate(currency, term, now_ns)
    return None if rate is None else rounded_product(amount, rate)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return canonical(total)


def open_of_bot(algo_id: str, market: Market, orders: Iterable[OrderUpdate]) -> Open:
    """Return what a bot's quotes and orders that take out may still trade in its market; hedges are not in it."""
    buy = sell = 0
    for order in orders:
        if order.algo_id != algo_id or order.parent_id or (order.venue, order.symbol) != (market.venue, market.symbol):
            continue
        if order.side is BUY:
            buy += order.leaves_lots
        else:
            sell += order.leaves_lots
    return Open(canonical(buy * market.lot_size), canonical(sell * market.lot_size))


def trading_statistics(
    algo_id: str,
    sides: Sides,
    market: Market,
    open_: Open | None,
    rates: Rates,
    account_currency: str,
    ledger_sequence: int,
    epoch: int,
    now_ns: int,
) -> TradingStatistics:
    """Return a bot's figures; None for `open_` while nobody can say it."""
    base, term = market.base, market.currency
    mark = rates.mark(algo_id, market.venue, market.symbol, now_ns)
    earned = earned_by(sides, term, mark, rates, now_ns)
    into = rates.rate(term, account_currency, now_ns)
    net_pnl = earned.net_pnl
    quoted, hedged = _quoted(sides, base), _hedged(sides, base)
    told = TradingStatistics(
        algo_id=algo_id,
        start_ns=sides.start_ns,
        open_buy_qty=open_ and open_.buy,
        open_sell_qty=open_ and open_.sell,
        quoter_bot_qty=quoted.buy,
        quoter_sld_qty=quoted.sell,
        hedger_bot_qty=hedged.buy,
        hedger_sld_qty=hedged.sell,
        quoter_net_qty=sides.quoter_net(base),
        hedger_net_qty=sides.hedger_net(base),
        current_position_size=sides.position(base),
        position_cost=canonical(earned.cost),
        position_market_price=mark,
        pnl=earned.pnl,
        account_pnl=None if net_pnl is None or into is None else rounded_product(net_pnl, into),
        net_pnl=net_pnl,
        fees=canonical(earned.fees),
        term_currency=term,
        account_currency=account_currency,
        unrated=sorted(earned.unrated),
        ledger_sequence=ledger_sequence,
        epoch=epoch,
        ts_ns=now_ns,
    )
    return _in_full(told)


def _in_full(told: StatisticsT) -> StatisticsT:
    figures = {name: getattr(told, name) for name in told.__struct_fields__}
    return msgspec.structs.replace(
        told, **{name: in_full(figure) for name, figure in figures.items() if isinstance(figure, Decimal)}
    )


def _quoted(sides: Sides, base: str) -> Open:
    own = [side for side in sides.by_key.values() if not side.key.of_hedger and side.base == base]
    return Open(_total(side.bought for side in own), _total(side.sold for side in own))


def _hedged(sides: Sides, base: str) -> Open:
    """Return what hedges bought and sold; by the money where they are paid in the bot's base currency."""
    bought, sold = [], []
    for side in sides.by_key.values():
        if side.key.of_hedger:
            in_term = base == side.currency != side.base
            bought.append(side.sold_for if in_term else side.bought)
            sold.append(side.bought_for if in_term else side.sold)
    return Open(_total(bought), _total(sold))


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return canonical(sum(amounts, start=ZERO))


# --- currencies -----------------------------------------------------------------------------------------------------


def risk_statistics(
    currency_id: str,
    scope: Scope,
    exchange: str,
    figure: Figure,
    open_: Open | None,
    ledger_sequence: int,
    epoch: int,
    now_ns: int,
) -> RiskStatistics | None:
    """Return the exposure of a currency document, None while nobody can say it."""
    if figure.value is None:
        return None
    told = RiskStatistics(
        currency_id=currency_id,
        currency=scope.currency,
        exchange=exchange,
        algo_id=scope.algo_id,
        open_buy_qty=open_ and open_.buy,
        open_sell_qty=open_ and open_.sell,
        current_position_size=figure.value,
        ledger_sequence=ledger_sequence,
        epoch=epoch,
        ts_ns=now_ns,
    )
    return _in_full(told)


def open_of_currencies(
    scopes: Mapping[str, Scope], orders: Iterable[OrderUpdate], market_of: MarketOf
) -> dict[str, Open]:
    """Return by currency_id what open orders, hedges too, may add to each currency and take from it.

    An order to buy 2 BTC/USD at 60,000 may add 2 to BTC and take 120,000 from USD; one to sell the other way round.
    """
    added = {currency_id: [ZERO, ZERO] for currency_id in scopes}
    for order in orders:
        market = market_of(order.venue, order.symbol)
        if market is None or not market.base:
            continue
        for currency, change in _changes(order, market):
            for currency_id, scope in scopes.items():
                if scope.currency == currency and _in_scope(scope, order):
                    added[currency_id][change < 0] += abs(change)
    return {currency_id: Open(canonical(buy), canonical(sell)) for currency_id, (buy, sell) in added.items()}


def _changes(order: OrderUpdate, market: Market) -> Iterator[tuple[str, Decimal]]:
    quantity = order.side.sign * order.leaves_lots * market.lot_size
    yield market.base, quantity
    yield market.currency, -quantity * order.price_ticks * market.tick_size * market.multiplier


def _in_scope(scope: Scope, order: OrderUpdate) -> bool:
    return scope.venue in ("", order.venue) and scope.algo_id in ("", order.algo_id)
