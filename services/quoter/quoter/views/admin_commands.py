"""What people order at the quoter's admin port: it works with the bus down and before the quoter has started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from common.clock import NS_PER_S
from common.core import Answered, AnswerLater
from common.events import AlertLevel

from quoter.trading.blotter import Blotter
from quoter.trading.cancel_all import Emptying, name_of
from quoter.trading.order_updates import PLATFORM
from quoter.trading.trader import Trader
from quoter.venues.base import Outputs
from quoter.views.commands import halt_of, parse_cancel_all, parse_halt

CANCEL_ALL_HOLD_NS = 5 * NS_PER_S
"""After cancel-all nothing new goes out in its scope for this long; a halt keeps it so."""


class AccountControl(NamedTuple):
    """What a person's order at the admin port may change."""

    trader: Trader
    blotter: Blotter
    emptying: Emptying


def order_halt(control: AccountControl, document: Mapping[str, Any], ticket: int, now_ns: int) -> Outputs:
    """Halt a scope: on disk, then emptied, and answered with what the venue says is left. Nothing here lifts it."""
    order = parse_halt(document, control.trader.known_scopes())
    control.trader.halts.words.check_room(order.scope)
    halt = halt_of(order, control.blotter.new_halt_id(now_ns), control.trader.epoch, now_ns)
    yield AnswerLater(ticket)
    yield from control.blotter.enforce(halt, now_ns)
    if halt.empties:
        yield from control.emptying.begin(name_of(halt), halt.scope, now_ns, ticket)
    else:
        yield Answered(ticket, {"accounts": [], "kept": f"account {control.trader.account}: resting orders stay"})


def order_cancel_all(control: AccountControl, document: Mapping[str, Any], ticket: int, now_ns: int) -> Outputs:
    """Cancel everything in a scope, let nothing new out there for 5 s, and answer with what the venue says is left."""
    scope, actor = parse_cancel_all(document, control.trader.known_scopes())
    control.trader.hold_back(scope, now_ns + CANCEL_ALL_HOLD_NS)
    yield AnswerLater(ticket)
    text = f"{actor} cancels everything in {scope}"
    yield from control.blotter.alert(AlertLevel.WARNING, PLATFORM, "cancel_all", text, now_ns)
    yield from control.emptying.begin(f"cancel-all:{scope}", scope, now_ns, ticket)
