"""The cores of a run, made from the services' packages by name: no service is imported where it is not simulated."""

from __future__ import annotations

import importlib
import json
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from common.core import Core
from common.events import Fill, HedgeUpdate, OrderUpdates, Posting, TransferUpdate, decode
from common.venues import Exchanges

from toolkit.paths import CONFIG_DIR
from toolkit.simulation import rival
from toolkit.simulation.bus import MemoryBus, Message
from toolkit.simulation.node import Node
from toolkit.simulation.signing import PLATFORM_ID
from toolkit.simulation.stores import MemoryStore

EXCHANGE_URL = "http://exchange:9000"
FEED_LEASES: Sequence[tuple[str, str]] = (("feed", "binance"), ("feed", "degen"))
NS_PER_S = 1_000_000_000
MICROS = 1_000_000
KEYS: Mapping[str, tuple[str, ...]] = {"trade": ("read", "trade", "cancel"), "watchdog": ("cancel",)}
SENDING_KEYS: Mapping[str, tuple[str, ...]] = {"transfer": ("read", "transfer")}
"""Of accounts at named spot venues beside those."""
T = TypeVar("T")
MAKER_FEE_PPM, TAKER_FEE_PPM = 100, 500
COINS = 10
"""Of each asset that the account begins with, where it has a spot symbol."""


def exchange(
    *,
    seed: int,
    market_s: int,
    assets: Sequence[str],
    deposit: int,
    informed: bool,
    spot: bool = False,
    accounts: Sequence[str] = ("mm1",),
) -> Any:
    """Return the venue with our accounts and simulated takers, not yet started."""
    module = importlib.import_module("exchange.venue")
    keys = importlib.import_module("exchange.entry.keys")
    markets = importlib.import_module("exchange.market.markets")
    lifecycle = importlib.import_module("exchange.market.lifecycle")
    takers = importlib.import_module("exchange.participants.takers")
    noise = takers.Noise(rate_per_s=1.0)
    others = importlib.import_module("exchange.participants.spot")
    terms = importlib.import_module("exchange.spot.terms")
    symbols = [terms.dollar_symbol(asset, MAKER_FEE_PPM, TAKER_FEE_PPM) for asset in (assets if spot else ())]
    return module.Exchange(
        importlib.import_module("exchange.config").ExchangeConfig(
            seed=seed,
            signing_secret=b"the simulation's own secret",
            series=tuple(
                lifecycle.Series(f"{asset}-5M", asset, markets.RollingCalendar(market_s * NS_PER_S)) for asset in assets
            ),
            keys=(
                *(
                    keys.Key.of(account, name, f"{account}-{name}", secret_of(name), scopes)
                    for account in accounts
                    for name, scopes in KEYS.items()
                ),
                keys.Key.of(rival.NAME, "trade", f"{rival.NAME}-trade", secret_of(rival.NAME), KEYS["trade"]),
            ),
            deposits=dict.fromkeys((*accounts, rival.NAME), deposit * MICROS),
            takers=takers.TakerSettings(
                noise=noise, informed=takers.Informed() if informed else takers.Informed(edge_ticks=99.0)
            ),
            symbols=tuple(symbols),
            spot_deposits={
                account: {each.base: int(COINS / each.lot) * each.lot_units for each in symbols} for account in accounts
            },
            spot_maker=others.SpotMakerSettings(enabled=spot),
            spot_takers=others.SpotTakerSettings(enabled=spot, rate_per_s=1.0),
        )
    )


def secret_of(key: str) -> str:
    """Return the secret of one of the run's own keys."""
    return f"secret-of-mm1-{key}"


def feed(seed: int, named: Sequence[str] = ()) -> Core:
    """Return the feed of the public price source, of the venue, and of its named spot venues."""
    config = importlib.import_module("feed.config")
    wiring = importlib.import_module("feed.wiring")
    service = importlib.import_module("feed.service")
    venues = config.parse_venues((Path(CONFIG_DIR) / "venues.toml").read_text())
    wanted = ["binance", "degen", *(spot_venue(name) for name in named)]
    found = config.places(venues, config.Source.MODEL, ",".join(wanted), EXCHANGE_URL, ",".join(named))
    made: Core = service.Feed([wiring.venue_feed(place, str(seed)) for place in found])
    return made


