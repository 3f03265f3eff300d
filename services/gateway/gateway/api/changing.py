"""Changes of bots and platform documents, whichever door asks for them: refused in one way, audited, published."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from common.bots.spot import CurrencyScope
from common.core import Receipt
from common.errors import ConfigError, PublishRefused
from common.events import BotConfig, PlatformConfig

from gateway.api.access import demand_visible
from gateway.api.errors import WRONG_LAST_SEQUENCE, ApiError, bad_field, config_refusal, revision_conflict
from gateway.api.known import known_to
from gateway.api.losses import loss_halt, why_it_stands
from gateway.api.routes.halts import lift
from gateway.auth.users import Caller
from gateway.changes.configuration import (
    RevisionConflict,
    check_algo_id,
    differences,
    revise,
    roles_needed,
    starts,
    with_part,
)
from gateway.changes.documents import check_address, remove_document, revise_document, role_needed
from gateway.context import Context

SWITCH_TRIES_MAX = 5
"""Start and stop do not mind what else changed, so they try again after a conflict."""
SWITCH_WAIT_S = 0.1


async def change_bot(
    context: Context,
    caller: Caller,
    before: BotConfig | None,
    *,
    algo_id: str,
    kind: str,
    running: bool,
    sections: dict[str, Any],
    revision: int,
    reason: str,
) -> tuple[BotConfig, str]:
    """Publish a bot's next configuration and return it with the id of the command.

    ApiError 422 names each field and the rule it breaks, 409 another revision in force or a halt for the day's loss,
    403 the role that is missing.
    """
    demand_visible(caller, algo_id)
    with _refused_by_field():
        config = revise(
            before,
            algo_id=algo_id,
            kind=kind,
            running=running,
            sections=sections,
            revision=revision,
            actor=caller.user_id,
            reason=reason,
            now_ns=context.now_ns(),
            known=known_to(context.view),
        )
    _demand_roles(caller, config)
    if loss_halt(context.view, config.algo_id) is not None and starts(before, config):
        raise _halted_for_loss(config, "start it by itself once the loss is within its limit")
    return config, await _publish_bot(context, config, before, caller, "configure")


async def switch_bot(
    context: Context, caller: Caller, algo_id: str, *, section: str, running: bool, reason: str
) -> tuple[BotConfig, str | None]:
    """Start or stop a bot, or a part of it, and return it with the id of the command; None when it was so already.

    A start lifts the halt for the day's loss where that is within its limit again; ApiError 409 with loss and limit
    where it is not.
    """
    demand_visible(caller, algo_id)
    if running:
        await _lift_loss_halt(context, existing_bot(context, algo_id), caller, reason)
    for _ in range(SWITCH_TRIES_MAX):
        known = existing_bot(context, algo_id)
        sections, bot_runs = known.sections, running
        try:
            if section:
                sections, bot_runs = with_part(known, section, running), known.running
            if (sections, bot_runs) == (known.sections, known.running):
                return known, None
            config = revise(
                known,
                algo_id=algo_id,
                kind=known.kind,
                running=bot_runs,
                sections=sections,
                revision=known.revision,
                actor=caller.user_id,
                reason=reason,
                now_ns=context.now_ns(),
            )
        except ConfigError as error:
            raise config_refusal(error) from None
        try:
            return config, await _publish_bot(context, config, known, caller, "start" if running else "stop")
        except PublishRefused as refused:
            if refused.code != WRONG_LAST_SEQUENCE:
                raise
            # The other change is on its way to us through the stream.
            await asyncio.sleep(SWITCH_WAIT_S)
    raise ApiError(409, "conflict", f"bot {algo_id} is being changed by somebody else; try again")


async def remove_bot(context: Context, caller: Caller, algo_id: str, reason: str) -> tuple[BotConfig, str]:
    """Publish the last word on a bot and return it; ApiError 409 while it runs. Its id is never used again."""
    demand_visible(caller, algo_id)
    known = existing_bot(context, algo_id)
    if known.running:
        raise ApiError(409, "running", f"bot {algo_id} runs: stop it first", [("running", "must be false")])
    watching = [
        document_id
        for (kind, document_id), stored in sorted(context.view.documents.items())
        if kind == CurrencyScope.type
        and not stored.event.removed
        and str(stored.event.document.get("exchange_algo_id") or "") == algo_id
    ]
    if watching:
        text = f"{CurrencyScope.type} {', '.join(watching)} watches bot {algo_id}: remove it first"
        raise ApiError(409, "watched", text, [("algo_id", "must not be watched by a currency")])
    config = msgspec.structs.replace(
        known,
        revision=known.revision + 1,
        changed=[],
        removed=True,
        actor=caller.user_id,
        reason=reason,
        ts_ns=context.now_ns(),
    )
    return config, await _publish_bot(context, config, known, caller, "remove")


async def change_document(
    context: Context,
    caller: Caller,
    *,
    kind: str,
    document_id: str,
    document: dict[str, Any],
    revision: int,
    reason: str,
) -> tuple[PlatformConfig, str]:
    """Publish a platform document's next revision and return it with the id of the command; ApiError as of a bot."""
    check_document(kind, document_id)
    _demand_role(caller, kind)
    with _refused_by_field():
        config = revise_document(
            documents_of(context),
            known_to(context.view),
            kind=kind,
            document_id=document_id,
            document=document,
            revision=revision,
            actor=caller.user_id,
            reason=reason,
            now_ns=context.now_ns(),
        )
    return config, await _publish_document(context, config, caller, "configure")


