"""All hedging of a shard: who hedges by the documents of now, what is known at a decision, and what is said of it.

Where nobody hedges and nothing is open it looks at nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from common.clock import NS_PER_MS
from common.core import Effect, Effects, Input, Ordered, Receipt, Start
from common.events import (
    CURRENCY_SCOPE,
    BotLimits,
    FairValue,
    Fill,
    HedgeUpdate,
    Lease,
    OrderCommand,
)
from common.instruments import InstrumentKind, Outcome

from risk.binary.settlement import Markets
from risk.hedging.configuring import HeldAccount, Surroundings, delta_terms_of, hedger_of_bot, hedger_of_currency
from risk.hedging.counting import Figure
from risk.hedging.deltas import Deltas
from risk.hedging.hedging import Hedging, Situation
from risk.hedging.parents import PREFIX
from risk.hedging.terms import DeltaTerms, Hedger
from risk.ledger.books import Ledger
from risk.ledger.positions import ONE, ZERO
from risk.monitoring.alerts import Conditions
from risk.monitoring.halts import Halts
from risk.monitoring.limits import hedge_limits_of
from risk.monitoring.platform_limits import PlatformLimits
from risk.spot.bots import SpotBots
from risk.spot.bounds import hedger_headroom
from risk.spot.cutoffs import hedges_other, quotes_other
from risk.spot.headrooms import Moment
from risk.spot.nets import position_of
from risk.spot.orders import FreeFunds

QUOTER = "quoter"
"""The role whose leases say who holds which account."""
UNSEEN_TTLS = 3
"""An account whose lease has not been renewed for this many times its life is held by nobody."""


class _Held(NamedTuple):
    holder: str
    until_ns: int
    """When it counts as given up, unless it is renewed."""


class Hedges:
    """Everything that decides about hedges, told what it needs to know."""

    def __init__(self, conditions: Conditions, spot: SpotBots, markets: Markets, halts: Halts) -> None:
        self.hedging, self.deltas = Hedging(conditions), Deltas()
        self.due = False
        """Whether a figure has moved, or a holder has spoken, since the last decision."""
        self._spot, self._markets, self._halts = spot, markets, halts
        self._held: dict[str, _Held] = {}
        """By account."""
        self._hedgers: list[Hedger] = []
        self._delta_terms: dict[str, DeltaTerms] = {}
        self._unreadable: list[str] = []
        self._configured_of: tuple[object, ...] = ()
        """The versions of documents and markets, and who holds what, of which hedgers are made."""
        self._bases: dict[str, str] = {}
        """What the hedge instrument of each bot's hedger buys, by its scope."""
        self._booked_of: tuple[object, ...] = ()
        """The ledger, its sequence and the version of the hedgers, of which the next is made."""
        self._booked: dict[tuple[str, str, str], Decimal] = {}
        self._limits_of: tuple[object, ...] = ()
        """The version of the documents and the platform, of which the next is made."""
        self._limits: dict[str, BotLimits] = {}

    # --- what it is told ----------------------------------------------------------------------------------------

    def inputs(self) -> Sequence[Input]:
        return [
            Ordered(OrderCommand, self.on_command, Start.LAST_PER_SUBJECT),
            Ordered(HedgeUpdate, self.on_update, Start.LAST_PER_SUBJECT),
        ]

    def restore(self, documents: Mapping[str, bytes]) -> dict[str, bytes]:
        """Take in the parents that were open when risk last lived; return the documents of others."""
        self._unreadable = self.hedging.restore(documents)
        return {name: data for name, data in documents.items() if not name.startswith(PREFIX)}

    def unread_from(self) -> int | None:
        """Return the FILL sequence behind which fills of open parents are to be handed in; None where none is."""
        return self.hedging.parents.unread_from()

    def recount(self, fill: Fill, sequence: int) -> None:
        """Take in a fill of before that the ledger has."""
        self.hedging.on_fill(fill, sequence)

    def begin(self) -> list[str]:
        """Begin, with everything that was kept and stored taken in; return what could not be read."""
        self.hedging.parents.settle_unkept()
        return self._unreadable

    def on_command(self, command: OrderCommand, receipt: Receipt) -> Effects:
        self.hedging.on_command(command, receipt.sequence)
        return ()

    def on_update(self, update: HedgeUpdate, receipt: Receipt) -> Effects:
        self.hedging.on_update(update, receipt.now_ns)
        self.due = True
        return ()

    def on_fill(self, fill: Fill, sequence: int) -> None:
        """Count a fill that the ledger has just folded; what moves a figure is looked at when the turn ends."""
        self.hedging.on_fill(fill, sequence)
        if self._hedgers:
            self.due = True

    def on_published(self, command: OrderCommand, sequence: int) -> Effects:
        self.hedging.on_command(command, sequence)
        return self.hedging.parents.changes()

    def on_refused(self, command: OrderCommand, reason: str, now_ns: int) -> Effects:
        return self.hedging.on_refused(command, reason, now_ns)

    def on_lease(self, lease: Lease, receipt: Receipt) -> None:
        """Learn who holds an account; a lease that is not renewed is given up."""
        if lease.role == QUOTER:
            heard_ns = receipt.now_ns - receipt.age_ns
            held = self._held[lease.key] = _Held(lease.holder, heard_ns + UNSEEN_TTLS * lease.ttl_ms * NS_PER_MS)
            if receipt.now_ns < held.until_ns:
                self._spot.on_held(lease.key)

    def on_fair(self, fair: FairValue, heard_at_ns: int) -> None:
        """Learn the delta of a YES/NO market, where deltas count."""
        if self._delta_terms:
            self.deltas.on_fair(fair, heard_at_ns)

    # --- decisions ----------------------------------------------------------------------------------------------

    def decide(self, moment: Moment) -> Iterator[Effect]:
        """Yield what follows from what is known now."""
        self.due = False
        documents = self._spot.documents
        wanted = documents.hedgers or any(each.bot.hedger for each in documents.bots.values())
        if not (wanted or self._hedgers or self.hedging.parents.open()):
            return
        accounts = self._accounts(moment.now_ns)
        of = documents.version, self._markets.version, accounts
        if of != self._configured_of:
            self._hedgers, self._configured_of = list(self._configured(accounts)), of
            yield from self.hedging.configure(self._hedgers, moment.now_ns)
        yield from self.hedging.decide(self._situation(moment))

    def _accounts(self, now_ns: int) -> list[HeldAccount]:
        return [
            HeldAccount(account, self._spot.venue_of(account), held.holder if now_ns < held.until_ns else "")
            for account, held in self._held.items()
        ]

    def _configured(self, accounts: Sequence[HeldAccount]) -> Iterator[Hedger]:
        """Yield every hedger as it is configured now."""
        documents = self._spot.documents
        self._bases = {}
        surroundings = Surroundings(documents.exchanges, accounts, self._markets.get)
        for watched in documents.bots.values():
            config = watched.config
            hedger = hedger_of_bot(watched.algo_id, watched.bot, config.revision, surroundings, running=config.running)
            if hedger is not None:
                self._bases[hedger.name] = documents.hedge_base(watched.algo_id, self._markets.get)
                yield hedger
        self._delta_terms = {}
        for currency_id, section in documents.hedgers.items():
            scope = documents.currencies.get(currency_id)
            if scope is None:
                continue
            terms = delta_terms_of(section)
            if terms is not None and section.running:
                self._delta_terms.setdefault(scope.currency, terms)
            revision = documents.hedger_revisions.get(currency_id, 0)
            yield hedger_of_currency(currency_id, scope, section, revision, surroundings, terms)

    def _situation(self, moment: Moment) -> Situation:
        ledger, now_ns = moment.ledger, moment.now_ns
        pairs = {hedger.pair for hedger in self._hedgers if hedger.places}
        touches = {pair: touch for pair in pairs if (touch := self._spot.rates.touch(*pair, now_ns)) is not None}
        figures = {hedger.name: self._figure(hedger, ledger) for hedger in self._hedgers}
        # Within its norm a bot's hedger wants nothing, whatever room it has and whatever its money is worth.
        moving = [each for each in self._hedgers if each.scope.of_bot and _beyond_norm(each, figures[each.name])]
        return Situation(
            now_ns,
            moment.epoch,
            ledger.sequence,
            figures,
            touches,
            FreeFunds(self._booked_now(ledger), self._spot.orders, self._markets.get),
            self._halts.listed(),
            self._deltas_now(ledger, now_ns),
            self._pair_of,
            {hedger.name: self._rooms(hedger, moment) for hedger in moving},
            {hedger.name: self._term_rate(hedger, now_ns) for hedger in moving if hedger.term},
        )

    def _figure(self, hedger: Hedger, ledger: Ledger) -> Figure:
        scope = hedger.scope
        if not scope.of_bot:
            return self._spot.headrooms.exposures(ledger).of(scope.currency, scope.venue, scope.algo_id)
        if not scope.currency:
            return Figure(None, "its market is not known")
        sides = ledger.sides.get(scope.algo_id)
        if hedger.factor != (sides.factor if sides is not None else ONE):
            # A hedge that was booked first would count by the old factor.
            return Figure(None, "a change of its hedge_qty_factor is not booked yet")
        if sides is not None and hedges_other(sides, self._bases[hedger.name]):
            return Figure(None, "a change of its hedge_instrument is not booked yet")
        if sides is not None and quotes_other(sides, scope.currency):
            return Figure(None, "a change of its instrument is not booked yet")
        return Figure(position_of(ledger, scope.algo_id, scope.currency))

    def _pair_of(self, venue: str, symbol: str) -> tuple[str, str] | None:
        market = self._markets.get(venue, symbol)
        if market is None or market.kind is not InstrumentKind.SPOT:
            return None
        return market.base, market.currency

    def _booked_now(self, ledger: Ledger) -> dict[tuple[str, str, str], Decimal]:
        """Return what accounts have by account, venue and currency: cash and coins by the ledger."""
        of = ledger, ledger.sequence, self._configured_of
        if of != self._booked_of:
            self._booked, self._booked_of = self._booked_by_account(ledger), of
        return self._booked

    def _booked_by_account(self, ledger: Ledger) -> dict[tuple[str, str, str], Decimal]:
        accounts = {place.account for hedger in self._hedgers for place in hedger.places}
        found: dict[tuple[str, str, str], Decimal] = {}
        for book in ledger.bots.values():
            for (account, currency), balance in book.balances.items():
                if account in accounts:
                    key = account, self._spot.venue_of(account), currency
                    found[key] = found.get(key, ZERO) + balance.cash
        for line_key, line in ledger.lines.items():
            if line_key.outcome is Outcome.NONE and line_key.account in accounts:
                key = line_key.account, line_key.venue, self._markets.base_of(line_key.venue, line_key.symbol)
                found[key] = found.get(key, ZERO) + line.quantity
        return found

    def _rooms(self, hedger: Hedger, moment: Moment) -> tuple[Decimal, Decimal]:
        """Return how much a bot's hedger may still buy and sell by max_hedger_position_size."""
        scope, most = hedger.scope, moment.platform.spot_bots
        limits = most.bases.get(scope.currency) if most is not None else None
        if limits is None:
            return ZERO, ZERO
        sides = moment.ledger.sides.get(scope.algo_id)
        net = sides.hedger_net(scope.currency) if sides is not None else ZERO
        own = self._spot.documents.bots[scope.algo_id].bot.risk_limits
        longer, shorter = (hedger_headroom(own, limits, net, sign) for sign in (1, -1))
        return longer, shorter

    def _term_rate(self, hedger: Hedger, now_ns: int) -> Decimal | None:
        return self._spot.rates.rate(hedger.pair[1], hedger.term, now_ns) if hedger.places else None

    def _deltas_now(self, ledger: Ledger, now_ns: int) -> dict[str, Figure]:
        if not self._delta_terms:
            return {}
        lines = [line for key, line in ledger.lines.items() if key.outcome is not Outcome.NONE]
        found = {key.symbol: self._markets.get(key.venue, key.symbol) for key in (line.key for line in lines)}
        underlyings = {symbol: market.underlying for symbol, market in found.items() if market is not None}
        return self.deltas.exposures(lines, underlyings, self._delta_terms, now_ns)

    # --- for others ---------------------------------------------------------------------------------------------

    def limits(self, platform: PlatformLimits) -> dict[str, BotLimits]:
        """Return the limits under which hedges of currencies go out, by the name of their scope."""
        documents = self._spot.documents
        of = documents.version, platform
        if of != self._limits_of:
            given = hedge_limits_of(platform)
            hedged = [each for each in documents.hedgers if each in documents.currencies]
            self._limits = {} if given is None else {CURRENCY_SCOPE + each: given for each in hedged}
            self._limits_of = of
        return self._limits

    def state(self) -> list[dict[str, Any]]:
        """Return a JSON-able row of each hedger, with its open parents."""
        rows = self.hedging.state()
        for row in rows:
            row["parents"] = [parent.row() for parent in self.hedging.parents.of(row["scope"]) if not parent.over]
        return rows


def _beyond_norm(hedger: Hedger, figure: Figure) -> bool:
    return figure.value is not None and abs(figure.value) > hedger.band.norm
