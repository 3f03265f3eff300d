"""What a service promises people: that something is on disk, and what a command has come to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from structlog.stdlib import BoundLogger

from common.core import Answered, AnswerLater, Keep
from common.emptying import ANSWER_MAX_S
from common.errors import CommandUndone
from common.machine.disk import Documents


class Order:
    """A person's command while it is carried out."""

    def __init__(self) -> None:
        self.taken = False
        """True once the core has dealt with it."""
        self.unkept: list[str] = []
        """What the disk did not take, and why."""
        self.answers: list[asyncio.Future[Mapping[str, Any]]] = []
        """What it waits for."""


class Promises:
    """Documents kept on disk, and the commands that wait for their outcome."""

    def __init__(self, documents: Documents, log: BoundLogger) -> None:
        self.documents = documents
        self._log = log
        self._tickets: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self.order: Order | None = None
        """The command whose turn it is."""
        self.unkept = 0

    def carry_out(self, effect: Keep | AnswerLater | Answered) -> None:
        if isinstance(effect, Keep):
            self._keep(effect)
        elif isinstance(effect, Answered):
            waiting = self._tickets.pop(effect.ticket, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(effect.document)
        elif self.order is not None:
            self._tickets[effect.ticket] = waiting = asyncio.get_running_loop().create_future()
            self.order.answers.append(waiting)

    def _keep(self, effect: Keep) -> None:
        """Write or remove a document, in this very turn; a disk that does not take it ends nothing but the promise."""
        try:
            if effect.data:
                self.documents.put(effect.name, effect.data)
            else:
                self.documents.remove(effect.name)
        except OSError as error:
            self.unkept += 1
            self._log.error("not kept on disk", document=effect.name, why=str(error))
            if self.order is not None:
                self.order.unkept.append(error.strerror or type(error).__name__)

    async def outcome(self, name: str, order: Order, failed: asyncio.Future[None]) -> dict[str, Any]:
        """Return the answer to a command; CommandUndone when it was not, or not surely, carried out."""
        if not order.taken:
            raise CommandUndone(f"{name}: this process has failed or is ending")
        if order.unkept:
            raise CommandUndone(f"{name}: in force here, but not on disk ({'; '.join(order.unkept)})")
        answer: dict[str, Any] = {"accepted": name}
        for waiting in order.answers:
            both: set[asyncio.Future[Any]] = {waiting, failed}
            await asyncio.wait(both, timeout=ANSWER_MAX_S, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                waiting.cancel()
                raise CommandUndone(f"{name}: accepted, but its outcome is unknown")
            answer |= waiting.result()
        return answer
