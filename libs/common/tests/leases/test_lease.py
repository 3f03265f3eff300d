"""A lease under delays, lost answers, pauses and restarts: never two fresh holders, and in the end always one."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from common.core import Publish
from common.events import Lease
from common.leases.lease import LeaseKeeper, LeaseState
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

NS_PER_MS = 1_000_000
TTL_MS = 2_000
CONTENDERS = 3


@dataclass
class Register:
    """The lease's subject at the broker: a repeat is recognised by its id before sequences are compared."""

    lease: Lease | None = None
    sequence: int = 0
    stored: dict[str, int] = field(default_factory=dict)
    epochs: list[int] = field(default_factory=list)

    def publish(self, publish: Publish) -> int | None:
        """Return the sequence under which the publish is stored, None when it is refused."""
        assert isinstance(publish.event, Lease)
        known = self.stored.get(publish.event.message_id())
        if known is not None:
            return known
        if publish.expected_last_sequence != self.sequence:
            return None
        # Other leases share the stream, so sequences have gaps.
        self.sequence += 3
        self.lease = publish.event
        self.stored[publish.event.message_id()] = self.sequence
        self.epochs.append(publish.event.epoch)
        return self.sequence


@dataclass
class Contender:
    """One process that wants the lease, with a clock of its own and at most one request under way."""

    name: str
    offset_ns: int
    rate: float
    keeper: LeaseKeeper = field(init=False)
    read: tuple[Lease | None, int] | None = None
    sent: Publish | None = None
    answered: tuple[Lease, int | None] | None = None

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.keeper = LeaseKeeper("quoter", "mm1", self.name, TTL_MS)
        self.read = self.sent = self.answered = None

    def clock_ns(self, now_ns: int) -> int:
        return self.offset_ns + int(now_ns * self.rate)

    @property
    def idle(self) -> bool:
        return self.read is None and self.sent is None and self.answered is None


