"""Stopping over REST: call a halt, lift one reason of it, cancel all orders."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Annotated, Any

from common.errors import BusError, BusUnavailable, CommandUndone
from common.events import Halt
from common.halts import (
    DEFAULT_REASON,
    REASON_RULE,
    SCOPE_RULE,
    TooManyHaltsError,
    UnknownScopeError,
    check_exists,
    check_reason,
    check_scope,
)
from fastapi import APIRouter, Body, Query, Response
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.api.access import ContextOf, Lifter, Stopper, Viewer
from gateway.api.errors import ApiError, answer
from gateway.api.examples import example
from gateway.api.scopes import known_scopes
from gateway.changes.admin_ports import Outcome
from gateway.context import Context
from gateway.state.picture import halt_row

DETAIL_CHARS_MAX = 500
DOOR_DETAIL_MAX = 200
"""Characters of a remark that the services' own doors take."""

router = APIRouter(prefix="/api", tags=["halts"])


class HaltCall(BaseModel):
    """Cancel what rests in a scope, then refuse new and amended orders until this reason is lifted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"scope": "bot-1", "reason": "manual", "detail": "prices look odd"}]},
    )

    scope: str = Field(max_length=80, description=SCOPE_RULE)
    reason: str = Field(default=DEFAULT_REASON, max_length=64, description=REASON_RULE)
    detail: str = Field(default="", max_length=DETAIL_CHARS_MAX)
    keep_resting: bool = Field(default=False, description="block new orders only, keep resting orders")

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
async def get_halts(context: ContextOf, _caller: Viewer) -> Response:
    """List the halts in force."""
    return answer({"halts": [halt_row(context.view, halt) for halt in context.view.halts.active()]})


@router.post("/halts", status_code=201, responses=example("halted", 201))
async def post_halt(call: HaltCall, context: ContextOf, caller: Stopper) -> Response:
    """Call a halt; the answer reports what became of each account's orders.

    It is stored in the stream and on the gateway's disk before the quoters are asked what became of it. With the bus
    down it is handed to the quoters' own admin ports, which stop at once, and goes to the stream when that is there.
    """
    _demand_scope(context, call.scope)
    try:
        context.view.halts.check_room(call.scope)
    except TooManyHaltsError as error:
        raise ApiError(409, "too_many_halts", str(error), [("scope", str(error))]) from None
    halt = Halt(
        scope=call.scope,
        reason=call.reason,
        actor=caller.user_id,
        detail=call.detail,
        halt_id=uuid.uuid4().hex,
        cancels=True,
        keep_resting=call.keep_resting,
        ts_ns=context.now_ns(),
    )
    stored, unkept = await _publish(context, halt)
    outcomes = await context.admin_ports.order_trading("halt", _order_of(halt))
    if not stored:
        _demand_done(outcomes, "the bus is down and no quoter took the halt; it is kept here and published later")
    if unkept:
        raise ApiError(503, "not_on_disk", f"in force, but {unkept}")
    document = {"command_id": halt.halt_id, "outcome": "done", "halt": halt_row(context.view, halt)}
    return answer({**document, **_by_account(outcomes)}, 201)


async def _publish(context: Context, halt: Halt) -> tuple[bool, str]:
    """Put a halt into the stream and on our disk; return whether the stream has it, and why the disk has not."""
    sequence = 0
    if context.connected:
        # A halt does not wait for its record, and is called even when the record cannot be kept.
        record = asyncio.ensure_future(
            context.audit(halt.actor, "halt", halt.scope, _detail(halt), audit_id=halt.halt_id)
        )
        try:
            sequence = await context.publish(halt)
        except BusError:
            record.cancel()
        else:
            with contextlib.suppress(BusError):
                await record
    view = context.view
    try:
        if sequence:
            await context.obey(lambda receipt: view.on_halt(halt, replace(receipt, sequence=sequence)))
        else:
            await context.obey(lambda receipt: view.enforce(halt, receipt))
    except CommandUndone as error:
        return bool(sequence), str(error)
    return bool(sequence), ""


@router.delete("/halts/{scope}/{reason}", responses=example("lifted"))
async def delete_halt(
    scope: str,
    reason: str,
    context: ContextOf,
    caller: Lifter,
    detail: Annotated[str, Query(max_length=DETAIL_CHARS_MAX, description="why it may resume")] = "",
) -> Response:
    """Lift one reason of a halt, however it is written; the scope's other reasons stay."""
    view = context.view
    halt = view.halts.find(scope, reason)
    if halt is None:
        raise ApiError(404, "unknown_halt", _nothing_to_lift(context, scope, reason), [("reason", "must be in force")])
    lifted = await lift(context, halt, caller.user_id, detail)
    return answer({"command_id": lifted.halt_id, "outcome": "done", "lifted": halt_row(view, lifted)})


