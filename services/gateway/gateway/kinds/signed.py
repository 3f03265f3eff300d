"""Rows of markets with one instrument, of which a position is long or short: coins, bonds."""

from __future__ import annotations

from common.instruments import Instrument

from gateway.kinds.parts import Held, Json


class Signed:
    """Lots of the one instrument, below 0 when short."""

    def lots(self, held: Held | None) -> Json:
        return {"net": held.yes_lots if held is not None else 0}

    def worth(self, held: Held, mark: float, instrument: Instrument) -> float:
        return instrument.value(held.yes_lots, mark)
