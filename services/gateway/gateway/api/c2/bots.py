"""C2's configuration of bots: INSTRUMENT, PRICER, HEDGER and RISK_LIMITS, each saved and started by itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from c2wire.enums import ConfigType
from c2wire.wire import jsonable
from common.bots.spot import ALGO_KEY, SourceAggregation
from common.errors import PublishRefused
from common.events import BotConfig
from fastapi import APIRouter, Response

from gateway.api.access import ContextOf, Trader, TraderOrRisk, Viewer, demand_visible
from gateway.api.c2 import schemas
from gateway.api.c2.bodies import (
    IdempotencyKey,
    IfMatch,
    answer,
    content_of,
    created_once,
    fields_of,
    id_of,
    revision_of,
    spot_bot,
    switch_of,
    visibility_of,
)
from gateway.api.c2.examples import ALGORITHM, ALGORITHMS, BOT, HEDGER, INSTRUMENT, PRICER, RISK_LIMITS, answers
from gateway.api.c2.schemas import HedgerSent, InstrumentSent, PricerSent, RiskLimitsSent
from gateway.api.changing import change_bot, checked_algo_id, remove_bot, switch_bot
from gateway.api.errors import WRONG_LAST_SEQUENCE, ApiError, bad_field
from gateway.auth.users import Caller
from gateway.c2.configs import OF_C2, SECTIONS, bot_config, section_of
from gateway.context import Context
from gateway.kinds.parts import Json

_ALGORITHM = {"key": ALGO_KEY, "name": "Market Maker"}
FIRST_PRICER = {"source_aggregation": SourceAggregation.BBO.value, "running": False}
"""Of a bot whose INSTRUMENT alone has been saved: it quotes no size."""
CREATE_TRIES_MAX = 5
REASON = "by the C2 API"

router = APIRouter(prefix="/api/v0/config", tags=["C2 configuration"])


class Part(StrEnum):
    """What of a bot is started and stopped by itself, by its word in a path."""

    INSTRUMENT = "instrument"
    PRICER = "pricer"
    HEDGER = "hedger"


_PARTS = ("InstrumentConfig", "PricerConfig", "HedgerConfig")


@router.get("/algorithms", responses=answers(ALGORITHMS, schemas.ALGORITHM))
async def get_algorithms(_caller: Viewer) -> Response:
    """List the algorithms: there is one."""
    return answer([_ALGORITHM])


@router.get("/algorithm/{algo_key}", responses=answers(ALGORITHM, schemas.ALGORITHM_BOTS))
async def get_algorithm(algo_key: str, context: ContextOf, caller: Viewer) -> Response:
    """Return every bot of an algorithm, each with its four configurations."""
    if algo_key != ALGO_KEY:
        raise ApiError(404, "unknown_algorithm", f"there is no algorithm {algo_key[:50]}; there is {ALGO_KEY}")
    visibility = visibility_of(caller)
    bots = [
        stored.event
        for algo_id, stored in sorted(context.view.bots.items(), key=lambda each: (len(each[0]), each[0]))
        if stored.event.kind == OF_C2 and not stored.event.removed and visibility.shows(algo_id)
    ]
    return answer({"algorithm": _ALGORITHM, "configurations": [_four_parts(context, bot) for bot in bots]})


@router.get("/instrument/get/{algo_id}", responses=answers(BOT, schemas.BOT, schemas.NOTHING))
async def get_instrument(algo_id: str, context: ContextOf, caller: Viewer) -> Response:
    """Return the four configurations of a bot; null where there is none any more."""
    checked_algo_id(algo_id)
    demand_visible(caller, algo_id)
    stored = context.view.bots.get(algo_id)
    if stored is None or stored.event.removed or stored.event.kind != OF_C2:
        return answer(None)
    return answer(_four_parts(context, stored.event), stored.event.revision)


@router.post("/instrument/save", responses=answers(INSTRUMENT, "InstrumentConfig"))
async def save_instrument(
    body: InstrumentSent,
    context: ContextOf,
    caller: Trader,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Change a bot's INSTRUMENT, or create a bot where `algo_id` is null; the answer is the INSTRUMENT with its id."""
    fields = fields_of(ConfigType.INSTRUMENT, body)
    algo_id = id_of(body, "algo_id")
    if algo_id is None:

        async def create() -> Response:
            return _section(context, await _created(context, caller, fields), "instrument")

        return await created_once(context, caller, "instrument", idempotency_key, body, create)
    before = spot_bot(context, caller, algo_id)
    instrument = section_of(ConfigType.INSTRUMENT, fields, before.sections["instrument"])
    config, _ = await change_bot(
        context,
        caller,
        before,
        algo_id=algo_id,
        kind=OF_C2,
        running=switch_of(fields, before.running),
        sections=before.sections | {"instrument": instrument},
        revision=revision_of(if_match, before.revision),
        reason=REASON,
    )
    return _section(context, config, "instrument")


@router.post("/pricer/save", responses=answers(PRICER, "PricerConfig"))
async def save_pricer(body: PricerSent, context: ContextOf, caller: TraderOrRisk, if_match: IfMatch = None) -> Response:
    """Change a bot's PRICER; the answer is the same, as it is stored."""
    return await _saved(context, caller, "pricer", body, if_match)


