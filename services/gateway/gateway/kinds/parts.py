"""What a kind adds to the rows that people see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from common.events import PositionLine

Json: TypeAlias = dict[str, Any]


class PositionPart(Protocol):
    """How a position is shown in a market of one kind."""

    def lots(self, line: PositionLine | None) -> Json:
        """Return the lots held by name; `net` is by how much the position is long."""
        ...

    def worth(self, line: PositionLine, mark: float, lot_money: float) -> float:
        """Return what is held at a mark price on the market's axis; `lot_money` is a lot's at a price of 1."""
        ...


class BotPart(Protocol):
    """What a bot's configuration says of what it quotes."""

    def __call__(self, sections: Mapping[str, Any]) -> Json: ...
