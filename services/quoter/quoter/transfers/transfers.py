"""The transfers of one account: what was asked for, what the venue was asked, and what it has said.

That the venue is asked is stored before it is asked. Whoever takes the account over asks again under the same number,
which the venue carries out once; what nobody may have asked for in time is never asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.clock import NS_PER_S
from common.core import Effect, Effects, Http, HttpResponse, Input, Ordered, Receipt, Start
from common.events import AlertLevel, TransferCommand, TransferState, TransferUpdate
from common.venues import Exchanges
from msgspec.structs import replace

from quoter.trading.order_updates import PLATFORM, alert
from quoter.venues.base import SessionAlert
from quoter.venues.conversation import Conversations, Script
from quoter.venues.sending import NotSent, Sent, TransferSession

HTTP = "transfers"
"""What the shell calls the venue's address, apart from the session's."""
LOOK_NS = NS_PER_S
"""How often the venue is asked whether what is due has arrived."""
ASKED_AGAIN_NS = 24 * 3600 * NS_PER_S
"""A venue forgets old transfers: so long after its end in time one without an answer is asked for no more."""
KEPT_NS = 31 * 24 * 3600 * NS_PER_S
"""Longer than the stream keeps a command."""
SAID_AGAIN_NS = NS_PER_S
"""What the broker did not take is said again after this long."""
AT_ONCE_MAX = 8
"""Conversations with the venue."""


class Sender(NamedTuple):
    """An account's right to send money, and the venue's address."""

    session: TransferSession
    url: str


class Told(NamedTuple):
    """What a conversation about a transfer came to; None where the venue does not say."""

    number: int
    outcome: Sent | NotSent | None


@dataclass(slots=True)
class Transfer:
    """One transfer that has not ended."""

    command: TransferCommand
    update: TransferUpdate | None = None
    """The newest word on it."""
    stored: bool = True
    """Whether the broker has it."""
    again_at_ns: int | None = None
    """When it is said again, because the broker did not take it."""
    looked_at_ns: int = 0
    missed: bool = False
    """Whether people know that nobody says what became of it."""


class Transfers:
    """What is to be sent from one account."""

    def __init__(
        self,
        account: str,
        sender: Sender | None,
        exchanges: Exchanges,
        halted: Callable[[], str],
    ) -> None:
        """`sender` is None where there is no key to send with; `halted` names a halt that stops the account."""
        self.account = account
        self.session = sender.session if sender is not None else None
        self._exchanges, self._halted = exchanges, halted
        self._talks: Conversations[SessionAlert | Told] | None = None
        if sender is not None:
            self._talks = Conversations(HTTP, sender.url, sender.session.headers)
        self._commands: dict[int, TransferCommand] = {}
        """By number; those that have ended until the stream has forgotten them."""
        self._updates: dict[int, TransferUpdate] = {}
        self._open: dict[int, Transfer] = {}
        self._unstored: set[int] = set()
        """Whose newest word the broker may not have, of a core before this one."""
        self._decided_in = 0
        """The highest epoch in which risk has decided one."""
        self._epoch = self._sequence = 0
        self._begun = False

    # --- what is told -------------------------------------------------------------------------------------------

    def inputs(self) -> Sequence[Input]:
        return [
            Ordered(TransferCommand, self.on_command, Start.LAST_PER_SUBJECT, {"account": self.account}),
            Http(HTTP, self.on_answer),
        ]

    def remember(self, update: TransferUpdate) -> None:
        """Take in what was said of a transfer before the account begins."""
        known = self._updates.get(update.number)
        if known is None or (update.epoch, update.update_sequence) > (known.epoch, known.update_sequence):
            self._updates[update.number] = update

    def inherit(self, before: Transfers) -> None:
        """Take over what the bus tells once; of a word that the broker has not confirmed nothing follows yet."""
        self._commands, self._updates = dict(before._commands), dict(before._updates)
        self._unstored = {number for number, each in before._open.items() if not each.stored}
        self._decided_in = before._decided_in

    def begin(self, epoch: int) -> None:
        """Begin to ask the venue; what was said before has been remembered."""
        self._epoch, self._begun = epoch, True
        for command in self._commands.values():
            self._enter(command)

    def on_command(self, command: TransferCommand, receipt: Receipt) -> Effects:
        """Take in what is to be sent; a number that is known says nothing new."""
        while self._commands and self._oldest.expires_at_ns < receipt.now_ns - KEPT_NS:
            self._updates.pop(self._oldest.number, None)
            del self._commands[self._oldest.number]
        if command.automatic:
            self._decided_in = max(self._decided_in, command.epoch)
        if command.number not in self._commands:
            self._commands[command.number] = command
            if self._begun:
                self._enter(command)
        return ()

    @property
    def _oldest(self) -> TransferCommand:
        return next(iter(self._commands.values()))

    def _enter(self, command: TransferCommand) -> None:
        update, unstored = self._updates.get(command.number), command.number in self._unstored
        if update is None or not update.state.ended or unstored:
            self._open[command.number] = Transfer(command, update, not unstored, 0 if unstored else None)

    def on_published(self, update: TransferUpdate) -> None:
        """The broker has stored a word of ours."""
        transfer = self._open.get(update.number)
        if transfer is not None and transfer.update == update:
            transfer.stored = True
            if update.state.ended:
                del self._open[update.number]

    def on_refused(self, update: TransferUpdate, now_ns: int) -> None:
        """The broker did not take a word of ours: it is said again, and the venue is asked nothing meanwhile."""
        transfer = self._open.get(update.number)
        if transfer is not None and transfer.update == update:
            transfer.again_at_ns = now_ns + SAID_AGAIN_NS

    # --- what is done -------------------------------------------------------------------------------------------

    def on_timer(self, now_ns: int) -> Iterator[Effect]:
        """Go on with each transfer that has not ended."""
        if self._talks is not None:
            yield from self._take(self._talks.on_timer(now_ns), now_ns)
        for transfer in list(self._open.values()):
            if transfer.stored:
                yield from self._go_on(transfer, now_ns)
            elif transfer.again_at_ns is not None and now_ns >= transfer.again_at_ns:
                yield from self._say(transfer, now_ns)

    def _go_on(self, transfer: Transfer, now_ns: int) -> Iterator[Effect]:
        command, update = transfer.command, transfer.update
        if update is None:
            why_not = self._why_not(command, now_ns)
            state = TransferState.REFUSED if why_not else TransferState.SENDING
            yield from self._say(transfer, now_ns, state=state, reason=why_not)
        elif self.session is None or self._talks is None:
            yield from self._miss(transfer, f"account {self.account} has no key to send money with here", now_ns)
        elif update.state is TransferState.SENDING and now_ns > command.expires_at_ns + ASKED_AGAIN_NS:
            self._talks.abandon(str(command.number))
            yield from self._miss(transfer, "nobody knows whether it was sent: look at the account's statement", now_ns)
        elif self._talks.open(str(command.number)) or self._talks.room < 1 or len(self._busy()) >= AT_ONCE_MAX:
            return
        elif update.state is TransferState.SENDING:
            yield from self._ask(command, self._sending(self.session, command), now_ns)
        elif update.state is TransferState.UNDER_WAY and now_ns >= max(update.due_ns, transfer.looked_at_ns + LOOK_NS):
            transfer.looked_at_ns = now_ns
            if now_ns > update.due_ns + ASKED_AGAIN_NS:
                yield from self._miss(
                    transfer, "a day after it was due the venue does not say that it is there", now_ns
                )
            yield from self._ask(command, self._looking(self.session, command, update.transfer_id), now_ns)

    def _busy(self) -> list[int]:
        talks = self._talks
        return [] if talks is None else [number for number in self._open if talks.open(str(number))]

    def _why_not(self, command: TransferCommand, now_ns: int) -> str:
        """Return why the venue is not asked for what it has not been asked for yet."""
        if self.session is None:
            return f"account {self.account} has no key to send money with"
        if now_ns >= command.expires_at_ns:
            return "its time was over before the venue could be asked"
        if command.automatic and command.epoch < self._decided_in:
            # Both may have decided of the same money.
            return "another life of risk has decided since"
        halt = self._halted() if command.automatic else ""
        return f"the account is halted: {halt}" if halt else ""

    def _miss(self, transfer: Transfer, why: str, now_ns: int) -> Iterator[Effect]:
        if not transfer.missed:
            transfer.missed = True
            text = f"{transfer.command.said()}: {why}"
            yield alert(AlertLevel.CRITICAL, PLATFORM, "transfer_unknown", text, now_ns)

    def _ask(self, command: TransferCommand, script: Script[None], now_ns: int) -> Iterator[Effect]:
        assert self._talks is not None, "there is a session"
        yield from self._take(self._talks.begin(str(command.number), script, now_ns), now_ns)

    def _sending(self, session: TransferSession, command: TransferCommand) -> Script[None]:
        yield from session.log_in()
        outcome = yield from session.send(command, self._exchanges.exchange(command.to_venue))
        yield Told(command.number, outcome)

    def _looking(self, session: TransferSession, command: TransferCommand, transfer_id: str) -> Script[None]:
        yield from session.log_in()
        outcome = yield from session.look(transfer_id)
        yield Told(command.number, outcome)

    def on_answer(self, answer: HttpResponse, receipt: Receipt) -> Effects:
        """Go on with the conversation that asked."""
        if self._talks is not None:
            yield from self._take(self._talks.on_answer(answer, receipt.now_ns), receipt.now_ns)

    def _take(self, outputs: list[Any], now_ns: int) -> Iterator[Effect]:
        for output in outputs:
            if isinstance(output, Told):
                yield from self._on_told(output, now_ns)
            elif isinstance(output, SessionAlert):
                yield alert(output.level, PLATFORM, output.kind, output.text, now_ns)
            else:
                yield output

    def _on_told(self, told: Told, now_ns: int) -> Iterator[Effect]:
        transfer = self._open.get(told.number)
        if transfer is None or transfer.update is None or told.outcome is None:
            return
        if isinstance(told.outcome, NotSent):
            yield from self._say(transfer, now_ns, state=TransferState.REFUSED, reason=told.outcome.why)
            text = f"{transfer.command.said()} is not sent: {told.outcome.why}"
            yield alert(AlertLevel.WARNING, PLATFORM, "transfer_refused", text, now_ns)
            return
        transfer_id, arrived, account_sequence, due_ns = told.outcome
        state = TransferState.DONE if arrived else TransferState.UNDER_WAY
        if state is not transfer.update.state:
            known = {"transfer_id": transfer_id, "account_sequence": account_sequence, "due_ns": due_ns}
            yield from self._say(transfer, now_ns, state=state, **known)

    def _say(self, transfer: Transfer, now_ns: int, **changed: Any) -> Iterator[Effect]:
        """Say how far a transfer is; the venue is asked nothing more of it until that is stored."""
        number = transfer.command.number
        before = transfer.update or TransferUpdate(
            account=self.account, number=number, update_sequence=0, state=TransferState.SENDING, ts_ns=now_ns
        )
        self._sequence += 1
        told = replace(before, update_sequence=self._sequence, epoch=self._epoch, ts_ns=now_ns, **changed)
        transfer.update = self._updates[number] = told
        transfer.stored, transfer.again_at_ns = False, None
        yield told

    # --- for people ---------------------------------------------------------------------------------------------

    def state(self) -> list[dict[str, Any]]:
        """Return a JSON-able row of each transfer that has not ended."""
        return [
            {
                "number": str(each.command.number),
                "said": each.command.said(),
                "state": each.update.state.value if each.update is not None else "asked",
            }
            for each in self._open.values()
        ]
