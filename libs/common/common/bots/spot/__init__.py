"""Spot bots: the configuration of the source document, with its names and its texts."""

from common.bots.spot.bot import SpotBot
from common.bots.spot.documents import (
    ALGO_KEY,
    AccountRisk,
    CurrencyHedger,
    CurrencyRiskLimits,
    CurrencyScope,
    PlatformDocument,
)
from common.bots.spot.rebalancing import Holder, Measure, Rebalancer
from common.bots.spot.registry import DOCUMENTS
from common.bots.spot.sections import HedgeSection, SpotBotLimits, SpotHedger, SpotInstrument, SpotPricer
from common.bots.spot.values import (
    Band,
    FxAggregation,
    HedgeStrategy,
    Levels,
    MinSpread,
    OnDayLoss,
    QuoteSizes,
    SourceAggregation,
    TakeOut,
)

__all__ = [
    "ALGO_KEY",
    "DOCUMENTS",
    "AccountRisk",
    "Band",
    "CurrencyHedger",
    "CurrencyRiskLimits",
    "CurrencyScope",
    "FxAggregation",
    "HedgeSection",
    "HedgeStrategy",
    "Holder",
    "Levels",
    "Measure",
    "MinSpread",
    "OnDayLoss",
    "PlatformDocument",
    "QuoteSizes",
    "Rebalancer",
    "SourceAggregation",
    "SpotBot",
    "SpotBotLimits",
    "SpotHedger",
    "SpotInstrument",
    "SpotPricer",
    "TakeOut",
]
