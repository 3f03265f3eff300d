"""Bots over REST: look, change the whole document, start, stop."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from common.core import Receipt
from common.errors import ConfigError, PublishRefused
from common.events import BotConfig
from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access import ContextOf, Trader, TraderOrRisk, Viewer
from gateway.api.errors import WRONG_LAST_SEQUENCE, ApiError, answer, bad_field, config_refusal
from gateway.api.examples import BOT_CHANGE, example
from gateway.auth.users import Caller
from gateway.changes.configuration import ALGO_ID_RULE, RevisionConflict, check_algo_id, revise, roles_needed
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


class Switch(BaseModel):
    """Why a bot is started or stopped."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "end of day"}]})

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
    try:
        config = revise(
            known.event if known is not None else None,
            algo_id=algo_id,
            kind=change.kind,
            running=change.running,
            sections=change.sections,
            revision=change.revision,
            actor=caller.user_id,
            reason=change.reason,
            now_ns=context.now_ns(),
        )
    except ConfigError as error:
        raise config_refusal(error) from None
    except RevisionConflict as conflict:
        rule = f"must be {conflict.revision}, the revision in force"
        raise ApiError(409, "conflict", str(conflict), [("revision", rule)]) from None
    missing = roles_needed(config.changed) - caller.roles
    if missing:
        changed = ", ".join(config.changed)
        raise ApiError(403, "forbidden", f"changing {changed} needs the role {' and '.join(sorted(missing))}")
    command_id = await _publish(context, config, known.sequence if known is not None else 0, caller, "configure")
    return answer({"command_id": command_id, "outcome": "done", "bot": _document(context, config)})


@router.post("/{algo_id}/start", responses=example("bot_changed"))
async def post_start(
    algo_id: AlgoId, context: ContextOf, caller: Trader, switch: Annotated[Switch, Body(default_factory=Switch)]
) -> Response:
    """Let a bot quote."""
    return await _switch(context, algo_id, caller, running=True, reason=switch.reason)


@router.post("/{algo_id}/stop", responses=example("bot_changed"))
async def post_stop(
    algo_id: AlgoId, context: ContextOf, caller: TraderOrRisk, switch: Annotated[Switch, Body(default_factory=Switch)]
) -> Response:
    """Stop a bot: it cancels what rests and sends nothing new."""
    return await _switch(context, algo_id, caller, running=False, reason=switch.reason)


async def _switch(context: Context, algo_id: str, caller: Caller, *, running: bool, reason: str) -> Response:
    for _ in range(SWITCH_TRIES_MAX):
        known = _existing(context, algo_id)
        sequence = context.view.bots[algo_id].sequence
        if known.running == running:
            return answer({"command_id": None, "outcome": "done", "bot": _document(context, known)})
        config = revise(
            known,
            algo_id=algo_id,
            kind=known.kind,
            running=running,
            sections=known.sections,
            revision=known.revision,
            actor=caller.user_id,
            reason=reason,
            now_ns=context.now_ns(),
        )
        try:
            command_id = await _publish(context, config, sequence, caller, "start" if running else "stop")
        except PublishRefused as refused:
            if refused.code != WRONG_LAST_SEQUENCE:
                raise
            # The other change is on its way to us through the stream.
            await asyncio.sleep(SWITCH_WAIT_S)
            continue
        return answer({"command_id": command_id, "outcome": "done", "bot": _document(context, config)})
    raise ApiError(409, "conflict", f"bot {algo_id} is being changed by somebody else; try again")


async def _publish(context: Context, config: BotConfig, last_sequence: int, caller: Caller, action: str) -> str:
    target = f"bot-{config.algo_id}"
    detail = {"revision": config.revision, "changed": config.changed, "reason": config.reason}
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
