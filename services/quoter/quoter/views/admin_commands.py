"""What people order at the quoter's own door: it works with the bus dead and before the quoter has started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.clock import NS_PER_S
from common.core import Answered, AnswerLater
from common.events import AlertLevel, Halt
from common.pretrade import scopes_of

from quoter.trading.order_updates import PLATFORM
from quoter.venues.base import Outputs
from quoter.views.commands import halt_of, parse_cancel_all, parse_halt

if TYPE_CHECKING:
    from quoter.service import Quoter

CURRENCY = "USD"
CANCEL_ALL_HOLD_NS = 5 * NS_PER_S
"""After cancel-all nothing new goes out in its scope for this long; a halt keeps it so."""


def order_halt(quoter: Quoter, document: Mapping[str, Any], ticket: int, now_ns: int) -> Outputs:
    """Halt a scope: on disk, then emptied, and answered with what the venue says is left. Nothing here lifts it."""
    order = parse_halt(document, known_scopes(quoter))
    quoter.desk.halts.words.check_room(order.scope)
    halt = halt_of(order, quoter.blotter.new_halt_id(now_ns), quoter.epoch, now_ns)
    yield AnswerLater(ticket)
    yield from quoter.blotter.impose(halt, now_ns)
    if halt.empties:
        yield from quoter.emptying.begin(name_of(halt), halt.scope, now_ns, ticket)
    else:
        yield Answered(ticket, {"accounts": [], "kept": f"account {quoter.account}: what rests stays"})


def order_cancel_all(quoter: Quoter, document: Mapping[str, Any], ticket: int, now_ns: int) -> Outputs:
    """Cancel everything in a scope, let nothing new out there for 5 s, and answer with what the venue says is left."""
    scope, actor = parse_cancel_all(document, known_scopes(quoter))
    quoter.desk.hold_back(scope, now_ns + CANCEL_ALL_HOLD_NS)
    yield AnswerLater(ticket)
    text = f"{actor} cancels everything in {scope}"
    yield from quoter.blotter.alert(AlertLevel.WARNING, PLATFORM, "cancel_all", text, now_ns)
    yield from quoter.emptying.begin(f"cancel-all:{scope}", scope, now_ns, ticket)


def known_scopes(quoter: Quoter) -> frozenset[str] | None:
    """Return every scope that contains something of this account; None while its bots are not known yet."""
    if not quoter.started:
        return None
    bots = quoter.bots.keys() | {order.algo_id for order in quoter.desk.orders.living()}
    own = scopes_of(quoter.account, quoter.venue, "", CURRENCY) - {"bot-"}
    return own.union(f"bot-{algo_id}" for algo_id in bots)


def name_of(halt: Halt) -> str:
    """Return what a halt is called in alerts and answers: 'scope:reason'."""
    return f"{halt.scope}:{halt.reason}"
