"""What the numbers are: paper or real money, and prices that are live, a replay's or a model's; unknown is unknown."""

from __future__ import annotations

from collections.abc import Iterable

from common.events import Market
from common.provenance import UNKNOWN, Provenance, provenance

from gateway.state.ages import FEED_STALE_NS
from gateway.state.view import View


def money_at(view: View, venue: str, now_ns: int) -> str:
    """Return 'paper', 'real' or 'unknown': what the venue's feed says now."""
    feed = view.feeds.get(venue)
    if feed is None or feed.age_ns(now_ns) > FEED_STALE_NS:
        return UNKNOWN
    return feed.event.money.value


def price_source_of(view: View, market: Market | None, now_ns: int) -> str:
    """Return what drives a market's underlying: 'live', 'replay', 'model' or 'unknown'."""
    feed = view.feeds.get(market.venue) if market is not None else None
    if market is None or feed is None or feed.age_ns(now_ns) > FEED_STALE_NS:
        return UNKNOWN
    return feed.event.price_sources.get(market.underlying, UNKNOWN)


def over(view: View, venues: Iterable[str], now_ns: int) -> Provenance:
    """Return money and price sources of the venues where we trade."""
    named = sorted(set(venues))
    fresh = [feed for venue in named if (feed := view.feeds.get(venue)) and feed.age_ns(now_ns) <= FEED_STALE_NS]
    return provenance(
        [money_at(view, venue, now_ns) for venue in named],
        [source for feed in fresh for source in feed.event.price_sources.values()],
    )
