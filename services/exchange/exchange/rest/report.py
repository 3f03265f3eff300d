"""What the venue says of itself: GET /info for participants, figures for a monitor."""

from __future__ import annotations

from typing import Any

from exchange.core import Core
from exchange.entry.conversation import SUBSCRIPTIONS_MAX
from exchange.entry.parse import BATCH_ITEMS_MAX, FRAME_BYTES_MAX
from exchange.market.accounts import OPEN_ORDERS_MAX
from exchange.market.ledger import VENUE_ACCOUNT
from exchange.market.money import MICROS_PER_DOLLAR, SIZE_MAX_SHARES, dollars_text
from exchange.market.tape import Json
from exchange.rest.request import PAGE_ITEMS_MAX


def info(venue: Core) -> Json:
    """The body of GET /info, without the time."""
    fees, rates = venue.config.fees, venue.config.rates
    limits: dict[str, Any] = {
        "frame_bytes": FRAME_BYTES_MAX,
        "batch_items": BATCH_ITEMS_MAX,
        "open_orders": OPEN_ORDERS_MAX,
        "size": SIZE_MAX_SHARES,
        "subscriptions": SUBSCRIPTIONS_MAX,
        "page_items": PAGE_ITEMS_MAX,
        "orders_per_s": rates.orders_per_s,
        "orders_burst": rates.orders_burst,
        "cancels_per_s": rates.cancels_per_s,
        "cancels_burst": rates.cancels_burst,
        "reads_per_s": rates.reads_per_s,
        "reads_burst": rates.reads_burst,
    }
    return {
        "venue": venue.config.name,
        "mode": venue.source.mode,
        "assets": venue.source.assets,
        "fallback": venue.source.fallback,
        "replay": None if venue.replay_position is None else venue.replay_position(venue.now_ns),
        "fees": {
            "taker_rate": dollars_text(fees.taker_rate_ppm * MICROS_PER_DOLLAR // 1_000_000),
            "maker_rebate_share": dollars_text(fees.maker_rebate_share_ppm * MICROS_PER_DOLLAR // 1_000_000),
        },
        "limits": limits,
    }


def figures(venue: Core) -> dict[str, int]:
    """What a monitor wants to see, by name."""
    accounts = venue.ledger.accounts.values()
    return {
        "connections": len(venue.delivery.sessions),
        "orders_open": sum(len(account.open_orders) for account in accounts),
        "markets_open": sum(market.status == "OPEN" for market in venue.trading.markets.values()),
        "orders_total": venue.ids.last["order"],
        "trades_total": venue.ids.last["trade"],
        "fees_kept_micros": venue.ledger.account(VENUE_ACCOUNT).cash_micros,
        "money_total_micros": venue.ledger.total_micros(),
    }
