"""Rows of YES/NO markets and of the bots that quote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.kinds.parts import Held, Json


class Pair:
    """Lots of YES and of NO."""

    def lots(self, held: Held | None) -> Json:
        yes, no = (held.yes_lots, held.no_lots) if held is not None else (0, 0)
        return {"yes": yes, "no": no, "net": yes - no}

    def worth(self, held: Held, mark: float, lot_money: float) -> float:
        """Return `yes * mark + no * (1 - mark)`, times a lot's payout: 50 YES and 20 NO at 0.6 and 1 are worth 38."""
        return (held.yes_lots * mark + held.no_lots * (1.0 - mark)) * lot_money


def bot_part(sections: Mapping[str, Any]) -> Json:
    """Return the series quoted and the most that may be held of one outcome."""
    return {
        "series": list(sections.get("instrument", {}).get("series", [])),
        "max_position": sections.get("inventory", {}).get("max_position"),
    }
