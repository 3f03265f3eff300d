"""The quoters of one process, one for each account: each begins with its lease, and fails or is superseded alone.

A quoter that fails is followed by another one, which recovers as a restarted process does: its account is halted, what
it left at the venue is cancelled, its lease is given back and taken again under the next epoch. So is one whose lease
another process has taken, which waits for it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from common.clock import NS_PER_S
from common.core import AnswerLater, Command, Effects, Receipt, Wire
from common.emptying import NOT_CONFIRMED
from common.events import AlertLevel, BotConfig

from quoter.accounts.accounts import Accounts
from quoter.accounts.inputs import Key
from quoter.hedging.hedges import Hedges
from quoter.service import Quoter
from quoter.trading.order_updates import PLATFORM, alert
from quoter.views.answers import Answers
from quoter.views.lookback import parse_since

REST_NS = 1 * NS_PER_S
"""How long an account rests after it has failed; twice as long after each further time..."""
REST_MAX_NS = 60 * NS_PER_S
"""... and this long at most."""
CALM_NS = 60 * NS_PER_S
"""A failure so long after the last rest counts as the first."""
FRAMES_SHOWN = 3


@dataclass(slots=True)
class Life:
    """What is known of the core that an account has now."""

    followed: bool = False
    """It is not the first: it was not there when the bus told what it tells once."""
    held: bool = False
    doubtful: bool = False
    """Its lease is."""
    failed: bool = False
    """Until its lease has been given back."""
    still: bool = False
    """It failed before it had begun: nothing is handed to it any more."""
    failures: int = 0
    """One after the other."""
    rests_until_ns: int = -CALM_NS


class Quoters(Accounts[Quoter]):
    """All quoters of a process."""

    def __init__(
        self, build: Mapping[str, Callable[[], Quoter]], answers: Answers, hedges: Hedges | None = None
    ) -> None:
        """`build` makes the quoter of each account, again where one has failed; `hedges` are those of all of them."""
        super().__init__((make() for make in build.values()), answers)
        self._build = dict(build)
        self._lives = {account: Life() for account in build}
        self._configs: dict[str, BotConfig] = {}
        """What the bus has told of each bot, for the quoters to come."""
        self._away = self._stopping = False
        self.hedges = hedges or Hedges()

    def doors(self) -> list[Command]:
        return [*super().doors(), Command("since", self.on_since_command, early=True)]

    # --- inputs -------------------------------------------------------------------------------------------------

    def accounts_of(self, algo_id: str) -> Iterable[str]:
        return [core.account for core in self.cores if algo_id in core.bots]

    def call(self, account: str, key: Key, name: str, *arguments: Any) -> Effects:
        each = self._tables[account][key]
        if self._lives[account].still:
            return ()
        if isinstance(each, Wire) and not self._cores[account].begun:
            # The end of the connection that the quoter before this one had.
            return ()
        if type(arguments[0]) is BotConfig:
            self._note(arguments[0])
        return super().call(account, key, name, *arguments)

    def _note(self, config: BotConfig) -> None:
        if config.removed:
            self._configs.pop(config.algo_id, None)
        else:
            self._configs[config.algo_id] = config

    def among(self, core: Quoter, handler: Callable[..., Effects], *arguments: Any) -> Effects:
        """Let one quoter of several handle something; what goes wrong there stops its account alone."""
        if self._cores[core.account] is not core:
            return
        try:
            yield from super().among(core, handler, *arguments)
        except Exception as error:
            yield from self._on_failure(core, error, arguments[-1])

    def after_burst(self, receipt: Receipt) -> Effects:
        """Look at hedges first: what they want sent goes into the batches that the quoters send then."""
        if not self.hedges.due:
            return super().after_burst(receipt)
        return [*self.hedges.work(receipt.now_ns), *super().after_burst(receipt)]

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, receipt: Receipt) -> Effects:
        """Each quoter starts when its lease is held."""
        return ()

    def on_held(self, key: str, epoch: int, receipt: Receipt) -> Effects:
        life = self._lives[key]
        life.held, life.doubtful, self.epoch = True, False, max(self.epoch, epoch)
        if self._stopping or self.renounces(key, receipt.now_ns):
            return
        if life.still:
            yield from self._follow(self._cores[key], "failed")
        core = self._cores[key]
        core.epoch = epoch
        if life.followed:
            for config in list(self._configs.values()):
                yield from self.hand(core, core.on_config, config, receipt)
                if life.still:
                    return
        yield from self.hand(core, core.start, receipt)
        if self._away:
            yield from self.hand(core, core.on_disconnected, receipt)

    def on_lost(self, key: str, receipt: Receipt) -> Effects:
        life, core = self._lives[key], self._cores[key]
        life.held = life.failed = False
        if core.begun:
            text = f"account {key}: another process has its lease, it is traded there"
            yield alert(AlertLevel.WARNING, PLATFORM, "account_lost", text, receipt.now_ns)
            yield from self._follow(core, "another process has the lease")

    def renounces(self, key: str, now_ns: int) -> bool:
        life = self._lives[key]
        return life.failed or now_ns < life.rests_until_ns

    def stop(self, receipt: Receipt) -> Effects:
        self._stopping = True
        for core in self.cores:
            if core.begun:
                yield from self.hand(core, core.stop, receipt)

    def stopped(self) -> bool:
        # One that has failed may be cancelling what the quoter before it has left.
        return self._stopping and all(core.stopped() if core.begun else not core.emptying for core in self.cores)

    def on_disconnected(self, receipt: Receipt) -> Effects:
        self._away = True
        return self._all("on_disconnected", receipt)

    def on_reconnected(self, receipt: Receipt) -> Effects:
        self._away = False
        for core in self.cores:
            if not self._lives[core.account].doubtful:
                yield from self.hand(core, core.on_reconnected, receipt)

    def on_doubt(self, key: str, doubtful: bool, receipt: Receipt) -> Effects:
        self._lives[key].doubtful = doubtful
        core = self._cores[key]
        if self._away:
            return ()
        return self.hand(core, core.on_disconnected if doubtful else core.on_reconnected, receipt)

    def _on_failure(self, core: Quoter, error: Exception, receipt: Receipt) -> Effects:
        """Halt the account of a quoter that has failed; an error in this ends the process."""
        life, now_ns = self._lives[core.account], receipt.now_ns
        life.failures = life.failures + 1 if now_ns - life.rests_until_ns < CALM_NS else 1
        life.rests_until_ns = now_ns + min(REST_MAX_NS, REST_NS << min(life.failures - 1, 30))
        life.failed = life.held
        text = _told(error)
        if core.begun:
            yield from self._follow(core, "failed")
            follower = self._cores[core.account]
            yield from super().among(follower, follower.on_failure, text, receipt)
        else:
            life.still = True
            text = f"account {core.account}: {text}"
            yield alert(AlertLevel.CRITICAL, PLATFORM, "account_failed", text[:500], now_ns)
            yield from self._answer_for_still()

    def _follow(self, before: Quoter, why: str) -> Effects:
        """Let a new quoter take an account over."""
        account, life = before.account, self._lives[before.account]
        core = self._build[account]()
        core.inherit(before)
        life.followed, life.still = True, False
        # Said while it is still the one: its connection has a name among all.
        yield from super().among(before, before.let_go, why)
        self.replace(core)
        yield from self.answers.give_for(account, f"account {account}: {NOT_CONFIRMED}, its quoter has ended: {why}")

    # --- people -------------------------------------------------------------------------------------------------

    def on_halt_command(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        yield from super().on_halt_command(document, receipt)
        yield from self._answer_for_still()

    def on_cancel_all_command(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        yield from super().on_cancel_all_command(document, receipt)
        yield from self._answer_for_still()

    def _answer_for_still(self) -> Effects:
        """Answer for the accounts whose quoter does not ask its venue."""
        for account, life in self._lives.items():
            if life.still:
                why = f"account {account}: {NOT_CONFIRMED}, its quoter has failed and has not begun again"
                yield from self.answers.give_for(account, why)

    def on_since_command(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Answer what the venues have after places of the accounts' streams, an account a row.

        ValueError names the field and the rule, or says that no session can be asked.
        """
        after = parse_since(document, list(self._cores))
        why_not = {core.account: core.lookback.why_not(after[core.account]) for core in self.cores}
        if all(why_not.values()):
            raise ValueError(f"after: {'; '.join(why_not.values())}")
        ticket = self.answers.open(list(after))
        yield AnswerLater(ticket)
        yield from self._answer_for_still()
        for core in self.cores:
            account = core.account
            if why_not[account]:
                yield from self.answers.give(ticket, account, {"account": account, "why": why_not[account]})
            else:
                yield from self.hand(core, core.lookback.ask, after[account], ticket, receipt)

    def explain(self, query: Mapping[str, str], now_ns: int) -> dict[str, Any] | None:
        found = [told for core in self.cores if (told := core.explain(query, now_ns)) is not None]
        return {"explanations": found} if found else None

    def unready(self, now_ns: int) -> list[str]:
        if self._only is not None:
            return self._only.unready(now_ns)
        found = []
        for core in self.cores:
            held = self._lives[core.account].held
            reasons = core.unready(now_ns) if held else ["its lease is not held here"]
            found += [f"account {core.account}: {reason}" for reason in reasons]
        return found

    def state(self, now_ns: int) -> dict[str, Any]:
        """Return every account's snapshot, and what of it is asked for most over all of them."""
        told = super().state(now_ns)
        bots = [{"account": account, **row} for account, state in told["accounts"].items() for row in state.pop("bots")]
        return {
            **told,
            "hedges": self.hedges.parents.status(),
            "open_orders": sum(len(core.trader.orders) for core in self.cores),
            "bots": bots,
        }


def _told(error: Exception) -> str:
    """Return an error and where it came up, for people."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_SHOWN:]
    places = ", ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__}: {error} ({places})"
