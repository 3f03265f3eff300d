"""C2's configuration of risk: account currency and cutoff, watched currencies, their limits and hedgers."""

from __future__ import annotations

from typing import Any

from c2wire.enums import ConfigType
from c2wire.wire import jsonable
from common.bots.spot import ALGO_KEY, AccountRisk, CurrencyHedger, CurrencyRiskLimits, CurrencyScope
from common.events import PlatformConfig
from fastapi import APIRouter, Response

from gateway.api.access import ContextOf, RiskOfficer, Trader, TraderOrRisk, Viewer
from gateway.api.c2 import schemas
from gateway.api.c2.bodies import (
    IdempotencyKey,
    IfMatch,
    answer,
    created_once,
    fields_of,
    id_of,
    revision_of,
    switch_of,
)
from gateway.api.c2.examples import CURRENCY, CURRENCY_HEDGER, LIMITS, RISK, RISKS, answers
from gateway.api.c2.schemas import CurrencyLimitsSent, RiskCurrencySent, RiskHedgerSent, RiskSent
from gateway.api.changing import change_document, check_document, delete_document
from gateway.api.errors import ApiError, bad_field
from gateway.auth.users import Caller
from gateway.c2.configs import DOCUMENTS, document_config, section_of
from gateway.context import Context
from gateway.kinds.parts import Json

REASON = "by the C2 API"

router = APIRouter(prefix="/api/v0/config/risks", tags=["C2 configuration"])


@router.get("", responses=answers([RISK], "RiskConfig"))
async def get_risks(context: ContextOf, _caller: Viewer) -> Response:
    """List the RISK of each algorithm: there is one, once it has been saved."""
    risk = _living(context, AccountRisk.type, ALGO_KEY)
    return answer([jsonable(document_config(risk))] if risk is not None else [])


@router.get("/{algo_key}", responses=answers(RISKS, schemas.RISKS))
async def get_risk(algo_key: str, context: ContextOf, _caller: Viewer) -> Response:
    """Return an algorithm's RISK, and each watched currency with its limits and its hedger."""
    if algo_key != ALGO_KEY:
        raise ApiError(404, "unknown_algorithm", f"there is no algorithm {algo_key[:50]}; there is {ALGO_KEY}")
    ids = sorted(
        (
            document_id
            for (kind, document_id), stored in context.view.documents.items()
            if kind == CurrencyScope.type and not stored.event.removed
        ),
        key=int,
    )
    return answer(
        {
            "risk": _shown(context, AccountRisk.type, ALGO_KEY),
            "configurations": [
                {
                    "currency_config": _shown(context, CurrencyScope.type, each),
                    "limits_config": _shown(context, CurrencyRiskLimits.type, each),
                    "strategy_config": _shown(context, CurrencyHedger.type, each),
                }
                for each in ids
            ],
        }
    )


@router.post("/save", responses=answers(RISK, "RiskConfig"))
async def save_risk(body: RiskSent, context: ContextOf, caller: RiskOfficer, if_match: IfMatch = None) -> Response:
    """Change RISK; the answer is the same, as it is stored."""
    return await _saved(context, caller, ConfigType.RISK, ALGO_KEY, body, if_match)


