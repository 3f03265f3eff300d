"""The figures that hedgers and limits watch: a bot's current position, a currency's exposure, each of one ledger.

Exposure is what trades, fees and settlements have made of a currency since the accounts' baselines. Deposits are no
part of it; what was transferred is at the venue where it is now, and nothing over all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple, TypeAlias

from common.instruments import Outcome

from risk.hedging.counting import Figure
from risk.hedging.terms import Scope
from risk.ledger.books import Ledger
from risk.ledger.positions import ZERO, canonical

BaseOf: TypeAlias = Callable[[str, str], str]
"""What is traded under a symbol of a venue, '' where nobody has said."""
VenueOf: TypeAlias = Callable[[str], str]
"""At which venue an account is, '' where nobody has said."""


class Part(NamedTuple):
    """What one bot has of a currency through one account, signed, in units of it."""

    algo_id: str
    account: str
    currency: str
    amount: Decimal


@dataclass(frozen=True)
class Exposures:
    """What all bots have of all currencies, as of `ledger_sequence`."""

    ledger_sequence: int
    parts: tuple[Part, ...]
    transfers: tuple[Part, ...]
    """What came to an account by transfers, below 0 for what left it: it counts where one venue is looked at."""
    unknown: tuple[str, ...]
    """Instruments that are held and of which nobody has said what they buy."""
    venue_of: VenueOf

    @cached_property
    def _by_currency(self) -> Mapping[str, tuple[Sequence[Part], Sequence[Part]]]:
        """Parts and transfers of each currency."""
        found: dict[str, tuple[list[Part], list[Part]]] = {}
        for place, parts in enumerate((self.parts, self.transfers)):
            for part in parts:
                if part.amount:
                    found.setdefault(part.currency, ([], []))[place].append(part)
        return found

    def of(self, currency: str, venue: str = "", algo_id: str = "") -> Figure:
        """Return the exposure in a currency over all, at one venue, or of one bot; unknown with what is in the way."""
        if self.unknown:
            return Figure(None, f"nobody says what {', '.join(self.unknown)} buys")
        parts, transfers = self._by_currency.get(currency, ((), ()))
        total = ZERO
        for part in (*parts, *transfers) if venue else parts:
            if algo_id not in ("", part.algo_id):
                continue
            if venue:
                at = self.venue_of(part.account)
                if not at:
                    return Figure(None, f"nobody says at which venue {part.account} is")
                if at != venue:
                    continue
            total += part.amount
        return Figure(canonical(total))


def exposures_of(ledger: Ledger, base_of: BaseOf, venue_of: VenueOf) -> Exposures:
    """Return what the ledger says of all currencies: coins of its lines, and cash but what was paid in."""
    parts: dict[tuple[str, str, str], Decimal] = {}
    unknown = set()
    for key, line in ledger.lines.items():
        if key.outcome is not Outcome.NONE or not line.lots:
            continue
        base = base_of(key.venue, key.symbol)
        if not base:
            unknown.add(f"{key.symbol} at {key.venue}")
            continue
        _add(parts, (key.algo_id, key.account, base), line.quantity)
    for book in ledger.bots.values():
        for (account, currency), balance in book.balances.items():
            _add(parts, (book.algo_id, account, currency), balance.cash + balance.capital)
    return Exposures(
        ledger.sequence,
        tuple(Part(*key, amount) for key, amount in parts.items() if amount),
        tuple(_transfers(ledger)),
        tuple(sorted(unknown)),
        venue_of,
    )


def _transfers(ledger: Ledger) -> Iterator[Part]:
    for sides in ledger.sides.values():
        for (account, currency), amount in sides.transfers.items():
            yield Part(sides.algo_id, account, currency, amount)


def _add(parts: dict[tuple[str, str, str], Decimal], key: tuple[str, str, str], amount: Decimal) -> None:
    parts[key] = parts.get(key, ZERO) + amount


def position_of(ledger: Ledger, algo_id: str, base: str) -> Decimal:
    """Return a bot's current position in `base` since its last cutoff: net of quotes + factor x net of hedges."""
    sides = ledger.sides.get(algo_id)
    return sides.position(base) if sides is not None else ZERO


def figures_of(ledger: Ledger, scopes: Iterable[Scope], base_of: BaseOf, venue_of: VenueOf) -> dict[str, Figure]:
    """Return the figure of each hedger's scope by its name, all as of `ledger.sequence`."""
    exposures: Exposures | None = None
    figures: dict[str, Figure] = {}
    for scope in scopes:
        if scope.of_bot:
            known = bool(scope.currency)
            position = position_of(ledger, scope.algo_id, scope.currency) if known else None
            figures[scope.name] = Figure(position, "" if known else "its market is not known")
            continue
        exposures = exposures or exposures_of(ledger, base_of, venue_of)
        figures[scope.name] = exposures.of(scope.currency, scope.venue, scope.algo_id)
    return figures