@router.post("/hedger/save", responses=answers(HEDGER, "HedgerConfig"))
async def save_hedger(body: HedgerSent, context: ContextOf, caller: TraderOrRisk, if_match: IfMatch = None) -> Response:
    """Change a bot's HEDGER; the answer is the same, as it is stored."""
    return await _saved(context, caller, "hedger", body, if_match)


@router.post("/riskLimits/save", responses=answers(RISK_LIMITS, "RiskLimitsConfig"))
async def save_risk_limits(
    body: RiskLimitsSent, context: ContextOf, caller: TraderOrRisk, if_match: IfMatch = None
) -> Response:
    """Change a bot's RISK_LIMITS; the answer is the same, as it is stored."""
    return await _saved(context, caller, "risk_limits", body, if_match)


@router.post("/{part}/start/{algo_id}", responses=answers(PRICER, *_PARTS))
async def start_part(part: Part, algo_id: str, context: ContextOf, caller: Trader) -> Response:
    """Start a bot, its pricer or its hedger; 409 with loss and limit while a halt for the day's loss stands."""
    return await _switched(context, caller, algo_id, part, running=True)


@router.post("/{part}/stop/{algo_id}", responses=answers(PRICER, *_PARTS))
async def stop_part(part: Part, algo_id: str, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Stop a bot, its pricer or its hedger."""
    return await _switched(context, caller, algo_id, part, running=False)


@router.delete("/instrument/delete/{algo_id}", responses=answers(INSTRUMENT, "InstrumentConfig"))
async def delete_instrument(algo_id: str, context: ContextOf, caller: Trader) -> Response:
    """Remove a bot and return its last INSTRUMENT; 409 while it runs."""
    before = spot_bot(context, caller, algo_id)
    await remove_bot(context, caller, algo_id, REASON)
    return _section(context, before, "instrument")


async def _created(context: Context, caller: Caller, fields: dict[str, Any]) -> BotConfig:
    """Return a new bot under the next free id."""
    instrument = section_of(ConfigType.INSTRUMENT, fields, {})
    instrument["account"] = _account_at(context, instrument.get("exchange"))
    for _ in range(CREATE_TRIES_MAX):
        algo_id = str(1 + max((int(each) for each in context.view.bots), default=0))
        try:
            config, _ = await change_bot(
                context,
                caller,
                None,
                algo_id=algo_id,
                kind=OF_C2,
                running=switch_of(fields, False),
                sections={"instrument": instrument, "pricer": dict(FIRST_PRICER)},
                revision=0,
                reason=REASON,
            )
        except PublishRefused as refused:
            if refused.code != WRONG_LAST_SEQUENCE:
                raise
            continue
        return config
    raise ApiError(409, "conflict", "other bots are being created at the same time; try again")


def _account_at(context: Context, exchange: Any) -> str:
    """Return our account at an exchange, which C2 does not name; ApiError 422 where there is not exactly one."""
    try:
        venue = context.view.exchanges.trading_venue(str(exchange or ""))
    except ValueError as error:
        raise bad_field("exchange", str(error)) from None
    accounts = sorted(state.event.account for state in context.view.accounts.values() if state.event.venue == venue)
    if len(accounts) != 1:
        named = ", ".join(accounts) or "none"
        raise bad_field("exchange", f"must be one where we have one account, has {named}; PUT /api/bots names it")
    return accounts[0]


async def _saved(
    context: Context, caller: Caller, section: str, body: dict[str, Any], if_match: str | None
) -> Response:
    fields = fields_of(SECTIONS[section], body)
    algo_id = id_of(body, "algo_id")
    if algo_id is None:
        raise bad_field("algo_id", "must be given: a bot begins with its INSTRUMENT")
    before = spot_bot(context, caller, algo_id)
    stored = before.sections.get(section) or {}
    made = section_of(SECTIONS[section], fields, stored)
    if section != "risk_limits":
        made["running"] = switch_of(fields, bool(stored.get("running")))
    config, _ = await change_bot(
        context,
        caller,
        before,
        algo_id=algo_id,
        kind=OF_C2,
        running=before.running,
        sections=before.sections | {section: made},
        revision=revision_of(if_match, before.revision),
        reason=REASON,
    )
    return _section(context, config, section)


async def _switched(context: Context, caller: Caller, algo_id: str, part: Part, *, running: bool) -> Response:
    spot_bot(context, caller, algo_id)
    section = "" if part is Part.INSTRUMENT else part.value
    config, _ = await switch_bot(context, caller, algo_id, section=section, running=running, reason=REASON)
    return _section(context, config, part.value)


def _section(context: Context, config: BotConfig, section: str) -> Response:
    made = bot_config(config, section, content_of(context).halted(config))
    return answer(jsonable(made), config.revision)


def _four_parts(context: Context, config: BotConfig) -> Json:
    halted = content_of(context).halted(config)
    return {f"{section}_config": jsonable(bot_config(config, section, halted)) for section in SECTIONS}
