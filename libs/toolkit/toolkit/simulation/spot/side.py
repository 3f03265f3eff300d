"""The named spot venues of a run, with our accounts there: looked at on the way, compared with the books at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from common.core import Core
from common.events import BOT_SCOPE, CURRENCY_SCOPE

from toolkit.simulation import cores
from toolkit.simulation.bus import MemoryBus
from toolkit.simulation.checks import (
    Findings,
    check_balances,
    check_fills,
    check_known,
    check_ledger,
    check_statements,
)
from toolkit.simulation.network import MemoryNetwork
from toolkit.simulation.spot.hedges import Hedged, HedgeWatch
from toolkit.simulation.spot.own_orders import OwnOrdersWatch
from toolkit.simulation.spot.venues import ACCOUNTS, BOTS, CURRENCY, CURRENCY_HEDGER, CURRENCY_ID, hosted
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
        self.own_orders: OwnOrdersWatch | None = None
        self.hedges: HedgeWatch | None = None
        self._hosted: Any = None
        self._sequences: dict[str, int] = {}
        """Of each account, when its balances were looked at."""
        self._at_the_exchange: list[Any] = []
        self._deposited: Counter[str] = Counter()
        """Before the first trade, by currency, in all accounts."""

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

    def look(self, now_ns: int, heard_ns: Mapping[str, int]) -> None:
        """Look at every account; `heard_ns` is when the feed last heard of each venue."""
        for each in self.watches:
            each.look(now_ns, heard_ns.get(each.quoting.source[0].lower(), 0))
        for name, account in self.accounts.items():
            if self._sequences.get(name) != account.sequence:
                self._sequences[name] = account.sequence
                check_balances(account, self._findings)
        if self.own_orders is not None:
            self.own_orders.look(now_ns)

    def watch_hedges(self, bus: MemoryBus, exchange: Any, accounts: Sequence[Any], *, whole: bool) -> None:
        """Follow what hedgers say; in a `whole` run a currency has one, and a bot quotes in its own source."""
        if self._hosted is None:
            return
        hedgers = [Hedged(BOT_SCOPE + each.algo_id, "", each.sections["hedger"]) for each in BOTS]
        self._at_the_exchange = list(accounts)
        if whole:
            hedgers.append(Hedged(CURRENCY_SCOPE + CURRENCY_ID, CURRENCY, CURRENCY_HEDGER))
            self.own_orders = OwnOrdersWatch(bus, exchange, accounts[0].name, self._findings)
            self._deposited = self._held()
        self.hedges = HedgeWatch(bus, hedgers, self._findings)

    def _held(self) -> Counter[str]:
        """Return what all our accounts have together, in units."""
        accounts = [*self._at_the_exchange, *self.accounts.values()]
        return Counter({CURRENCY: sum(account.total(CURRENCY) for account in accounts)})

    def check_life(self, quoter: Core, risk: Core, calm_ns: int, now_ns: int) -> None:
        """Every bot must have quoted since, nothing may rest that the quoter does not know, and hedges are done."""
        if self.hedges is not None:
            self.hedges.check_life(cores.hedger_rows(risk), now_ns)
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
        if self.hedges is not None and self._deposited:
            gained = self._held()
            gained.subtract(self._deposited)
            self.hedges.check({name: Decimal(units).scaleb(-8) for name, units in gained.items()})
