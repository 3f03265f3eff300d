"""Spot orders behind the door: a ticket becomes an order that trades, rests or is refused; amendments."""

from __future__ import annotations

from collections.abc import Callable

from exchange.market.accounts import OPEN_ORDERS_MAX, Account
from exchange.market.book import Match
from exchange.market.money import amount_text
from exchange.market.orders import OPEN, Side
from exchange.market.refusals import Refusal
from exchange.market.tape import Fact
from exchange.market.trading import Trading, refuse_finished, refuse_known
from exchange.spot.ledger import SpotLedger
from exchange.spot.orders import SpotOrder, SpotTicket
from exchange.spot.restore import symbol_frame
from exchange.spot.symbols import SpotBook, Symbol
from exchange.spot.terms import SpotTerms


class OtherGrid(ValueError):
    """A symbol is configured with a grid that the orders in the journal do not fit."""


class SpotTrading:
    """The rules of who may put what into the books of the spot symbols."""

    def __init__(self, trading: Trading) -> None:
        self.trading = trading
        self.books = SpotLedger(trading.ledger)
        self.make_book: Callable[[SpotTerms], SpotBook] = lambda terms: SpotBook()

    def list_symbols(self, wanted: tuple[SpotTerms, ...], now_ns: int) -> None:
        """List exactly these symbols at a start; orders an earlier run left have ended before.

        Fees and minimums may differ from what the journal knows; another grid needs a symbol of another name, because
        orders that are kept could not be read with it.
        """
        known = self.trading.symbols
        for symbol in known.values():
            symbol.listed = False
        for terms in wanted:
            before = known.get(terms.symbol)
            if before is not None and not terms.same_grid(before.terms):
                rule = "an earlier run traded it with other currencies, tick or lot: give the new symbol another name"
                raise OtherGrid(f"symbol {terms.symbol}: {rule}")
            fresh = Symbol(terms, self.make_book(terms))
            if before is not None:
                fresh.trades, fresh.last_ticks = before.trades, before.last_ticks
            known[terms.symbol] = fresh
            if before is None or terms != before.terms:
                self.trading.ledger.tape.add(Fact("symbols", None, terms.symbol, symbol_frame(fresh, now_ns)))

    def place(self, account: Account, ticket: SpotTicket, now_ns: int, connection: int | None = None) -> SpotOrder:
        """Accept an order, trade what crosses, rest or cancel the remainder; raises a Refusal that changed nothing."""
        refuse_known(account, ticket.client_order_id)
        symbol = self.trading.symbol(ticket.symbol)
        order = SpotOrder(
            order_id=0,
            account=account.name,
            client_order_id=ticket.client_order_id,
            market=ticket.symbol,
            side=ticket.side,
            price_ticks=ticket.price_ticks,
            size=ticket.lots,
            leaves=ticket.lots,
            time_in_force=ticket.time_in_force,
            post_only=ticket.post_only,
            created_ns=now_ns,
            ts_ns=now_ns,
            connection=connection,
            terms=symbol.terms,
        )
        if len(account.open_orders) >= OPEN_ORDERS_MAX:
            raise Refusal("too_many_open_orders", f"at most {OPEN_ORDERS_MAX} open orders per account")
        _check_minimums(symbol.terms, order.price_ticks, order.size)
        self._check_entry(account, symbol, order, held_units=0)
        order.order_id = self.trading.ledger.ids.next("order")
        self.trading.ledger.changed(order, now_ns)
        self._enter(symbol, order, now_ns)
        return order

    def amend(self, order: SpotOrder, field: str, price_ticks: int | None, lots: int | None, now_ns: int) -> None:
        """Give a resting order another price or size, whole size with what is filled.

        One that is only made smaller keeps its place; any other change sends it to the end of its price's queue, and
        may trade at once. A Refusal leaves the order as it was. `field` is how the client named the order.
        """
        refuse_finished(order, field)
        price_ticks = order.price_ticks if price_ticks is None else price_ticks
        size = order.size if lots is None else lots
        if size <= order.filled:
            filled = order.terms.sizes.text(order.filled)
            raise Refusal("invalid_size", f"size must be above the {filled} that is filled: cancel instead", "size")
        if (price_ticks, size) == (order.price_ticks, order.size):
            return
        symbol, account = self.trading.symbol(order.market), self.trading.ledger.accounts[order.account]
        _check_minimums(symbol.terms, price_ticks, size)
        if price_ticks == order.price_ticks and size < order.size:
            self._make_smaller(account, symbol, order, order.size - size, now_ns)
            return
        before = order.price_ticks, order.size, order.leaves
        held_units = order.hold(order.leaves).units
        order.price_ticks, order.size, order.leaves = price_ticks, size, size - order.filled
        try:
            self._check_entry(account, symbol, order, held_units)
        except Refusal:
            order.price_ticks, order.size, order.leaves = before
            raise
        changed = order.price_ticks, order.size, order.leaves
        order.price_ticks, order.size, order.leaves = before
        symbol.book.remove(order)
        account.unlock(order, order.leaves)
        order.price_ticks, order.size, order.leaves = changed
        self.trading.ledger.tape.moved(symbol.id)
        self._publish_amended(order, now_ns)
        self._enter(symbol, order, now_ns)

    def _make_smaller(self, account: Account, symbol: Symbol, order: SpotOrder, by_lots: int, now_ns: int) -> None:
        symbol.book.reduce(order, by_lots)
        account.unlock(order, by_lots)
        order.size -= by_lots
        order.leaves -= by_lots
        self.trading.ledger.tape.moved(symbol.id)
        self._publish_amended(order, now_ns)

    def _publish_amended(self, order: SpotOrder, now_ns: int) -> None:
        order.order_sequence += 1
        self.trading.ledger.changed(order, now_ns)

    def _enter(self, symbol: Symbol, order: SpotOrder, now_ns: int) -> None:
        def book_match(match: Match[SpotOrder]) -> None:
            self.books.book_match(symbol, order, match, now_ns)

        self.trading.enter(symbol.book, order, book_match, now_ns)

    def _check_entry(self, account: Account, symbol: Symbol, order: SpotOrder, held_units: int) -> None:
        """Refuse an order that must not enter the book; `held_units` are what it already holds."""
        terms = symbol.terms
        if order.post_only and symbol.book.crosses(order):
            price = terms.prices.text(order.price_ticks)
            raise Refusal("would_cross", f"post_only order at {price} would trade at once", "post_only")
        if order.side == "ask":
            currency, needed = terms.base, order.leaves * terms.lot_units
        else:
            # p + fee(p) grows with p, so the cover holds for better prices too.
            ppm = terms.maker_fee_ppm if order.post_only else terms.taker_fee_ppm
            currency, needed = terms.quote, terms.cover_units(order.price_ticks, order.leaves, ppm)
        available = account.available(currency) + held_units
        if available < needed:
            texts = f"{amount_text(needed, currency)} needed, {amount_text(available, currency)} available"
            raise Refusal("insufficient_funds", f"an order must be covered in {currency}: {texts}", "size")

    def provide(self, account: Account, terms: SpotTerms, side: Side, price_ticks: int, lots: int, now_ns: int) -> None:
        """Give a simulated participant a hundred times what an order needs when he cannot cover it."""
        needed = terms.cover_units(price_ticks, lots, terms.taker_fee_ppm) if side == "bid" else lots * terms.lot_units
        currency = terms.quote if side == "bid" else terms.base
        if account.available(currency) < needed:
            self.books.post(account, "deposit", currency, 100 * needed, now_ns)

    def fill_at_own_price(self, maker: SpotOrder, counterparty: Account, lots: int, now_ns: int) -> None:
        """Let a counterparty, which is given what it needs, take a part of one resting order."""
        assert maker.status == OPEN, maker.order_id
        symbol, lots = self.trading.symbol(maker.market), min(lots, maker.leaves)
        terms = symbol.terms
        self.books.post(counterparty, "deposit", terms.base, lots * terms.lot_units, now_ns)
        cover = terms.cover_units(maker.price_ticks, lots, terms.taker_fee_ppm)
        self.books.post(counterparty, "deposit", terms.quote, cover, now_ns)
        number = self.trading.ledger.ids.next("order")
        taker = SpotOrder(
            order_id=number,
            account=counterparty.name,
            client_order_id=number,
            market=symbol.id,
            side="ask" if maker.side == "bid" else "bid",
            price_ticks=maker.price_ticks,
            size=lots,
            leaves=lots,
            time_in_force="ioc",
            post_only=False,
            created_ns=now_ns,
            ts_ns=now_ns,
            terms=terms,
        )
        self.trading.ledger.changed(taker, now_ns)
        symbol.book.reduce(maker, lots)
        self.books.book_match(symbol, taker, Match(maker, lots, maker.price_ticks), now_ns)


def _check_minimums(terms: SpotTerms, price_ticks: int, lots: int) -> None:
    if lots < terms.min_lots:
        raise Refusal("below_minimum", f"size must be at least {terms.min_size}", "size")
    if terms.notional_units(price_ticks, lots) < terms.min_notional_units:
        smallest = amount_text(terms.min_notional_units, terms.quote)
        raise Refusal("below_minimum", f"price × size must be at least {smallest} {terms.quote}", "size")
