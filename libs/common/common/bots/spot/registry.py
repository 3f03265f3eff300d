"""Every document of the whole platform, by its type."""

from __future__ import annotations

from collections.abc import Mapping

from common.bots.spot.documents import AccountRisk, CurrencyHedger, CurrencyRiskLimits, CurrencyScope, PlatformDocument
from common.bots.spot.rebalancing import Rebalancer

DOCUMENTS: Mapping[str, type[PlatformDocument]] = {
    model.type: model for model in (AccountRisk, CurrencyScope, CurrencyRiskLimits, CurrencyHedger, Rebalancer)
}
