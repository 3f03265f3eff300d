"""Rebalancers over deaths of risk and delays of venues: nothing is sent twice, lost, or back and forth."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from common.bots.spot import Rebalancer
from common.clock import NS_PER_S
from common.core import Effect, Keep, Publish, Receipt
from common.events import (
    AccountState,
    Alert,
    Balance,
    TransferCommand,
    TransferState,
    TransferUpdate,
    decode,
    encode,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.monitoring.alerts import Conditions
from risk.testing.events import NOW_NS
from risk.transfers.rebalancing import SETTLED_NS, TOLD_AFTER_NS, Rebalancing, Situation
from risk.transfers.under_way import ENDED_KEPT_NS

UNIT = Decimal("0.00000001")
DOCUMENT: dict[str, Any] = {
    "currency": "BTC",
    "running": True,
    "accounts": [
        {"account": "mm1-kraken", "target": "50 %", "band": "10 %"},
        {"account": "mm1-dltxmm", "target": "50 %", "band": "10 %"},
    ],
    "smallest": "0.1",
    "largest": "2",
    "interval_s": 60,
    "daily_limit": "5",
}
VENUES = {"mm1-kraken": "kraken_spot", "mm1-dltxmm": "dltxmm_spot", "mm2-dltxmm": "dltxmm_spot"}


@dataclass
class Sent:
    """A transfer at the venues."""

    command: TransferCommand
    due_ns: int
    arrived: bool = False


@dataclass
class Platform:
    """Venues with balances, the TRANSFER stream, risk's disk, and risk itself, which may die at any step."""

    has: dict[str, Decimal] = field(
        default_factory=lambda: {"mm1-kraken": Decimal("4.00000000"), "mm1-dltxmm": Decimal("1.00000000")}
    )
    document: dict[str, Any] = field(default_factory=lambda: dict(DOCUMENT))
    kept: dict[str, Decimal] = field(default_factory=lambda: {"BTC": Decimal("0.5")})
    delay_ns: int = 60 * NS_PER_S
    halts: list[str] = field(default_factory=list)
    locked: dict[str, Decimal] = field(default_factory=dict)
    now_ns: int = NOW_NS
    disk: dict[str, bytes] = field(default_factory=dict)
    stream: dict[tuple[str, int], TransferCommand] = field(default_factory=dict)
    words: dict[tuple[str, int], TransferUpdate] = field(default_factory=dict)
    sent: dict[tuple[str, int], Sent] = field(default_factory=dict)
    snapshots: dict[str, AccountState] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    dies_after: int | None = None
    """Effects that are carried out before risk dies; None where it lives."""
    holder_answers: bool = True

    def __post_init__(self) -> None:
        self.restart()
        self.look()

    def restart(self) -> None:
        self.dies_after = None
        self.core = Rebalancing(Conditions())
        self.core.restore(dict(self.disk))
        for command in self.stream.values():
            list(self.core.on_command(command, Receipt(self.now_ns)))
        for word in self.words.values():
            list(self.core.on_update(word, Receipt(self.now_ns)))

    def look(self) -> None:
        """Take snapshots of the accounts, as their holders do."""
        for account, total in self.has.items():
            main = Balance(currency="USD", total=Decimal("9.000000"), available=Decimal("9.000000"))
            free = total - self.locked.get(account, Decimal(0))
            self.snapshots[account] = AccountState(
                account=account,
                venue=VENUES[account],
                main=main,
                others=[Balance(currency="BTC", total=total.quantize(UNIT), available=free.quantize(UNIT))],
                holdings=[],
                open_orders=[],
                account_sequence=1,
                reason="timer",
                ts_event_ns=self.now_ns,
                ts_received_ns=self.now_ns,
            )

    def decide(self) -> None:
        rebalancers = {"1": Rebalancer.parse(self.document)}
        situation = Situation(self.now_ns, 3, rebalancers, self.snapshots, self.halts, self.kept)
        self.carry(self.core.decide(situation))

    def carry(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if self.dies_after is not None:
                if not self.dies_after:
                    self.restart()
                    return
                self.dies_after -= 1
            if isinstance(effect, Keep):
                self.disk.pop(effect.name, None)
                if effect.data:
                    self.disk[effect.name] = effect.data
            elif isinstance(effect, Alert):
                self.alerts.append(effect)
            else:
                assert isinstance(effect, Publish)
                self.publish(effect)
                if self.dies_after == 0:
                    # Stored, and nobody heard.
                    self.restart()
                    return

    def publish(self, effect: Publish) -> None:
        command = effect.event
        assert isinstance(command, TransferCommand)
        assert decode(TransferCommand, encode(command)) == command
        key = (command.account, command.number)
        assert effect.expected_last_sequence == 0
        if key in self.stream:
            self.carry(self.core.on_refused(command, "wrong last sequence", self.now_ns))
            return
        assert any(data and decode(TransferCommand, data) == command for data in self.disk.values()), "on disk first"
        self.stream[key] = command
        if self.dies_after != 0:
            self.carry(self.core.on_published(command, self.now_ns))

    def person(self, amount: str, source: str = "mm1-kraken", target: str = "mm1-dltxmm") -> None:
        command = TransferCommand(
            account=source,
            number=self.now_ns,
            venue=VENUES[source],
            to_account=target,
            to_venue=VENUES[target],
            currency="BTC",
            amount=Decimal(amount),
            actor="tess",
            reason="",
            expires_at_ns=self.now_ns + NS_PER_S,
            ts_ns=self.now_ns,
        )
        self.stream[source, command.number] = command
        self.carry(self.core.on_command(command, Receipt(self.now_ns)))

    def holders(self) -> None:
        """Do what the quoters do with what the stream holds, and the venues with what they were asked."""
        for key, sent in self.sent.items():
            if not sent.arrived and self.now_ns >= sent.due_ns:
                sent.arrived = True
                self.has[sent.command.to_account] += sent.command.amount
                self.say(key, TransferState.DONE)
        if not self.holder_answers:
            return
        for key, command in self.stream.items():
            if key in self.sent or (key in self.words and self.words[key].state.ended):
                continue
            if self.has[command.account] - self.locked.get(command.account, Decimal(0)) < command.amount:
                self.say(key, TransferState.REFUSED)
                continue
            self.has[command.account] -= command.amount
            self.sent[key] = Sent(command, self.now_ns + self.delay_ns)
            self.say(key, TransferState.UNDER_WAY)

    def say(self, key: tuple[str, int], state: TransferState) -> None:
        before = self.words.get(key)
        word = TransferUpdate(
            account=key[0],
            number=key[1],
            update_sequence=before.update_sequence + 1 if before is not None else 1,
            state=state,
            epoch=3,
            ts_ns=self.now_ns,
        )
        self.words[key] = word
        list(self.core.on_update(word, Receipt(self.now_ns)))

    def wait(self, seconds: int, step_s: int = 1) -> None:
        for _ in range(0, seconds, step_s):
            self.now_ns += step_s * NS_PER_S
            self.holders()
            if self.now_ns // NS_PER_S % 30 == 0:
                self.look()
            self.decide()

    @property
    def why(self) -> str:
        return self.core.plans["1"].why

    @property
    def amounts(self) -> list[Decimal]:
        return [each.command.amount for each in self.sent.values()]


def test_what_one_account_has_too_much_goes_to_the_other_once() -> None:
    platform = Platform()
    platform.wait(1_000)
    (command,) = platform.stream.values()
    assert (command.account, command.to_account, command.amount) == ("mm1-kraken", "mm1-dltxmm", Decimal("1.5"))
    assert (command.venue, command.to_venue, command.actor) == ("kraken_spot", "dltxmm_spot", "rebalancer:1")
    assert command.reason == "mm1-kraken has 4.00000000 for 2.50000000, mm1-dltxmm has 1.00000000 for 2.50000000"
    assert set(platform.has.values()) == {Decimal("2.5")}
    assert platform.why == "every account is within its band"
    assert platform.disk == {}, "the stream has it"


def test_off_is_the_default_and_nothing_is_decided_then() -> None:
    del (document := dict(DOCUMENT))["running"]
    platform = Platform(document=document)
    platform.wait(100)
    assert (platform.why, platform.stream) == ("it is stopped", {})


def test_while_one_is_under_way_no_other_is_decided_and_it_says_so() -> None:
    platform = Platform(delay_ns=600 * NS_PER_S)
    platform.wait(300)
    assert platform.why == "1.50000000 BTC from mm1-kraken to mm1-dltxmm is under way"
    assert len(platform.stream) == 1


def test_a_person_s_transfer_is_waited_for_as_well() -> None:
    platform = Platform()
    platform.person("1.5")
    platform.wait(20)
    assert platform.why == "1.5 BTC from mm1-kraken to mm1-dltxmm is under way"
    platform.wait(45)
    assert platform.why == "no snapshot shows yet what 1.5 BTC from mm1-kraken to mm1-dltxmm has changed"
    platform.wait(SETTLED_NS // NS_PER_S + 30)
    assert platform.why == "every account is within its band"
    assert platform.amounts == [Decimal("1.5")]


def test_a_refused_transfer_is_decided_anew_after_the_interval() -> None:
    platform = Platform()
    platform.locked["mm1-kraken"] = Decimal(4)
    platform.decide()
    platform.wait(30)
    platform.locked.clear()
    platform.look()
    assert platform.why.startswith("the last transfer was less than 60 s ago")
    platform.wait(100)
    assert platform.amounts == [Decimal("1.5")]


def test_the_interval_and_the_daily_limit_hold_over_a_restart() -> None:
    platform = Platform(document=DOCUMENT | {"largest": "0.5", "daily_limit": "0.8"})
    platform.wait(400)
    assert platform.amounts == [Decimal("0.5"), Decimal("0.3")]
    times = [each.command.ts_ns for each in platform.sent.values()]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 60 * NS_PER_S
    platform.restart()
    platform.wait(400)
    assert platform.why == "what the daily limit leaves, 0.00000000, is less than the smallest transfer, 0.1"
    assert len(platform.sent) == 2


def test_a_day_later_the_limit_is_new_and_what_has_ended_is_forgotten() -> None:
    platform = Platform(document=DOCUMENT | {"largest": "0.5", "daily_limit": "0.5"})
    platform.wait(300)
    assert platform.amounts == [Decimal("0.5")]
    platform.now_ns += ENDED_KEPT_NS + NS_PER_S
    platform.wait(300)
    assert platform.amounts == [Decimal("0.5"), Decimal("0.5")]
    assert [each.command.amount for each in platform.core.transfers] == [Decimal("0.5")]


@pytest.mark.parametrize(
    "halt", ["account-mm1-kraken:manual", "account-mm1-dltxmm:loss", "venue-kraken_spot:clock", "global:x"]
)
def test_a_halt_of_either_account_stops_it(halt: str) -> None:
    platform = Platform(halts=[halt])
    platform.wait(200)
    assert (platform.why, platform.stream) == (f"halted: {halt}", {})
    platform.halts.clear()
    platform.wait(10)
    assert len(platform.stream) == 1


def test_what_orders_reserve_and_what_an_account_keeps_is_never_sent() -> None:
    platform = Platform()
    platform.locked["mm1-kraken"] = Decimal("2.75")
    platform.look()
    platform.wait(500)
    # 4 less 2.75 reserved, less 0.5 kept.
    assert platform.amounts == [Decimal("0.75")]


def test_what_is_not_known_is_waited_for() -> None:
    platform = Platform()
    del platform.snapshots["mm1-dltxmm"]
    platform.decide()
    assert platform.why == "what mm1-dltxmm has is not known"
    platform.look()
    platform.now_ns += 200 * NS_PER_S
    platform.decide()
    assert platform.why == "what mm1-kraken has is not known"


def test_people_hear_of_an_account_for_which_nothing_is_sent() -> None:
    platform = Platform(halts=["global:x"])
    platform.wait(TOLD_AFTER_NS // NS_PER_S + 10)
    assert [each.kind for each in platform.alerts] == ["not_rebalanced"]
    assert platform.alerts[0].text == (
        "mm1-kraken has 4.00000000 BTC, its target is 2.50000000, and nothing is sent: halted: global:x"
    )


def test_what_the_broker_does_not_take_has_not_been_asked_for() -> None:
    platform = Platform()
    command = next(
        each.event
        for each in platform.core.decide(
            Situation(platform.now_ns, 3, {"1": Rebalancer.parse(DOCUMENT)}, platform.snapshots, (), platform.kept)
        )
        if isinstance(each, Publish)
    )
    assert isinstance(command, TransferCommand)
    refused = list(platform.core.on_refused(command, "the stream is full", platform.now_ns))
    assert [each.kind for each in refused if isinstance(each, Alert)] == ["transfer_not_published"]
    assert [each.data for each in refused if isinstance(each, Keep)] == [b""]


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 120)),
    st.tuples(st.just("die"), st.integers(0, 3)),
    st.tuples(st.just("trade"), st.integers(-5, 5)),
    st.tuples(st.just("person"), st.integers(1, 4)),
    st.tuples(st.just("silent"), st.integers(0, 1)),
    st.tuples(st.just("delay"), st.integers(0, 200)),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=14))
