"""Bots over REST: look, change the whole document or some fields, start, stop, look back."""

from __future__ import annotations

from typing import Annotated, Any

from common.events import BotConfig
from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access import ContextOf, Trader, TraderOrRisk, Viewer, demand_visible
from gateway.api.changing import change_bot, checked_algo_id, existing_bot, switch_bot
from gateway.api.errors import answer
from gateway.api.examples import BOT_CHANGE, BOT_FIELDS_CHANGE, example
from gateway.auth.users import Caller
from gateway.changes.configuration import ALGO_ID_RULE, differences, merged
from gateway.context import Context
from gateway.kinds.parts import Json
from gateway.state.picture import bot_row
from gateway.state.rows import market_rows

REASON_CHARS_MAX = 500

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
async def get_bots(context: ContextOf, caller: Viewer) -> Response:
    """List every bot that the caller may see with its configuration and what it does now."""
    shown = sorted((algo_id, stored) for algo_id, stored in context.view.bots.items() if caller.may_see(algo_id))
    bots = [stored.event for _, stored in shown if not stored.event.removed]
    return answer({"bots": [_document(context, config) for config in bots]})


@router.get("/{algo_id}", responses=example("bot"))
async def get_bot(algo_id: AlgoId, context: ContextOf, caller: Viewer) -> Response:
    """Return one bot."""
    demand_visible(caller, algo_id)
    return answer(_document(context, existing_bot(context, algo_id)))


@router.put("/{algo_id}", responses=example("bot_changed"))
async def put_bot(algo_id: AlgoId, change: BotChange, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Replace a bot's configuration, or create the bot with revision 0.

    409 when somebody else changed it since `revision`. Changing `risk_limits` takes the role risk, all else trader.
    """
    known = context.view.bots.get(checked_algo_id(algo_id))
    config, command_id = await change_bot(
        context,
        caller,
        known.event if known is not None else None,
        algo_id=algo_id,
        kind=change.kind,
        running=change.running,
        sections=change.sections,
        revision=change.revision,
        reason=change.reason,
    )
    return _changed(context, config, command_id)


@router.patch("/{algo_id}", responses=example("bot_changed"))
async def patch_bot(algo_id: AlgoId, change: BotFieldsChange, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Change some fields of a bot's sections and leave the others as they are.

    409 when somebody else changed it since `revision`. Changing `risk_limits` takes the role risk, all else trader.
    """
    before = existing_bot(context, algo_id)
    config, command_id = await change_bot(
        context,
        caller,
        before,
        algo_id=algo_id,
        kind=before.kind,
        running=before.running,
        sections=merged(before, change.sections),
        revision=change.revision,
        reason=change.reason,
    )
    return _changed(context, config, command_id)


@router.get("/{algo_id}/history", responses=example("bot_history"))
async def get_history(algo_id: AlgoId, context: ContextOf, caller: Viewer) -> Response:
    """List the last changes of a bot, newest first: who made them, why, and what each field was and is."""
    demand_visible(caller, algo_id)
    existing_bot(context, algo_id)
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
    return await _switch(context, algo_id, caller, switch, running=True)


@router.post("/{algo_id}/stop", responses=example("bot_changed"))
async def post_stop(
    algo_id: AlgoId, context: ContextOf, caller: TraderOrRisk, switch: Annotated[Switch, Body(default_factory=Switch)]
) -> Response:
    """Stop a bot, or a part of it: it cancels what rests and sends nothing new."""
    return await _switch(context, algo_id, caller, switch, running=False)


async def _switch(context: Context, algo_id: str, caller: Caller, switch: Switch, *, running: bool) -> Response:
    config, command_id = await switch_bot(
        context, caller, algo_id, section=switch.section, running=running, reason=switch.reason
    )
    return _changed(context, config, command_id)


def _changed(context: Context, config: BotConfig, command_id: str | None) -> Response:
    return answer({"command_id": command_id, "outcome": "done", "bot": _document(context, config)})


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
