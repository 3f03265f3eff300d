"""The cash that a bid needs: its money, and the fee where a venue takes that in what is paid."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, TypeAlias

from common.events import FeeCurrency, FeeTerms
from common.instruments import Instrument

Rate: TypeAlias = tuple[int, int]
"""An exact rate as numerator and denominator: (1, 10_000) is a basis point."""


class BidFees(NamedTuple):
    """Which part of a bid's money has to be there beside it, by how the bid trades."""

    maker: Rate
    taker: Rate

    def cover(self, instrument: Instrument, ticks: int, lots: int, *, takes: bool) -> float:
        """Return the cash, in the instrument's currency, that a bid may cost at most with its fee.

        The fee of a lot is rounded up to whole ticks of its price. A venue rounds the fee of each fill up to the
        smallest unit of its currency, and the money of a tick of a lot is a whole number of them: so the cover holds
        for any split into fills. 0.1 BTC at 60,000 in lots of 0.0001 and ticks of 0.01, with 1 bps: 6,000 and a fee of
        0.60.
        """
        numerator, denominator = self.taker if takes else self.maker
        return instrument.money(ticks - (-ticks * numerator // denominator), lots)


def bid_fees(fees: FeeTerms | None) -> BidFees | None:
    """Return what bids of a market pay beside their money; None for nothing, or where the venue does not say.

    A fee in what is bought takes no cash, and a rebate gives none before it is paid.
    """
    if fees is None or fees.currency is not FeeCurrency.PRICE or max(fees.maker_rate, fees.taker_rate) <= 0:
        return None
    maker, taker = (max(Decimal(0), rate).as_integer_ratio() for rate in (fees.maker_rate, fees.taker_rate))
    return BidFees(maker, taker)
