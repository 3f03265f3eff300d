"""A whole platform in one process: build it from a scenario, run it through its troubles, look for what broke."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from common.events import BotConfig, Event, Halt, PlatformConfig, decode

from toolkit.simulation import cores
from toolkit.simulation.bus import MemoryBus
from toolkit.simulation.checks import (
    Findings,
    VenueWatch,
    check_apart,
    check_fills,
    check_hedges,
    check_known,
    check_ledger,
    check_rest,
    check_statements,
)
from toolkit.simulation.network import MemoryNetwork
from toolkit.simulation.node import Node
from toolkit.simulation.prices import BinanceTape, PricePath, Underlying
from toolkit.simulation.rival import EVERY_MS, NAME, Rival
from toolkit.simulation.scenario import Scenario
from toolkit.simulation.schedule import Schedule
from toolkit.simulation.signing import Hand
from toolkit.simulation.spot import own_orders
from toolkit.simulation.spot.side import SpotSide
from toolkit.simulation.spot.venues import BOTS, currency_documents
from toolkit.simulation.stores import MemoryStore, Stores
from toolkit.simulation.troubles.troubles import STORE_LOSSES, Troubles

# A whole minute, so that rolling markets open and close at round seconds of the run.
START_NS = 1_795_222_800 * 1_000_000_000
NS_PER_S = 1_000_000_000
MS = 1_000_000
BOT = "1"
PRICE_STEP_MS = 100
INFORMED_AHEAD_MS = 500
DEPOSIT = 100_000
ACCOUNT = "mm1"
SECOND_BOT = 3
"""The bot of the second account; those of further ones follow."""
STOP_MAX_S = 20
SETTLED_S = 8
"""After the end of the last market, everything of it is settled, booked and said."""
MAX_PRICE_AGE_MS = 2_000
"""Twice what bots have by default: the troubles drawn from a seed hold frames back for longer than a machine may."""

UNDERLYINGS = (Underlying("BTC", "BTCUSDT", 60_000.0), Underlying("ETH", "ETHUSDT", 2_700.0))


def bot_sections(market_s: int) -> dict[str, Any]:
    """Return the configuration of the bot of a run, its phases fitted to the life of its markets."""
    return {
        "instrument": {
            "venue": "degen",
            "account": ACCOUNT,
            "series": [f"{each.asset}-5M" for each in UNDERLYINGS],
            "sources": {each.asset: [{"venue": "binance", "symbol": each.symbol}] for each in UNDERLYINGS},
        },
        "pricing": {"volatility_prior_s": 60.0, "max_source_age_ms": MAX_PRICE_AGE_MS},
        "quoting": {"spread": 0.04, "size": 50, "levels": 2, "spacing": 0.01},
        "inventory": {
            "max_position": 300,
            "skew_factor": 0.02,
            "min_life_s": market_s * 0.2,
            "reduce_only_s": market_s * 0.15,
            "close_threshold_s": 2.0,
        },
        # Few pairs are enough, so that every run merges; and what a rival offers at the end may cost something.
        "unwind": {"merge_pairs": 30, "cross_from_s": 14.0, "max_cross_cost": 0.15, "cross_budget": 500.0},
        "risk_limits": {"max_markets": 10, "max_daily_loss": "5000", "min_spread": 0.02},
    }


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    scenario: Scenario
    findings: Findings
    history: str
    """Digest of everything ever stored on the bus and sent by the venue: one seed, one history."""
    fills: int
    orders: int
    two_sided_s: float | None
    events: int

    @property
    def good(self) -> bool:
        return not self.findings.rows


def spot_sections() -> dict[str, Any]:
    """Return the configuration of the bot that quotes the spot symbols of a run."""
    return {
        "instrument": {"venue": "degen", "account": ACCOUNT, "symbols": [f"{each.asset}USD" for each in UNDERLYINGS]},
        "quoting": {"max_age_ms": MAX_PRICE_AGE_MS},
        "spot": {"half_spread_bps": 2.0, "size": "0.01", "max_position": "0.05"},
        "risk_limits": {"max_markets": 10, "max_daily_loss": "5000"},
    }


def accounts_of(scenario: Scenario) -> list[str]:
    """Return our accounts at the venue: mm1, mm2 and so on."""
    return [f"mm{number}" for number in range(1, scenario.accounts + 1)]


def bots_of(scenario: Scenario) -> list[BotConfig]:
    """Return the bots of a run; one more is a line."""
    bots = [bot_config(BOT, "binary", bot_sections(scenario.market_s))]
    for number, account in enumerate(accounts_of(scenario)[1:], SECOND_BOT):
        sections = bot_sections(scenario.market_s)
        sections["instrument"] |= {"account": account}
        bots.append(bot_config(str(number), "binary", sections))
    if scenario.spot:
        bots.append(bot_config("2", "fixed", spot_sections()))
    if scenario.whole:
        bots.append(bot_config(own_orders.ALGO_ID, "spot", own_orders.SECTIONS))
    return bots + [bot_config(each.algo_id, "spot", each.sections) for each in BOTS if scenario.named]


def documents_of(scenario: Scenario) -> list[PlatformConfig]:
    """Return the platform's documents of a run."""
    return [
        PlatformConfig(type=type_, id=id_, revision=1, document=document, actor="simulation", ts_ns=START_NS)
        for type_, id_, document in (currency_documents() if scenario.whole else ())
    ]


