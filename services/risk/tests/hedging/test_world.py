"""Hedging against holders that execute in pieces, late and across restarts: never too much, never twice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import OrderCommand
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from risk.hedging.commands import LIFE_NS
from risk.hedging.terms import Hedger
from risk.testing.events import S
from risk.testing.hedging import BINANCE, World, a_hedger, place

D = Decimal
LOT = D("0.001")
MAX, NORM = D(1), D("0.2")
BAND = "1 0.2"


def hedgers(*, currency: bool) -> list[Hedger]:
    """Return two bots with two holders each, and a hedger of the currency over both."""
    places = (place(), place(BINANCE, "mm2", "quoter-2", lot_size=D("0.01")))
    found = [a_hedger(name, places, position_max_norm_size=BAND) for name in ("bot-3", "bot-4")]
    if currency:
        found.append(a_hedger("risk-currency-7", places, position_max_norm_size=BAND))
    return found


class HedgedOneWay(RuleBasedStateMachine):
    """Bots that only ever buy, or only ever sell: whatever is delayed, lost or restarted, hedges never do too much."""

    @initialize(currency=st.booleans(), sign=st.sampled_from([-1, 1]))
    def begin(self, currency: bool, sign: int) -> None:
        self.world = World(hedgers(currency=currency))
        self.sign = sign

    @rule(bot=st.sampled_from(["3", "4"]), lots=st.integers(1, 1_500))
    def quote_is_taken(self, bot: str, lots: int) -> None:
        self.world.trade(bot, self.sign * lots)

    @rule()
    def decide(self) -> None:
        self.world.decide()

    @rule(lots=st.integers(500, 3_000), executed=st.integers(0, 3_000), close=st.booleans(), folds=st.booleans())
    def whole_turn(self, lots: int, executed: int, close: bool, folds: bool) -> None:
        """A bot trades and its hedge begins; what the holder says and the ledger's fills come in any order."""
        self.world.trade("3", self.sign * lots)
        self.world.fold()
        self.world.decide()
        self.world.obey()
        self.world.work(3_000, executed)
        if close:
            self.world.close()
        if folds:
            self.world.fold()
        else:
            self.world.hear()
        self.world.decide()
        self.world.obey()

    @rule(most=st.integers(1, 3))
    def obey(self, most: int) -> None:
        self.world.obey(most)

    @rule(most=st.integers(1, 3))
    def hear(self, most: int) -> None:
        self.world.hear(most)

    @rule(most=st.integers(1, 3))
    def fold(self, most: int) -> None:
        self.world.fold(most)

    @rule(sent=st.integers(1, 2_000), executed=st.integers(0, 2_000))
    def work(self, sent: int, executed: int) -> None:
        self.world.work(sent, executed)

    @rule()
    def close(self) -> None:
        self.world.close()

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule()
    def die_before_the_broker_has_heard(self) -> None:
        self.world.decide(dies=True)
        self.world.restart()

    @rule(halt=st.sampled_from(["", "bot-3:manual", "global:manual", "venue-kraken_spot:manual"]))
    def halt_or_lift(self, halt: str) -> None:
        self.world.halts = (halt,) if halt else ()

    @precondition(lambda self: self.world.now_ns < 10**30)
    @rule()
    def parents_grow_old(self) -> None:
        self.world.now_ns += LIFE_NS

    @invariant()
    def never_too_much(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        quoted = sum((fill.quantity_lots * LOT for fill in world.fills if not fill.parent_id), start=D(0))
        assert world.hedged() <= max(D(0), quoted - NORM if quoted > NORM else D(0))
        # The currency's exposure is never carried past what its norm allows, by any of them.
        assert self.sign * world.position("risk-currency-7") >= min(NORM, quoted)
        for bot in ("bot-3", "bot-4"):
            own = sum(
                (f.quantity_lots * LOT for f in world.fills if not f.parent_id and f.algo_id == bot[4:]), start=D(0)
            )
            assert self.sign * world.position(bot) >= min(NORM, own)

    @invariant()
    def one_open_parent_each(self) -> None:
        if not hasattr(self, "world"):
            return
        open_ = [(command.scope, command.account) for _, command in self.world.living()]
        assert len(open_) == len(set(open_))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.halts = ()
        world.restart()
        world.settle()
        hedged = world.hedged()
        for name, standing in world.hedging.standings.items():
            value = standing.figure.value
            assert value is not None
            assert abs(value) <= MAX or standing.why, (name, value)
            if abs(value) > MAX:
                assert name.startswith("bot-")
                assert "would be hedged twice" in standing.why[0]
        # Nothing more happens: what is quiet stays quiet.
        world.settle(3)
        assert world.hedged() == hedged
        assert list(world.living()) == []


TestHedgedOneWay = HedgedOneWay.TestCase
TestHedgedOneWay.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class HedgedBothWays(RuleBasedStateMachine):
    """Bots that buy and sell while hedges are under way: in the end every figure is back, and nothing goes round."""

    @initialize(currency=st.booleans())
    def begin(self, currency: bool) -> None:
        self.world = World(hedgers(currency=currency))
        self.figures_max = D(0)

    @rule(bot=st.sampled_from(["3", "4"]), lots=st.integers(-2_500, 2_500).filter(bool))
    def quote_is_taken(self, bot: str, lots: int) -> None:
        self.world.trade(bot, lots)

    @rule(sent=st.integers(1, 2_000), executed=st.integers(0, 2_000))
    def turn(self, sent: int, executed: int) -> None:
        self.world.fold()
        self.world.decide()
        self.world.obey()
        self.world.work(sent, executed)
        self.world.hear()

    @rule()
    def close(self) -> None:
        self.world.close()

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule()
    def parents_grow_old(self) -> None:
        self.world.now_ns += LIFE_NS

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.settle()
        hedged = world.hedged()
        for name, standing in world.hedging.standings.items():
            value = standing.figure.value
            assert value is not None
            assert abs(value) <= MAX or (name.startswith("bot-") and standing.why), (name, value, standing.why)
        world.settle(3)
        assert world.hedged() == hedged
        assert list(world.living()) == []


TestHedgedBothWays = HedgedBothWays.TestCase
TestHedgedBothWays.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


@pytest.mark.parametrize("lots", [1_001, -1_001, 5_000])
def test_a_bot_beyond_its_maximum_comes_back_to_its_norm(lots: int) -> None:
    world = World(hedgers(currency=False)[:1])
    world.trade("3", lots)
    world.fold()
    world.settle()
    assert world.position("bot-3") == (NORM if lots > 0 else -NORM)


def test_a_bot_and_its_currency_hedge_the_same_excess_once() -> None:
    world = World(hedgers(currency=True))
    world.trade("3", 3_000)
    world.fold()
    world.settle()
    assert world.hedged() == 3 - NORM
    assert world.position("bot-3") == NORM


def test_what_the_currency_hedged_for_a_halted_bot_is_not_hedged_again_when_the_bot_may() -> None:
    world = World(hedgers(currency=True))
    world.halts = ("bot-3:manual",)
    world.trade("3", 3_000)
    world.fold()
    world.settle()
    assert world.hedged() == 3 - NORM
    world.halts = ()
    world.settle()
    assert world.hedged() == 3 - NORM
    assert world.position("bot-3") == 3
    assert world.hedging.standings["bot-3"].why == ["risk-currency-7 has BTC at 0.200: it would be hedged twice"]
    # The bot trades out of it: the currency's hedge is undone, the bot has nothing to hedge.
    world.trade("3", -3_000)
    world.fold()
    world.settle()
    assert world.position("bot-3") == 0
    assert abs(world.position("risk-currency-7")) == NORM


def test_two_bots_that_offset_each_other_both_hedge() -> None:
    world = World(hedgers(currency=True))
    world.trade("3", 3_000)
    world.trade("4", -3_000)
    world.fold()
    world.settle()
    assert world.position("bot-3") == NORM
    assert world.position("bot-4") == -NORM


def test_a_parent_is_on_disk_before_it_is_said() -> None:
    world = World(hedgers(currency=False)[:1])
    world.trade("3", 3_000)
    world.fold()
    kinds = [type(effect).__name__ for effect in world.decide()]
    assert kinds == ["Keep", "Keep", "Publish", "Publish"]


def test_what_was_kept_and_never_reached_the_broker_is_said_again() -> None:
    world = World(hedgers(currency=False)[:1])
    world.trade("3", 3_000)
    world.fold()
    world.decide(dies=True)
    assert world.order == []
    world.restart()
    world.decide()
    assert [event.parent_id for event in world.order if isinstance(event, OrderCommand)] == [
        "bot-3:mm1:1:1",
        "bot-3:mm2:1:1",
    ]
    world.settle()
    assert world.hedged() == 3 - NORM


def test_a_parent_stays_open_when_its_stream_is_lost() -> None:
    world = World(hedgers(currency=False)[:1])
    world.trade("3", 3_000)
    world.fold()
    world.decide()
    world.obey()
    # ORDER and risk are gone, the holder and the disk are not.
    world.order, world.obeyed, world.heard = [], 0, 0
    world.restart()
    world.now_ns += S
    world.decide()
    world.settle()
    assert world.hedged() == 3 - NORM
