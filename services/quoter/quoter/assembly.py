"""One account's pure core with its venue's session: what the live service, the simulation and scripts all run."""

from __future__ import annotations

from quoter.orders.own_orders import Orders
from quoter.service import MESSAGES_PER_S, Quoter
from quoter.venues.degen.fallback import Fallback
from quoter.venues.degen.rest import ApiKey
from quoter.venues.degen.session import DegenSession
from quoter.venues.degen.timing import DEADMAN_MS
from quoter.venues.polymarket.session import POSITIONS_URL, PolymarketSession
from quoter.venues.polymarket.signing.ticket import Signer

VENUE = "degen"


def make_quoter(
    key: ApiKey,
    url: str,
    *,
    account: str = "mm1",
    seed: int = 0,
    messages_per_s: float = MESSAGES_PER_S,
    deadman_ms: int = DEADMAN_MS,
    fallback: Fallback = Fallback.CANCEL,
) -> Quoter:
    """Return the quoter of an account at the Degen Terminal."""
    orders = Orders()
    session = DegenSession(key, url, orders, seed, deadman_ms, fallback)
    return Quoter(account, VENUE, session, orders, messages_per_s)


def make_polymarket_quoter(
    signer: Signer,
    url: str,
    channel_url: str,
    *,
    account: str = "mm1",
    seed: int = 0,
    messages_per_s: float = MESSAGES_PER_S,
    positions_url: str = POSITIONS_URL,
    signature_type: int = 0,
    order_lifetime_s: int = 0,
) -> Quoter:
    """Return the quoter of an account at Polymarket."""
    orders = Orders()
    session = PolymarketSession(
        signer,
        url,
        channel_url,
        orders,
        seed,
        positions_url=positions_url,
        signature_type=signature_type,
        order_lifetime_s=order_lifetime_s,
    )
    return Quoter(account, session.name, session, orders, messages_per_s)