def bot_config(algo_id: str, kind: str, sections: dict[str, Any]) -> BotConfig:
    """Return the configuration of a bot that runs from the start."""
    return BotConfig(
        algo_id=algo_id, kind=kind, revision=1, running=True, sections=sections, actor="simulation", ts_ns=START_NS
    )


class World:
    """Everything of one run."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.bots = bots_of(scenario)
        self.documents = documents_of(scenario)
        self.schedule = Schedule(START_NS)
        # One stream of chance per part, so that a fault more does not change the prices.
        self.bus = MemoryBus(self.schedule, Random(f"bus/{scenario.seed}"), scenario.faults)
        self.findings = Findings()
        self.hedged = Decimal(0)
        """Traded by hedges, once the run has been checked."""
        self.store = MemoryStore()
        self.network = self._network()
        self.venue = self._venue()
        self.network.venue = self.venue
        self.accounts = {name: self.venue.ledger.account(name) for name in accounts_of(scenario)}
        self.account = self.accounts[ACCOUNT]
        self.watches = {name: self._watch(name) for name in self.accounts}
        self.watch = self.watches[ACCOUNT]
        self.named = SpotSide(self.findings)
        if scenario.named:
            self.named.host(scenario.seed, self.venue, self.network, [each.asset for each in UNDERLYINGS])
        self.network.after_venue = self._look
        self.paths = [
            PricePath(
                Underlying(each.asset, each.symbol, each.price, scenario.volatility, scenario.jumps_per_hour),
                Random(f"price/{each.asset}/{scenario.seed}"),
                START_NS,
                PRICE_STEP_MS * MS,
            )
            for each in UNDERLYINGS
        ]
        self.network.tapes = {path.underlying.symbol: BinanceTape(path) for path in self.paths}
        self.nodes = {node.name: node for node in self._nodes()}
        self.stores = Stores(self.bus)
        self._gateway = Hand("gateway")
        self.rival = Rival(self.venue, cores.secret_of(NAME))
        self.troubles = self._troubles()

    def _watch(self, account: str) -> VenueWatch:
        scenario = self.scenario
        return VenueWatch(
            self.accounts[account],
            self.findings,
            max_position=bot_sections(scenario.market_s)["inventory"]["max_position"],
            max_price_age_ms=MAX_PRICE_AGE_MS,
            quoted=("YES/NO", "spot") if scenario.spot and account == ACCOUNT else ("YES/NO",),
        )

    def _look(self) -> None:
        for watch in self.watches.values():
            watch.look(self.schedule.now_ns, self.network.last_price_ns)
        self.named.look(self.schedule.now_ns, self.network.heard_ns)

    def _network(self) -> MemoryNetwork:
        session = importlib.import_module("exchange.entry.session")
        return MemoryNetwork(
            self.schedule,
            Random(f"network/{self.scenario.seed}"),
            self.scenario.faults,
            is_send=lambda output: isinstance(output, session.Send),
            is_close=lambda output: isinstance(output, session.Close),
        )

    def _venue(self) -> Any:
        return cores.exchange(
            seed=self.scenario.seed,
            market_s=self.scenario.market_s,
            assets=[each.asset for each in UNDERLYINGS],
            deposit=DEPOSIT,
            informed=self.scenario.informed,
            spot=self.scenario.spot,
            accounts=accounts_of(self.scenario),
        )

    def _nodes(self) -> list[Node]:
        seed, accounts, named = self.scenario.seed, list(self.accounts), self.named.places
        spots = list(self.named.venues)
        followed = [*cores.FEED_LEASES, *(("feed", cores.spot_venue(name)) for name in spots)]
        return [
            Node("feed", lambda: cores.feed(seed, spots), self.bus, self.network, leases=followed),
            Node(
                "pricer",
                lambda: cores.pricer(spots),
                self.bus,
                self.network,
                leases=[("pricer", "quotes-0")],
            ),
            Node(
                "risk",
                cores.risk,
                self.bus,
                self.network,
                leases=[("risk", "0")],
                prepare=cores.prepare_risk,
                store=self.store,
            ),
            Node(
                "quoter",
                lambda: cores.quoter(seed, accounts, named),
                self.bus,
                self.network,
                parts=[("quoter", account) for account in (*accounts, *named)],
                prepare_part=cores.prepare_quoter,
            ),
            Node("watchdog", lambda: cores.watchdog(seed, accounts, named), self.bus, self.network),
        ]

    def _troubles(self) -> Troubles:
        return Troubles(
            self.bus,
            self.network,
            self.store,
            self.stores,
            self.nodes,
            self.venue,
            ACCOUNT,
            self.named,
            self.findings,
            bots=lambda: self.bots,
            say_as=self._say_as,
            gateway=self._gateway,
            check_rest=self._check_rest,
        )

    # --- the run ------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Run the scenario to its end and check everything."""
        scenario = self.scenario
        if {trouble.kind for trouble in scenario.troubles} & STORE_LOSSES:
            self.stores.write("streams", "first start")
            for node in self.nodes.values():
                node.stores = self.stores
        for document in self.documents:
            self.say(document)
        for config in self.bots:
            self.say(config)
        self.venue.start(START_NS)
        self.named.start(self.network, START_NS)
        self.named.watch_hedges(self.bus, self.venue, list(self.accounts.values()), whole=scenario.whole)
        for node in self.nodes.values():
            node.start()
        self._price_tick(0)
        if scenario.rival:
            self._rival_quotes()
        for trouble in scenario.troubles:
            self._at(trouble.at_s, lambda trouble=trouble: self.troubles.begin(trouble))  # type: ignore[misc]
        self._at(scenario.calm_s, self.troubles.calm)
        self.schedule.run_until(START_NS + int(scenario.end_s * NS_PER_S))
        self._check_life()
        self._stop_quoter()
        self._settle()
        self._check()
        return Outcome(
            scenario,
            self.findings,
            self.bus.history.hexdigest(),
            sum(len(account.fills.rows) for account in self.accounts.values()),
            sum(watch.orders_seen for watch in self.watches.values()),
            None if self.watch.two_sided_ns is None else (self.watch.two_sided_ns - START_NS) / NS_PER_S,
            self.schedule.done,
        )

    def say(self, event: Event) -> None:
        """Publish a change or a lift as the gateway, which has no process of its own here."""
        self._say_as(self._gateway, event)

    def _say_as(self, hand: Hand, event: Event) -> None:
        last = self.bus.last(event.address())
        letter = hand.letter(event, last.sequence if last is not None else 0)
        self.bus.store(event.address(), letter.data, event.message_id(), letter.after, letter.headers)

    def _at(self, at_s: float, action: Callable[[], None]) -> None:
        self.schedule.at(START_NS + int(at_s * NS_PER_S), action)

    def _price_tick(self, number: int) -> None:
        self.network.price_tick(self.paths, trade=number % 3 == 0, ahead_ns=INFORMED_AHEAD_MS * MS)
        self.schedule.after(PRICE_STEP_MS * MS, lambda: self._price_tick(number + 1))

    def _rival_quotes(self) -> None:
        self.network.venue_does(lambda _: self.rival.quote(self.schedule.now_ns))
        self.schedule.after(EVERY_MS * MS, self._rival_quotes)

    def _check_life(self) -> None:
        """Everything has been well for a whole market: it must be quoted on both sides, and nothing may be halted."""
        calm_ns = START_NS + int(self.scenario.calm_s * NS_PER_S)
        for name, watch in self.watches.items():
            for kind, quoted_ns in watch.last_quoted_ns.items():
                if quoted_ns < calm_ns:
                    self.findings.add("idle", f"{name}: no {kind} market was quoted after the trouble had ended")
            known = cores.known_orders(self.nodes["quoter"].core, name)
            check_known(self.accounts[name], known, self.findings)
        self.named.check_life(self.nodes["quoter"].core, self.nodes["risk"].core, calm_ns, self.schedule.now_ns)
        for message in self.bus.last_per_subject("risk.halt.>"):
            halt = decode(Halt, message.data)
            if not halt.lifted:
                self.findings.add("halted", f"{halt.scope} {halt.reason} by {halt.actor}: {halt.detail}")

    def _stop_quoter(self) -> None:
        """Stop means: latched, cancelled, and the venue confirms that no orders remain open."""
        quoter = self.nodes["quoter"]
        quoter.stop()
        deadline_ns = self.schedule.now_ns + STOP_MAX_S * NS_PER_S
        while not quoter.core.stopped() and self.schedule.now_ns < deadline_ns:
            self.schedule.run_until(self.schedule.now_ns + 10 * MS)
        if not quoter.core.stopped():
            self.findings.add("stop", f"the quoter had not ended its business {STOP_MAX_S} s after it was told to")
        self._check_rest("after stop")

    def _check_rest(self, when: str) -> None:
        for account in (*self.accounts.values(), *self.named.accounts.values()):
            check_rest(account, self.findings, when)

    def _settle(self) -> None:
        """Let the open markets run out, so that every position comes back to zero."""
        market_ns = self.scenario.market_s * NS_PER_S
        self.schedule.run_until(self.schedule.now_ns // market_ns * market_ns + market_ns + SETTLED_S * NS_PER_S)
        self._check_rest("at the end")

    def _check(self) -> None:
        symbols = {name: symbol.terms for name, symbol in self.venue.trading.symbols.items()}
        ledger = cores.ledger_of(self.nodes["risk"].core)
        for account in self.accounts.values():
            check_fills(account, self.bus, symbols, self.findings)
            check_ledger(account, self.bus, ledger, symbols, self.findings)
            check_statements(account, self.bus, self.findings)
            for market, position in account.positions.items():
                if position.yes or position.no:
                    text = f"{account.name}, {market}: {position.yes} YES, {position.no} NO left at the venue"
                    self.findings.add("unsettled", text)
        self.named.check(self.bus, ledger)
        check_apart(list(self.accounts.values()), self.findings)
        self.hedged = check_hedges(self.bus, self.findings)
        for text in cores.store_differences(self.nodes["risk"].core, self.store):
            self.findings.add("store", text)
        for node in self.nodes.values():
            for crash in node.crashes:
                self.findings.add("crash", f"{node.name}: {crash}")


def run_scenario(scenario: Scenario) -> Outcome:
    """Run one scenario in a world of its own."""
    return World(scenario).run()
