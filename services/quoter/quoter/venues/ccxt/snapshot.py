"""Snapshots of the account behind ccxt: the balance of each currency, and what rests beside what we think rests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from common.clock import NS_PER_MS
from common.events import AlertLevel, Balance, OpenOrder

from quoter.venues.base import AccountSnapshot, OrderReport, SessionAlert
from quoter.venues.ccxt.account import Account
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.driving import Refused, Unclear
from quoter.venues.ccxt.orders import Known, OwnBook
from quoter.venues.ccxt.words import Money, WireOrder
from quoter.venues.conversation import Pause, Script
from quoter.venues.rest_account import FINAL_MS

TRIES_MAX = 5
TRY_PAUSE_MS = 500.0
ASKED_MAX = 20
"""Orders asked for one by one in one snapshot."""


class Snapshots:
    """Takes snapshots of one account, one at a time."""

    def __init__(self, dialect: Dialect, book: OwnBook, account: Account, now_ns: Callable[[], int]) -> None:
        self._dialect, self._book, self._account, self._now_ns = dialect, book, account, now_ns
        self.taken = 0

    def take(self, reason: str) -> Script[None]:
        """Ask what the account has; it counts only when nothing moved meanwhile."""
        for _ in range(TRIES_MAX):
            moved = self._book.moved
            living = [known for known in self._book.living() if known.seen]
            resting = yield from self._account.list_resting()
            odd = yield from self._compare(resting.rows, living)
            money = yield from self._account.rows(self._dialect.balances, "the list of balances")
            yield from self._account.fetch_newest()
            if not odd and moved == self._book.moved and self._account.settled and not self._book.untraded:
                if not resting.bad and not money.bad and not self._account.unread:
                    yield self._snapshot(reason, money.rows, resting.rows)
                return
            yield Pause(TRY_PAUSE_MS)

    def _compare(self, resting: Sequence[WireOrder], living: Sequence[Known]) -> Script[bool]:
        """Compare what rests with what we think rests, both ways, and ask about each difference.

        Returns whether there was one: the snapshot is of no single state then.
        """
        listed: set[int] = set()
        strange: list[WireOrder] = []
        ended: list[tuple[WireOrder, Known]] = []
        for wire in resting:
            known = self._book.find(wire.venue_order_id, wire.client_id)
            if known is None:
                strange.append(wire)
                continue
            listed.add(known.order_id)
            if known.state.terminal:
                ended.append((wire, known))
            else:
                yield from self._account.show(wire)
        yield from self._account.disown(strange)
        for wire, known in ended[:ASKED_MAX]:
            yield from self._ask_ended(wire, known)
        missing = [known for known in living if known.order_id not in listed and not known.state.terminal]
        for known in missing[:ASKED_MAX]:
            yield from self._ask_missing(known)
        return bool(strange or ended) or any(known.state.terminal for known in missing)

    def _ask_ended(self, wire: WireOrder, known: Known) -> Script[None]:
        """An order that had ended for us was listed: it may have ended since, or rest against the venue's own word."""
        now: WireOrder | None = wire
        try:
            now = yield from self._dialect.order(known.symbol, known.client_id, known.venue_order_id)
        except (Refused, Unclear) as error:
            yield from self._account.fault("no_answer", f"order {known.order_id}: {error}")
        if now is not None and not now.over:
            yield from self._account.disown([wire], f"was {known.state.value} for us")

    def _ask_missing(self, known: Known) -> Script[None]:
        old = self._now_ns() - known.sent_ns > FINAL_MS * NS_PER_MS
        told = yield from self._account.ask(known, final=old)
        if old and isinstance(told, OrderReport) and not told.state.terminal:
            text = f"order {known.order_id} is open by its own status and not in the list of open orders"
            yield SessionAlert(AlertLevel.WARNING, "order_not_listed", text)

    # --- the snapshot --------------------------------------------------------------------------------------------

    def _snapshot(self, reason: str, money: Sequence[Money], resting: Sequence[WireOrder]) -> AccountSnapshot:
        self.taken += 1
        balances: dict[str, Balance] = {}
        for each in money:
            # A venue may list what is one currency for us by several names, such as what is lent out.
            known = balances.get(each.currency)
            total, free = (known.total, known.available) if known else (Decimal(0), Decimal(0))
            balances[each.currency] = Balance(
                currency=each.currency, total=total + each.total, available=free + each.free
            )
        currency = self._dialect.currency
        main = balances.pop(currency, None) or Balance(currency=currency, total=Decimal(0), available=Decimal(0))
        return AccountSnapshot(
            main,
            [],
            list(self._open_orders(resting)),
            self._account.place,
            reason,
            self._now_ns(),
            others=[balances[name] for name in sorted(balances)],
        )

    def _open_orders(self, resting: Sequence[WireOrder]) -> Iterator[OpenOrder]:
        for wire in resting:
            known = self._book.find(wire.venue_order_id, wire.client_id)
            if known is not None:
                left = known.quantity_lots - known.executed_lots
                outcome = known.instrument.outcome
                yield OpenOrder(
                    known.order_id, known.venue_order_id, known.symbol, outcome, known.side, known.price_ticks, left
                )