def spot_venue(name: str) -> str:
    """Return what venues.toml calls a named spot venue."""
    return f"{name.lower()}_spot"


def exchanges_of(named: Iterable[str]) -> Exchanges:
    """Return the exchanges that documents of bots name: the venue's own, and its named spot venues."""
    return Exchanges({"DEGEN": "degen"} | {name: spot_venue(name) for name in named})


def pricer(named: Sequence[str] = ()) -> Core:
    exchanges = exchanges_of(named)
    venues = importlib.import_module("pricer.sources.venues").Venues(exchanges)
    service = importlib.import_module("pricer.service")
    made: Core = service.Pricer(["binance"], quoted_venues=["degen", *map(spot_venue, named)], venues=venues)
    return made


def risk() -> Core:
    wiring = importlib.import_module("risk.wiring")
    limits = wiring.read_platform_limits(Path(CONFIG_DIR) / wiring.LIMITS_FILE)
    exchanges = wiring.read_exchanges(Path(CONFIG_DIR))
    made: Core = importlib.import_module("risk.service").Risk(limits, exchanges=exchanges)
    return made


def prepare_risk(node: Node) -> None:
    """Recover the ledger as risk's own start does, from the store and the FILL stream in memory."""
    recovery: Any = importlib.import_module("risk.ledger.recovery")
    snapshot = importlib.import_module("risk.ledger.snapshot")
    store, core = node.store, node.core
    assert store is not None
    recovery.LOAD_RETRY_S = 0  # nobody waits in virtual time
    word = node.disk.resumed
    loading, fills = _Loading(store, snapshot), _Fills(node.bus)
    found = run_now(recovery.recover(loading, fills, PLATFORM_ID, node.hand.check, resumed=word is not None))
    opening = importlib.import_module("risk.corrections.opening").Opening
    generation = max(1, node.disk.known.generation)
    core.opening = opening(generation, word.who, word.reason) if word else opening(generation)  # type: ignore[attr-defined]
    core.recover(found.ledger, found.faults, found.halts, found.notes)  # type: ignore[attr-defined]
    hedges = core.hedges  # type: ignore[attr-defined]
    first = hedges.unread_from()
    for message in node.bus.stored("fill.trade.*.*", first) if first is not None else ():
        if message.sequence <= found.ledger.sequence:
            hedges.recount(decode(Fill, message.data), message.sequence)
    store.whole = lambda: (ledger_of(core).sequence, snapshot.documents(ledger_of(core)))
    if store.available:
        store.sequence, fields = store.whole()
        store.fields = dict(fields)


def ledger_of(core: Core) -> Any:
    return core.ledger  # type: ignore[attr-defined]


def hedger_rows(core: Core) -> list[dict[str, Any]]:
    """Return what risk says of each hedger."""
    rows: list[dict[str, Any]] = core.hedges.hedging.state()  # type: ignore[attr-defined]
    return rows


def store_differences(core: Core, store: MemoryStore) -> list[str]:
    """Compare the store's documents with the ledger's, byte for byte."""
    wanted = importlib.import_module("risk.ledger.snapshot").documents(ledger_of(core))
    names = sorted(set(wanted) | set(store.fields))
    return [
        f"{name}: the store's bytes differ" for name in names if wanted.get(name, b"") != store.fields.get(name, b"")
    ]


class _Loading:
    """The store as recovery sees it."""

    def __init__(self, store: MemoryStore, snapshot: Any) -> None:
        self._store, self._snapshot = store, snapshot

    async def load(self) -> Any:
        if not self._store.available:
            raise OSError("the store is away")
        loaded = importlib.import_module("risk.ledger.store").Loaded
        return loaded(PLATFORM_ID if self._store.fields else "", dict(self._store.fields))

    async def write_whole(self, ledger: Any, *, replace: bool = False) -> None:
        """What recovery found is written below, once the core has it."""


class _Fills:
    """The FILL stream as recovery sees it."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    async def read(self, stream: str, after_sequence: int) -> AsyncIterator[Message]:
        assert stream == "FILL"
        for message in self._bus.stored("fill.>", after_sequence):
            yield message


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never really waits."""
    while True:
        try:
            work.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


