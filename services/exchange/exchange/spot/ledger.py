"""Every movement of money by a spot trade, booked once in whole units of its currency, with its statement entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from exchange.market.accounts import Account
from exchange.market.book import Match
from exchange.market.ledger import VENUE_ACCOUNT, Ledger, order_filled
from exchange.market.money import DOLLAR, amount_text, decimals_of
from exchange.market.tape import Fact
from exchange.spot.orders import SpotOrder
from exchange.spot.symbols import Symbol

SpotEntryType = Literal["deposit", "trade", "fee", "rebate", "transfer"]


class Fee(NamedTuple):
    """What is taken of a fill; negative for a rebate."""

    currency: str
    units: int


def no_rate(currency: str, other: str, now_ns: int) -> float:
    """What the rate of two currencies is where nobody knows one."""
    raise ValueError(f"nobody knows what {currency} costs in {other}")


def worth_units(units: int, currency: str, other: str, rate: float) -> int:
    """Return what an amount is worth in another currency, in units of it, rounded up.

    3 dollars are 3,000,000 units; at a rate of 1/600 BNB a dollar they are 0.005 BNB, so 500,000 units.
    """
    numerator, denominator = rate.as_integer_ratio()
    scaled: int = units * numerator * 10 ** decimals_of(other)
    per_unit: int = denominator * 10 ** decimals_of(currency)
    return -(-scaled // per_unit)


class SpotLedger:
    """Books deposits of currencies, fills and their fees on the accounts of the venue's ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.rate: Callable[[str, str, int], float] = no_rate
        """What a currency costs in another at a time; asked where fees are in a third currency."""

    def post(
        self,
        account: Account,
        entry_type: SpotEntryType,
        currency: str,
        units: int,
        now_ns: int,
        *,
        symbol: str | None = None,
        trade_id: int | None = None,
        order_id: int | None = None,
        transfer_id: str | None = None,
    ) -> None:
        """Change what an account has of a currency by one statement entry."""
        account.add(currency, units)
        assert account.total(currency) >= account.total(currency) - account.available(currency) >= 0, account.name
        sequence = account.next_sequence()
        entry = {
            "entry_id": str(self.ledger.ids.next("entry")),
            "account_sequence": sequence,
            "type": entry_type,
            "amount": amount_text(units, currency),
            "balance": amount_text(account.total(currency), currency),
            "market": None,
            "yes_change": 0,
            "no_change": 0,
            "trade_id": None if trade_id is None else str(trade_id),
            "order_id": None if order_id is None else str(order_id),
            "ts_ns": now_ns,
            "currency": currency,
            "symbol": symbol,
        }
        if transfer_id is not None:
            entry["transfer_id"] = transfer_id
        if currency == DOLLAR:
            kind, balance = "account", account.balance_json()
        else:
            # Of its own type: who knows dollars only must not take this amount for dollars.
            del entry["market"], entry["yes_change"], entry["no_change"]
            kind, balance = "balance", account.currency_json(currency)
        account.statement(currency).add(sequence, entry)
        frame = {
            "type": kind,
            "account": account.name,
            "account_sequence": sequence,
            "entry": entry,
            "balance": balance,
        }
        if currency == DOLLAR:
            frame["position"] = None
        self.ledger.tape.add(Fact("account", account.name, None, frame))

    def book_match(self, symbol: Symbol, taker: SpotOrder, match: Match[SpotOrder], now_ns: int) -> None:
        """Book one trade on both accounts at the resting order's price, with both fees; the venue keeps their sum."""
        terms, maker = symbol.terms, match.maker
        trade_id = self.ledger.ids.next("trade")
        maker_fee = self._fee(maker, match, terms.maker_fee_ppm, now_ns)
        taker_fee = self._fee(taker, match, terms.taker_fee_ppm, now_ns)
        self.ledger.accounts[maker.account].unlock(maker, match.size)
        self._book_side(maker, match, trade_id, "maker", maker_fee, now_ns)
        self._book_side(taker, match, trade_id, "taker", taker_fee, now_ns)
        kept = {maker_fee.currency: maker_fee.units}
        kept[taker_fee.currency] = kept.get(taker_fee.currency, 0) + taker_fee.units
        for currency, units in kept.items():
            if units:
                venue = self.ledger.accounts[VENUE_ACCOUNT]
                self.post(venue, "fee", currency, units, now_ns, symbol=symbol.id, trade_id=trade_id)
        symbol.last_ticks = match.ticks
        trade = {
            "type": "spot_trade",
            "symbol": symbol.id,
            "trade_id": str(trade_id),
            "price": terms.prices.text(match.ticks),
            "size": terms.sizes.text(match.size),
            "taker_side": taker.side,
            "ts_ns": now_ns,
        }
        symbol.trades.append(trade)
        self.ledger.tape.add(Fact("spot_trades", None, symbol.id, trade))
        self.ledger.tape.moved(symbol.id)

    def _fee(self, order: SpotOrder, match: Match[SpotOrder], ppm: int, now_ns: int) -> Fee:
        """What one side pays: in the third currency where there is one and the account has enough of it."""
        terms = order.terms
        units = terms.fee_units(match.ticks, match.size, ppm)
        if terms.fee_currency and units > 0:
            worth = worth_units(
                units, terms.quote, terms.fee_currency, self.rate(terms.quote, terms.fee_currency, now_ns)
            )
            if self.ledger.accounts[order.account].available(terms.fee_currency) >= worth:
                return Fee(terms.fee_currency, worth)
        return Fee(terms.quote, units)

    def _book_side(
        self, order: SpotOrder, match: Match[SpotOrder], trade_id: int, liquidity: str, fee: Fee, now_ns: int
    ) -> None:
        account, terms = self.ledger.accounts[order.account], order.terms
        order_filled(order, match.size)
        sequence = account.next_sequence()
        fill = {
            "trade_id": str(trade_id),
            "order_id": str(order.order_id),
            "client_order_id": str(order.client_order_id),
            "symbol": order.market,
            "side": order.side,
            "price": terms.prices.text(match.ticks),
            "size": terms.sizes.text(match.size),
            "leaves": terms.sizes.text(order.leaves),
            "liquidity": liquidity,
            "fee": amount_text(fee.units, fee.currency),
            "fee_currency": fee.currency,
            "order_sequence": order.order_sequence,
            "account_sequence": sequence,
            "ts_ns": now_ns,
        }
        account.fills.add(sequence, fill)
        frame = {"type": "fill", "account": order.account, "account_sequence": sequence, "fill": fill}
        self.ledger.tape.add(Fact("fills", order.account, order.market, frame))
        self.ledger.changed(order, now_ns)

        bought = 1 if order.side == "bid" else -1
        paid = bought * terms.notional_units(match.ticks, match.size)
        moves: list[tuple[SpotEntryType, str, int]] = [
            ("trade", terms.base, bought * match.size * terms.lot_units),
            ("trade", terms.quote, -paid),
        ]
        if fee.units:
            moves.append(("fee" if fee.units > 0 else "rebate", fee.currency, -fee.units))
        for entry_type, currency, units in moves:
            self.post(
                account,
                entry_type,
                currency,
                units,
                now_ns,
                symbol=order.market,
                trade_id=trade_id,
                order_id=order.order_id,
            )
