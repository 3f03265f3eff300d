"""Who hedges what: every hedger looks at its figure, and says what is to be traded so that it comes back.

Bots are asked first, then currencies, the widest last; each counts what all others have open. A hedge never takes a
currency that another hedger watches past its norm: what that one has hedged would be hedged twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from common.clock import NS_PER_S
from common.core import Effect, Publish
from common.events import BOT_SCOPE, AlertLevel, Fill, HedgeUpdate, OrderCommand

from risk.hedging.amounts import ZERO, Touch, beyond, change_to_norm, quantity_for, quantity_in_term, scaled, whole
from risk.hedging.commands import Holding, Moment, adjusted, cancelled, holdings_of, is_cancellable
from risk.hedging.counting import Change, Figure, Touches, Traded, change_of, with_open
from risk.hedging.obstacles import Funds
from risk.hedging.parents import Parent, Parents
from risk.hedging.terms import Hedger, faults_of, undone_by
from risk.monitoring.alerts import Conditions

TOLD_AFTER_NS = 5 * NS_PER_S
"""A figure that is beyond its maximum and is not brought back is alerted after this long."""
ANSWER_NS = 10 * NS_PER_S
"""A holder that has not answered a command by then is missed."""


class Situation(NamedTuple):
    """What is known at the moment of a decision, all of it of one ledger sequence."""

    now_ns: int
    epoch: int
    ledger_sequence: int
    figures: Mapping[str, Figure]
    """By scope: a bot's current position, a currency's exposure."""
    touches: Touches
    funds: Funds
    halts: Sequence[str]
    """In force, as 'scope:reason'."""
    deltas: Mapping[str, Figure] = {}
    """Of binary bots, by underlying."""
    pair_of: Callable[[str, str], tuple[str, str] | None] = lambda venue, symbol: None
    """Base and term of a market by venue and symbol; None of one that is not known."""
    rooms: Mapping[str, tuple[Decimal, Decimal]] = {}
    """How much a bot's hedger may still buy and sell by its own limit, in units of what is hedged, by scope."""
    term_rates: Mapping[str, Decimal | None] = {}
    """Of what a bot's hedge is paid in to the bot's term currency, by scope."""


@dataclass(slots=True)
class Standing:
    """Where a hedger stands: its figure, what it wants traded, and why not more."""

    hedger: Hedger
    figure: Figure
    """What is open of others counted."""
    quantity: Decimal = ZERO
    """Wanted in all now, signed, in units of the hedge instrument's base currency."""
    frozen: bool = False
    """Whether what is open is left as it is, because it cannot be said what it should be."""
    why: list[str] = field(default_factory=list)
    """What keeps the figure from being brought back, for people."""
    holdings: list[Holding] = field(default_factory=list)
    settled: bool = False
    """Whether nothing of it is open, wanted or in the way: while its figure stays, nothing follows from it."""

    @property
    def needs(self) -> bool:
        """Whether the figure has to be brought back."""
        value = self.figure.value
        return value is None or beyond(value, self.hedger.band)


