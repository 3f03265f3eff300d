"""A spot bot's day on the bus: its cutoff, its loss and its halt, while risk dies and messages are lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import TypeVar

import msgspec
import pytest
from common.events import Event, Fill, Halt, Posting, PostingKind, RiskState, TradingStatistics, decode
from risk.testing.spot import (
    BTCJPY_MARKET,
    BTCUSD_MARKET,
    USDJPY_MARKET,
    a_document,
    a_hedge,
    a_quote,
    a_spot_bot,
    a_top,
)
from toolkit.simulation import cores
from toolkit.simulation.bus import Faults, MemoryBus
from toolkit.simulation.network import MemoryNetwork
from toolkit.simulation.node import Node
from toolkit.simulation.schedule import Schedule
from toolkit.simulation.signing import Hand
from toolkit.simulation.stores import MemoryStore

S = 1_000_000_000
DAY_S = 24 * 3600
DUE_NS = 20_000 * DAY_S * S + 16 * 3600 * S
START_NS = DUE_NS - 20 * S
FAULTS = Faults(drop=0.05, lost_ack=0.05, duplicate=0.2)
EventT = TypeVar("EventT", bound=Event)


class Day:
    """Risk as a process of its own, and everybody else as hands that write on the bus."""

    def __init__(self, seed: int) -> None:
        self.schedule = Schedule(START_NS)
        self.bus = MemoryBus(self.schedule, Random(f"bus/{seed}"), FAULTS)
        network = MemoryNetwork(self.schedule, Random(f"network/{seed}"), FAULTS, is_send=bool, is_close=bool)
        self.store = MemoryStore()
        self.risk = Node(
            "risk", cores.risk, self.bus, network, leases=[("risk", "0")], prepare=cores.prepare_risk, store=self.store
        )
        self._hands = {role: Hand(role) for role in ("gateway", "feed", "quoter")}
        self._mids = dict.fromkeys((BTCJPY_MARKET, BTCUSD_MARKET, USDJPY_MARKET), 0.0)
        for market in self._mids:
            self.say("feed", market)
        self.say("gateway", a_document("risk", "MM", {"account_currency": "USD", "cutoff_time": 57_600_000}))
        self.say("gateway", a_spot_bot())
        self.price(9_000_000, 60_000, 150)
        self._speak()
        self.risk.start()
        self.run(5)

    def say(self, role: str, event: Event) -> None:
        last = self.bus.last(event.address())
        letter = self._hands[role].letter(event, last.sequence if last is not None else 0)
        self.bus.store(event.address(), letter.data, event.message_id(), letter.after, letter.headers)

    def price(self, *mids: float) -> None:
        self._mids = dict(zip(self._mids, mids, strict=True))

    def _speak(self) -> None:
        """Say all prices again every second, as books that move do."""
        for market, mid in self._mids.items():
            top = msgspec.structs.replace(a_top(market.venue, market.symbol, mid), ts_received_ns=self.schedule.now_ns)
            self.say("feed", top)
        self.schedule.after(S, self._speak)

    def fill(self, make: Callable[..., Fill], trade: int, lots: int, price: int) -> None:
        fill = make(trade, lots, price)
        self.say("quoter", msgspec.structs.replace(fill, ts_received_ns=self.schedule.now_ns))

    def run(self, seconds: float) -> None:
        self.schedule.run_until(self.schedule.now_ns + int(seconds * S))

    def restart(self) -> None:
        self.risk.kill()
        self.run(1)
        self.risk.start()

    def newest(self, cls: type[EventT], pattern: str) -> EventT:
        return decode(cls, self.bus.last_per_subject(pattern)[-1].data)

    def cutoffs(self) -> list[Posting]:
        postings = [decode(Posting, message.data) for message in self.bus.stored("fill.posting.>")]
        return [each for each in postings if each.kind is PostingKind.CUTOFF and each.opening is not None]

    def halts(self) -> list[str]:
        words = [decode(Halt, message.data) for message in self.bus.last_per_subject("risk.halt.>")]
        return [f"{word.scope}:{word.reason}" for word in words if not word.lifted]


@pytest.mark.parametrize("seed", range(4))
def test_a_cutoff_is_booked_once_and_keeps_the_position_whenever_risk_dies(seed: int) -> None:
    day, chance = Day(seed), Random(f"day/{seed}")
    day.fill(a_quote, 1, 2_000, 9_000_000)
    day.fill(a_hedge, 2, -1_500, 60_000)
    day.run(3)
    before = day.newest(TradingStatistics, "stats.trading.>")
    assert (before.current_position_size, before.hedger_net_qty) == (Decimal("0.5"), Decimal("-1.5"))
    day.schedule.run_until(DUE_NS + int(chance.uniform(-0.5, 1.5) * S))
    day.restart()
    day.run(15)
    (cutoff,) = day.cutoffs()
    assert cutoff.entry_id == f"cutoff:3:{DUE_NS // 1_000_000}"
    after = day.newest(TradingStatistics, "stats.trading.>")
    assert after.current_position_size == Decimal("0.5")
    assert (after.hedger_net_qty, after.start_ns, after.net_pnl) == (Decimal(0), DUE_NS, Decimal(0))
    day.restart()
    day.run(5)
    assert len(day.cutoffs()) == 1


@pytest.mark.parametrize("way", ["the limit is raised", "a period begins"])
def test_a_days_loss_halts_once_whatever_dies_and_ends_by_a_person_when_it_may(way: str) -> None:
    day = Day(7)
    day.fill(a_quote, 1, 1_000, 9_000_000)
    day.run(2)
    day.price(8_899_000, 60_000, 150)
    day.run(3)
    assert day.halts() == ["bot-3:daily_loss"]
    day.restart()
    day.run(5)
    state = day.newest(RiskState, "risk.state.>")
    assert (state.halts, state.daily_pnl["3"]) == (["bot-3:daily_loss"], Decimal(-101_000))
    assert state.bot_limits["3"].common.max_daily_loss == 100_000
    assert len(day.bus.stored("risk.halt.>")) == 1
    if way == "the limit is raised":
        day.say("gateway", a_spot_bot(revision=2, risk_limits={"max_day_loss": 150_000}))
    else:
        day.schedule.run_until(DUE_NS)
    day.run(4)
    state = day.newest(RiskState, "risk.state.>")
    assert -state.daily_pnl["3"] < state.bot_limits["3"].common.max_daily_loss, "what a start is judged by"
    halt = day.newest(Halt, "risk.halt.>")
    day.say("gateway", msgspec.structs.replace(halt, lifted=True, actor="tess", halt_id="lift-1", epoch=0))
    day.run(4)
    assert day.halts() == []
    assert day.newest(RiskState, "risk.state.>").halts == []


def test_without_an_fx_rate_a_hedged_bots_loss_is_unknown_and_it_stops() -> None:
    day = Day(9)
    day.fill(a_hedge, 1, -1_000, 60_000)
    day.run(2)
    day.price(9_000_000, 60_000, 0)
    day.run(40)
    assert "3" in day.newest(RiskState, "risk.state.>").daily_pnl, "a dollar is worth what BTC says it is"
    day.price(0, 60_000, 0)
    day.run(40)
    assert "3" not in day.newest(RiskState, "risk.state.>").daily_pnl
    assert day.halts() == []
    day.run(60)
    assert day.halts() == ["bot-3:no_price"]
