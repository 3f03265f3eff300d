"""Every movement of money and shares, booked once, in whole micros, with its entry in the statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from exchange.market.accounts import ORDERS_KEPT, Account
from exchange.market.book import Match
from exchange.market.markets import Market
from exchange.market.matching import MatchType, Order, match_type
from exchange.market.money import (
    MICROS_PER_DOLLAR,
    MICROS_PER_TICK,
    PRICE_TEXT,
    TICKS_PER_DOLLAR,
    dollars_text,
    maker_rebate_micros,
    taker_fee_micros,
)
from exchange.market.orders import FILLED, AnyOrder
from exchange.market.tape import Fact, Ids, Tape

VENUE_ACCOUNT: Final = "venue"  # keeps the fees

EntryType = Literal["deposit", "trade", "mint", "merge", "split", "fee", "rebate", "settlement", "void"]


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Taker fee rate and the maker's share of it, in parts per million."""

    taker_rate_ppm: int = 72_000
    maker_rebate_share_ppm: int = 200_000


class Ledger:
    """Books fills, fees, pairs and payouts on accounts, and tells the tape."""

    def __init__(self, tape: Tape, ids: Ids, fees: FeeSchedule, orders_kept: int = ORDERS_KEPT) -> None:
        self.tape, self.ids, self.fees = tape, ids, fees
        self.accounts: dict[str, Account] = {}
        self._orders_kept = orders_kept
        self.account(VENUE_ACCOUNT)

    def account(self, name: str) -> Account:
        if (account := self.accounts.get(name)) is None:
            account = self.accounts[name] = Account(name, self._orders_kept)
        return account

    def post(
        self,
        account: Account,
        entry_type: EntryType,
        amount_micros: int,
        now_ns: int,
        *,
        market: str | None = None,
        yes: int = 0,
        no: int = 0,
        trade_id: int | None = None,
        order_id: int | None = None,
    ) -> None:
        """Change cash and shares of an account by one statement entry."""
        account.cash_micros += amount_micros
        if market is not None and (yes or no):
            position = account.position(market)
            position.yes += yes
            position.no += no
            assert position.yes >= position.yes_locked >= 0, (account.name, market)
            assert position.no >= position.no_locked >= 0, (account.name, market)
        assert account.cash_micros >= account.locked_micros >= 0, account.name
        sequence = account.next_sequence()
        entry = {
            "entry_id": str(self.ids.next("entry")),
            "account_sequence": sequence,
            "type": entry_type,
            "amount": dollars_text(amount_micros),
            "balance": dollars_text(account.cash_micros),
            "market": market,
            "yes_change": yes,
            "no_change": no,
            "trade_id": None if trade_id is None else str(trade_id),
            "order_id": None if order_id is None else str(order_id),
            "ts_ns": now_ns,
        }
        account.entries.add(sequence, entry)
        frame = {
            "type": "account",
            "account": account.name,
            "account_sequence": sequence,
            "entry": entry,
            "balance": account.balance_json(),
            "position": None if market is None else account.position_json(market),
        }
        self.tape.add(Fact("account", account.name, market, frame))

    def changed(self, order: AnyOrder, now_ns: int) -> None:
        """Tell the owner the order's newest state."""
        account = self.accounts[order.account]
        order.ts_ns = now_ns
        order.account_sequence = account.next_sequence()
        account.remember(order)
        frame = {
            "type": "order",
            "account": order.account,
            "account_sequence": order.account_sequence,
            "order": order.as_json(),
        }
        self.tape.add(Fact("orders", order.account, order.market, frame))

    def book_match(self, market: Market, taker: Order, match: Match[Order], now_ns: int) -> None:
        """Book one trade on both accounts, with fee and rebate, at the resting order's price."""
        trade_id = self.ids.next("trade")
        fee = taker_fee_micros(match.ticks, match.size, self.fees.taker_rate_ppm)
        rebate = maker_rebate_micros(fee, self.fees.maker_rebate_share_ppm)
        maker = match.maker
        kind = match_type(taker, maker)
        self.accounts[maker.account].unlock(maker, match.size)
        self._book_side(maker, match, kind, trade_id, "maker", -rebate, now_ns)
        self._book_side(taker, match, kind, trade_id, "taker", fee, now_ns)
        if fee != rebate:
            self.post(self.accounts[VENUE_ACCOUNT], "fee", fee - rebate, now_ns, market=market.id, trade_id=trade_id)
        market.last_ticks = match.ticks
        trade = {
            "type": "trade",
            "market": market.id,
            "trade_id": str(trade_id),
            "price": PRICE_TEXT[match.ticks],
            "size": match.size,
            "taker_side": "bid" if taker.buys_yes else "ask",
            "match_type": kind,
            "ts_ns": now_ns,
        }
        market.trades.append(trade)
        self.tape.add(Fact("trades", None, market.id, trade))
        self.tape.moved(market.id)

    def _book_side(
        self,
        order: Order,
        match: Match[Order],
        kind: MatchType,
        trade_id: int,
        liquidity: str,
        fee_micros: int,
        now_ns: int,
    ) -> None:
        account = self.accounts[order.account]
        ticks = match.ticks if order.outcome == "yes" else TICKS_PER_DOLLAR - match.ticks
        order_filled(order, match.size)
        sequence = account.next_sequence()
        fill = {
            "trade_id": str(trade_id),
            "order_id": str(order.order_id),
            "client_order_id": str(order.client_order_id),
            "market": order.market,
            "outcome": order.outcome,
            "side": order.side,
            "price": PRICE_TEXT[ticks],
            "size": match.size,
            "leaves": order.leaves,
            "liquidity": liquidity,
            "fee": dollars_text(fee_micros),
            "match_type": kind,
            "order_sequence": order.order_sequence,
            "account_sequence": sequence,
            "ts_ns": now_ns,
        }
        account.fills.add(sequence, fill)
        frame = {"type": "fill", "account": order.account, "account_sequence": sequence, "fill": fill}
        self.tape.add(Fact("fills", order.account, order.market, frame))
        self.changed(order, now_ns)

        sign = 1 if order.side == "bid" else -1
        shares = sign * match.size
        self.post(
            account,
            "trade" if kind == "transfer" else kind,
            -shares * ticks * MICROS_PER_TICK,
            now_ns,
            market=order.market,
            yes=shares if order.outcome == "yes" else 0,
            no=shares if order.outcome == "no" else 0,
            trade_id=trade_id,
            order_id=order.order_id,
        )
        if fee_micros:
            self.post(
                account,
                "fee" if fee_micros > 0 else "rebate",
                -fee_micros,
                now_ns,
                market=order.market,
                trade_id=trade_id,
                order_id=order.order_id,
            )

    def pay_out(self, market: Market, now_ns: int) -> None:
        """Exchange every share of a decided market for what it is worth; a void pays half for either outcome."""
        for name in sorted(self.accounts):
            account = self.accounts[name]
            position = account.positions.get(market.id)
            if position is None:
                continue
            yes, no = position.yes, position.no
            if market.result == "void":
                amount, entry_type = (yes + no) * MICROS_PER_DOLLAR // 2, "void"
            else:
                amount, entry_type = (yes if market.result == "yes" else no) * MICROS_PER_DOLLAR, "settlement"
            if yes or no:
                self.post(account, entry_type, amount, now_ns, market=market.id, yes=-yes, no=-no)  # type: ignore[arg-type]
            del account.positions[market.id]

    def pairs(self, market_id: str) -> int:
        """Open pairs of a market: its YES shares, which always equal its NO shares."""
        rows = [account.positions[market_id] for account in self.accounts.values() if market_id in account.positions]
        yes, no = sum(row.yes for row in rows), sum(row.no for row in rows)
        assert yes == no, (market_id, yes, no)
        return yes

    def total_micros(self) -> int:
        """All cash plus the dollar behind each open pair: equal to all deposits, always."""
        ids = sorted({market_id for account in self.accounts.values() for market_id in account.positions})
        cash = sum(account.cash_micros for account in self.accounts.values())
        return cash + sum(self.pairs(market_id) for market_id in ids) * MICROS_PER_DOLLAR


def order_filled(order: AnyOrder, size: int) -> None:
    """Take a fill into an order's own account of itself."""
    order.leaves -= size
    order.filled += size
    order.order_sequence += 1
    if order.leaves == 0:
        order.status = FILLED
