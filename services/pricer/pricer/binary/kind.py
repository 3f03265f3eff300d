"""How bots that quote YES/NO markets are priced: a valuation for each underlying, of the contracts on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.bots import BinaryBot
from common.events import Market
from common.instruments import InstrumentKind

from pricer.binary.contracts import Contract, contract_of
from pricer.binary.valuation import Valuation
from pricer.kind import Follow, Kind
from pricer.sources.aggregation import VenueFeed


class Binary(Kind[BinaryBot, Contract, Valuation]):
    """Fair values of YES from prices of the underlyings."""

    model = BinaryBot
    instruments = frozenset({InstrumentKind.BINARY})

    def contract_of(self, market: Market, feed: VenueFeed) -> Contract | None:
        return contract_of(market, feed)

    def outputs(
        self, algo_id: str, config: BinaryBot, follow: Follow, before: Mapping[str, Valuation]
    ) -> list[Valuation]:
        return [
            Valuation.of(
                algo_id,
                underlying,
                config,
                [follow.source(source.venue, source.symbol) for source in sources],
                self.library,
                before.get(underlying),
            )
            for underlying, sources in config.instrument.sources.items()
        ]

    def hand_out(self, config: BinaryBot, outputs: Sequence[Valuation], follow: Follow) -> None:
        instrument = config.instrument
        for valuation in outputs:
            valuation.hold(
                tuple(
                    contract
                    for contract in self.contracts.values()
                    if contract.underlying == valuation.underlying
                    and contract.venue == instrument.venue
                    and contract.series in instrument.series
                )
            )
