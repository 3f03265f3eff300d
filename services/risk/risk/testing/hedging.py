"""A small world around the hedging decisions: hedgers, holders that execute parents as they please, and a ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from common.bots.spot import CurrencyHedger, SpotHedger
from common.core import Effect, Keep, Publish
from common.events import Alert, Fill, HedgeState, HedgeUpdate, OrderCommand
from common.instruments import Instrument, InstrumentKind, Outcome, Side

from risk.hedging.amounts import ZERO, Touch
from risk.hedging.counting import Figure
from risk.hedging.hedging import Hedging, Situation
from risk.hedging.terms import Hedger, Place, Scope
from risk.monitoring.alerts import Conditions
from risk.testing.events import NOW_NS, S, a_fill

MS = 1_000_000
KRAKEN, BINANCE = "kraken_spot", "binance_spot"


def instrument(venue: str = KRAKEN, **changed: Any) -> Instrument:
    """Return BTC/USD in lots of 0.001 and ticks of 0.1."""
    terms: dict[str, Any] = {
        "venue": venue,
        "symbol": "BTCUSD",
        "kind": InstrumentKind.SPOT,
        "currency": "USD",
        "tick_size": Decimal("0.1"),
        "base": "BTC",
        "lot_size": Decimal("0.001"),
    }
    return Instrument(**(terms | changed))


def place(venue: str = KRAKEN, account: str = "mm1", holder: str = "quoter-1", **changed: Any) -> Place:
    return Place(account, instrument(venue, **changed), holder)


def a_hedger(
    name: str = "bot-3", places: tuple[Place, ...] | None = None, scope: Scope | None = None, **changed: Any
) -> Hedger:
    """Return a hedger of BTC by BTC/USD with a band of 1 and 0; `changed` names fields of its section."""
    of_bot = name.startswith("bot-")
    section: dict[str, Any] = {
        "position_max_norm_size": "1 0",
        "execution_style": "LEAN",
        "venues_list": "KRAKEN",
        "hedge_instrument": "BTCUSD",
        "running": True,
    }
    model = SpotHedger if of_bot else CurrencyHedger
    parsed = model.model_validate(section | changed)
    algo_id = name.removeprefix("bot-") if of_bot else ""
    return Hedger(
        scope or Scope(name, "BTC", algo_id=algo_id), parsed, (place(),) if places is None else places, 1, running=True
    )


TOUCHES = {("BTC", "USD"): Touch(Decimal("59990"), Decimal("60000"))}
RICH: Mapping[tuple[str, str, str], Decimal] = {
    (account, venue, currency): Decimal(10_000_000)
    for account in ("mm1", "mm2")
    for venue in (KRAKEN, BINANCE)
    for currency in ("BTC", "USD", "JPY")
}


def situation(figures: Mapping[str, Decimal | int | str | None], now_ns: int = NOW_NS, **changed: Any) -> Situation:
    """Return what is known when the figures are these; with money and coins enough, and no halts."""
    told = {
        scope: Figure(None, "not known") if value is None else Figure(Decimal(value))
        for scope, value in figures.items()
    }
    known: dict[str, Any] = {
        "now_ns": now_ns,
        "epoch": 1,
        "ledger_sequence": 100,
        "figures": told,
        "touches": TOUCHES,
        "funds": RICH,
        "halts": (),
        "pair_of": lambda venue, symbol: ("BTC", "USD"),
    }
    return Situation(**(known | changed))


def said(effects: list[Effect]) -> list[OrderCommand]:
    """Return the commands among some effects."""
    return [each.event for each in effects if isinstance(each, Publish) and isinstance(each.event, OrderCommand)]


def alerts(effects: list[Effect]) -> list[Alert]:
    return [each for each in effects if isinstance(each, Alert)]


def answer(command: OrderCommand, sequence: int = 1, **changed: Any) -> HedgeUpdate:
    """Return what its holder says of a parent: that it is being worked, until told otherwise."""
    told: dict[str, Any] = {
        "scope": command.scope,
        "account": command.account,
        "parent_id": command.parent_id,
        "revision": command.revision,
        "update_sequence": sequence,
        "state": HedgeState.WORKING,
        "quantity": command.quantity,
        "done": ZERO,
        "open": ZERO,
        "ts_ns": command.ts_ns,
        "epoch": 1,
    }
    return HedgeUpdate(**(told | changed))


@dataclass
class Holder:
    """A process that holds an account, and executes what it is told piece by piece."""

    account: str
    commands: dict[str, OrderCommand] = field(default_factory=dict)
    """The newest of each scope."""
    done: dict[str, Decimal] = field(default_factory=dict)
    """By parent."""
    children: dict[str, Decimal] = field(default_factory=dict)
    """What is open at the venue of each parent; it may be executed until it is taken back."""
    ended: dict[str, HedgeState] = field(default_factory=dict)
    told: int = 0

    def obey(self, command: OrderCommand) -> None:
        """Take in a command; there is never a second open parent of a scope."""
        known = self.commands.get(command.scope)
        if known is not None and known.parent_id != command.parent_id:
            assert known.parent_id in self.ended, f"{known.parent_id} is open, and {command.parent_id} was said"
        if known is None or known.parent_id != command.parent_id or command.revision > known.revision:
            self.commands[command.scope] = command

    def living(self) -> list[OrderCommand]:
        return [each for each in self.commands.values() if each.parent_id not in self.ended]

    def send_child(self, command: OrderCommand, most: Decimal) -> None:
        """Have some of what is left of a parent open at the venue."""
        key = command.parent_id
        left = command.quantity - self.done.get(key, ZERO) - self.children.get(key, ZERO)
        if not command.cancelled and left > 0:
            self.children[key] = self.children.get(key, ZERO) + min(left, most)

    def execute(self, command: OrderCommand, most: Decimal) -> Decimal:
        """Execute some of the child of a parent; return how much."""
        key = command.parent_id
        quantity = min(most, self.children.get(key, ZERO))
        self.children[key] = self.children.get(key, ZERO) - quantity
        self.done[key] = self.done.get(key, ZERO) + quantity
        return quantity

    def close(self, command: OrderCommand, now_ns: int) -> None:
        """Take back what is open, and end the parent where there is a reason to."""
        key = command.parent_id
        self.children[key] = ZERO
        if self.done.get(key, ZERO) >= command.quantity:
            self.ended[key] = HedgeState.DONE
        elif command.cancelled:
            self.ended[key] = HedgeState.CANCELLED
        elif now_ns >= command.expires_at_ns:
            self.ended[key] = HedgeState.EXPIRED

    def says(self, command: OrderCommand) -> HedgeUpdate:
        key = command.parent_id
        self.told += 1
        return answer(
            command,
            self.told,
            state=self.ended.get(key, HedgeState.WORKING),
            done=self.done.get(key, ZERO),
            open=self.children.get(key, ZERO),
        )


class World:
    """Hedging, its holders, ORDER and FILL; news travels when it is told to."""

    def __init__(self, hedgers: list[Hedger]) -> None:
        self.hedgers = hedgers
        accounts = {each.account for hedger in hedgers for each in hedger.places}
        self.holders = {account: Holder(account) for account in sorted(accounts)}
        self.order: list[OrderCommand | HedgeUpdate] = []
        self.fills: list[Fill] = []
        """FILL: what is stored there, by its sequence less 1."""
        self.folded = 0
        self.disk: dict[str, bytes] = {}
        self.obeyed = self.heard = 0
        """How far into ORDER the holders and risk have come."""
        self.halts: tuple[str, ...] = ()
        self.now_ns = NOW_NS
        self.lost: list[OrderCommand] = []
        """What was on its way to the broker when risk died."""
        self.hedging = self._born()

    def _born(self) -> Hedging:
        hedging = Hedging(Conditions())
        assert hedging.restore(self.disk) == []
        assert list(hedging.configure(self.hedgers, self.now_ns)) == []
        return hedging

    # --- what is true -------------------------------------------------------------------------------------------

    def position(self, scope: str, folded: int | None = None) -> Decimal:
        """Return a bot's position, or the exposure of the currency, by so much of FILL."""
        total = ZERO
        for fill in self.fills[: len(self.fills) if folded is None else folded]:
            if not scope.startswith("bot-") or fill.algo_id == scope.removeprefix("bot-"):
                total += fill.side.sign * fill.quantity_lots * fill.instrument.lot_size
        return total

    def hedged(self) -> Decimal:
        """Return all that hedges have traded."""
        return sum((fill.quantity_lots * fill.instrument.lot_size for fill in self.fills if fill.parent_id), start=ZERO)

    # --- what happens -------------------------------------------------------------------------------------------

    def trade(self, algo_id: str, lots: int, parent: OrderCommand | None = None) -> None:
        """Store a fill: of a bot's quote, or of a hedge."""
        trade = len(self.fills) + 1
        fill = a_fill(
            trade,
            venue=KRAKEN,
            symbol="BTCUSD",
            outcome=Outcome.NONE,
            base="BTC",
            tick_size=Decimal("0.1"),
            lot_size=Decimal("0.001"),
            algo_id=algo_id,
            side=Side.BUY if lots > 0 else Side.SELL,
            quantity_lots=abs(lots),
            parent_id=parent.parent_id if parent is not None else "",
        )
        self.fills.append(fill)

    def fold(self, most: int = 1_000_000) -> None:
        """Let the ledger take in the next fills."""
        for _ in range(min(most, len(self.fills) - self.folded)):
            self.folded += 1
            self.hedging.on_fill(self.fills[self.folded - 1], self.folded)

    def decide(self, *, dies: bool = False) -> list[Effect]:
        """Have risk look at everything; when it dies of it, what it said reaches the disk and not the broker."""
        scopes = [each.name for each in self.hedgers]
        known = situation(
            {scope: self.position(scope, self.folded) for scope in scopes},
            self.now_ns,
            ledger_sequence=self.folded,
            halts=self.halts,
        )
        effects = list(self.hedging.decide(known))
        for effect in effects:
            if isinstance(effect, Keep):
                self.disk[effect.name] = effect.data
                if not effect.data:
                    del self.disk[effect.name]
        for command in [] if dies else said(effects):
            self._store(command)
        return effects

    def _store(self, command: OrderCommand) -> None:
        if command not in self.order:
            self.order.append(command)
        self.hedging.on_command(command, self.order.index(command) + 1)

    def obey(self, most: int = 1_000_000) -> None:
        """Let holders hear what was said."""
        for _ in range(min(most, len(self.order) - self.obeyed)):
            self.obeyed += 1
            event = self.order[self.obeyed - 1]
            if isinstance(event, OrderCommand):
                self.holders[event.account].obey(event)
                self.order.append(self.holders[event.account].says(event))

    def hear(self, most: int = 1_000_000) -> None:
        """Let risk hear what holders say."""
        for _ in range(min(most, len(self.order) - self.heard)):
            self.heard += 1
            event = self.order[self.heard - 1]
            if isinstance(event, HedgeUpdate):
                self.hedging.on_update(event, self.now_ns)

    def living(self) -> Iterator[tuple[Holder, OrderCommand]]:
        for holder in self.holders.values():
            for command in holder.living():
                yield holder, command

    def work(self, lots_sent: int, lots_executed: int) -> None:
        """Have every holder send a child of each parent, and the venue execute some of it."""
        for holder, command in list(self.living()):
            holder.send_child(command, lots_sent * Decimal("0.001"))
            done = holder.execute(command, lots_executed * Decimal("0.001"))
            if done:
                self.trade(command.algo_id, command.side.sign * int(done / Decimal("0.001")), command)
            self.order.append(holder.says(command))

    def close(self) -> None:
        """Have every holder take back its children, and end what is done, cancelled or too old."""
        for holder, command in list(self.living()):
            holder.close(command, self.now_ns)
            self.order.append(holder.says(command))

    def restart(self) -> None:
        """Risk dies and begins again: from its disk, the last word of each subject in ORDER, and FILL."""
        self.hedging = self._born()
        last: dict[tuple[type, str, str], tuple[OrderCommand | HedgeUpdate, int]] = {}
        for sequence, event in enumerate(self.order, 1):
            last[type(event), event.scope, event.account] = event, sequence
        for event, sequence in last.values():
            if isinstance(event, OrderCommand):
                self.hedging.on_command(event, sequence)
            else:
                self.hedging.on_update(event, self.now_ns)
        self.heard, self.folded = len(self.order), len(self.fills)
        unread = self.hedging.parents.unread_from()
        for sequence in range(unread + 1 if unread is not None else self.folded + 1, self.folded + 1):
            self.hedging.on_fill(self.fills[sequence - 1], sequence)

    def settle(self, rounds: int = 30) -> list[Effect]:
        """Let everything happen until nothing more is said; return the effects of the last look."""
        effects: list[Effect] = []
        for _ in range(rounds):
            self.now_ns += S
            effects = self.decide()
            self.obey()
            self.work(1_000_000, 1_000_000)
            self.close()
            self.fold()
            self.hear()
        return effects