def quoter(seed: int, accounts: Sequence[str], named: Mapping[str, str] | None = None) -> Core:
    """Return the quoters of some accounts, as one process runs them; `named` are those at named spot venues."""
    reached = importlib.import_module("quoter.accounts.reached").Reached
    places = [reached(_keys(each, alone=len(accounts) == 1), "degen", "degen", EXCHANGE_URL) for each in accounts]
    for account, name in at_named(named):
        keys, sending = _keys(account, alone=True), SendingKeys(account)
        places.append(reached(keys, spot_venue(name), "degen", url_of(name), sending))
    exchanges = exchanges_of((named or {}).values())
    made: Core = importlib.import_module("quoter.wiring").make_quoters(places, seed=seed, exchanges=exchanges)
    return made


class SendingKeys:
    """The file of the key that may send money from an account."""

    def __init__(self, account: str) -> None:
        self.account = account

    def variable(self, name: str) -> str:
        return ""

    def read(self, name: str) -> Any:
        (key,) = SENDING_KEYS
        row = {"name": key, "api_key": f"{self.account}-{key}", "api_secret": secret_of(key)}
        data = json.dumps([row | {"scopes": SENDING_KEYS[key]}]).encode()
        return importlib.import_module("quoter.venues.venue").KeyFile(name, data)


def url_of(name: str) -> str:
    """Return the address of a named spot venue."""
    return f"{EXCHANGE_URL}/venues/{name.lower()}"


def at_named(named: Mapping[str, str] | None) -> Sequence[tuple[str, str]]:
    """Return accounts with the named venue of each."""
    return list((named or {}).items())


def _keys(account: str, *, alone: bool) -> Any:
    suffix = "" if alone else f"_{account.upper()}"
    variables = {f"DEGEN_API_KEY{suffix}": f"{account}-trade", f"DEGEN_WALLET_KEY{suffix}": secret_of("trade")}
    return importlib.import_module("quoter.keys").AccountKeys(variables, Path("keys"), account, alone=alone)


def prepare_quoter(node: Node, account: str) -> None:
    """Hand the order updates of earlier lives to an account's core, as the quoter's own start does."""
    core, hedges = quoter_of(node.core, account), node.core.hedges  # type: ignore[attr-defined]
    for message in node.bus.last_per_subject("order.hedge.*.*"):
        hedges.remember(decode(HedgeUpdate, message.data))
    for message in node.bus.last_per_subject(f"transfer.update.{account}.*"):
        core.transfers.remember(decode(TransferUpdate, message.data))
    for message in node.bus.stored("order.update.*.*"):
        updates = decode(OrderUpdates, message.data)
        if updates.account == account:
            core.remember(updates)
        else:
            hedges.remember_children(updates)
    if node.stores is not None:
        entries: list[Fill | Posting] = [
            *(decode(Fill, each.data) for each in node.bus.last_per_subject(f"fill.trade.{account}.*")),
            *(decode(Posting, each.data) for each in node.bus.last_per_subject(f"fill.posting.{account}.*")),
        ]
        core.booked_sequence = max((each.account_sequence for each in entries), default=0)


def quoter_of(core: Core, account: str) -> Any:
    """Return the quoter of an account in its process."""
    return core.core_of(account)  # type: ignore[attr-defined]


def known_orders(core: Core, account: str) -> set[int]:
    """Return the ids of the orders that the quoter of an account counts as living."""
    return {order.order_id for order in quoter_of(core, account).trader.orders.living()}


def watchdog(seed: int, accounts: Sequence[str], named: Mapping[str, str] | None = None) -> Core:
    """Return the watchdogs of some accounts, as one process runs them; `named` are those at named spot venues."""
    name = "watchdog"
    rest = importlib.import_module("quoter.venues.degen.rest")
    session = importlib.import_module("quoter.venues.degen.cancelling").DegenCancelSession
    core = importlib.import_module("quoter.watchdog.core").Watchdog
    answers = importlib.import_module("quoter.views.answers").Answers()
    places = [(each, "degen", EXCHANGE_URL) for each in accounts]
    places += [(each, spot_venue(where), url_of(where)) for each, where in at_named(named)]
    cores = []
    for account, venue, url in places:
        key = rest.ApiKey(name, f"{account}-{name}", secret_of(name), KEYS[name])
        cores.append(core(account, session(key, seed, venue), url, seed, answer=answers.give))
    made: Core = importlib.import_module("quoter.accounts.accounts").Accounts(cores, answers)
    return made