class Hedging:
    """All hedgers of the platform, and the parents that are open for them."""

    def __init__(self, conditions: Conditions) -> None:
        self.parents = Parents()
        self.standings: dict[str, Standing] = {}
        self._conditions = conditions
        self._hedgers: dict[str, Hedger] = {}
        self._faults: dict[str, list[str]] = {}
        self._reducing: set[str] = set()
        """Scopes that were beyond their maximum and are not back at their norm."""
        self._since_ns: dict[str, int] = {}
        """When a figure was first seen beyond its maximum with something in the way, by scope."""
        self._holdings: dict[str, tuple[list[Holding], list[str]]] = {}
        """Who holds the places of each hedger, by scope, and what is wrong with the others, under the next halts."""
        self._holdings_under: Sequence[str] = ()
        self._begun = False

    # --- what it is told ----------------------------------------------------------------------------------------

    def restore(self, documents: Mapping[str, bytes]) -> list[str]:
        """Take in the parents that were open when risk last lived; return what cannot be read."""
        return self.parents.restore(documents)

    def configure(self, hedgers: Iterable[Hedger], now_ns: int) -> Iterator[Effect]:
        """Take in all hedgers there are now; what could not reduce the figure that it watches does not hedge."""
        self._hedgers = {hedger.name: hedger for hedger in sorted(hedgers, key=_order)}
        self._holdings = {}
        before, self._faults = self._faults, {}
        sound: list[Hedger] = []
        for hedger in self._hedgers.values():
            undone = undone_by(hedger, [each for each in sound if each.running]) if hedger.running else ""
            faults = [*faults_of(hedger), *([undone] if undone else [])]
            if not faults:
                sound.append(hedger)
                continue
            self._faults[hedger.name] = faults
            if before.get(hedger.name) != faults:
                text = f"{hedger.name} does not hedge: {'; '.join(faults)}"
                yield self._conditions.alert(AlertLevel.CRITICAL, _shown(hedger), "hedger_refused", text, now_ns)

    def on_command(self, command: OrderCommand, sequence: int) -> None:
        """Take in a command as ORDER holds it; the newest of each subject before the first decision."""
        self.parents.on_command(command, sequence)

    def on_update(self, update: HedgeUpdate, now_ns: int) -> None:
        """Take in what a holder says of a parent."""
        self.parents.on_update(update, now_ns)

    def on_fill(self, fill: Fill, sequence: int) -> None:
        """Count a fill that the ledger has just folded."""
        self.parents.on_fill(fill, sequence)

    def on_refused(self, command: OrderCommand, reason: str, now_ns: int) -> Iterator[Effect]:
        """The broker did not take a command: it has not been said."""
        self.parents.refused(command)
        yield from self.parents.changes()
        text = f"{command.parent_id} revision {command.revision} could not be published: {reason}"
        algo_id = command.algo_id
        yield from self._conditions.hold(AlertLevel.CRITICAL, algo_id, "hedge_not_published", text, now_ns)

    # --- decisions ----------------------------------------------------------------------------------------------

    def decide(self, situation: Situation) -> Iterator[Effect]:
        """Yield what is to be kept, said and told now, a parent on disk before it is said."""
        if not self._begun:
            self._begun = True
            yield from self._begin()
        yield from self._look_at_parents(situation.now_ns)
        hedgers = list(self._hedgers.values())
        self._renew_holdings(situation.halts)
        bots = [
            self._settled(each, situation) or self._standing(each, situation) for each in hedgers if each.scope.of_bot
        ]
        self._keep_within(bots, situation)
        standings = []
        for standing in bots:
            if not standing.settled:
                yield from self._carry_out(standing, situation)
            standings.append(standing)
        for hedger in hedgers:
            if not hedger.scope.of_bot:
                standing = self._standing(hedger, situation)
                self._keep_within([standing], situation)
                yield from self._carry_out(standing, situation)
                standings.append(standing)
        self.standings = {standing.hedger.name: standing for standing in standings}
        yield from self._say(list(self._ownerless(situation)))
        yield from self.parents.changes()

    def _ownerless(self, situation: Situation) -> Iterator[OrderCommand]:
        """Yield the cancels of parents whose hedger is gone from the configuration."""
        for parent in self.parents:
            if parent.command.scope not in self._hedgers and is_cancellable(parent):
                yield cancelled(parent, situation.now_ns, situation.epoch, "its hedger is gone")

    def _begin(self) -> Iterator[Effect]:
        """Say again what was kept and has not been confirmed; go on with what was being brought back."""
        for parent in self.parents:
            if parent.unfinished or (not parent.over and not parent.command.cancelled):
                self._reducing.add(parent.command.scope)
            if parent.unconfirmed and not parent.over:
                yield Publish(parent.command, self.parents.last_sequence(parent.key))

    def _look_at_parents(self, now_ns: int) -> Iterator[Effect]:
        for parent in self.parents.late(now_ns):
            command = parent.command
            text = f"{command.parent_id}: {parent.open:f} executed at the venue and not in the ledger by now"
            yield self._conditions.alert(AlertLevel.CRITICAL, command.algo_id, "hedge_not_booked", text, now_ns)
            parent.waited_for = False
        for parent in self.parents:
            command, update = parent.command, parent.update
            heard = update is not None and update.revision >= command.revision
            due_ns = command.expires_at_ns if heard else command.ts_ns
            missed = not parent.ended and not parent.unconfirmed and now_ns > due_ns + ANSWER_NS
            if missed:
                text = f"the holder of {command.account} does not answer for {command.parent_id}: it counts as open"
                yield from self._conditions.hold(
                    AlertLevel.WARNING, command.algo_id, "hedge_unanswered", text, now_ns, command.account
                )
            else:
                self._conditions.end(command.algo_id, "hedge_unanswered", command.account)

    def _settled(self, hedger: Hedger, situation: Situation) -> Standing | None:
        """Return where a bot's hedger stood at the last decision, if nothing followed from it and nothing does now."""
        before = self.standings.get(hedger.name)
        if before is None or not before.settled or before.hedger is not hedger or self.parents.of(hedger.name):
            return None
        return before if before.figure == situation.figures.get(hedger.name) else None

    def _standing(self, hedger: Hedger, situation: Situation) -> Standing:
        """Return what a hedger wants now, and what is in its way."""
        name = hedger.name
        figure = self._figure(hedger, situation, others=True)
        standing = Standing(hedger, figure)
        if not hedger.running or name in self._faults:
            self._reducing.discard(name)
            standing.why += self._faults.get(name, ["the hedger is stopped"])
            return standing
        if figure.value is None or not hedger.places:
            standing.frozen = True
            standing.why.append(figure.why or f"no market of {hedger.section.hedge_instrument} is known")
            return standing
        standing.holdings, why = self._holdings_now(hedger, situation.halts)
        if not any(holding.usable for holding in standing.holdings):
            standing.why += why
            return standing
        if standing.needs:
            self._reducing.add(name)
        elif name not in self._reducing:
            return standing
        change = change_to_norm(figure.value, hedger.band)
        touch = situation.touches.get(hedger.pair)
        if hedger.in_term and touch is None:
            standing.frozen = True
            standing.why.append(f"no price of {'/'.join(hedger.pair)}")
            return standing
        if hedger.in_term and touch is not None:
            exact = quantity_in_term(change, hedger.factor, touch)
        else:
            exact = quantity_for(change, hedger.factor)
        standing.quantity = whole(self._within_room(standing, exact, touch, situation), hedger.step)
        smallest = hedger.smallest(touch.paid(1 if exact > 0 else -1) if touch is not None else None)
        if abs(standing.quantity) < smallest and all(parent.over for parent in self.parents.of(name)):
            self._reducing.discard(name)
            standing.quantity = ZERO
            standing.why.append(f"what is beyond its norm is less than the smallest order, {smallest:f}")
        return standing

    def _renew_holdings(self, halts: Sequence[str]) -> None:
        """Look at all places anew where other halts are in force."""
        if halts != self._holdings_under:
            self._holdings, self._holdings_under, self.standings = {}, list(halts), {}

    def _holdings_now(self, hedger: Hedger, halts: Sequence[str]) -> tuple[list[Holding], list[str]]:
        found = self._holdings.get(hedger.name)
        if found is None:
            found = self._holdings[hedger.name] = holdings_of(hedger, halts)
        return found

    @staticmethod
    def _within_room(standing: Standing, exact: Decimal, touch: Touch | None, situation: Situation) -> Decimal:
        """Return a quantity within what the hedger of a bot may hold, long or short, in all."""
        rooms = situation.rooms.get(standing.hedger.name)
        if rooms is None:
            return exact
        longer, shorter = rooms
        if standing.hedger.in_term and touch is not None:
            # The money of what is bought is sold: sides turn, as quantities do.
            longer, shorter = shorter / touch.ask, longer / touch.bid
        held = max(-shorter, min(longer, exact))
        if held != exact:
            standing.why.append(f"max_hedger_position_size leaves {abs(held):f}")
        return held

    def _figure(self, hedger: Hedger, situation: Situation, *, others: bool) -> Figure:
        """Return a hedger's figure with what is open counted: of others alone, or of itself too."""
        figure = situation.figures.get(hedger.name, Figure(None, "the ledger does not know its figure yet"))
        if hedger.delta is not None and figure.value is not None:
            delta = situation.deltas.get(hedger.scope.currency, Figure(None, "no deltas are known"))
            figure = delta if delta.value is None else Figure(figure.value + delta.value)
        if hedger.scope.of_bot:
            return figure
        open_trades = []
        for parent in self.parents.open():
            if others and parent.command.scope == hedger.name:
                continue
            traded = self._traded(parent, situation)
            if traded is None:
                text = f"the currencies of {parent.command.instrument}, of which a hedge is open, are not known"
                return Figure(None, text)
            open_trades.append(traded)
        return with_open(hedger, figure, open_trades, situation.touches)

    def _traded(self, parent: Parent, situation: Situation) -> Traded | None:
        command = parent.command
        first = command.venues[0]
        pair = situation.pair_of(first.venue, first.symbol)
        known = self._hedgers.get(command.scope)
        if pair is None and known is not None and known.section.hedge_instrument == command.instrument and known.places:
            pair = known.pair
        if pair is None:
            return None
        venues = frozenset(each.venue for each in command.venues)
        return Traded(command.scope, *pair, venues, parent.sign * parent.open)

    def _keep_within(self, standings: Sequence[Standing], situation: Situation) -> None:
        """Take back what would reduce a currency that another hedger watches by more than to its norm.

        Hedges that offset each other do not: what counts is the sum. Without this, what a currency's hedger has done
        for a bot that could not hedge would be hedged a second time by the bot, and then be traded back.
        """
        for watching in self._hedgers.values():
            currency = watching.scope.currency
            if watching.scope.of_bot or not watching.running or watching.name in self._faults:
                continue
            if not any(each.quantity for each in standings):
                return
            adding = [
                each for each in standings if each.hedger is not watching and each.hedger.scope.currency == currency
            ]
            figure = self._figure(watching, situation, others=False) if adding else Figure(None)
            if figure.value is None:
                continue
            changes = {id(each): self._change(each, watching, situation) for each in adding}
            after = figure.value + sum(changes.values(), start=ZERO)
            norm = min(watching.band.norm, *(each.hedger.band.norm for each in adding))
            too_low, too_high = min(figure.value, norm) - after, after - max(figure.value, -norm)
            for standing in adding:
                change = changes[id(standing)]
                over = too_low if change < 0 else too_high
                if over <= 0 or not change:
                    continue
                cut = min(over, abs(change))
                if change < 0:
                    too_low -= cut
                else:
                    too_high -= cut
                self._cut(standing, abs(change) - cut, abs(change))
                standing.why.append(f"{watching.name} has {currency} at {figure.value:f}: it would be hedged twice")

    def _own_open(self, standing: Standing) -> Decimal:
        return sum((each.sign * each.open for each in self.parents.of(standing.hedger.name)), start=ZERO)

    def _added(self, standing: Standing) -> Decimal:
        """Return what a hedger would trade beside what it has open; 0 where it only takes back."""
        added = standing.quantity - self._own_open(standing)
        return added if added * standing.quantity > 0 else ZERO

    def _cut(self, standing: Standing, part: Decimal, of: Decimal) -> None:
        added = self._added(standing)
        kept = whole(scaled(added, part, of), standing.hedger.step)
        standing.quantity += kept - added

    def _change(self, standing: Standing, watching: Hedger, situation: Situation) -> Decimal:
        """Return what a hedger would change in another's figure beside what is open, where that is certain."""
        added = self._added(standing)
        if not added:
            return ZERO
        hedger = standing.hedger
        venues = frozenset(place.instrument.venue for place in hedger.places)
        traded = Traded(hedger.name, *hedger.pair, venues, added)
        change = change_of(watching, traded, situation.touches)
        return change.amount if isinstance(change, Change) and change.certain else ZERO

    def _carry_out(self, standing: Standing, situation: Situation) -> Iterator[Effect]:
        hedger, now_ns = standing.hedger, situation.now_ns
        parts = self.parents.of(hedger.name)
        if not standing.frozen:
            moment = Moment(
                now_ns,
                situation.epoch,
                situation.ledger_sequence,
                situation.touches.get(hedger.pair),
                situation.funds,
                _reason(standing),
                situation.term_rates.get(hedger.name),
            )
            said = adjusted(hedger, standing.quantity, standing.holdings, parts, moment)
            standing.why += said.why
            yield from self._say(said.commands)
        working = [each.update for each in parts if each.update is not None and not each.ended]
        standing.why += [f"{update.account}: {update.reason}" for update in working if update.reason]
        yield from self._tell(standing, now_ns)
        busy = parts or standing.frozen or standing.needs or hedger.name in self._reducing
        standing.settled = not (busy or standing.quantity or standing.why)

    def _say(self, commands: Sequence[OrderCommand]) -> Iterator[Effect]:
        for command in commands:
            self.parents.say(command)
        if commands:
            yield from self.parents.changes()
        for command in commands:
            yield Publish(command, self.parents.last_sequence((command.scope, command.account)))

    def _tell(self, standing: Standing, now_ns: int) -> Iterator[Effect]:
        """Alert what keeps a figure beyond its maximum, once it has done so for a while."""
        hedger = standing.hedger
        if not (hedger.running and standing.needs and standing.why):
            self._since_ns.pop(hedger.name, None)
            self._conditions.end(_shown(hedger), "hedge_forbidden")
            return
        since_ns = self._since_ns.setdefault(hedger.name, now_ns)
        if now_ns - since_ns >= TOLD_AFTER_NS and hedger.name not in self._faults:
            text = f"{_reason(standing)}; not hedged: {'; '.join(dict.fromkeys(standing.why))}"
            yield from self._conditions.hold(AlertLevel.WARNING, _shown(hedger), "hedge_forbidden", text, now_ns)

    # --- for people ---------------------------------------------------------------------------------------------

    def state(self) -> list[dict[str, Any]]:
        """Return a JSON-able row of each hedger: its figure and band, what is open, and what is in the way."""
        return [
            {
                "scope": standing.hedger.name,
                "currency": standing.hedger.scope.currency,
                "figure": None if standing.figure.value is None else f"{standing.figure.value:f}",
                "max": f"{standing.hedger.band.max:f}",
                "norm": f"{standing.hedger.band.norm:f}",
                "wanted": f"{standing.quantity:f}",
                "open": f"{self._own_open(standing):f}",
                "why": list(dict.fromkeys(standing.why)),
            }
            for standing in self.standings.values()
        ]


def _order(hedger: Hedger) -> tuple[int, int, str]:
    """Return the place of a hedger: bots, then currencies of one bot, of one venue, of everything."""
    scope = hedger.scope
    if scope.of_bot:
        return 0, 0, scope.name.removeprefix(BOT_SCOPE).zfill(10)
    return 1, 0 if scope.algo_id else 1 if scope.venue else 2, scope.name


def _shown(hedger: Hedger) -> str:
    """Return under whom a hedger's alerts are shown."""
    return hedger.name.removeprefix(BOT_SCOPE)


def _reason(standing: Standing) -> str:
    hedger, value = standing.hedger, standing.figure.value
    if value is None:
        return f"{hedger.scope.currency}: {standing.figure.why}"
    return f"{value:f} {hedger.scope.currency}, from beyond {hedger.band.max:f} to {hedger.band.norm:f}"
