"""The named spot venues of a run, with our accounts there: looked at on the way, compared with the books at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.core import Core

from toolkit.simulation import cores
from toolkit.simulation.bus import MemoryBus
from toolkit.simulation.checks import Findings, check_fills, check_known, check_ledger, check_statements
from toolkit.simulation.network import MemoryNetwork
from toolkit.simulation.spot.venues import ACCOUNTS, BOTS, hosted
from toolkit.simulation.spot.watch import SpotWatch


class SpotSide:
    """What a run with named spot venues has beside its exchange; nothing in a run without."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.venues: dict[str, Any] = {}
        """By what documents call them."""
        self.places: dict[str, str] = {}
        """By account: the venue where it is."""
        self.accounts: dict[str, Any] = {}
        self.watches: list[SpotWatch] = []
        self._hosted: Any = None

    def host(self, seed: int, exchange: Any, network: MemoryNetwork, driven: Sequence[str]) -> None:
        """Put the venues beside the exchange, not yet started; `driven` are the currencies that it has prices of."""
        self._hosted = hosted(seed, {**cores.KEYS, **cores.SENDING_KEYS}, cores.secret_of, driven)
        exchange.followers.append(self._hosted)
        self._hosted.connect(exchange)
        self.venues, self.places = self._hosted.by_name, dict(ACCOUNTS)
        self.accounts = {name: self.venues[place].ledger.account(name) for name, place in self.places.items()}
        network.named = {name.lower(): venue for name, venue in self.venues.items()}

    def start(self, network: MemoryNetwork, now_ns: int) -> None:
        if self._hosted is None:
            return
        self._hosted.world.start(now_ns, {})
        for name in self.venues:
            network.venue_does(lambda venue: venue.start(now_ns), name.lower())  # type: ignore[attr-defined]
        self.watches = [SpotWatch(each, self.venues, self._findings) for each in BOTS]

    def look(self, now_ns: int) -> None:
        for each in self.watches:
            each.look(now_ns)

    def check_life(self, quoter: Core, calm_ns: int) -> None:
        """Every bot must have quoted since, and nothing may rest that the quoter does not know."""
        for each in self.watches:
            account, symbol = each.quoting.account, each.quoting.symbol
            if each.last_quoted_ns < calm_ns:
                self._findings.add("idle", f"{account}: {symbol} was not quoted after the trouble had ended")
        for name, account in self.accounts.items():
            check_known(account, cores.known_orders(quoter, name), self._findings)

    def check(self, bus: MemoryBus, ledger: Any) -> None:
        """Compare fills, every currency's balance and the statements of each account with the venue's."""
        for name, account in self.accounts.items():
            symbols = {symbol: each.terms for symbol, each in self.venues[self.places[name]].trading.symbols.items()}
            check_fills(account, bus, symbols, self._findings)
            check_ledger(account, bus, ledger, symbols, self._findings)
            check_statements(account, bus, self._findings)
