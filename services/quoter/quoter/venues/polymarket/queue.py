"""Orders that wait to be sent to Polymarket: each until the cancels of its market are answered, and not for long."""

from __future__ import annotations

from quoter.venues.base import OrderRejected, Output, Outputs, Placement
from quoter.venues.conversation import Conversations, Script
from quoter.venues.held import HeldOrders
from quoter.venues.polymarket.account import Account
from quoter.venues.polymarket.entry import OrderEntry
from quoter.venues.polymarket.numbers import PRICE_UNITS
from quoter.venues.polymarket.orders import OwnBook
from quoter.venues.polymarket.signing.ticket import Signer, write
from quoter.venues.polymarket.words import PLACES_MAX


class OrderQueue(HeldOrders):
    """The orders held back, signed and sent when their turn has come."""

    def __init__(
        self,
        talks: Conversations[Output],
        entry: OrderEntry,
        account: Account,
        book: OwnBook,
        signer: Signer,
        lifetime_s: int,
    ) -> None:
        super().__init__()
        self._talks, self._entry, self._account, self._book = talks, entry, account, book
        self._signer, self._lifetime_s = signer, lifetime_s

    def flush(self, now_ns: int, *, may_place: bool) -> Outputs:
        """Send the held orders whose market has no cancel under way; give up those that waited too long."""
        if not self._held:
            return
        if not may_place:
            yield from self.give_up("no session, or no heartbeat")
            return
        ready = [item for item in (yield from self.ready(now_ns, self._entry.busy)) if isinstance(item, Placement)]
        documents: list[tuple[Placement, bytes]] = []
        for place in ready:
            refused = self._written(place, documents)
            if refused is not None:
                yield refused
                yield from self._learn(place.symbol, now_ns)
        for first in range(0, len(documents), PLACES_MAX):
            some = documents[first : first + PLACES_MAX]
            if self._talks.full:
                for place, _ in some:
                    yield OrderRejected(place.order_id, "busy", "too many requests open")
                continue
            yield from self._talks.begin("place", self._entry.placing_script(some), now_ns)

    def _written(self, place: Placement, documents: list[tuple[Placement, bytes]]) -> OrderRejected | None:
        """Sign an order and add it to those that go out, or say why it cannot."""
        details = self._account.details.get(place.symbol)
        if details is None:
            return OrderRejected(place.order_id, "market_unknown", "its details are being asked for")
        if place.tick_size and place.tick_size * PRICE_UNITS != details.tick_units:
            self._account.details.pop(place.symbol, None)
            return OrderRejected(place.order_id, "tick_size_changed", f"priced on a tick of {place.tick_size}")
        ticket = write(place, details, self._lifetime_s)
        if isinstance(ticket, str):
            return OrderRejected(place.order_id, ticket, "")
        signed = self._signer.sign(ticket)
        self._book.add(place, details, signed.order_hash)
        documents.append((place, signed.document))
        return None

    def _learn(self, symbol: str, now_ns: int) -> Outputs:
        """Ask for the details of a market that are not known, once at a time."""
        name = f"market {symbol}"
        if symbol in self._account.details or self._talks.open(name):
            return []
        return self._talks.begin(name, self._learning(symbol), now_ns)

    def _learning(self, symbol: str) -> Script[None]:
        yield from self._account.learn(symbol)