def test_whatever_happens_it_comes_to_rest_with_all_money_and_nothing_sent_back(steps: list[tuple[str, int]]) -> None:
    platform = Platform(document=DOCUMENT | {"daily_limit": "1000"})
    traded = Decimal(0)
    for step, size in steps:
        if step == "wait":
            platform.wait(size, 3)
        elif step == "die":
            platform.dies_after = size
            platform.wait(2)
        elif step == "trade":
            account = "mm1-kraken" if size % 2 else "mm1-dltxmm"
            change = max(Decimal(size) / 2, -platform.has[account])
            platform.has[account] += change
            traded += change
        elif step == "person":
            platform.person(str(Decimal(size) / 4))
        elif step == "silent":
            platform.holder_answers = bool(size)
        else:
            platform.delay_ns = size * NS_PER_S
        in_transit = sum((each.command.amount for each in platform.sent.values() if not each.arrived), Decimal(0))
        assert sum(platform.has.values(), in_transit) == 5 + traded, "no money is lost or made"
        own = [each for each in platform.stream.values() if each.automatic]
        open_ = [
            each
            for each in own
            if not (word := platform.words.get((each.account, each.number))) or not word.state.ended
        ]
        assert len(open_) <= 1
    platform.dies_after, platform.holder_answers = None, True
    platform.wait(400, 5)
    before = len(platform.stream)
    started = dict(platform.has)
    platform.wait(1_500, 5)
    after = [each for each in list(platform.stream.values())[before:] if each.automatic]
    assert len({each.account for each in after}) <= 1, "nothing goes back"
    assert sum(started.values(), Decimal(0)) <= 5 + traded
    total = sum(platform.has.values(), Decimal(0))
    assert total == 5 + traded
    beyond = [account for account, has in platform.has.items() if abs(has - total / 2) > total / 10]
    assert not beyond or platform.why
    assert platform.disk == {}
