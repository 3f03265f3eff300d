"""Rows of YES/NO markets and of the bots that quote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.instruments import Instrument

from gateway.kinds.parts import Held, Json


class Pair:
    """Lots of YES and of NO."""

    def lots(self, held: Held | None) -> Json:
        yes, no = (held.yes_lots, held.no_lots) if held is not None else (0, 0)
        return {"yes": yes, "no": no, "net": yes - no}

    def worth(self, held: Held, mark: float, instrument: Instrument) -> float:
        """Return what both outcomes are worth: 50 YES and 20 NO at 0.6, a lot a share, are worth 30 + 8."""
        return instrument.value(held.yes_lots, mark) + instrument.opposite().value(held.no_lots, mark)


def bot_part(sections: Mapping[str, Any]) -> Json:
    """Return the series quoted and the most that may be held of one outcome."""
    return {
        "series": list(sections.get("instrument", {}).get("series", [])),
        "max_position": sections.get("inventory", {}).get("max_position"),
    }
