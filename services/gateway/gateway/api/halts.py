"""Stopping over REST: call a halt, lift one reason of it, cancel all orders."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Annotated, Any

from common.core import Receipt
from common.errors import BusError, BusUnavailable
from common.events import Halt
from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.admin_ports import Outcome
from gateway.api.access import DeskOf, RiskOfficer, TraderOrRisk, Viewer
from gateway.api.errors import ApiError, answer, bad_field
from gateway.api.examples import example
from gateway.halts import REASON_RULE, SCOPE_RULE, check_reason, check_scope
from gateway.picture import halt_row

DETAIL_CHARS_MAX = 500

router = APIRouter(prefix="/api", tags=["halts"])


class HaltCall(BaseModel):
    """Stop new and amended orders in a scope until this reason is lifted; cancels always pass."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"scope": "bot-1", "reason": "manual", "detail": "prices look odd"}]},
    )

    scope: str = Field(max_length=80, description=SCOPE_RULE)
    reason: str = Field(default="manual", max_length=64, description=REASON_RULE)
    detail: str = Field(default="", max_length=DETAIL_CHARS_MAX)

    @field_validator("scope")
    @classmethod
    def _scope(cls, scope: str) -> str:
        return check_scope(scope)

    @field_validator("reason")
    @classmethod
    def _reason(cls, reason: str) -> str:
        return check_reason(reason)


class CancelAll(BaseModel):
    """Cancel every resting order in a scope; without a halt the bots quote again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scope": "global"}]})

    scope: str = Field(default="global", max_length=80, description=SCOPE_RULE)

    @field_validator("scope")
    @classmethod
    def _scope(cls, scope: str) -> str:
        return check_scope(scope)


@router.get("/halts", responses=example("halts"))
async def get_halts(desk: DeskOf, _caller: Viewer) -> Response:
    """List the halts in force."""
    return answer({"halts": [halt_row(halt) for halt in desk.view.halts.active()]})


@router.post("/halts", status_code=201, responses=example("halted", 201))
async def post_halt(call: HaltCall, desk: DeskOf, caller: TraderOrRisk) -> Response:
    """Call a halt. With the bus away it is handed to the quoters' own admin ports, which stop at once."""
    halt = Halt(
        scope=call.scope,
        reason=call.reason,
        actor=caller.user_id,
        detail=call.detail,
        halt_id=uuid.uuid4().hex,
        ts_ns=desk.now_ns(),
    )
    if desk.connected:
        # A halt does not wait for its record, and is called even when the record cannot be kept.
        record = asyncio.ensure_future(
            desk.audit(caller.user_id, "halt", call.scope, _detail(halt), audit_id=halt.halt_id)
        )
        try:
            sequence = await desk.publish(halt)
        except BusError:
            record.cancel()
        else:
            with contextlib.suppress(BusError):
                await record
            desk.view.on_halt(halt, Receipt(desk.now_ns(), sequence=sequence))
            return answer({"command_id": halt.halt_id, "outcome": "done", "halt": halt_row(halt)}, 201)
    order = {"scope": halt.scope, "reason": halt.reason, "actor": halt.actor}
    outcomes = [await desk.admin_ports.order(quoter, "halt", order) for quoter in desk.admin_ports.named("quoter")]
    _demand_done(outcomes, "the bus is away and no quoter took the halt")
    return answer({"command_id": halt.halt_id, "outcome": "done", "halt": halt_row(halt), **_by_service(outcomes)}, 201)


@router.delete("/halts/{scope}/{reason}", responses=example("lifted"))
async def delete_halt(
    scope: str,
    reason: str,
    desk: DeskOf,
    caller: RiskOfficer,
    detail: Annotated[str, Query(max_length=DETAIL_CHARS_MAX, description="why it may go on")] = "",
) -> Response:
    """Lift one reason of a halt; the scope's other reasons stay."""
    try:
        check_scope(scope)
    except ValueError as error:
        raise bad_field("scope", str(error)) from None
    try:
        check_reason(reason)
    except ValueError as error:
        raise bad_field("reason", str(error)) from None
    halt = desk.view.halts.find(scope, reason)
    if halt is None:
        raise ApiError(404, "unknown_halt", f"no halt {scope}:{reason} is in force", [("reason", "must be in force")])
    lifted = desk.view.halts.sequence_of(halt)
    lift = Halt(
        scope=scope,
        reason=reason,
        lifted=True,
        actor=caller.user_id,
        detail=detail,
        halt_id=uuid.uuid4().hex,
        ts_ns=desk.now_ns(),
    )
    await desk.audit(caller.user_id, "lift", scope, _detail(lift), audit_id=lift.halt_id)
    # Not the scope's reason as such but this one halt: when it is called again meanwhile, that one stays.
    sequence = await desk.publish(lift, expected_last_sequence=lifted)
    desk.view.on_halt(lift, Receipt(desk.now_ns(), sequence=sequence))
    return answer({"command_id": lift.halt_id, "outcome": "done", "lifted": halt_row(lift)})


@router.post("/cancel-all", responses=example("cancelled"))
async def post_cancel_all(
    desk: DeskOf, caller: TraderOrRisk, call: Annotated[CancelAll, Body(default_factory=CancelAll)]
) -> Response:
    """Cancel every resting order in a scope: told to the quoters, and where one is silent to the watchdogs."""
    command_id = uuid.uuid4().hex
    if desk.connected:
        with contextlib.suppress(BusUnavailable):
            await desk.audit(caller.user_id, "cancel-all", call.scope, audit_id=command_id)
    order = {"scope": call.scope, "actor": caller.user_id}
    ports = desk.admin_ports
    outcomes = [await ports.order(quoter, "cancel-all", order) for quoter in ports.named("quoter")]
    if not outcomes or any(outcome.outcome == "unreachable" for outcome in outcomes):
        outcomes += [await ports.order(watchdog, "cancel-all", order) for watchdog in ports.named("watchdog")]
    _demand_done(outcomes, "no quoter and no watchdog took the order to cancel")
    return answer({"command_id": command_id, "outcome": "done", **_by_service(outcomes)})


def _detail(halt: Halt) -> dict[str, Any]:
    return {"reason": halt.reason, "detail": halt.detail}


def _by_service(outcomes: list[Outcome]) -> dict[str, Any]:
    return {"services": [outcome._asdict() for outcome in outcomes]}


def _demand_done(outcomes: list[Outcome], otherwise: str) -> None:
    if not any(outcome.outcome == "done" for outcome in outcomes):
        said = "; ".join(f"{each.service} {each.outcome}: {each.detail}" for each in outcomes) or "none is configured"
        raise ApiError(503, "not_carried_out", f"{otherwise} ({said})")
