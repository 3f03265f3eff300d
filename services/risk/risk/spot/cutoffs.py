"""When the figures of spot bots begin anew: daily at the cutoff time, and where what a bot's hedges count changes."""

from __future__ import annotations

from decimal import Decimal

from common.clock import NS_PER_MS
from common.events import InstrumentKey, InstrumentMove, Market, Opening, Posting, PostingKind

from risk.ledger.books import NS_PER_DAY
from risk.ledger.positions import ONE, ZERO
from risk.ledger.sides import Sides
from risk.spot.documents import WatchedBot

REASONS = {
    "factor": "the hedge factor changes",
    "hedge": "the hedge instrument is of another currency",
    "base": "the instrument is of another currency",
}


def last_cutoff_ns(cutoff_ms: int, now_ns: int) -> int:
    """Return when the cutoff was due last: 16:00 UTC of yesterday at 15:59, of today from 16:00:00 on."""
    offset_ns = cutoff_ms * NS_PER_MS
    return (now_ns - offset_ns) // NS_PER_DAY * NS_PER_DAY + offset_ns


def factor_of(watched: WatchedBot) -> Decimal:
    """Return how much of its position a unit hedged stands for; 1 for a bot without a hedger."""
    hedger = watched.bot.hedger
    return ONE if hedger is None else hedger.hedge_qty_factor


def hedges_other(sides: Sides, base: str) -> bool:
    """Say whether what hedges hold is of another base currency than the hedge instrument's: the two do not add up.

    '' is an instrument that is not known, of which nothing can be said.
    """
    return bool(base) and any(side.base != base and side.net for side in sides.by_key.values() if side.key.of_hedger)


def quotes_other(sides: Sides, base: str) -> bool:
    """Say whether quotes have traded another base currency than the instrument's since the cutoff."""
    return any(side.base != base for side in sides.by_key.values() if not side.key.of_hedger)


def cutoff_due(
    watched: WatchedBot,
    sides: Sides | None,
    market: Market,
    hedge_base: str,
    cutoff_ms: int,
    mark: Decimal | None,
    now_ns: int,
) -> Posting | None:
    """Return the posting by which a bot's period begins, None while the last one lasts.

    Asked again it is the same entry: its id is of the instant that was due, or of the configuration that changed what
    a hedge counts. A position is opened at its mark, so it waits for one; a bot that holds nothing needs none.
    """
    factor, due_ns = factor_of(watched), last_cutoff_ns(cutoff_ms, now_ns)
    if sides is None:
        # Nothing was traded: its figures are all 0, and only a factor has to be known before the first hedge.
        if factor == ONE:
            return None
        return _posting(watched, market, f"factor:{watched.config.revision}", None, factor, now_ns, now_ns)
    if is_held(sides) and mark is None:
        return None
    if sides.start_ns < due_ns:
        return _posting(watched, market, f"{due_ns // NS_PER_MS}", mark, factor, due_ns, now_ns)
    if sides.factor != factor:
        return _posting(watched, market, f"factor:{watched.config.revision}", mark, factor, now_ns, now_ns)
    if hedges_other(sides, hedge_base):
        # A child of before may still be executed: its period has another cutoff.
        id_ = f"hedge:{watched.config.revision}:{sides.start_ns}"
        return _posting(watched, market, id_, mark, factor, now_ns, now_ns)
    if quotes_other(sides, market.base):
        id_ = f"base:{watched.config.revision}:{sides.start_ns}"
        return _posting(watched, market, id_, mark, factor, now_ns, now_ns, whole=True)
    return None


def is_due(watched: WatchedBot, sides: Sides | None, base: str, hedge_base: str, cutoff_ms: int, now_ns: int) -> bool:
    """Say whether a cutoff is due, whether or not there is a price for it."""
    if sides is None:
        return False
    changed = sides.factor != factor_of(watched) or hedges_other(sides, hedge_base)
    return changed or quotes_other(sides, base) or sides.start_ns < last_cutoff_ns(cutoff_ms, now_ns)


def is_held(sides: Sides) -> bool:
    """Say whether anything is held on a side, so that an opening has a price."""
    return any(side.net for side in sides.by_key.values())


def _posting(
    watched: WatchedBot,
    market: Market,
    id_: str,
    mark: Decimal | None,
    factor: Decimal,
    start_ns: int,
    now_ns: int,
    *,
    whole: bool = False,
) -> Posting:
    opening = Opening(
        base=market.base, currency=market.currency, price=mark, factor=factor, start_ns=start_ns, whole=whole
    )
    move = InstrumentMove(
        InstrumentKey(market.venue, market.symbol), 0, market.lot_size, market.multiplier, opening=opening
    )
    return Posting(
        account=watched.bot.instrument.account,
        algo_id=watched.algo_id,
        entry_id=f"cutoff:{watched.algo_id}:{id_}",
        kind=PostingKind.CUTOFF,
        venue=market.venue,
        moves=[move],
        cash={market.currency: ZERO},
        reason=REASONS.get(id_.partition(":")[0], "the cutoff time is reached"),
        ts_event_ns=now_ns,
        ts_received_ns=now_ns,
    )
