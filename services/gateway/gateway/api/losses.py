"""A bot that was halted for its day's loss: whether a person may start it again."""

from __future__ import annotations

from common.events import BotConfig, Halt
from common.halts import DAILY_LOSS

from gateway.state.ages import RISK_STALE_NS
from gateway.state.view import View


def loss_halt(view: View, algo_id: str) -> Halt | None:
    """Return the halt of a bot for its day's loss, None when none is in force."""
    return view.halts.find(f"bot-{algo_id}", DAILY_LOSS)


def why_it_stands(view: View, config: BotConfig, now_ns: int) -> str:
    """Return why the halt for a loss cannot be lifted now; '' when risk says that the loss is within its limit.

    That is so once the limit has been raised, and risk has taken that in, or after the cutoff.
    """
    algo_id = config.algo_id
    fresh = [state.event for state in view.risk.values() if state.age_ns(now_ns) <= RISK_STALE_NS]
    state = next((each for each in fresh if algo_id in each.bot_limits and algo_id in each.daily_pnl), None)
    if state is None:
        return "risk does not say what the bot has lost and may lose"
    if state.config_revisions.get(algo_id, 0) < config.revision:
        return f"risk has not taken revision {config.revision} of the bot yet: try again"
    loss, limit = -state.daily_pnl[algo_id], state.bot_limits[algo_id].common.max_daily_loss
    # A spot bot is halted at its limit, the others beyond it: at the limit none is started, it might halt at once.
    return f"lost {loss} today, limit {limit}: raise the limit, or wait for the cutoff" if loss >= limit else ""