async def lift(context: Context, halt: Halt, actor: str, detail: str) -> Halt:
    """Lift one halt in force, audited before; ApiError where the bus has not stored it yet, or our disk fails."""
    view, scope, reason = context.view, halt.scope, halt.reason
    named = view.halts.sequence_of(scope, reason)
    if not named:
        raise ApiError(503, "not_stored_yet", f"the bus has not stored the halt {scope}:{reason} yet: try again")
    lifted = Halt(
        scope=scope,
        reason=reason,
        lifted=True,
        actor=actor,
        detail=detail,
        halt_id=uuid.uuid4().hex,
        ts_ns=context.now_ns(),
    )
    await context.audit(actor, "lift", scope, _detail(lifted), audit_id=lifted.halt_id)
    # Not the scope's reason as such but this one halt: when it is called again meanwhile, that one stays.
    sequence = await context.publish(lifted, expected_last_sequence=named)
    try:
        await context.obey(lambda receipt: view.on_halt(lifted, replace(receipt, sequence=sequence)))
    except CommandUndone as error:
        raise ApiError(503, "not_on_disk", f"lifted, but {error}") from None
    return lifted


@router.post("/cancel-all", responses=example("cancelled"))
async def post_cancel_all(
    context: ContextOf, caller: Stopper, call: Annotated[CancelAll, Body(default_factory=CancelAll)]
) -> Response:
    """Cancel every resting order in a scope: told to the quoters, and where one is silent to the watchdogs."""
    _demand_scope(context, call.scope)
    command_id = uuid.uuid4().hex
    if context.connected:
        with contextlib.suppress(BusUnavailable):
            await context.audit(caller.user_id, "cancel-all", call.scope, audit_id=command_id)
    outcomes = await context.admin_ports.order_trading("cancel-all", {"scope": call.scope, "actor": caller.user_id})
    _demand_done(outcomes, "no quoter and no watchdog accepted the cancel-all")
    return answer({"command_id": command_id, "outcome": "done", **_by_account(outcomes)})


def _demand_scope(context: Context, scope: str) -> None:
    try:
        check_exists(scope, known_scopes(context.view))
    except UnknownScopeError as error:
        raise ApiError(404, "unknown_scope", str(error), [("scope", str(error))]) from None


def _nothing_to_lift(context: Context, scope: str, reason: str) -> str:
    """Return why a lift has nothing to lift, with the halts that there are."""
    active = context.view.halts.active()
    here = sorted(halt.reason for halt in active if halt.scope == scope)
    if here:
        return f"no halt {scope}:{reason} is in force; in force for {scope}: {', '.join(here)}"
    if active:
        return f"no halt {scope}:{reason} is in force; in force: {', '.join(context.view.halts.listed())}"
    return f"no halt {scope}:{reason} is in force; none is"


def _order_of(halt: Halt) -> dict[str, Any]:
    """Return a halt as the admin ports of quoters and watchdogs take it."""
    order: dict[str, Any] = {
        "scope": halt.scope,
        "reason": halt.reason,
        "actor": halt.actor,
        "halt_id": halt.halt_id,
        "keep_resting": halt.keep_resting,
    }
    return order | ({"detail": halt.detail[:DOOR_DETAIL_MAX]} if halt.detail else {})


def _detail(halt: Halt) -> dict[str, Any]:
    return {"reason": halt.reason, "detail": halt.detail} | ({"keep_resting": True} if halt.keep_resting else {})


def _by_account(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return what each account has made of it, and what each service answered."""
    rows = [{**row, "by": outcome.service} for outcome in outcomes for row in outcome.accounts]
    services = [{"service": each.service, "outcome": each.outcome, "detail": each.detail} for each in outcomes]
    return {"accounts": rows, "services": services}


def _demand_done(outcomes: list[Outcome], otherwise: str) -> None:
    if not any(outcome.outcome == "done" for outcome in outcomes):
        said = "; ".join(f"{each.service} {each.outcome}: {each.detail}" for each in outcomes) or "none is configured"
        raise ApiError(503, "not_carried_out", f"{otherwise} ({said})")
