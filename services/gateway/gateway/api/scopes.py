"""Which scopes of halts there are: everything that contains something of ours."""

from __future__ import annotations

from gateway.state.view import View


def known_scopes(view: View) -> frozenset[str]:
    """Return every scope that contains something: a bot, an account or venue one trades at, a currency of theirs."""
    found = {"global"}
    venues = set(view.quoted_venues)
    for stored in view.bots.values():
        if not stored.event.removed:
            found.add(f"bot-{stored.event.algo_id}")
            venue, account = view.place_of(stored.event)
            venues.add(venue)
            found.add(f"account-{account}")
    for state in view.accounts.values():
        found |= {f"account-{state.event.account}", f"currency-{state.event.main.currency}"}
        venues.add(state.event.venue)
    found |= {f"bot-{order.algo_id}" for order in view.orders.open() if order.algo_id}
    found |= {f"currency-{market.currency}" for market in view.markets.values() if market.venue in venues}
    found |= {f"venue-{venue}" for venue in venues}
    return frozenset(scope for scope in found if not scope.endswith("-"))
