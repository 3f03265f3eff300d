"""The life of markets as a venue lists them, told once per change."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from common.clock import NS_PER_S
from common.events import Market, MarketStatus
from msgspec.structs import replace

from feed.messages import Listing

MARKETS_MAX = 10_000
"""Markets remembered per venue; the oldest finished ones go first."""
UNLISTED_NS = 3_600 * NS_PER_S
"""A finished market that the venue lists no more is forgotten so long after its end."""
GIVE_UP_NS = 7 * 86_400 * NS_PER_S
"""A market without a result is waited for so long."""
END_GRACE_NS = NS_PER_S
"""An open market ends by the clock so long after its end, where the venue has not said so itself."""
RENEW_NS = 12 * 3_600 * NS_PER_S
"""A living market is told again this often, because a stream may forget what was not told for a day."""

_ORDER = {
    MarketStatus.LISTED: 0,
    MarketStatus.OPEN: 1,
    MarketStatus.CLOSED: 2,
    MarketStatus.RESOLVED: 3,
    MarketStatus.VOIDED: 3,
}


class Markets:
    """Every market of one venue that has been published.

    Stream and REST both describe markets and may overtake each other, so a description older than the one in hand,
    or one that would take a market with an expiry back to an earlier status, changes nothing.
    """

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._known: dict[str, Market] = {}
        self.refused = 0
        """Descriptions that contradicted an earlier, final one."""

    def __len__(self) -> int:
        return len(self._known)

    def status(self, symbol: str) -> MarketStatus | None:
        """Return where a market is in its life; None when it was never listed."""
        known = self._known.get(symbol)
        return known.status if known else None

    def in_status(self, *statuses: MarketStatus) -> list[str]:
        """Return the symbols in these statuses, in order of listing."""
        return [symbol for symbol, market in self._known.items() if market.status in statuses]

    def on_listing(self, listing: Listing, received_ns: int, epoch: int) -> Market | None:
        """Return the event to publish, None when nothing changed."""
        market = _market(self._venue, listing, received_ns, epoch)
        known = self._known.get(listing.symbol)
        if known is not None:
            if _facts(known) == _facts(market):
                return None
            if listing.ts_event_ns < known.ts_event_ns or _goes_back(known, market):
                return None
            if known.status.over:
                self.refused += 1
                return None
        self._known[listing.symbol] = market
        if len(self._known) > MARKETS_MAX:
            self._forget_one()
        return market

    def forget(self, symbol: str) -> None:
        """Forget what was published of a market, so that its next description is news again."""
        self._known.pop(symbol, None)

    def renew(self, now_ns: int) -> list[Market]:
        """Return the living markets that were last told too long ago."""
        due = [
            replace(market, ts_received_ns=now_ns)
            for market in self._known.values()
            if not market.status.over and now_ns - market.ts_received_ns >= RENEW_NS
        ]
        self._known.update({market.symbol: market for market in due})
        return due

    def undecided(self, venue_ns: int) -> list[Market]:
        """Return the markets that had ended by a time and have no result yet, in order of listing."""
        return [
            market for market in self._known.values() if not market.status.over and 0 < market.expiry_ns <= venue_ns
        ]

    def close_ended(self, venue_ns: int, now_ns: int, epoch: int) -> list[Market]:
        """Return the markets past their end of which nobody has said so: a list that cannot be read ends nothing."""
        ended = [
            replace(
                market, epoch=epoch, status=MarketStatus.CLOSED, ts_event_ns=market.expiry_ns, ts_received_ns=now_ns
            )
            for market in self.undecided(venue_ns - END_GRACE_NS)
            if market.status is not MarketStatus.CLOSED
        ]
        self._known.update({market.symbol: market for market in ended})
        return ended

    def close_unlisted(self, listed: Collection[str], venue_ns: int, now_ns: int, epoch: int) -> list[Market]:
        """Return what never expires and was not in the venue's list at a time, closed; it may be listed again."""
        unlisted = [symbol for symbol, market in self._known.items() if not market.expiry_ns and symbol not in listed]
        closed = [self.close(symbol, venue_ns, now_ns, epoch) for symbol in unlisted]
        return [market for market in closed if market is not None]

    def close(self, symbol: str, venue_ns: int, now_ns: int, epoch: int) -> Market | None:
        """Return what never expires closed, since the venue does not list it at a time; None when that is no news."""
        market = self._known.get(symbol)
        if market is None or market.status is MarketStatus.CLOSED or market.ts_event_ns > venue_ns:
            return None
        closed = replace(market, epoch=epoch, status=MarketStatus.CLOSED, ts_event_ns=venue_ns, ts_received_ns=now_ns)
        self._known[symbol] = closed
        return closed

    def forget_finished(self, listed: Collection[str], venue_ns: int) -> Iterator[str]:
        """Forget finished markets that the venue lists no more; gives their symbols.

        One without a result is not forgotten for its absence: venues leave decided markets out of their list.
        """
        gone = [
            symbol
            for symbol, market in self._known.items()
            if symbol not in listed and market.status.over and venue_ns > market.expiry_ns + UNLISTED_NS
        ]
        for symbol in gone:
            del self._known[symbol]
            yield symbol

    def give_up(self, venue_ns: int) -> list[Market]:
        """Forget and return the markets whose result was waited for in vain; what they came to is for a person."""
        lost = self.undecided(venue_ns - GIVE_UP_NS)
        for market in lost:
            del self._known[market.symbol]
        return lost

    def _forget_one(self) -> None:
        oldest = next((symbol for symbol, market in self._known.items() if market.status.over), next(iter(self._known)))
        del self._known[oldest]


def _goes_back(known: Market, market: Market) -> bool:
    """Say whether a description is of an earlier part of a market's life; what never expires may begin again."""
    return bool(known.expiry_ns) and _ORDER[market.status] < _ORDER[known.status]


def _market(venue: str, listing: Listing, received_ns: int, epoch: int) -> Market:
    return Market(
        epoch=epoch,
        venue=venue,
        symbol=listing.symbol,
        kind=listing.kind,
        status=listing.status,
        underlying=listing.underlying,
        series=listing.series,
        title=listing.title,
        strike=listing.strike,
        tie_rule=listing.tie_rule,
        tick_size=listing.tick_size,
        lot_size=listing.lot_size,
        min_lots=listing.min_lots,
        open_ns=listing.open_ns,
        expiry_ns=listing.expiry_ns,
        result="void" if listing.status is MarketStatus.VOIDED else listing.result,
        settlement_price=listing.settlement_price,
        ts_event_ns=listing.ts_event_ns,
        ts_received_ns=received_ns,
        settlement=listing.settlement,
        settlement_window_s=listing.settlement_window_s,
        settlement_source=listing.settlement_source,
        settlement_step=listing.settlement_step,
        base=listing.base,
        currency=listing.currency,
        min_notional=listing.min_notional,
        fees=listing.fees,
    )


def _facts(market: Market) -> tuple[object, ...]:
    """Return what makes a market worth telling again: everything but when it was told."""
    return (
        market.status,
        market.strike,
        market.tie_rule,
        market.kind,
        market.base,
        market.currency,
        market.tick_size,
        market.lot_size,
        market.min_lots,
        market.min_notional,
        market.fees,
        market.open_ns,
        market.expiry_ns,
        market.result,
        market.settlement_price,
        market.title,
        market.settlement,
        market.settlement_window_s,
        market.settlement_source,
        market.settlement_step,
    )
