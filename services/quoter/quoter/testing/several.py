"""The quoters of several accounts as one process, told and asked as its shell does, each with a venue of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from common.core import (
    Answered,
    Close,
    Command,
    Effect,
    Effects,
    Every,
    Http,
    HttpRequest,
    HttpResponse,
    Keep,
    Newest,
    Open,
    Ordered,
    Receipt,
    Send,
    Turn,
    Wire,
)
from common.events import BotConfig, Event, FeedStatus, Fill, Posting

from quoter.accounts.quoters import Quoters
from quoter.accounts.traders import Traders
from quoter.hedging.hedges import Hedges
from quoter.service import Quoter
from quoter.testing.script import KEY, MS, START_NS, S, config, degen_quoter, fair_value, market, position, risk_state
from quoter.testing.venue import Venue
from quoter.views.answers import Answers

E = TypeVar("E")


class Several:
    """Drives the quoters of mm1, mm2 and so on; bot 1 trades for mm1, bot 2 for mm2, in one market."""

    def __init__(self, accounts: int = 2) -> None:
        names = [f"mm{number}" for number in range(1, accounts + 1)]
        self.venues: dict[str, Venue] = {name: self.new_venue() for name in names}
        self.be_born()
        self.now_ns = START_NS + 10 * S
        self.told: list[Event] = []
        self.answered: list[Answered] = []
        self.kept: dict[str, bytes] = {}
        self.closed: list[str] = []
        """Connections that were closed by us, by name."""
        self.epochs = dict.fromkeys(names, 2)
        self.sequence = 100
        self.hold = False
        """Keep back what the venues say."""
        self.held: list[HttpRequest] = []
        self._due: deque[Effects] = deque()

    def new_venue(self) -> Venue:
        return Venue()

    def be_born(self) -> None:
        """Put the process together."""
        self.answers, self.traders, self.hedges = Answers(), Traders(), Hedges()
        self.core = Quoters({name: partial(self._made, name) for name in self.venues}, self.answers, self.hedges)
        self.inputs = self.core.inputs()

    def _made(self, account: str) -> Quoter:
        shared: dict[str, Any] = {"traders": self.traders, "hedges": self.hedges, "answer": self.answers.give}
        return degen_quoter(KEY, account=account, **shared)

    def quoter(self, account: str) -> Quoter:
        return self.core.core_of(account)

    # --- carrying -----------------------------------------------------------------------------------------------

    def receipt(self, sequence: int = 0) -> Receipt:
        return Receipt(self.now_ns, 0, sequence)

    def carry(self, effects: Iterable[Effect]) -> None:
        """Carry effects out one by one, then what they cause."""
        self._due.append(effects)
        if len(self._due) > 1:
            return
        while self._due:
            for effect in self._due[0]:
                self._carry_one(effect)
            for effect in self.core.after_burst(self.receipt()):
                self._carry_one(effect)
            if len(self._due) == 1 and not self.hold:
                self._deliver()
            self._due.popleft()

    def _carry_one(self, effect: Effect) -> None:
        if isinstance(effect, Event):
            self.told.append(effect)
            if isinstance(effect, Fill | Posting):
                self.sequence += 1
                self.carry(self.core.on_published(effect, self.sequence, self.receipt()))
        elif isinstance(effect, Turn):
            self.carry(effect.handler(self.receipt()))
        elif isinstance(effect, Answered):
            self.answered.append(effect)
        elif isinstance(effect, Keep):
            self.kept.pop(effect.name, None)
            if effect.data:
                self.kept[effect.name] = effect.data
        elif isinstance(effect, Send):
            self._venue(effect.wire).on_send(effect)
        elif isinstance(effect, HttpRequest):
            if self.hold:
                self.held.append(effect)
            else:
                self.answer(effect)
        elif isinstance(effect, Open):
            wire = self._named(Wire, effect.wire)
            if self._venue(effect.wire).opened(effect):
                self.carry(wire.on_open(self.receipt()))
            else:
                self.carry(wire.on_close("cannot connect", self.receipt()))
        elif isinstance(effect, Close):
            self.closed.append(effect.wire)
            self.cut(effect.wire.partition("/")[2], effect.reason)

    def _venue(self, name: str) -> Venue:
        return self.venues[name.partition("/")[2]]

    def _named(self, cls: type[E], name: str) -> E:
        [found] = [each for each in self.inputs if isinstance(each, cls) and getattr(each, "name", "") == name]
        return found

    def answer(self, request: HttpRequest) -> None:
        answer: HttpResponse = self._venue(request.http).on_ask(request)
        self.carry(self._named(Http, request.http).on_answer(answer, self.receipt()))

    def _deliver(self) -> None:
        for account, venue in self.venues.items():
            for frame in venue.take_frames():
                self.carry(self._named(Wire, f"degen/{account}").on_frame(frame, self.receipt()))

    def let_go(self) -> None:
        """Deliver what was kept back."""
        self.hold = False
        asks, self.held = self.held, []
        for ask in asks:
            self.answer(ask)
        self.carry(())

    def cut(self, account: str, reason: str = "cut") -> None:
        self.venues[account].disconnect()
        self.carry(self._named(Wire, f"degen/{account}").on_close(reason, self.receipt()))

    # --- inputs -------------------------------------------------------------------------------------------------

    def tell(self, event: Event, sequence: int = 0) -> None:
        """Hand in an event of the bus, once."""
        for each in self.inputs:
            if not isinstance(each, Newest | Ordered) or each.event is not type(event):
                continue
            if all(getattr(event, name) == value for name, value in each.tokens.items()):
                self.carry(each.handler(event, self.receipt(sequence)))

    def order(self, name: str, **document: Any) -> None:
        """Let a person order something at the door; what is refused raises before anything is carried out."""
        command = self._named(Command, name)
        self.carry(list(command.handler(document, self.receipt())))

    def rows(self) -> dict[str, Mapping[str, Any]]:
        """Return what the last waited order has come to, by account."""
        return {row["account"]: row for row in self.answered[-1].document["accounts"]}

    def feed(self) -> None:
        self.tell(FeedStatus(venue="degen", connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True))
        self.tell(risk_state(self.now_ns))

    def hold_lease(self, account: str) -> None:
        """The account's lease is won, for the next epoch; then what is read for its newest is read again."""
        self.epochs[account] += 1
        self.carry(self.core.on_held(account, self.epochs[account], self.receipt()))
        for number in range(1, len(self.venues) + 1):
            self.tell(position(algo_id=str(number)))

    def start(self, *accounts: str) -> None:
        """Tell of the market and the bots, and begin some accounts, or all."""
        for number, account in enumerate(self.venues, 1):
            self.tell(bot_of(account, str(number)), 1)
        self.tell(market(), 2)
        self.feed()
        self.carry(self.core.start(self.receipt()))
        for account in accounts or tuple(self.venues):
            self.hold_lease(account)

    def wait(self, ms: int, fair: float | None = None) -> None:
        """Let time pass in steps of the timer, with everything fresh, and with a fair value for all bots."""
        for _ in range(max(1, ms // 50)):
            self.now_ns += 50 * MS
            self.feed()
            if fair is not None:
                for number in range(1, len(self.venues) + 1):
                    self.tell(fair_value(fair, str(number)))
            for each in self.inputs:
                if isinstance(each, Every):
                    self.carry(each.handler(self.receipt()))

    def quoting(self) -> None:
        """Begin all accounts and have both bots quote."""
        self.start()
        self.wait(500, fair=0.50)
        self.told.clear()

    # --- what came of it ----------------------------------------------------------------------------------------

    def of(self, cls: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, cls)]

    def resting(self) -> dict[str, int]:
        return {account: len(venue.open_orders()) for account, venue in self.venues.items()}


def bot_of(account: str, algo_id: str, **more: Any) -> BotConfig:
    """Return the configuration of a bot that trades for an account."""
    return config(algo_id=algo_id, instrument={"account": account}, **more)
