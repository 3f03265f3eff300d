"""Bots over REST: look, change the whole document or some fields, start, stop, look back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from common.core import Receipt
from common.errors import ConfigError, PublishRefused
from common.events import BotConfig
from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access import ContextOf, Trader, TraderOrRisk, Viewer
from gateway.api.errors import WRONG_LAST_SEQUENCE, ApiError, answer, bad_field, config_refusal, revision_conflict
from gateway.api.examples import BOT_CHANGE, BOT_FIELDS_CHANGE, example
from gateway.api.known import known_to
from gateway.api.losses import loss_halt, why_it_stands
from gateway.api.routes.halts import lift
from gateway.auth.users import Caller
from gateway.changes.configuration import (
    ALGO_ID_RULE,
    RevisionConflict,
    check_algo_id,
    differences,
    merged,
    revise,
    roles_needed,
    starts,
    with_part,
)
from gateway.context import Context
from gateway.kinds.parts import Json
from gateway.state.picture import bot_row
from gateway.state.rows import market_rows

REASON_CHARS_MAX = 500
SWITCH_TRIES_MAX = 5
"""Start and stop do not mind what else changed, so they try again after a conflict."""
SWITCH_WAIT_S = 0.1

router = APIRouter(prefix="/api/bots", tags=["bots"])

AlgoId = Annotated[str, Path(description=ALGO_ID_RULE, examples=["1"])]


class BotChange(BaseModel):
    """A bot's whole configuration as it should be, and the revision it was made from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BOT_CHANGE]})

    kind: str = Field(max_length=32)
    running: bool
    sections: dict[str, Any]
    revision: int = Field(ge=0, description="the revision this change was made from; 0 for a new bot")
    reason: str = Field(default="", max_length=REASON_CHARS_MAX, description="why, for the audit")


class BotFieldsChange(BaseModel):
    """Fields of a bot's sections that change, and the revision this was made from; all others stay."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BOT_FIELDS_CHANGE]})

    sections: dict[str, dict[str, Any] | None] = Field(description="by section; null leaves the section out")
    revision: int = Field(ge=1, description="the revision this change was made from")
    reason: str = Field(default="", max_length=REASON_CHARS_MAX, description="why, for the audit")


class Switch(BaseModel):
    """Why a bot, or a part of it, is started or stopped."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "end of day"}]})

    section: str = Field(default="", max_length=32, description="pricer or hedger of a spot bot; empty is the bot")
    reason: str = Field(default="", max_length=REASON_CHARS_MAX)


@router.get("", responses=example("bots"))
async def get_bots(context: ContextOf, _caller: Viewer) -> Response:
    """List every bot with its configuration and what it does now."""
    bots = [stored.event for _, stored in sorted(context.view.bots.items()) if not stored.event.removed]
    return answer({"bots": [_document(context, config) for config in bots]})


@router.get("/{algo_id}", responses=example("bot"))
async def get_bot(algo_id: AlgoId, context: ContextOf, _caller: Viewer) -> Response:
    """Return one bot."""
    return answer(_document(context, _existing(context, algo_id)))


