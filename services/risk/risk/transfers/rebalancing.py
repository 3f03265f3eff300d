"""All rebalancers: which money each wants sent now, or why it waits.

A currency has one transfer under way at most, whoever asked for it: until it has arrived, and the accounts have been
looked at since, nothing else of the currency is decided. So no money is counted where it is no longer, or twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from common.bots.spot import Rebalancer
from common.clock import NS_PER_S
from common.core import Effect, Effects, Input, Ordered, Publish, Receipt, Start
from common.events import REBALANCER, AccountState, AlertLevel, Balance, TransferCommand, TransferUpdate

from risk.monitoring.alerts import PLATFORM, Conditions
from risk.transfers.planning import ZERO, Bounds, Plan, Stock, plan
from risk.transfers.under_way import PREFIX, Transfer, TransfersUnderWay

SNAPSHOT_AGE_NS = 120 * NS_PER_S
"""An older snapshot of an account says nothing; one comes every 30 s."""
SETTLED_NS = 30 * NS_PER_S
"""A snapshot that came so long after a transfer's end was asked for after it."""
LIFE_NS = 60 * NS_PER_S
"""What the holder has not asked the venue for by then is refused, and decided anew."""
DAY_NS = 24 * 3600 * NS_PER_S
TOLD_AFTER_NS = 900 * NS_PER_S
"""An account that is beyond its band and for which nothing is sent is alerted after this long."""


class Situation(NamedTuple):
    """What is known at the moment of a decision."""

    now_ns: int
    epoch: int
    rebalancers: Mapping[str, Rebalancer]
    """By the id of the document."""
    snapshots: Mapping[str, AccountState]
    """The newest of each account."""
    halts: Sequence[str]
    """In force, as 'scope:reason'."""
    kept: Mapping[str, Decimal]
    """By currency: what stays available in an account that pays."""


class Rebalancing:
    """All rebalancers, and the transfers that they and people have asked for."""

    def __init__(self, conditions: Conditions) -> None:
        self.transfers = TransfersUnderWay()
        self.plans: dict[str, Plan] = {}
        """The newest by document: what is sent, or why nothing is."""
        self._conditions = conditions
        self._unreadable: list[str] = []
        self._beyond_since_ns: dict[str, int] = {}
        self._begun = False

    # --- what it is told ----------------------------------------------------------------------------------------

    def inputs(self) -> Sequence[Input]:
        return [
            Ordered(TransferCommand, self.on_command, Start.LAST_PER_SUBJECT),
            Ordered(TransferUpdate, self.on_update, Start.LAST_PER_SUBJECT),
        ]

    def restore(self, documents: Mapping[str, bytes]) -> dict[str, bytes]:
        """Take in what was on disk because the broker might not have it; return the documents of others."""
        self._unreadable = self.transfers.restore(documents)
        return {name: data for name, data in documents.items() if not name.startswith(PREFIX)}

    def on_command(self, command: TransferCommand, receipt: Receipt) -> Effects:
        self.transfers.on_command(command, receipt.now_ns)
        return self.transfers.changes() if self._begun else ()

    def on_update(self, update: TransferUpdate, receipt: Receipt) -> Effects:
        self.transfers.on_update(update)
        return ()

    def on_published(self, command: TransferCommand, now_ns: int) -> Effects:
        self.transfers.on_command(command, now_ns)
        return self.transfers.changes()

    def on_refused(self, command: TransferCommand, reason: str, now_ns: int) -> Effects:
        """The broker did not take a transfer: it has not been asked for, unless the stream shows it."""
        self.transfers.refused(command)
        yield from self.transfers.changes()
        if (command.account, command.number) not in self.transfers:
            text = f"{command.said()} could not be asked for: {reason}"
            yield from self._conditions.hold(AlertLevel.WARNING, PLATFORM, "transfer_not_published", text, now_ns)

    # --- decisions ----------------------------------------------------------------------------------------------

    def decide(self, situation: Situation) -> Iterator[Effect]:
        """Yield what is to be asked for now, on disk before it is said."""
        if not self._begun:
            self._begun = True
            yield from self._begin(situation.now_ns)
        self.plans = {}
        for document_id, rebalancer in situation.rebalancers.items():
            found, stocks = self._plan(document_id, rebalancer, situation)
            self.plans[document_id] = found
            yield from self._look(document_id, rebalancer, found, stocks, situation.now_ns)
            if found.amount:
                yield from self._ask(document_id, rebalancer, found, stocks, situation)

    def _begin(self, now_ns: int) -> Iterator[Effect]:
        """Say again what was kept and the stream does not show; it is said once, since its number is its subject's."""
        for fault in self._unreadable:
            text = f"a transfer on disk cannot be read: {fault}"
            yield self._conditions.alert(AlertLevel.WARNING, PLATFORM, "recovery", text, now_ns)
        yield from self.transfers.changes()
        for command in self.transfers.unsaid():
            yield Publish(command, 0)

    def _plan(self, document_id: str, rebalancer: Rebalancer, now: Situation) -> tuple[Plan, list[Stock]]:
        if not rebalancer.running:
            return Plan(why="it is stopped"), []
        stocks, unit, why = stocks_of(rebalancer, now)
        if why:
            return Plan(why=why), []
        why = self._waits_for(document_id, rebalancer, now)
        if why:
            return Plan(why=why), stocks
        bounds = Bounds(
            rebalancer.smallest,
            rebalancer.largest,
            rebalancer.daily_limit - self._sent_today(document_id, now.now_ns),
            now.kept.get(rebalancer.currency, ZERO),
            unit,
        )
        found = plan(stocks, bounds)
        halt = halt_of(found, now) if found.amount else ""
        return (Plan(why=f"halted: {halt}") if halt else found), stocks

    def _waits_for(self, document_id: str, rebalancer: Rebalancer, now: Situation) -> str:
        """Return what a decision has to wait for, '' for nothing."""
        accounts = {each.account for each in rebalancer.accounts}
        for transfer in self.transfers:
            command = transfer.command
            if command.currency != rebalancer.currency or not accounts & {command.account, command.to_account}:
                continue
            if not transfer.ended:
                return f"{command.said()} is under way"
            if not transfer.refused and not settled(transfer, now.snapshots):
                return f"no snapshot shows yet what {command.said()} has changed"
        last_ns = max((each.command.ts_ns for each in self._own(document_id)), default=None)
        left_ns = 0 if last_ns is None else last_ns + rebalancer.interval_s * NS_PER_S - now.now_ns
        return f"the last transfer was less than {rebalancer.interval_s} s ago" if left_ns > 0 else ""

    def _own(self, document_id: str) -> Iterator[Transfer]:
        return (each for each in self.transfers if each.command.actor == actor_of(document_id))

    def _sent_today(self, document_id: str, now_ns: int) -> Decimal:
        own = (each for each in self._own(document_id) if not each.refused and each.command.ts_ns > now_ns - DAY_NS)
        return sum((each.command.amount for each in own), ZERO)

    def _ask(
        self, document_id: str, rebalancer: Rebalancer, found: Plan, stocks: Sequence[Stock], now: Situation
    ) -> Iterator[Effect]:
        number = now.now_ns
        while (found.source, number) in self.transfers:
            number += 1
        have = ", ".join(f"{each.account} has {each.total:f} for {each.target:f}" for each in stocks)
        command = TransferCommand(
            account=found.source,
            number=number,
            venue=now.snapshots[found.source].venue,
            to_account=found.target,
            to_venue=now.snapshots[found.target].venue,
            currency=rebalancer.currency,
            amount=found.amount,
            actor=actor_of(document_id),
            reason=have,
            expires_at_ns=now.now_ns + LIFE_NS,
            ts_ns=now.now_ns,
            epoch=now.epoch,
        )
        self.transfers.say(command)
        yield from self.transfers.changes()
        yield Publish(command, 0)

    def _look(
        self, document_id: str, rebalancer: Rebalancer, found: Plan, stocks: Sequence[Stock], now_ns: int
    ) -> Iterator[Effect]:
        """Tell of an account that has been beyond its band for long."""
        beyond = [each for each in stocks if each.beyond]
        if not beyond or found.amount:
            self._beyond_since_ns.pop(document_id, None)
            self._conditions.end(PLATFORM, "not_rebalanced", document_id)
        elif now_ns - self._beyond_since_ns.setdefault(document_id, now_ns) >= TOLD_AFTER_NS:
            first = beyond[0]
            text = (
                f"{first.account} has {first.total:f} {rebalancer.currency}, its target is {first.target:f}, "
                f"and nothing is sent: {found.why}"
            )
            yield from self._conditions.hold(AlertLevel.WARNING, PLATFORM, "not_rebalanced", text, now_ns, document_id)

    # --- for people ---------------------------------------------------------------------------------------------

    def state(self) -> list[dict[str, Any]]:
        """Return a JSON-able row of each rebalancer: what it sends, or why nothing."""
        return [
            {
                "id": document_id,
                "source": each.source,
                "target": each.target,
                "amount": f"{each.amount:f}",
                "why": each.why,
            }
            for document_id, each in self.plans.items()
        ]


