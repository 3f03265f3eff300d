"""Correcting the books over REST: one person proposes, another one with the role risk approves, risk books it."""

from __future__ import annotations

import contextlib
import uuid
from decimal import Decimal

from common.adjustments import (
    CASH_MAX,
    LOTS_MAX,
    REASON_CHARS_MAX,
    UNASSIGNED,
    fault_in_approval,
    fault_in_content,
    said,
)
from common.core import Receipt
from common.errors import BusError
from common.events import Adjustment, AdjustmentState, Alert, AlertLevel
from fastapi import APIRouter, Response
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access import ContextOf, RiskOfficer, TraderOrRisk, Viewer
from gateway.api.errors import ApiError, answer, bad_field
from gateway.api.examples import example
from gateway.auth.roles import Role
from gateway.auth.users import Caller
from gateway.changes.adjustments import OPEN_MAX, StoredAdjustment, adjustment_row
from gateway.context import Context
from gateway.state.view import View

SHOWN_MAX = 100
BOTS_NAMED_MAX = 40

router = APIRouter(prefix="/api", tags=["adjustments"])


class Proposal(BaseModel):
    """A change of cash, and of shares where a fill is missing, that the ledger lacks; money is text."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"account": "mm1", "cash": "-12.50", "reason": "a fee the venue took"}]},
    )

    account: str = Field(min_length=1, max_length=64)
    cash: Decimal = Field(ge=-CASH_MAX, le=CASH_MAX, allow_inf_nan=False)
    algo_id: str = Field(default=UNASSIGNED, description="a bot, or 'unassigned' for the account's own books")
    currency: str = Field(default="", max_length=12, description="the account's where none is given")
    symbol: str = Field(default="", max_length=128)
    yes_lots: int = Field(default=0, ge=-LOTS_MAX, le=LOTS_MAX)
    no_lots: int = Field(default=0, ge=-LOTS_MAX, le=LOTS_MAX)
    lots: int = Field(default=0, ge=-LOTS_MAX, le=LOTS_MAX, description="of what has no outcomes, such as a coin")
    reason: str = Field(min_length=1, max_length=REASON_CHARS_MAX)


@router.get("/adjustments", responses=example("adjustments"))
async def get_adjustments(context: ContextOf, _caller: Viewer) -> Response:
    """List the newest adjustments, proposed and decided."""
    found = list(context.view.adjustments.newest_first())[:SHOWN_MAX]
    return answer({"adjustments": [adjustment_row(each, context.now_ns()) for each in found]})


@router.post("/adjustments", status_code=201, responses=example("adjusted", 201))
async def post_adjustment(proposal: Proposal, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Propose an adjustment; nothing is booked until another person with the role risk approves it."""
    if len(context.view.adjustments.waiting(context.now_ns())) >= OPEN_MAX:
        raise ApiError(409, "too_many_proposals", f"{OPEN_MAX} proposals wait for a decision already")
    adjustment = proposed(proposal, context.view, caller.user_id, context.now_ns())
    fault = fault_in_content(adjustment)
    if fault:
        field, _, rule = fault.partition(": ")
        raise bad_field(field, rule)
    return await _say(context, adjustment, caller, "propose", 0)


@router.post("/adjustments/{adjustment_id}/approve", responses=example("adjusted"))
async def approve(adjustment_id: str, context: ContextOf, caller: RiskOfficer) -> Response:
    """Approve what somebody else has proposed within the last 24 hours; risk books it then."""
    stored = _stored(context, adjustment_id)
    fault = fault_in_approval(stored.adjustment, caller.user_id, context.now_ns())
    proposer = context.view.users.get(stored.adjustment.proposed_by)
    if not fault and (proposer is None or proposer.user.disabled):
        fault = f"{stored.adjustment.proposed_by}, who proposed it, may no longer log in: propose it again"
    if fault:
        raise ApiError(409, "not_approvable", f"adjustment {adjustment_id}: {fault}")
    return await _decide(context, stored, AdjustmentState.APPROVED, caller, "approve")


