"""What people order at the quoter's own door, read from a document; ValueError names the field and the rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from quoter.halts import parse_reason, parse_scope

TEXT_MAX = 200


class HaltOrder(NamedTuple):
    """Let nothing new out in a scope until a person lifts it elsewhere."""

    scope: str
    reason: str
    actor: str
    detail: str


class CancelAllOrder(NamedTuple):
    """Cancel everything in a scope."""

    scope: str
    actor: str


def parse_halt(document: Mapping[str, Any]) -> HaltOrder:
    """Return what {"scope", "reason", "actor", "detail"} orders; only the scope is needed."""
    _refuse_unknown(document, HaltOrder._fields)
    return HaltOrder(
        parse_scope(document.get("scope")),
        parse_reason(document.get("reason", "manual")),
        _text(document, "actor", "admin port"),
        _text(document, "detail", "ordered at the quoter's door"),
    )


def parse_cancel_all(document: Mapping[str, Any]) -> CancelAllOrder:
    """Return what {"scope", "actor"} orders; without a scope it is everything."""
    _refuse_unknown(document, CancelAllOrder._fields)
    return CancelAllOrder(parse_scope(document.get("scope", "global")), _text(document, "actor", "admin port"))


def _refuse_unknown(document: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown field; known are {', '.join(sorted(known))}")


def _text(document: Mapping[str, Any], name: str, default: str) -> str:
    value = document.get(name, default)
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX:
        raise ValueError(f"{name}: must be a text of 1 to {TEXT_MAX} characters")
    return value