async def delete_document(
    context: Context, caller: Caller, *, kind: str, document_id: str, revision: int, reason: str
) -> tuple[PlatformConfig, str]:
    """Publish the last word on a platform document and return it; its id is never used again."""
    check_document(kind, document_id)
    _demand_role(caller, kind)
    with _refused_by_field():
        config = remove_document(
            documents_of(context),
            kind=kind,
            document_id=document_id,
            revision=revision,
            actor=caller.user_id,
            reason=reason,
            now_ns=context.now_ns(),
        )
    return config, await _publish_document(context, config, caller, "remove")


def existing_bot(context: Context, algo_id: str) -> BotConfig:
    """Return a bot; ApiError 422 where the id cannot be one, 404 where there is none."""
    known = context.view.bots.get(checked_algo_id(algo_id))
    if known is None or known.event.removed:
        raise ApiError(404, "unknown_bot", f"there is no bot {algo_id}", [("algo_id", "must name a bot")])
    return known.event


def checked_algo_id(algo_id: str) -> str:
    """Return the id of a bot as it is; ApiError 422 names the rule."""
    try:
        return check_algo_id(algo_id)
    except ValueError as error:
        raise bad_field("algo_id", str(error)) from None


def check_document(kind: str, document_id: str) -> None:
    """Refuse an address that no document can have: ApiError 422 names the rule."""
    try:
        check_address(kind, document_id)
    except ConfigError as error:
        raise config_refusal(error) from None


def documents_of(context: Context) -> dict[tuple[str, str], PlatformConfig]:
    """Return the latest of each platform document by type and id, removed ones too."""
    return {address: stored.event for address, stored in context.view.documents.items()}


@contextmanager
def _refused_by_field() -> Iterator[None]:
    """Refuse what a revision breaks: ApiError 422 names each field and rule, 409 the revision in force."""
    try:
        yield
    except ConfigError as error:
        raise config_refusal(error) from None
    except RevisionConflict as conflict:
        raise revision_conflict(conflict) from None


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


def _demand_roles(caller: Caller, config: BotConfig) -> None:
    missing = roles_needed(config.changed) - caller.roles
    if missing:
        changed = ", ".join(config.changed)
        raise ApiError(403, "forbidden", f"changing {changed} needs the role {' and '.join(sorted(missing))}")


def _demand_role(caller: Caller, kind: str) -> None:
    needed = role_needed(kind)
    if needed not in caller.roles:
        raise ApiError(403, "forbidden", f"changing {kind} needs the role {needed}")


async def _publish_bot(
    context: Context, config: BotConfig, before: BotConfig | None, caller: Caller, action: str
) -> str:
    fields = differences(before.sections, config.sections) if before is not None else None
    stored = context.view.bots.get(config.algo_id)
    # What was revised may be older than what has come since: its own place in the stream is named.
    last_sequence = stored.sequence if before is not None and stored is not None and stored.event is before else 0
    command_id, sequence = await _publish(
        context, config, caller, action, f"bot-{config.algo_id}", fields, last_sequence
    )
    # The stream will tell it too; taken now, so that the same person's next request already sees it.
    context.view.on_bot(config, Receipt(context.now_ns(), sequence=sequence))
    return command_id


async def _publish_document(context: Context, config: PlatformConfig, caller: Caller, action: str) -> str:
    known = context.view.documents.get((config.type, config.id))
    fields = differences(known.event.document, config.document) if known is not None else {}
    last_sequence = known.sequence if known is not None else 0
    command_id, sequence = await _publish(
        context, config, caller, action, f"{config.type}-{config.id}", fields, last_sequence
    )
    context.view.on_document(config, Receipt(context.now_ns(), sequence=sequence))
    return command_id


async def _publish(
    context: Context,
    config: BotConfig | PlatformConfig,
    caller: Caller,
    action: str,
    target: str,
    fields: Mapping[str, Any] | None,
    last_sequence: int,
) -> tuple[str, int]:
    """Return the id of the command and the place of the change in the stream; audited before, and when refused."""
    detail: dict[str, Any] = {"revision": config.revision, "changed": config.changed, "reason": config.reason}
    if fields is not None:
        detail["fields"] = fields
    command_id = await context.audit(caller.user_id, action, target, detail)
    try:
        return command_id, await context.publish(config, expected_last_sequence=last_sequence)
    except PublishRefused as error:
        await context.audit(caller.user_id, action, target, detail, outcome=f"refused: {error.description}")
        raise
