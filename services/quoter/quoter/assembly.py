"""One account's pure core with its venue's session: what the live service, the simulation and scripts all run."""

from __future__ import annotations

from quoter.orders import Orders
from quoter.service import MESSAGES_PER_S, Quoter
from quoter.venues.degen import DegenSession
from quoter.venues.degen_fallback import Fallback
from quoter.venues.degen_rest import ApiKey
from quoter.venues.degen_timing import DEADMAN_MS

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
