"""Schemas of what C2's REST paths answer and take, beside those of the objects themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias

from c2wire.configs import CONFIGS
from c2wire.enums import ConfigType
from c2wire.schemas import reference, schemas, sent_schema
from common.bots.spot import ALGO_KEY
from fastapi import Body
from pydantic import WithJsonSchema

from gateway.api.c2 import examples
from gateway.c2.configs import EARLIER_NAMES
from gateway.kinds.parts import Json

BOT = "BotConfigs"
ALGORITHM = "Algorithm"
ALGORITHM_BOTS = "AlgorithmConfigs"
RISKS = "RisksConfigs"
NOTHING = "Nothing"
_TEXT = {"type": "string"}


def _takes(kind: ConfigType, shown: Mapping[str, Any]) -> WithJsonSchema:
    """Return the schema of a body that a configuration is saved with."""
    earlier = [old for name, old in EARLIER_NAMES.items() if name in CONFIGS[kind].__struct_fields__]
    return WithJsonSchema(sent_schema(kind, earlier) | {"examples": [dict(shown)]})


_Sent: TypeAlias = dict[str, Any]
InstrumentSent = Annotated[_Sent, Body(), _takes(ConfigType.INSTRUMENT, examples.INSTRUMENT)]
PricerSent = Annotated[_Sent, Body(), _takes(ConfigType.PRICER, examples.PRICER)]
HedgerSent = Annotated[_Sent, Body(), _takes(ConfigType.HEDGER, examples.HEDGER)]
RiskLimitsSent = Annotated[_Sent, Body(), _takes(ConfigType.RISK_LIMITS, examples.RISK_LIMITS)]
RiskSent = Annotated[_Sent, Body(), _takes(ConfigType.RISK, examples.RISK)]
RiskCurrencySent = Annotated[_Sent, Body(), _takes(ConfigType.RISK_CURRENCY, examples.CURRENCY)]
CurrencyLimitsSent = Annotated[_Sent, Body(), _takes(ConfigType.CURRENCY_RISK_LIMITS, examples.LIMITS)]
RiskHedgerSent = Annotated[_Sent, Body(), _takes(ConfigType.RISK_HEDGER, examples.CURRENCY_HEDGER)]


@cache
def answer_schemas() -> Json:
    """Return by its name every schema that an answer of C2's paths refers to."""
    instrument, pricer, hedger, limits = (reference(CONFIGS[kind].__name__) for kind in list(ConfigType)[:4])
    currency = {
        "currency_config": reference("RiskCurrencyConfig"),
        "limits_config": _or_null(reference("CurrencyRiskLimitsConfig")),
        "strategy_config": _or_null(reference("RiskHedgerConfig")),
    }
    return schemas() | {
        examples.REFUSAL: _object({"name": _TEXT, "message": _TEXT, "field": {"type": ["string", "null"]}}),
        ALGORITHM: _object({"key": {"const": ALGO_KEY}, "name": _TEXT}),
        BOT: _object(
            {
                "instrument_config": instrument,
                "pricer_config": _or_null(pricer),
                "hedger_config": _or_null(hedger),
                "risk_limits_config": _or_null(limits),
            }
        ),
        ALGORITHM_BOTS: _object(
            {"algorithm": reference(ALGORITHM), "configurations": {"type": "array", "items": reference(BOT)}}
        ),
        RISKS: _object(
            {
                "risk": _or_null(reference("RiskConfig")),
                "configurations": {"type": "array", "items": _object(currency)},
            }
        ),
        NOTHING: {"type": "null"},
    }


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}