@router.put("/{algo_id}", responses=example("bot_changed"))
async def put_bot(algo_id: AlgoId, change: BotChange, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Replace a bot's configuration, or create the bot with revision 0.

    409 when somebody else changed it since `revision`. Changing `risk_limits` takes the role risk, all else trader.
    """
    known = context.view.bots.get(_checked(algo_id))
    before = known.event if known is not None else None
    config = _revised(context, caller, before, change.kind, change.running, change.sections, change, algo_id)
    return await _change(context, before, config, caller)


@router.patch("/{algo_id}", responses=example("bot_changed"))
async def patch_bot(algo_id: AlgoId, change: BotFieldsChange, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Change some fields of a bot's sections and leave the others as they are.

    409 when somebody else changed it since `revision`. Changing `risk_limits` takes the role risk, all else trader.
    """
    before = _existing(context, algo_id)
    sections = merged(before, change.sections)
    config = _revised(context, caller, before, before.kind, before.running, sections, change, algo_id)
    return await _change(context, before, config, caller)


@router.get("/{algo_id}/history", responses=example("bot_history"))
async def get_history(algo_id: AlgoId, context: ContextOf, _caller: Viewer) -> Response:
    """List the last changes of a bot, newest first: who made them, why, and what each field was and is."""
    _existing(context, algo_id)
    stored = await context.stored(BotConfig, algo_id=algo_id)
    rows = [
        {
            "revision": config.revision,
            "running": config.running,
            "changed": config.changed,
            "fields": differences(before.sections, config.sections) if before is not None else {},
            "changed_by": config.actor,
            "reason": config.reason,
            "changed_ns": config.ts_ns,
        }
        for before, config in zip([None, *stored], stored, strict=False)
    ]
    return answer({"algo_id": algo_id, "history": rows[::-1]})


@router.post("/{algo_id}/start", responses=example("bot_changed"))
async def post_start(
    algo_id: AlgoId, context: ContextOf, caller: Trader, switch: Annotated[Switch, Body(default_factory=Switch)]
) -> Response:
    """Let a bot, or a part of it, work.

    One that was halted for its day's loss is started when that is within its limit again, which lifts the halt; 409
    with loss and limit until then.
    """
    await _lift_loss_halt(context, _existing(context, algo_id), caller, switch.reason)
    return await _switch(context, algo_id, caller, switch, running=True)


@router.post("/{algo_id}/stop", responses=example("bot_changed"))
async def post_stop(
    algo_id: AlgoId, context: ContextOf, caller: TraderOrRisk, switch: Annotated[Switch, Body(default_factory=Switch)]
) -> Response:
    """Stop a bot, or a part of it: it cancels what rests and sends nothing new."""
    return await _switch(context, algo_id, caller, switch, running=False)


async def _lift_loss_halt(context: Context, config: BotConfig, caller: Caller, reason: str) -> None:
    halt = loss_halt(context.view, config.algo_id)
    if halt is None:
        return
    why = why_it_stands(context.view, config, context.now_ns())
    if why:
        raise _halted_for_loss(config, why)
    await lift(context, halt, caller.user_id, reason)


def _halted_for_loss(config: BotConfig, why: str) -> ApiError:
    text = f"bot {config.algo_id} is halted for its day's loss: {why}"
    return ApiError(409, "halted_for_loss", text, [("running", why)])


def _revised(
    context: Context,
    caller: Caller,
    before: BotConfig | None,
    kind: str,
    running: bool,
    sections: dict[str, Any],
    change: BotChange | BotFieldsChange,
    algo_id: str,
) -> BotConfig:
    """Return the next configuration, refused in the shape of the API where it cannot be, or not by this caller."""
    try:
        config = revise(
            before,
            algo_id=algo_id,
            kind=kind,
            running=running,
            sections=sections,
            revision=change.revision,
            actor=caller.user_id,
            reason=change.reason,
            now_ns=context.now_ns(),
            known=known_to(context.view),
        )
    except ConfigError as error:
        raise config_refusal(error) from None
    except RevisionConflict as conflict:
        raise revision_conflict(conflict) from None
    missing = roles_needed(config.changed) - caller.roles
    if missing:
        changed = ", ".join(config.changed)
        raise ApiError(403, "forbidden", f"changing {changed} needs the role {' and '.join(sorted(missing))}")
    if loss_halt(context.view, config.algo_id) is not None and starts(before, config):
        raise _halted_for_loss(config, "start it by itself once the loss is within its limit")
    return config


async def _change(context: Context, before: BotConfig | None, config: BotConfig, caller: Caller) -> Response:
    sequence = context.view.bots[config.algo_id].sequence if before is not None else 0
    command_id = await _publish(context, config, before, sequence, caller, "configure")
    return answer({"command_id": command_id, "outcome": "done", "bot": _document(context, config)})


async def _switch(context: Context, algo_id: str, caller: Caller, switch: Switch, *, running: bool) -> Response:
    for _ in range(SWITCH_TRIES_MAX):
        known = _existing(context, algo_id)
        sequence = context.view.bots[algo_id].sequence
        sections, bot_runs = known.sections, running
        try:
            if switch.section:
                sections, bot_runs = with_part(known, switch.section, running), known.running
            if (sections, bot_runs) == (known.sections, known.running):
                return answer({"command_id": None, "outcome": "done", "bot": _document(context, known)})
            config = revise(
                known,
                algo_id=algo_id,
                kind=known.kind,
                running=bot_runs,
                sections=sections,
                revision=known.revision,
                actor=caller.user_id,
                reason=switch.reason,
                now_ns=context.now_ns(),
            )
        except ConfigError as error:
            raise config_refusal(error) from None
        try:
            action = "start" if running else "stop"
            command_id = await _publish(context, config, known, sequence, caller, action)
        except PublishRefused as refused:
            if refused.code != WRONG_LAST_SEQUENCE:
                raise
            # The other change is on its way to us through the stream.
            await asyncio.sleep(SWITCH_WAIT_S)
            continue
        return answer({"command_id": command_id, "outcome": "done", "bot": _document(context, config)})
    raise ApiError(409, "conflict", f"bot {algo_id} is being changed by somebody else; try again")


async def _publish(
    context: Context, config: BotConfig, before: BotConfig | None, last_sequence: int, caller: Caller, action: str
) -> str:
    target = f"bot-{config.algo_id}"
    detail = {"revision": config.revision, "changed": config.changed, "reason": config.reason}
    if before is not None:
        detail["fields"] = differences(before.sections, config.sections)
    command_id = await context.audit(caller.user_id, action, target, detail)
    try:
        sequence = await context.publish(config, expected_last_sequence=last_sequence)
    except PublishRefused as error:
        await context.audit(caller.user_id, action, target, detail, outcome=f"refused: {error.description}")
        raise
    # The stream will tell it too; taken now, so that the same person's next request already sees it.
    context.view.on_bot(config, Receipt(context.now_ns(), sequence=sequence))
    return command_id


def _checked(algo_id: str) -> str:
    try:
        return check_algo_id(algo_id)
    except ValueError as error:
        raise bad_field("algo_id", str(error)) from None


def _existing(context: Context, algo_id: str) -> BotConfig:
    known = context.view.bots.get(_checked(algo_id))
    if known is None or known.event.removed:
        raise ApiError(404, "unknown_bot", f"there is no bot {algo_id}", [("algo_id", "must name a bot")])
    return known.event


def _document(context: Context, config: BotConfig) -> Json:
    now_ns = context.now_ns()
    return {
        **bot_row(context.view, config, market_rows(context.view, now_ns), now_ns),
        "sections": config.sections,
        "changed": config.changed,
        "changed_by": config.actor,
        "reason": config.reason,
        "changed_ns": config.ts_ns,
    }
