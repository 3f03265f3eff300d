"""What people order at the quoter's and the watchdog's own doors, read from a document.

ValueError names the field and the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from common.events import Halt
from common.halts import DEFAULT_REASON, check_exists, check_reason, check_scope

TEXT_MAX = 200
ID_MAX = 64
T = TypeVar("T")


class HaltOrder(NamedTuple):
    """Cancel what rests in a scope and let nothing new out there until a person lifts it elsewhere."""

    scope: str
    reason: str
    actor: str
    detail: str
    halt_id: str
    """Of the halt that somebody has published already; empty for one of our own."""
    keep_resting: bool


class CancelAllOrder(NamedTuple):
    """Cancel everything in a scope."""

    scope: str
    actor: str


def parse_halt(document: Mapping[str, Any], known: Collection[str] | None) -> HaltOrder:
    """Return what {"scope", "reason", "actor", "detail", "halt_id", "keep_resting"} orders; only the scope is needed.

    `known` are the scopes that exist; None while nobody can tell, so that every well-formed one is taken.
    """
    _refuse_unknown(document, HaltOrder._fields)
    return HaltOrder(
        _scope(document.get("scope"), known),
        _checked("reason", check_reason, document.get("reason", DEFAULT_REASON)),
        _text(document, "actor", "admin port"),
        _text(document, "detail", "ordered on the service's admin port"),
        _text(document, "halt_id", "", ID_MAX),
        _flag(document, "keep_resting"),
    )


def parse_cancel_all(document: Mapping[str, Any], known: Collection[str] | None) -> CancelAllOrder:
    """Return what {"scope", "actor"} orders; without a scope it is everything."""
    _refuse_unknown(document, CancelAllOrder._fields)
    return CancelAllOrder(_scope(document.get("scope", "global"), known), _text(document, "actor", "admin port"))


def halt_of(order: HaltOrder, halt_id: str, epoch: int, now_ns: int) -> Halt:
    """Return the halt that a person has ordered; `halt_id` is for one that has none yet."""
    return Halt(
        scope=order.scope,
        reason=order.reason,
        actor=order.actor,
        detail=order.detail,
        halt_id=order.halt_id or halt_id,
        cancels=True,
        keep_resting=order.keep_resting,
        ts_ns=now_ns,
        epoch=epoch,
    )


def _refuse_unknown(document: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown field; known are {', '.join(sorted(known))}")


def _scope(value: object, known: Collection[str] | None) -> str:
    scope = _checked("scope", check_scope, value)
    if known is not None:
        _checked("scope", lambda each: check_exists(each, known), scope)
    return scope


def _checked(field: str, check: Callable[[Any], T], value: object) -> T:
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _text(document: Mapping[str, Any], name: str, default: str, chars_max: int = TEXT_MAX) -> str:
    value = document.get(name, default)
    if not isinstance(value, str) or not (name not in document or 0 < len(value) <= chars_max):
        raise ValueError(f"{name}: must be a text of 1 to {chars_max} characters")
    return value


def _flag(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name, False)
    if value is not True and value is not False:
        raise ValueError(f"{name}: must be true or false")
    return bool(value)