@router.post("/adjustments/{adjustment_id}/reject", responses=example("adjusted"))
async def reject(adjustment_id: str, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Reject a proposal as a risk officer, or withdraw your own."""
    stored = _stored(context, adjustment_id)
    if stored.adjustment.state is not AdjustmentState.PROPOSED:
        word = stored.adjustment.state.value
        raise ApiError(409, "not_rejectable", f"adjustment {adjustment_id}: it is {word} already")
    if Role.RISK not in caller.roles and caller.user_id != stored.adjustment.proposed_by:
        raise ApiError(403, "forbidden", f"{caller.user_id} lacks the role risk and has not proposed it")
    return await _decide(context, stored, AdjustmentState.REJECTED, caller, "reject")


def proposed(proposal: Proposal, view: View, by: str, now_ns: int) -> Adjustment:
    """Return the adjustment that is proposed; ApiError where account, currency or bot are none of ours."""
    account = view.accounts.get(proposal.account)
    if account is None:
        known = ", ".join(sorted(view.accounts)) or "none is known yet"
        raise bad_field("account", f"must be an account of ours: {known}")
    currency = proposal.currency or account.event.main.currency
    held = [balance.currency for balance in account.event.balances]
    if currency not in held:
        raise bad_field("currency", f"must be one that the account has: {', '.join(held)}")
    if proposal.algo_id != UNASSIGNED and proposal.algo_id not in view.bots:
        known = ", ".join(sorted(view.bots)[:BOTS_NAMED_MAX])
        raise bad_field("algo_id", f"must be a bot ({known}), or {UNASSIGNED} for the account's own books")
    return Adjustment(
        account=proposal.account,
        adjustment_id=uuid.uuid4().hex[:12],
        algo_id=proposal.algo_id,
        venue=account.event.venue,
        currency=currency,
        cash=proposal.cash,
        symbol=proposal.symbol,
        yes_lots=proposal.yes_lots,
        no_lots=proposal.no_lots,
        lots=proposal.lots,
        reason=proposal.reason,
        state=AdjustmentState.PROPOSED,
        proposed_by=by,
        proposed_ns=now_ns,
    )


def _stored(context: Context, adjustment_id: str) -> StoredAdjustment:
    stored = context.view.adjustments.get(adjustment_id)
    if stored is None:
        raise ApiError(404, "unknown_adjustment", f"no adjustment {adjustment_id[:40]!r} was proposed")
    return stored


async def _decide(
    context: Context, stored: StoredAdjustment, state: AdjustmentState, caller: Caller, action: str
) -> Response:
    decided = replace(stored.adjustment, state=state, decided_by=caller.user_id, decided_ns=context.now_ns())
    return await _say(context, decided, caller, action, stored.sequence)


async def _say(context: Context, adjustment: Adjustment, caller: Caller, action: str, last_sequence: int) -> Response:
    """Keep the record, then publish under compare-and-set: of two decisions at once one is refused."""
    shown = adjustment_row(adjustment, context.now_ns())
    detail = {name: str(value) for name, value in shown.items()}
    command_id = await context.audit(caller.user_id, f"adjustment-{action}", adjustment.adjustment_id, detail)
    sequence = await context.publish(adjustment, expected_last_sequence=last_sequence)
    context.view.on_adjustment(adjustment, Receipt(context.now_ns(), sequence=sequence))
    text = f"adjustment {adjustment.adjustment_id} {adjustment.state.value} by {caller.user_id}: {said(adjustment)}"
    with contextlib.suppress(BusError):
        await context.publish(
            Alert(
                level=AlertLevel.WARNING,
                algo_id="platform",
                source="gateway",
                kind=f"adjustment_{adjustment.state.value}",
                text=text,
                ts_ns=context.now_ns(),
            )
        )
    return answer(
        {"command_id": command_id, "outcome": adjustment.state.value, "adjustment": shown},
        201 if adjustment.state is AdjustmentState.PROPOSED else 200,
    )
