"""What stops trading: a scope is halted once for each reason, on disk first, then on the bus, then people are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from common.core import Effect
from common.events import AlertLevel

from risk.ledger.books import BotBook, Ledger
from risk.monitoring.alerts import PLATFORM, Conditions
from risk.monitoring.halts import Halts


class Stops:
    """Halts what must not go on; `epoch` returns that of the lease held."""

    def __init__(self, halts: Halts, conditions: Conditions, epoch: Callable[[], int]) -> None:
        self._halts, self._conditions, self._epoch = halts, conditions, epoch

    def impose(self, scope: str, reason: str, detail: str, now_ns: int, algo_id: str = PLATFORM) -> Iterator[Effect]:
        """Halt a scope and say so; nothing when it is halted for this reason already."""
        halt = self._halts.call(scope, reason, detail, self._epoch(), now_ns)
        if halt is not None:
            yield from self._halts.changes()
            yield halt
            yield self._conditions.tell(AlertLevel.CRITICAL, algo_id, reason, f"{scope} halted: {detail}", now_ns)

    def no_rate(self, book: BotBook, now_ns: int) -> Iterator[Effect]:
        """Halt a bot whose loss cannot be judged: a limit that cannot be looked at counts as reached."""
        detail = f"the day's loss cannot be judged: no rate of {', '.join(book.unrated)} to the account's currency"
        yield from self.impose(f"bot-{book.algo_id}", "no_rate", detail, now_ns, book.algo_id)

    def dispute(self, account: str, sequence: int, reason: str, now_ns: int) -> Iterator[Effect]:
        """Halt an account one of whose entries could not be booked."""
        detail = f"FILL sequence {sequence} was not booked: {reason}"
        yield from self.impose(f"account-{account}", f"disputed-{sequence}", detail, now_ns)

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
            return list(self.impose(f"bot-{algo_id}", "exception", detail, now_ns, algo_id))
