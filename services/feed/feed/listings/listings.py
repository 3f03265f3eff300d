"""What one venue's markets come to for others: told once per change, ended in time, and never lost without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from common.clock import NS_PER_S
from common.core import Effect
from common.events import AlertLevel, Market

from feed.listings.markets import Markets
from feed.messages import Dropped, Listing, SymbolList, Unlisted
from feed.notices import ALERT_EVERY_NS, Notices

RENEW_EVERY_NS = 60 * NS_PER_S
LEFT_OUT_MAX = 200
"""Reasons kept of markets that are left out; the oldest go first."""
LEFT_OUT_EVERY_NS = 3_600 * NS_PER_S
"""The same market left out for the same reason is told again this often."""
LATE_NS = 1_800 * NS_PER_S
"""A market without a result so long after its end is told to a person, and again while it lasts."""
LATE_EVERY_NS = 600 * NS_PER_S
NAMED_MAX = 5
"""Markets named in one alert."""


class Listings:
    """The markets of one venue: those told, those left out and why, and those that wait for their result."""

    def __init__(self, venue: str, notices: Notices) -> None:
        self.markets = Markets(venue)
        self.left_out: dict[str, str] = {}
        """Why, by market, for those that cannot be used as the venue describes them."""
        self.dropped = 0
        """Rows that could not be used."""
        self._notices = notices
        self._told: dict[str, str] = {}
        """What was left out and why, as far as a person has been told."""
        self._renewed_ns = 0

    def on_listing(self, listing: Listing, now_ns: int, epoch: int) -> Market | None:
        """Return the event to publish, None when nothing changed."""
        self.left_out.pop(listing.symbol, None)
        self._told.pop(listing.symbol, None)
        return self.markets.on_listing(listing, now_ns, epoch)

    def on_dropped(self, dropped: Dropped, epoch: int, now_ns: int, effects: list[Effect]) -> str:
        """Count a row that cannot be used and tell why; returns the same for the venue's note."""
        self.dropped += 1
        what = dropped.symbol[:80] or "a row"
        if dropped.symbol:
            _keep(self.left_out, what, dropped.reason)
        text = f"{what} is left out: {dropped.reason}"
        if self.markets.status(dropped.symbol) is not None:
            text = f"{what} cannot be read any more and is used on its last known terms: {dropped.reason}"
        known = self._told.get(what) == dropped.reason
        every_ns = LEFT_OUT_EVERY_NS if known else ALERT_EVERY_NS
        in_all = f" ({len(self.left_out)} left out in all)" if len(self.left_out) > 1 else ""
        if self._notices.alert("left_out", text + in_all, epoch, now_ns, effects, every_ns=every_ns):
            _keep(self._told, what, dropped.reason)
        return text

    def on_unlisted(self, gone: Unlisted, epoch: int, now_ns: int, effects: list[Effect]) -> Market | None:
        """Return a configured symbol closed that the venue lists no more; one that it never listed is alerted."""
        if self.markets.status(gone.symbol) is None:
            self.on_dropped(Dropped(gone.symbol, "the venue lists no such symbol"), epoch, now_ns, effects)
        return self.markets.close(gone.symbol, gone.ts_ns, now_ns, epoch)

    def waiting(self, venue_ns: int) -> list[str]:
        """Return the markets past their end that are not decided."""
        return [market.symbol for market in self.markets.undecided(venue_ns)]

    def after_list(self, listed: Collection[str], venue_ns: int) -> list[str]:
        """Return the finished markets that the venue lists no more; they are forgotten."""
        return list(self.markets.forget_finished(listed, venue_ns))

    def after_symbols(self, listed: SymbolList, now_ns: int, epoch: int) -> list[Market]:
        """Return the symbols that the venue lists no more, closed; one whose row cannot be read is still listed."""
        names = {row.symbol for row in listed.rows}
        # A row without a name may be that of any symbol.
        return [] if "" in names else self.markets.close_unlisted(names, listed.ts_ns, now_ns, epoch)

    def due(self, venue_ns: int, now_ns: int, epoch: int, effects: list[Effect]) -> list[Market]:
        """Return what must be told by the clock: markets that have ended, and living ones told too long ago."""
        events = self.markets.close_ended(venue_ns, now_ns, epoch)
        if now_ns - self._renewed_ns >= RENEW_EVERY_NS:
            self._renewed_ns = now_ns
            events += self.markets.renew(now_ns)
        self._alert(venue_ns, now_ns, epoch, effects)
        return events

    def _alert(self, venue_ns: int, now_ns: int, epoch: int, effects: list[Effect]) -> None:
        late = self.markets.undecided(venue_ns - LATE_NS)
        if late:
            text = f"without a result more than {LATE_NS // NS_PER_S // 60} minutes after their end: {_names(late)}"
            self._notices.alert("undecided", text, epoch, now_ns, effects, every_ns=LATE_EVERY_NS)
        lost = self.markets.give_up(venue_ns)
        if lost:
            text = f"given up without a result, for a person to find out: {_names(lost)}"
            self._notices.alert("given_up", text, epoch, now_ns, effects, AlertLevel.CRITICAL, every_ns=0)


def _keep(reasons: dict[str, str], what: str, reason: str) -> None:
    """Keep a reason as the newest of at most LEFT_OUT_MAX."""
    reasons.pop(what, None)
    reasons[what] = reason
    if len(reasons) > LEFT_OUT_MAX:
        del reasons[next(iter(reasons))]


def _names(markets: Iterable[Market]) -> str:
    symbols = [market.symbol for market in markets]
    more = f" and {len(symbols) - NAMED_MAX} more" if len(symbols) > NAMED_MAX else ""
    return f"{', '.join(symbols[:NAMED_MAX])}{more}"
