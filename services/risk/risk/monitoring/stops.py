"""What stops trading, and the losses that do: half of a bot's daily limit warns, all of it stops, so does a drawdown.

A scope is halted once for each reason, on disk first, then on the bus, then there is an alert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from common.clock import NS_PER_S
from common.core import Effect
from common.events import AlertLevel
from common.halts import DAILY_LOSS, DRAWDOWN

from risk.ledger.books import Ledger
from risk.monitoring.alerts import PLATFORM, Conditions
from risk.monitoring.days import Days
from risk.monitoring.equity import Marks, Unknown, shown
from risk.monitoring.halts import Halts
from risk.monitoring.report import BotView

LOSS_WARNING_SHARE = Decimal("0.5")
"""Of the daily limit."""

PRICE_WAIT_NS = 60 * NS_PER_S
"""So long a bot may hold what nobody prices before its loss counts as beyond the limit."""


class Stops:
    """Halts what must not go on; `epoch` returns that of the lease held."""

    def __init__(self, halts: Halts, conditions: Conditions, epoch: Callable[[], int]) -> None:
        self._halts, self._conditions, self._epoch = halts, conditions, epoch
        self._unpriced_since_ns: dict[str, int] = {}
        """By bot: since when something that it holds has no price."""

    def listed(self) -> list[str]:
        """Return the halts in force, as 'scope:reason'."""
        return list(self._halts.listed())

    def halt(self, scope: str, reason: str, detail: str, now_ns: int, algo_id: str = PLATFORM) -> Iterator[Effect]:
        """Halt a scope and say so; nothing when it is halted for this reason already."""
        halt = self._halts.call(scope, reason, detail, self._epoch(), now_ns)
        if halt is not None:
            yield from self._halts.changes()
            yield halt
            yield self._conditions.alert(AlertLevel.CRITICAL, algo_id, reason, f"{scope} halted: {detail}", now_ns)

    def unjudged(self, algo_id: str, unknown: Sequence[Unknown], now_ns: int) -> Iterator[Effect]:
        """Halt a bot whose loss cannot be judged: a limit that cannot be looked at counts as reached.

        A rate does not come by itself. A price does, from the pricer, within seconds of a start: it is waited for.
        """
        rates, prices = ([each.of for each in unknown if each.what == what] for what in ("rate", "price"))
        if rates:
            detail = f"the day's loss cannot be judged: no rate of {', '.join(rates)} to the account's currency"
            yield from self.halt(f"bot-{algo_id}", "no_rate", detail, now_ns, algo_id)
        if not prices:
            self._unpriced_since_ns.pop(algo_id, None)
        elif now_ns - self._unpriced_since_ns.setdefault(algo_id, now_ns) >= PRICE_WAIT_NS:
            waited_s = PRICE_WAIT_NS // NS_PER_S
            detail = f"the day's loss cannot be judged: no price of {', '.join(prices)} for {waited_s} s"
            yield from self.halt(f"bot-{algo_id}", "no_price", detail, now_ns, algo_id)

    def dispute(self, account: str, sequence: int, reason: str, now_ns: int) -> Iterator[Effect]:
        """Halt an account one of whose entries could not be booked."""
        detail = f"FILL sequence {sequence} was not booked: {reason}"
        yield from self.halt(f"account-{account}", f"disputed-{sequence}", detail, now_ns)

    def halt_disputed(self, ledger: Ledger, now_ns: int) -> Iterator[Effect]:
        """Halt for disputed entries whose halt was never published: the process may have died in between."""
        for account in sorted(ledger.accounts):
            for sequence in ledger.accounts[account].disputed:
                if self._halts.spoken(f"account-{account}", f"disputed-{sequence}") is None:
                    yield from self.dispute(account, sequence, "see the parked message", now_ns)

    def guard(self, algo_id: str, work: Callable[[], Iterable[Effect]], now_ns: int) -> list[Effect]:
        """Do something for one bot; trouble with it halts that bot and leaves the others alone."""
        try:
            return list(work())
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            return list(self.halt(f"bot-{algo_id}", "exception", detail, now_ns, algo_id))


class Losses:
    """Compares what each bot has earned in its day, by `days`, with its limits."""

    def __init__(self, days: Days, stops: Stops, conditions: Conditions) -> None:
        self._days, self._stops, self._conditions = days, stops, conditions

    def judge(self, view: BotView, ledger: Ledger, marks: Marks, now_ns: int) -> Iterator[Effect]:
        """Stop a bot that has lost too much, or whose loss cannot be judged; warn of one on its way there."""
        algo_id, limits = view.config.algo_id, view.limits
        earned = self._days.earned(ledger, algo_id, marks, now_ns)
        yield from self._stops.unjudged(algo_id, earned.unknown, now_ns)
        if (daily := earned.daily) is None:
            return
        # The day's highest profit is kept of a bot without limits too: it may be given some.
        drawdown = self._days.high_water.update(ledger, algo_id, daily, now_ns)
        if limits is None:
            self._conditions.end(algo_id, "daily_loss_warning")
            return
        yield from self._judge_day(algo_id, -daily, limits.common.max_daily_loss, now_ns)
        if drawdown > limits.common.max_drawdown:
            detail = f"{shown(drawdown)} below the day's highest profit, limit {limits.common.max_drawdown}"
            yield from self._stops.halt(f"bot-{algo_id}", DRAWDOWN, detail, now_ns, algo_id)

    def _judge_day(self, algo_id: str, loss: Decimal, limit: Decimal, now_ns: int) -> Iterator[Effect]:
        if loss > limit:
            detail = f"lost {shown(loss)} today, limit {limit}"
            yield from self._stops.halt(f"bot-{algo_id}", DAILY_LOSS, detail, now_ns, algo_id)
        elif loss > limit * LOSS_WARNING_SHARE:
            text = f"lost {loss:.2f} of {limit} today"
            yield from self._conditions.hold(AlertLevel.WARNING, algo_id, "daily_loss_warning", text, now_ns)
        else:
            self._conditions.end(algo_id, "daily_loss_warning")
