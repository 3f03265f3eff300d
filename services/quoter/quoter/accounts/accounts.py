"""The accounts of one process under one core, each with a core of its own.

What the bus tells comes once and is handed to those it concerns, and what people order is carried out by each and
answered once. The only account of a process is handed its inputs directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

from common.core import (
    AnswerLater,
    Close,
    Command,
    Core,
    Effect,
    Effects,
    HttpRequest,
    HttpResponse,
    Input,
    Open,
    Receipt,
    Sample,
    Send,
    Turn,
)
from common.events import Event, Halt

from quoter.accounts.inputs import Key, own_name, table_of, together
from quoter.views.answers import Answers
from quoter.views.commands import HaltOrder, parse_cancel_all, parse_halt


class AccountCore(Core):
    """The core of one account, and what a person may order of it at the admin port of the process."""

    account: str

    def scopes(self, asked: str) -> frozenset[str] | None:
        """Return the scopes that contain something of the account, or may; None while every one may.

        `asked` is the scope that somebody asks about.
        """
        raise NotImplementedError

    def may_contain(self, scope: str) -> bool:
        """Say whether a scope contains something of the account, or may."""
        raise NotImplementedError

    def check_room(self, scope: str) -> None:
        """Refuse one halt more than can be remembered."""
        raise NotImplementedError

    def halt_of(self, order: HaltOrder, now_ns: int) -> Halt:
        """Return the halt that a person has ordered."""
        raise NotImplementedError

    def obey(self, halt: Halt, ticket: int | None, receipt: Receipt) -> Effects:
        """Put an ordered halt in force, on disk first; a ticket is answered with what the venue says is left."""
        raise NotImplementedError

    def tell_halt(self, halt: Halt, now_ns: int) -> Effects:
        """Tell the bus of an ordered halt, and people."""
        raise NotImplementedError

    def cancel_all(self, scope: str, ticket: int, receipt: Receipt) -> Effects:
        """Cancel everything in a scope and answer the ticket with what the venue says is left."""
        raise NotImplementedError

    def tell_cancel_all(self, scope: str, actor: str, now_ns: int) -> Effects:
        """Tell people that somebody cancels everything in a scope."""
        raise NotImplementedError


C = TypeVar("C", bound=AccountCore)

REQUEST_IDS = 1 << 48
"""More than one core ever asks; above them its life is counted, for the answers to those before it."""


class Accounts(Core, Generic[C]):
    """All accounts of a process."""

    def __init__(self, cores: Iterable[C], answers: Answers) -> None:
        """`answers` is where the cores answer what people have ordered of several of them."""
        self.answers = answers
        self._cores = {core.account: core for core in cores}
        self._tables = {account: table_of(core.inputs()) for account, core in self._cores.items()}
        assert self._cores, "there is an account"
        self._numbers = dict.fromkeys(self._cores, 0)
        """How many cores an account had before."""
        self._only = self.cores[0] if len(self._cores) == 1 else None
        self.confirmed = self.cores[0].confirmed

    @property
    def cores(self) -> list[C]:
        """Return the cores there are now, in the order of their accounts."""
        return list(self._cores.values())

    def core_of(self, account: str) -> C:
        """Return the core that an account has now."""
        return self._cores[account]

    def doors(self) -> list[Command]:
        """Return what people may order of all accounts."""
        return [
            Command("halt", self.on_halt_command, early=True),
            Command("cancel-all", self.on_cancel_all_command, early=True),
        ]

    # --- inputs -------------------------------------------------------------------------------------------------

    def inputs(self) -> Sequence[Input]:
        if self._only is not None:
            return [*self._only.inputs(), *self.doors()]
        return [*together(self._tables, self.call, self.accounts_of), *self.doors()]

    def accounts_of(self, algo_id: str) -> Iterable[str]:
        """Return the accounts that the news of a bot may concern."""
        return self._cores

    def call(self, account: str, key: Key, name: str, *arguments: Any) -> Effects:
        """Hand an input to the core that the account has now."""
        handler = getattr(self._tables[account][key], name)
        if type(arguments[0]) is HttpResponse:
            life, request_id = divmod(arguments[0].request_id, REQUEST_IDS)
            if life != self._numbers[account]:
                return ()
            return self.hand(self._cores[account], handler, arguments[0]._replace(request_id=request_id), arguments[1])
        return self.hand(self._cores[account], handler, *arguments)

    def hand(self, core: C, handler: Callable[..., Effects], *arguments: Any) -> Effects:
        """Let the core of an account handle something; the receipt comes last."""
        return handler(*arguments) if self._only is not None else self.among(core, handler, *arguments)

    def among(self, core: C, handler: Callable[..., Effects], *arguments: Any) -> Effects:
        """Let one core of several handle something, and yield what follows as all of them together say it."""
        for effect in handler(*arguments):
            yield self._among(core, effect)

    def _among(self, core: C, effect: Effect) -> Effect:
        account = core.account
        if isinstance(effect, Event):
            return effect
        if isinstance(effect, Send):
            return Send(own_name(effect.wire, account), effect.data)
        if isinstance(effect, Turn):
            return Turn(partial(self.hand, core, effect.handler))
        if isinstance(effect, HttpRequest):
            request_id = self._numbers[account] * REQUEST_IDS + effect.request_id
            return replace(effect, http=own_name(effect.http, account), request_id=request_id)
        if isinstance(effect, Open | Close):
            return replace(effect, wire=own_name(effect.wire, account))
        return effect

    def _all(self, name: str, *arguments: Any) -> Effects:
        for core in self.cores:
            yield from self.hand(core, getattr(core, name), *arguments)

    def after_burst(self, receipt: Receipt) -> Effects:
        return self._only.after_burst(receipt) if self._only is not None else self._all("after_burst", receipt)

    # --- life ---------------------------------------------------------------------------------------------------

    def restore(self, documents: Mapping[str, bytes]) -> None:
        for core in self.cores:
            core.restore(documents)

    def start(self, receipt: Receipt) -> Effects:
        return self._all("start", receipt)

    def on_stand_still(self, faults: Sequence[str], receipt: Receipt) -> Effects:
        return self._all("on_stand_still", faults, receipt)

    def on_published(self, event: Event, sequence: int, receipt: Receipt) -> Effects:
        for core in self._concerned(event):
            yield from self.hand(core, core.on_published, event, sequence, receipt)

    def on_refused(self, event: Event, reason: str, receipt: Receipt) -> Effects:
        for core in self._concerned(event):
            yield from self.hand(core, core.on_refused, event, reason, receipt)

    def _concerned(self, event: Event) -> list[C]:
        """Return the account's that an event of ours names, or everybody's."""
        core = self._cores.get(getattr(event, "account", ""))
        return self.cores if core is None else [core]

    def replace(self, core: C) -> None:
        """Let another core take the place of the one that its account has."""
        account = core.account
        self._cores[account], self._tables[account] = core, table_of(core.inputs())
        self._numbers[account] += 1

    # --- people -------------------------------------------------------------------------------------------------

    def on_halt_command(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Halt a scope at the accounts it contains: on disk, emptied, told, and answered with what is left of each.

        Nothing here lifts it.
        """
        order = parse_halt(document, self._scopes(document))
        cores, now_ns = self._in_scope(order.scope), receipt.now_ns
        for core in cores:
            core.check_room(order.scope)
        halt = cores[0].halt_of(order, now_ns)
        ticket = self.answers.open([core.account for core in cores])
        yield AnswerLater(ticket)
        for core in cores:
            yield from self.hand(core, core.obey, halt, ticket if halt.empties else None, receipt)
        yield from cores[0].tell_halt(halt, now_ns)
        if not halt.empties:
            names = ", ".join(core.account for core in cores)
            kept = f"{'account' if len(cores) == 1 else 'accounts'} {names}: resting orders stay"
            yield from self.answers.end(ticket, {"accounts": [], "kept": kept})

    def on_cancel_all_command(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Cancel everything in a scope at the accounts it contains, and answer with what is left of each."""
        scope, actor = parse_cancel_all(document, self._scopes(document))
        cores = self._in_scope(scope)
        ticket = self.answers.open([core.account for core in cores])
        yield AnswerLater(ticket)
        yield from cores[0].tell_cancel_all(scope, actor, receipt.now_ns)
        for core in cores:
            yield from self.hand(core, core.cancel_all, scope, ticket, receipt)

    def _scopes(self, document: Mapping[str, Any]) -> frozenset[str] | None:
        """Return every scope that contains something of an account, or may; None while none of them can tell."""
        asked = document.get("scope")
        scope = asked if isinstance(asked, str) else ""
        known = {core.account: core.scopes(scope) for core in self.cores}
        if all(scopes is None for scopes in known.values()):
            return None
        may = {scope for core in self.cores if known[core.account] is None and core.may_contain(scope)}
        return frozenset(may).union(*(scopes for scopes in known.values() if scopes is not None))

    def _in_scope(self, scope: str) -> list[C]:
        """Return the accounts that may have something in a scope; all where that is nobody's."""
        return [core for core in self.cores if core.may_contain(scope)] or self.cores

    def samples(self) -> Iterable[Sample]:
        for core in self.cores:
            for sample in core.samples():
                yield sample._replace(labels={"account": core.account} | dict(sample.labels))

    def unready(self, now_ns: int) -> list[str]:
        if self._only is not None:
            return self._only.unready(now_ns)
        return [f"account {core.account}: {why}" for core in self.cores for why in core.unready(now_ns)]

    def state(self, now_ns: int) -> dict[str, Any]:
        states = {core.account: core.state(now_ns) for core in self.cores}
        halts = {halt for state in states.values() for halt in state["halts"]}
        return {"halts": sorted(halts), "accounts": states}
