"""What several accounts of one process listen to, as one list: each class of events is read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from common.core import Effects, Every, Http, Input, Newest, Ordered, Wire
from common.events import Event, FairValue, SourcePrice

Key: TypeAlias = Hashable
"""What makes inputs of two accounts one: the same events, read in the same way."""
Table: TypeAlias = Mapping[Key, Input]
OF_ONE_BOT: frozenset[type[Event]] = frozenset({FairValue, SourcePrice})
"""The events that come with every tick, and concern one bot's account alone."""

Call = Callable[..., Effects]
"""Call a handler of the core that an account has now: (account, key, name of the handler, arguments)."""


def table_of(inputs: Iterable[Input]) -> Table:
    """Return the inputs of one core by what they are."""
    return {_key(each, place): each for place, each in enumerate(inputs)}


def _key(each: Input, place: int) -> Key:
    if isinstance(each, Newest):
        return Newest, each.event, tuple(sorted(each.tokens.items())), each.sampled_ms
    if isinstance(each, Ordered):
        return Ordered, each.event, tuple(sorted(each.tokens.items())), each.start
    assert isinstance(each, Every | Wire | Http), f"{each}: one core for all accounts has to take it"
    return place


def own_name(name: str, account: str) -> str:
    """Return what a connection of an account is called among those of all: two accounts may be at one venue."""
    return f"{name}/{account}"


def together(tables: Mapping[str, Table], call: Call, of_bot: Callable[[str], Iterable[str]]) -> Sequence[Input]:
    """Return one list of what all accounts listen to; `of_bot` says whose bots those of an id are."""
    found: dict[Key, Input] = {}
    accounts: dict[Key, list[str]] = {}
    for account, table in tables.items():
        for key, each in table.items():
            if isinstance(each, Newest | Ordered):
                accounts.setdefault(key, []).append(account)
                if key not in found:
                    found[key] = replace(each, handler=_shared(key, each.event, accounts[key], call, of_bot))
            else:
                found[account, key] = _own(account, key, each, call)
    return list(found.values())


def _shared(
    key: Key, event: type[Event], accounts: list[str], call: Call, of_bot: Callable[[str], Iterable[str]]
) -> Callable[..., Effects]:
    def of_all(told: Any, *arguments: Any) -> Effects:
        for account in accounts:
            yield from call(account, key, "handler", told, *arguments)

    def of_a_bot(told: Any, *arguments: Any) -> Effects:
        for account in of_bot(told.algo_id):
            yield from call(account, key, "handler", told, *arguments)

    return of_a_bot if event in OF_ONE_BOT else of_all


def _own(account: str, key: Key, each: Input, call: Call) -> Input:
    def handler(name: str) -> Callable[..., Effects]:
        return lambda *arguments: call(account, key, name, *arguments)

    if isinstance(each, Every):
        return replace(each, handler=handler("handler"))
    assert isinstance(each, Wire | Http)
    name = own_name(each.name, account)
    if isinstance(each, Http):
        return Http(name, handler("on_answer"))
    return Wire(name, handler("on_open"), handler("on_frame"), handler("on_close"))
