"""What a configuration may name: the exchanges, currencies and bots that this platform has now."""

from __future__ import annotations

from common.bots import Known
from common.bots.spot import AccountRisk, CurrencyScope
from common.instruments import CurrencyPair, CurrencyPairs, InstrumentKind

from gateway.state.view import View


def known_to(view: View) -> Known:
    """Return what the markets, accounts and documents of a platform say there is."""
    spot = [each for each in view.markets.values() if each.kind is InstrumentKind.SPOT and each.base]
    markets = {market.symbol: CurrencyPair(market.base, market.currency) for market in spot}
    currencies = {currency for pair in markets.values() for currency in pair}
    currencies |= {balance.currency for account in view.accounts.values() for balance in account.event.balances}
    for (kind, _), stored in view.documents.items():
        for model, field in ((AccountRisk, "account_currency"), (CurrencyScope, "currency")):
            if kind == model.type and field in stored.event.document and not stored.event.removed:
                currencies.add(str(stored.event.document[field]).strip().upper())
    bots = [algo_id for algo_id, stored in view.bots.items() if not stored.event.removed]
    return Known(view.exchanges, CurrencyPairs(markets, currencies), bots)
