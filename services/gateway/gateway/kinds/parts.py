"""What a kind adds to the rows that people see."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, TypeAlias

from common.events import Position, PositionLine
from common.instruments import Instrument, Outcome, market_lots

Json: TypeAlias = dict[str, Any]


class Held(NamedTuple):
    """What a bot holds of one market through one account, all its instruments together."""

    account: str
    venue: str
    symbol: str
    yes_lots: int = 0
    """YES shares, or the signed position of what has no outcomes."""
    no_lots: int = 0
    cost: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    fills: int = 0
    has_outcomes: bool = False
    """Whether it is of a YES/NO market."""

    def with_line(self, line: PositionLine) -> Held:
        """Return the holding with one more instrument in it."""
        yes, no = market_lots(line.instrument.outcome, line.lots)
        return self._replace(
            yes_lots=self.yes_lots + yes,
            no_lots=self.no_lots + no,
            cost=self.cost + line.cost,
            fees=self.fees + line.fees,
            fills=self.fills + line.fills,
            has_outcomes=line.instrument.outcome is not Outcome.NONE,
        )


def held_in(position: Position) -> list[Held]:
    """Return what a bot holds by account and market, in the order of its lines."""
    found: dict[tuple[str, str, str], Held] = {}
    for line in position.lines:
        key = (line.account, line.instrument.venue, line.instrument.symbol)
        found[key] = found.get(key, Held(*key)).with_line(line)
    return list(found.values())


class PositionPart(Protocol):
    """How a position is shown in a market of one kind."""

    def lots(self, held: Held | None) -> Json:
        """Return the lots held by name; `net` is by how much the position is long."""
        ...

    def worth(self, held: Held, mark: float, instrument: Instrument) -> float:
        """Return what is held at a mark price of the market's axis, which is that of `instrument`."""
        ...


class BotPart(Protocol):
    """What a bot's configuration says of what it quotes."""

    def __call__(self, sections: Mapping[str, Any]) -> Json: ...
