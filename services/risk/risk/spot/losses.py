"""What a spot bot has lost since its cutoff, and from its highest profit since then, against its limits."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from common.core import Effect
from common.events import AlertLevel, CommonLimits
from common.halts import DAILY_LOSS, DRAWDOWN

from risk.ledger.positions import canonical
from risk.monitoring.alerts import Conditions
from risk.monitoring.equity import Unknown, shown
from risk.monitoring.stops import LOSS_WARNING_SHARE, Stops
from risk.spot.statistics import Earned


def judge_day(
    algo_id: str,
    earned: Earned,
    drawdown: Decimal | None,
    term: str,
    limits: CommonLimits,
    stops: Stops,
    conditions: Conditions,
    now_ns: int,
) -> Iterator[Effect]:
    """Halt a bot whose loss has reached its limit, or whose drawdown is beyond it; warn of a loss on its way there.

    Money is in the term currency; `drawdown` is None where the profit is. A loss that cannot be judged, for lack of a
    price or a rate, is waited for and then counts as reached.
    """
    unknown = [Unknown("price", f"{currency} in {term}") for currency in sorted(earned.unrated)]
    yield from stops.unjudged(algo_id, unknown, now_ns)
    if earned.net_pnl is None:
        return
    loss, limit = -earned.net_pnl, limits.max_daily_loss
    if loss >= limit:
        detail = f"lost {canonical(shown(loss)):f} {term} since the cutoff, limit {canonical(limit):f}"
        yield from stops.halt(f"bot-{algo_id}", DAILY_LOSS, detail, now_ns, algo_id)
    elif loss > limit * LOSS_WARNING_SHARE:
        text = f"lost {loss:.2f} of {canonical(limit):f} {term} since the cutoff"
        yield from conditions.hold(AlertLevel.WARNING, algo_id, "daily_loss_warning", text, now_ns)
    else:
        conditions.end(algo_id, "daily_loss_warning")
    if drawdown is not None and drawdown > limits.max_drawdown:
        most = canonical(limits.max_drawdown)
        detail = f"{canonical(shown(drawdown)):f} {term} below its highest profit since the cutoff, limit {most:f}"
        yield from stops.halt(f"bot-{algo_id}", DRAWDOWN, detail, now_ns, algo_id)