class LeaseWorld(RuleBasedStateMachine):
    """Contenders around one register; every step between reading and hearing an answer can be delayed or lost."""

    @initialize(
        offsets_s=st.lists(st.integers(-3_600, 3_600), min_size=CONTENDERS, max_size=CONTENDERS),
        rates=st.lists(st.sampled_from([0.9, 0.99, 1.0, 1.01, 1.1]), min_size=CONTENDERS, max_size=CONTENDERS),
    )
    def begin(self, offsets_s: list[int], rates: list[float]) -> None:
        self.now_ns = 10_000 * 1_000_000_000
        self.register = Register()
        self.in_flight: list[Publish] = []
        self.tenures: set[int] = set()
        self.contenders = [
            Contender(f"host-{number}", offset_s * 1_000_000_000, rate)
            for number, (offset_s, rate) in enumerate(zip(offsets_s, rates, strict=True))
        ]

    which = st.integers(0, CONTENDERS - 1)

    @rule(by_ms=st.sampled_from([1, 300, 850, 1_500, 2_500]))
    def time_passes(self, by_ms: int) -> None:
        self.now_ns += by_ms * NS_PER_MS

    @rule(who=which)
    def read(self, who: int) -> None:
        contender = self.contenders[who]
        if contender.idle and contender.keeper.state is LeaseState.WAITING:
            contender.read = (self.register.lease, self.register.sequence)

    @rule(who=which)
    def think(self, who: int) -> None:
        contender = self.contenders[who]
        now_ns = contender.clock_ns(self.now_ns)
        if contender.read is not None:
            contender.keeper.observe(*contender.read, now_ns)
            contender.read = None
        elif not contender.idle or contender.keeper.state is LeaseState.WAITING:
            return
        contender.sent = contender.keeper.beat(now_ns)

    @rule(who=which)
    def arrive(self, who: int) -> None:
        contender = self.contenders[who]
        if contender.sent is not None:
            assert isinstance(contender.sent.event, Lease)
            contender.answered = (contender.sent.event, self.register.publish(contender.sent))
            contender.sent = None

    @rule(who=which)
    def hear(self, who: int) -> None:
        contender = self.contenders[who]
        if contender.answered is None:
            return
        (lease, sequence), contender.answered = contender.answered, None
        if sequence is None:
            contender.keeper.refused()
            return
        waited = contender.keeper.state is LeaseState.WAITING
        contender.keeper.won(lease, sequence)
        if waited:
            assert lease.epoch not in self.tenures, "an epoch was given twice"
            self.tenures.add(lease.epoch)

    @rule(who=which)
    def run_undisturbed(self, who: int) -> None:
        self.read(who)
        self.think(who)
        self.arrive(who)
        self.hear(who)

    @rule(order=st.lists(which, min_size=1, max_size=3), by_ms=st.sampled_from([300, 850, 1_500, 2_500]))
    def some_run_and_time_passes(self, order: list[int], by_ms: int) -> None:
        for who in order:
            self.run_undisturbed(who)
            self.never_two_fresh_holders()
        self.time_passes(by_ms)

    @rule(who=which)
    def the_request_is_lost_for_now(self, who: int) -> None:
        contender = self.contenders[who]
        if contender.sent is not None:
            self.in_flight.append(contender.sent)
            contender.sent = None

    @rule(who=which)
    def the_answer_is_lost(self, who: int) -> None:
        self.contenders[who].answered = None

    @precondition(lambda self: self.in_flight)
    @rule()
    def a_lost_request_arrives_late(self) -> None:
        self.register.publish(self.in_flight.pop(0))

    @rule(who=which)
    def the_process_is_killed_and_restarted_under_its_name(self, who: int) -> None:
        contender = self.contenders[who]
        if contender.sent is not None:
            self.in_flight.append(contender.sent)
        contender.restart()

    @rule(who=which)
    def the_holder_gives_it_back(self, who: int) -> None:
        contender = self.contenders[who]
        if contender.idle:
            release = contender.keeper.release()
            if release is not None:
                self.register.publish(release)

    @invariant()
    def never_two_fresh_holders(self) -> None:
        fresh = [each.name for each in self.contenders if not each.keeper.doubtful(each.clock_ns(self.now_ns))]
        assert len(fresh) <= 1, f"{fresh} both believe to hold the lease"

    @invariant()
    def epochs_never_fall(self) -> None:
        assert self.register.epochs == sorted(self.register.epochs)

    def teardown(self) -> None:
        """Let the faults end: within a few ttl exactly one holds the lease and keeps it."""
        for _ in range(40):
            self.now_ns += TTL_MS * NS_PER_MS // 4
            for who, contender in enumerate(self.contenders):
                self.hear(who)
                if contender.keeper.state is LeaseState.LOST:
                    contender.restart()
                self.run_undisturbed(who)
            self.never_two_fresh_holders()
        fresh = [each for each in self.contenders if not each.keeper.doubtful(each.clock_ns(self.now_ns))]
        assert len(fresh) == 1, "nobody holds the lease although nothing is wrong any more"
        assert self.register.lease is not None
        assert self.register.lease.holder == fresh[0].name
        assert self.register.lease.epoch == fresh[0].keeper.epoch == max(self.register.epochs)


LeaseWorld.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestLeaseWorld = LeaseWorld.TestCase


def held(instance: str = "a", now_ns: int = 0) -> LeaseKeeper:
    keeper = LeaseKeeper("quoter", "mm1", instance, TTL_MS)
    keeper.observe(None, 0, now_ns)
    publish = keeper.beat(now_ns)
    assert publish is not None
    assert isinstance(publish.event, Lease)
    keeper.won(publish.event, 1)
    return keeper


def test_the_first_contender_takes_a_lease_nobody_has_with_epoch_one() -> None:
    keeper = LeaseKeeper("quoter", "mm1", "a", TTL_MS)
    assert keeper.beat(0) is None, "not before the register has been read"
    keeper.observe(None, 0, 0)
    assert keeper.beat(0) == Publish(
        Lease(role="quoter", key="mm1", holder="a", beat=1, ttl_ms=TTL_MS, epoch=1), expected_last_sequence=0
    )