def actor_of(document_id: str) -> str:
    """Return in whose name a rebalancer's transfers go."""
    return f"{REBALANCER}:{document_id}"


def stocks_of(rebalancer: Rebalancer, now: Situation) -> tuple[list[Stock], Decimal, str]:
    """Return what each account has and should have, the unit that all count, and why that is not known."""
    balances: dict[str, Balance] = {}
    for holder in rebalancer.accounts:
        snapshot = now.snapshots.get(holder.account)
        if snapshot is None or now.now_ns - snapshot.ts_received_ns > SNAPSHOT_AGE_NS:
            return [], ZERO, f"what {holder.account} has is not known"
        found = next((each for each in snapshot.balances if each.currency == rebalancer.currency), None)
        if found is None:
            return [], ZERO, f"{holder.account} has no {rebalancer.currency}"
        balances[holder.account] = found
    total = sum((each.total for each in balances.values()), ZERO)
    stocks = [
        Stock(
            each.account,
            balances[each.account].total,
            balances[each.account].available,
            each.target.units(total),
            each.band.units(total),
        )
        for each in rebalancer.accounts
    ]
    return stocks, max(each.unit for each in balances.values()), ""


def settled(transfer: Transfer, snapshots: Mapping[str, AccountState]) -> bool:
    """Say whether the snapshots of both accounts show a transfer that has arrived."""
    command, update = transfer.command, transfer.update
    if update is None:
        return False
    return all(
        snapshot is None or snapshot.ts_received_ns >= update.ts_ns + SETTLED_NS
        for snapshot in (snapshots.get(command.account), snapshots.get(command.to_account))
    )


def halt_of(found: Plan, now: Situation) -> str:
    """Return a halt of either account, or of all, that stops a transfer; '' without one."""
    scopes = {"global"}
    for account in (found.source, found.target):
        scopes |= {f"account-{account}", f"venue-{now.snapshots[account].venue}"}
    return next((halt for halt in now.halts if halt.partition(":")[0] in scopes), "")