@router.post("/currency/save", responses=answers(CURRENCY, "RiskCurrencyConfig"))
async def save_currency(
    body: RiskCurrencySent,
    context: ContextOf,
    caller: RiskOfficer,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Change a watched currency, or add one where `currency_id` is null; the answer has its id."""
    currency_id = id_of(body, "currency_id")
    if currency_id is not None:
        if _living(context, CurrencyScope.type, currency_id) is None:
            raise _unknown(currency_id)
        return await _saved(context, caller, ConfigType.RISK_CURRENCY, currency_id, body, if_match)

    async def create() -> Response:
        taken = [int(each) for kind, each in context.view.documents if kind == CurrencyScope.type]
        new_id = str(1 + max(taken, default=0))
        return await _saved(context, caller, ConfigType.RISK_CURRENCY, new_id, body, if_match)

    return await created_once(context, caller, "currency", idempotency_key, body, create)


@router.post("/currency/limits/save", responses=answers(LIMITS, "CurrencyRiskLimitsConfig"))
async def save_limits(
    body: CurrencyLimitsSent, context: ContextOf, caller: RiskOfficer, if_match: IfMatch = None
) -> Response:
    """Change the limits of a watched currency; the answer is the same, as it is stored."""
    return await _saved(context, caller, ConfigType.CURRENCY_RISK_LIMITS, _currency_of(body), body, if_match)


@router.post("/hedger/save", responses=answers(CURRENCY_HEDGER, "RiskHedgerConfig"))
@router.post("/strategy/save", include_in_schema=False, responses=answers(CURRENCY_HEDGER, "RiskHedgerConfig"))
async def save_hedger(body: RiskHedgerSent, context: ContextOf, caller: Trader, if_match: IfMatch = None) -> Response:
    """Change the hedger of a watched currency; the answer is the same, as it is stored."""
    return await _saved(context, caller, ConfigType.RISK_HEDGER, _currency_of(body), body, if_match)


@router.post("/currency/start/{currency_id}", responses=answers(CURRENCY_HEDGER, "RiskHedgerConfig"))
async def start_hedger(currency_id: str, context: ContextOf, caller: Trader) -> Response:
    """Start the hedger of a watched currency."""
    return await _switched(context, caller, currency_id, running=True)


@router.post("/currency/stop/{currency_id}", responses=answers(CURRENCY_HEDGER, "RiskHedgerConfig"))
async def stop_hedger(currency_id: str, context: ContextOf, caller: Trader) -> Response:
    """Stop the hedger of a watched currency."""
    return await _switched(context, caller, currency_id, running=False)


@router.delete("/currency/delete/{currency_id}", responses=answers(CURRENCY, "RiskCurrencyConfig"))
async def delete_currency(currency_id: str, context: ContextOf, caller: TraderOrRisk) -> Response:
    """Remove a watched currency with its limits and its hedger, and return it; 422 while the hedger runs."""
    check_document(CurrencyScope.type, currency_id)
    scope = _living(context, CurrencyScope.type, currency_id)
    if scope is None:
        raise _unknown(currency_id)
    for kind in (CurrencyHedger.type, CurrencyRiskLimits.type, CurrencyScope.type):
        stored = _living(context, kind, currency_id)
        if stored is not None:
            await delete_document(
                context, caller, kind=kind, document_id=currency_id, revision=stored.revision, reason=REASON
            )
    return answer(jsonable(document_config(scope)))


async def _saved(
    context: Context, caller: Caller, kind: ConfigType, document_id: str, body: dict[str, Any], if_match: str | None
) -> Response:
    fields = fields_of(kind, body)
    word = next(word for word, each in DOCUMENTS.items() if each is kind)
    before = _living(context, word, document_id)
    stored = before.document if before is not None else {}
    document = section_of(kind, fields, stored)
    if kind is ConfigType.RISK_HEDGER:
        document["running"] = switch_of(fields, bool(stored.get("running")))
    config, _ = await change_document(
        context,
        caller,
        kind=word,
        document_id=document_id,
        document=document,
        revision=revision_of(if_match, before.revision if before is not None else 0),
        reason=REASON,
    )
    return answer(jsonable(document_config(config)), config.revision)


async def _switched(context: Context, caller: Caller, currency_id: str, *, running: bool) -> Response:
    check_document(CurrencyHedger.type, currency_id)
    before = _living(context, CurrencyHedger.type, currency_id)
    if before is None:
        raise ApiError(404, "unknown_currency", f"currency {currency_id} has no hedger")
    if bool(before.document.get("running")) is not running:
        before, _ = await change_document(
            context,
            caller,
            kind=CurrencyHedger.type,
            document_id=currency_id,
            document=before.document | {"running": running},
            revision=before.revision,
            reason=REASON,
        )
    return answer(jsonable(document_config(before)), before.revision)


def _currency_of(body: dict[str, Any]) -> str:
    currency_id = id_of(body, "currency_id")
    if currency_id is None:
        raise bad_field("currency_id", "must be given: a currency begins with its RISK_CURRENCY")
    return currency_id


def _unknown(currency_id: str) -> ApiError:
    rule = "must name a watched currency"
    return ApiError(404, "unknown_currency", f"there is no currency {currency_id}", [("currency_id", rule)])


def _living(context: Context, kind: str, document_id: str) -> PlatformConfig | None:
    stored = context.view.documents.get((kind, document_id))
    return None if stored is None or stored.event.removed else stored.event


def _shown(context: Context, kind: str, document_id: str) -> Json | None:
    stored = _living(context, kind, document_id)
    return None if stored is None else jsonable(document_config(stored))