def test_a_contender_waits_a_whole_ttl_of_silence_on_its_own_clock() -> None:
    lease = Lease(role="quoter", key="mm1", holder="other", beat=7, ttl_ms=TTL_MS, epoch=3)
    keeper = LeaseKeeper("quoter", "mm1", "a", TTL_MS)
    for now_ms in (0, 500, 1_999):
        keeper.observe(lease, 40, now_ms * NS_PER_MS)
        assert keeper.beat(now_ms * NS_PER_MS) is None
        assert keeper.holder == "other"
    keeper.observe(lease, 40, 2_000 * NS_PER_MS)
    taking = keeper.beat(2_000 * NS_PER_MS)
    assert taking is not None
    assert taking.event.epoch == 4
    assert taking.expected_last_sequence == 40


def test_a_beat_of_the_holder_starts_the_wait_again() -> None:
    keeper = LeaseKeeper("quoter", "mm1", "a", TTL_MS)
    keeper.observe(Lease(role="quoter", key="mm1", holder="o", beat=7, ttl_ms=TTL_MS, epoch=3), 40, 0)
    keeper.observe(Lease(role="quoter", key="mm1", holder="o", beat=8, ttl_ms=TTL_MS, epoch=3), 41, 1_900 * NS_PER_MS)
    assert keeper.beat(2_100 * NS_PER_MS) is None


@pytest.mark.parametrize("holder", ["", "a"])
def test_a_lease_given_back_or_of_a_dead_namesake_is_taken_at_once(holder: str) -> None:
    keeper = LeaseKeeper("quoter", "mm1", "a", TTL_MS)
    keeper.observe(Lease(role="quoter", key="mm1", holder=holder, beat=7, ttl_ms=TTL_MS, epoch=3), 40, 0)
    taking = keeper.beat(0)
    assert taking is not None
    assert taking.event.epoch == 4


def test_a_holder_doubts_after_half_the_ttl_counted_from_when_it_sent() -> None:
    keeper = held()
    assert not keeper.doubtful(1_000 * NS_PER_MS)
    assert keeper.doubtful(1_001 * NS_PER_MS)
    renewal = keeper.beat(600 * NS_PER_MS)
    assert renewal is not None
    assert isinstance(renewal.event, Lease)
    keeper.won(renewal.event, 2)
    assert not keeper.doubtful(1_600 * NS_PER_MS)
    assert keeper.doubtful(1_601 * NS_PER_MS)


def test_a_beat_sent_again_holds_from_when_it_was_first_sent() -> None:
    keeper = held()
    first = keeper.beat(600 * NS_PER_MS)
    again = keeper.beat(3_000 * NS_PER_MS)
    assert first is not None
    assert again is not None
    assert isinstance(again.event, Lease)
    assert first == again
    # The broker knows the repeat and answers with the first one's place, whoever has published behind it.
    keeper.won(again.event, 2)
    assert keeper.doubtful(3_000 * NS_PER_MS)
    following = keeper.beat(3_100 * NS_PER_MS)
    assert following is not None
    assert isinstance(following.event, Lease)
    keeper.won(following.event, 3)
    assert not keeper.doubtful(4_100 * NS_PER_MS)


def test_a_holder_whose_beat_is_refused_has_lost_for_good() -> None:
    keeper = held()
    keeper.refused()
    assert keeper.state is LeaseState.LOST
    assert keeper.doubtful(0)
    assert keeper.beat(1) is None
    assert keeper.release() is None
    keeper.observe(None, 0, 2)
    assert keeper.beat(3) is None


def test_giving_back_names_no_holder_and_keeps_the_epoch() -> None:
    keeper = held()
    release = keeper.release()
    assert release is not None
    assert release.event == Lease(role="quoter", key="mm1", holder="", beat=2, ttl_ms=TTL_MS, epoch=1)
    assert keeper.doubtful(0)


def test_the_beat_fits_three_times_into_the_ttl() -> None:
    assert LeaseKeeper("r", "k", "i", 3_000).beat_ms == 1_000
    assert LeaseKeeper("r", "k", "i", 300).beat_ms == 100
