"""Rows of markets with one instrument, of which a position is long or short: coins, bonds."""

from __future__ import annotations

from common.events import PositionLine

from gateway.kinds.parts import Json


class Signed:
    """Lots of the one instrument, below 0 when short."""

    def lots(self, line: PositionLine | None) -> Json:
        return {"net": line.yes_lots if line is not None else 0}

    def worth(self, line: PositionLine, mark: float, lot_money: float) -> float:
        return line.yes_lots * mark * lot_money
