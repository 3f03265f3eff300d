"""The core, told events and asked what it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec
import pytest
from common.core import Core, Durable, Effect, Newest, Ordered, Receipt, Store
from common.events import (
    Alert,
    AlertLevel,
    Event,
    Fill,
    Halt,
    MarketStatus,
    PlatformConfig,
    Position,
    Posting,
    PostingKind,
    RiskState,
    Statistics,
)
from common.instruments import Outcome, Side
from risk.intake import LedgerGap
from risk.ledger import Ledger
from risk.service import Risk
from risk.snapshot import StoreHealth, documents, restore
from risk.testing import (
    DAY_NS,
    NOW_NS,
    PLATFORM_LIMITS,
    SYMBOL,
    S,
    a_config,
    a_fair,
    a_feed_status,
    a_fill,
    a_lift,
    a_market,
    a_picture,
    a_posting,
    a_resolved_market,
    a_target,
)

E = TypeVar("E", bound=Event)


class Desk:
    """A started core, its clock, and a FILL stream that takes its postings and hands them back in order."""

    def __init__(self, *configs: Event, ledger: Ledger | None = None, faults: Mapping[str, str] | None = None) -> None:
        self.now_ns = NOW_NS
        self.health = StoreHealth()
        self.risk = Risk(PLATFORM_LIMITS, store=self.health)
        self.risk.epoch = 3
        self.risk.recover(ledger or Ledger(), faults)
        self.sequence = self.risk.ledger.sequence
        self.said: list[Effect] = []
        for config in configs or (a_config(),):
            self.tell(config)
        self.do(self.risk.start(self.receipt()))

    def receipt(self, sequence: int = 0, age_ns: int = 0) -> Receipt:
        return Receipt(self.now_ns, age_ns, sequence)

    def do(self, effects: Iterable[Effect]) -> list[Effect]:
        done = list(effects)
        self.said += done
        for posting in [each for each in done if isinstance(each, Posting)]:
            done += self.book(posting)
        return done

    def tell(self, event: Event, age_ns: int = 0) -> list[Effect]:
        handlers = {each.event: each.handler for each in self.risk.inputs() if isinstance(each, Newest | Ordered)}
        return self.do(handlers[type(event)](event, self.receipt(age_ns=age_ns)))

    def book(self, entry: Fill | Posting) -> list[Effect]:
        """Give an entry the next place in FILL and deliver it."""
        self.sequence += 1
        return self.deliver(entry, self.sequence)

    def deliver(self, entry: Fill | Posting, sequence: int) -> list[Effect]:
        return self.do(self.risk.on_entry(entry, self.receipt(sequence)))

    def wait(self, seconds: float) -> list[Effect]:
        """Let the timers run as the shell would."""
        done: list[Effect] = []
        for _ in range(int(seconds * 4)):
            self.now_ns += S // 4
            done += self.do(self.risk.on_risk_state_due(self.receipt()))
            if self.now_ns % S == NOW_NS % S:
                done += self.do(self.risk.on_look_due(self.receipt()))
            if self.now_ns % (5 * S) == NOW_NS % (5 * S):
                done += self.do(self.risk.on_positions_due(self.receipt()))
        return done

    def risk_state(self) -> RiskState:
        return of(RiskState, self.do(self.risk.on_risk_state_due(self.receipt())))[-1]


def fold_of(*entries: Fill | Posting) -> Ledger:
    ledger = Ledger()
    for sequence, entry in enumerate(entries, 1):
        ledger.fold(entry, sequence)
    return ledger


def of(cls: type[E], effects: Iterable[Effect]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, cls)]


def kinds(effects: Iterable[Effect]) -> list[tuple[str, str]]:
    return [(alert.level.value, alert.kind) for alert in of(Alert, effects)]


def test_a_fill_is_folded_published_and_stored_in_one_go() -> None:
    desk = Desk()
    position, store = desk.book(a_fill(1))
    assert isinstance(position, Position)
    assert isinstance(store, Store)
    assert (position.fill_sequence, position.lines[0].yes_lots, position.lines[0].cost) == (1, 100, Decimal(40))
    assert (position.epoch, store.sequence) == (3, 1)


def test_the_stored_changes_add_up_to_the_whole_ledger() -> None:
    desk = Desk()
    for entry in (a_fill(1), a_fill(2, outcome=Outcome.NO), a_fill(1), a_fill(1, price_ticks=5)):
        desk.book(entry)
    desk.tell(a_resolved_market())
    fields: dict[str, bytes] = {}
    for store in [effect for effect in desk.said if isinstance(effect, Store)]:
        fields = {name: data for name, data in {**fields, **store.fields}.items() if data}
    assert fields == documents(desk.risk.ledger)
    assert documents(restore(fields)) == fields


def test_a_repeated_delivery_publishes_the_position_again_and_stores_nothing() -> None:
    desk = Desk()
    first = desk.book(a_fill(1))
    assert desk.deliver(a_fill(1), 1) == [first[0]]


def test_every_configured_bot_has_a_position_at_start_and_every_five_seconds() -> None:
    desk = Desk(a_config("1"), a_config("2"))
    assert [position.algo_id for position in of(Position, desk.said)] == ["1", "2"]
    assert [position.algo_id for position in of(Position, desk.wait(5))] == ["1", "2"]
    assert all(position.lines == [] for position in of(Position, desk.said))


def test_a_bot_configured_later_gets_position_and_limits_at_once() -> None:
    desk = Desk()
    effects = desk.tell(a_config("9"))
    assert [position.algo_id for position in of(Position, effects)] == ["9"]
    assert of(RiskState, effects)[0].config_revisions == {"1": 1, "9": 1}


def test_nothing_is_said_before_everything_known_has_been_handed_in() -> None:
    risk = Risk(PLATFORM_LIMITS)
    risk.recover(fold_of(a_fill(1)))
    early = [*risk.on_bot_config(a_config(), Receipt(NOW_NS)), *risk.on_market(a_resolved_market(), Receipt(NOW_NS))]
    assert early == []
    assert {type(effect) for effect in risk.start(Receipt(NOW_NS))} == {Position, Posting, RiskState}


def test_risk_state_carries_limits_and_the_revision_they_were_made_from() -> None:
    desk = Desk(a_config(revision=7))
    state = desk.risk_state()
    assert state.limits["1"].max_daily_loss == 100
    assert (state.config_revisions, state.ledger_sequence, state.shard) == ({"1": 7}, 0, "0")


def test_a_bot_without_risk_limits_is_not_listed_and_people_are_told() -> None:
    desk = Desk(a_config(risk_limits=None))
    assert desk.risk_state().limits == {}
    assert ("warning", "no_limits") in kinds(desk.wait(1))


def test_a_configuration_that_cannot_be_read_takes_the_limits_away() -> None:
    desk = Desk()
    effects = desk.tell(a_config(revision=2, quoting={"spread": -1}))
    assert of(RiskState, effects)[0].limits == {}
    assert [alert.text for alert in of(Alert, effects) if "quoting.spread" in alert.text]


def test_an_older_revision_changes_nothing_and_a_removed_bot_is_gone() -> None:
    desk = Desk(a_config(revision=5))
    assert desk.tell(a_config(revision=4, risk_limits=None)) == []
    desk.tell(msgspec.structs.replace(a_config(revision=6), removed=True))
    assert desk.risk_state().limits == {}


def test_new_platform_limits_reach_every_bot_and_refused_ones_change_nothing() -> None:
    desk = Desk()
    document = PLATFORM_LIMITS.model_dump(mode="json")

    def platform(**changed: object) -> PlatformConfig:
        return PlatformConfig(
            type="risk", id="limits", revision=2, document=document | changed, actor="anna", ts_ns=NOW_NS
        )

    desk.tell(platform(max_open_orders=7))
    assert desk.risk_state().limits["1"].max_open_orders == 7
    effects = desk.tell(platform(max_open_orders=0))
    assert "max_open_orders" in of(Alert, effects)[0].text
    assert desk.risk_state().limits["1"].max_open_orders == 7


def test_a_resolved_market_is_settled_and_the_position_goes_to_zero() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    desk.book(a_fill(2, outcome=Outcome.NO, price_ticks=55))
    effects = desk.tell(a_resolved_market("no"))
    posting = of(Posting, effects)[0]
    assert (posting.result, posting.payout_yes, posting.payout_no) == ("no", Decimal(0), Decimal(1))
    position = of(Position, effects)[-1]
    assert (position.lines, position.realized, position.fill_sequence) == ([], Decimal(5), 3)


def test_b17_a_settlement_asked_twice_is_the_same_posting_and_waits_for_its_return() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    first = list(desk.risk.on_market(a_resolved_market(), desk.receipt()))
    assert list(desk.risk.on_market(a_resolved_market(), desk.receipt())) == []
    desk.now_ns += 11 * S
    again = list(desk.risk.on_look_due(desk.receipt()))
    assert [posting.posting_id for posting in of(Posting, again)] == [of(Posting, first)[0].posting_id]


def test_a_fill_after_the_settlement_is_settled_by_a_posting_of_its_own() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    desk.tell(a_resolved_market("yes"))
    effects = desk.book(a_fill(2))
    ids = {posting.posting_id for posting in of(Posting, desk.said)}
    assert len(ids) == 2
    assert of(Position, effects)[-1].lines == []
    assert desk.risk.ledger.bots["1"].realized == 120


def test_a_fill_between_the_posting_and_its_return_is_paid_once() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    first = of(Posting, desk.risk.on_market(a_resolved_market("yes"), desk.receipt()))[0]
    late = list(desk.risk.on_entry(a_fill(2), desk.receipt(2)))
    second = of(Posting, late)[0]
    for sequence, posting in ((3, first), (4, second)):
        list(desk.risk.on_entry(posting, desk.receipt(sequence)))
    assert desk.risk.ledger.bots["1"].realized == 120
    assert desk.risk.ledger.accounts["mm1"].cash == {"USD": 120}


def test_a_settlement_due_is_published_after_a_restart() -> None:
    before = Desk()
    before.book(a_fill(1))
    risk = Risk(PLATFORM_LIMITS)
    risk.recover(restore(documents(before.risk.ledger)))
    list(risk.on_market(a_resolved_market(), Receipt(NOW_NS)))
    assert [posting.kind for posting in of(Posting, risk.start(Receipt(NOW_NS)))] == [PostingKind.SETTLEMENT]


def test_b17_a_void_market_pays_half_and_an_undecided_one_is_told() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    desk.tell(a_market(MarketStatus.RESOLVED, result="perhaps"))
    assert ("critical", "undecided_market") in kinds(desk.wait(1))
    effects = desk.tell(a_market(MarketStatus.VOIDED, result="void"))
    assert of(Position, effects)[-1].realized == 10


def test_a_result_against_strike_and_price_is_paid_as_the_venue_says_and_told() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    desk.tell(a_resolved_market("yes", settlement_price=Decimal(60_000)))
    assert ("critical", "odd_result") in kinds(desk.wait(1))
    assert desk.risk.ledger.bots["1"].realized == 60


def test_b15_half_the_daily_loss_warns_once_and_all_of_it_halts_the_bot() -> None:
    desk = Desk()
    desk.book(a_fill(1, quantity_lots=250))
    desk.tell(a_fair(0.19))
    warned = desk.wait(3)
    assert kinds(warned).count(("warning", "daily_loss_warning")) == 1
    assert of(Halt, warned) == []
    desk.tell(a_fair(0.0))
    assert desk.risk_state().halts == []
    desk.book(a_fill(2, quantity_lots=1))
    stopped = desk.wait(1)
    halt = of(Halt, stopped)[0]
    assert (halt.scope, halt.reason, halt.actor, halt.epoch) == ("bot-1", "daily_loss", "risk", 3)
    assert of(RiskState, stopped)[0].halts == ["bot-1:daily_loss"]
    assert ("critical", "daily_loss") in kinds(stopped)
    assert of(Halt, desk.wait(5)) == []


def test_realized_losses_count_as_much_as_marked_ones() -> None:
    desk = Desk()
    desk.book(a_fill(1, quantity_lots=300))
    desk.tell(a_resolved_market("no"))
    assert desk.risk_state().daily_pnl == {"1": Decimal(-120)}
    assert of(Halt, desk.said)[0].scope == "bot-1"


def test_a_lift_holds_until_the_loss_is_looked_at_again() -> None:
    desk = Desk()
    desk.book(a_fill(1, quantity_lots=300))
    desk.tell(a_resolved_market("no"))
    halt = of(Halt, desk.wait(1))[0]
    assert of(RiskState, desk.tell(a_lift(halt)))[0].halts == []
    again = of(Halt, desk.wait(0.25))
    assert [each.halt_id != halt.halt_id for each in again] == [True]
    desk.tell(a_config(revision=2, risk_limits={"max_daily_loss": "1000"}))
    desk.tell(a_lift(again[0]))
    assert of(Halt, desk.wait(2)) == []


def test_b16_the_day_rolls_at_midnight_utc_and_the_opening_equity_survives_a_restart() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    desk.tell(a_fair(0.30))
    assert desk.risk_state().daily_pnl == {"1": Decimal(-10)}
    desk.now_ns = (NOW_NS // DAY_NS + 1) * DAY_NS - S
    desk.risk.on_fair(a_fair(0.25), desk.receipt())
    assert desk.risk_state().daily_pnl == {"1": Decimal(-15)}
    rolled = desk.wait(1)
    assert [(posting.kind, posting.equity) for posting in of(Posting, rolled)] == [(PostingKind.CUTOFF, Decimal(-15))]
    assert desk.risk_state().daily_pnl == {"1": Decimal(0)}
    assert of(Posting, desk.wait(30)) == []
    again = Risk(PLATFORM_LIMITS)
    again.recover(restore(documents(desk.risk.ledger)))
    assert again.ledger.bots["1"].opening_equity == -15


def test_a_new_bot_loses_from_zero_on_its_first_day() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    assert of(Posting, desk.wait(5)) == []
    desk.tell(a_fair(0.10))
    assert desk.risk_state().daily_pnl == {"1": Decimal(-30)}


def test_a_position_beyond_four_fifths_of_its_limit_warns_until_it_is_back() -> None:
    desk = Desk()
    desk.book(a_fill(1, quantity_lots=640))
    assert ("warning", "position_near_limit") not in kinds(desk.wait(2))
    desk.book(a_fill(2, quantity_lots=1))
    assert kinds(desk.wait(3)).count(("warning", "position_near_limit")) == 1
    desk.book(a_fill(3, side=Side.SELL, quantity_lots=10))
    desk.wait(1)
    desk.book(a_fill(4, quantity_lots=10))
    assert ("warning", "position_near_limit") in kinds(desk.wait(1))


def test_ten_minutes_of_live_quotes_without_a_fill_are_told() -> None:
    desk = Desk()
    for _ in range(599):
        desk.tell(a_target(desk.now_ns + 2 * S))
        assert ("warning", "no_fills") not in kinds(desk.wait(1))
    desk.tell(a_target(desk.now_ns + 2 * S))
    desk.wait(1)
    desk.tell(a_target(desk.now_ns + 2 * S))
    assert ("warning", "no_fills") in kinds(desk.said) + kinds(desk.wait(1))


def test_b31_no_fills_without_live_quotes_are_nothing_to_tell() -> None:
    desk = Desk()
    desk.tell(a_target(desk.now_ns + 1_000 * S, bids=[], asks=[]))
    assert ("warning", "no_fills") not in kinds(desk.wait(700))


def test_a_fill_ends_the_quiet() -> None:
    desk = Desk()
    for second in range(700):
        desk.tell(a_target(desk.now_ns + 2 * S))
        desk.wait(1)
        if second == 350:
            desk.book(a_fill(1))
    assert ("warning", "no_fills") not in kinds(desk.said)


def test_a_silent_feed_is_told_after_five_seconds_and_its_own_silence_counts() -> None:
    desk = Desk()
    desk.tell(a_feed_status(silent_ns=3 * S))
    assert ("warning", "feed_stale") not in kinds(desk.wait(2))
    assert ("warning", "feed_stale") in kinds(desk.wait(1))


def test_a_trading_venue_whose_clock_is_off_halts_and_a_price_venue_does_not() -> None:
    desk = Desk()
    for venue in ("degen", "binance"):
        desk.tell(a_feed_status(venue, clock_offset_ns=-2_001 * 1_000_000))
    assert [halt.scope for halt in of(Halt, desk.wait(4))] == ["venue-degen"]


def test_an_entry_that_cannot_be_booked_halts_its_account_and_the_ledger_goes_on() -> None:
    desk = Desk()
    effects = desk.book(a_fill(1, quantity_lots=0))
    assert [(halt.scope, halt.reason) for halt in of(Halt, effects)] == [("account-mm1", "disputed-1")]
    assert "quantity_lots" in of(Alert, effects)[0].text
    assert of(Position, desk.book(a_fill(2)))[0].lines[0].yes_lots == 100


def test_undecodable_bytes_halt_their_account() -> None:
    desk = Desk()
    effects = desk.do(desk.risk.on_undecodable("fill.trade.mm7.1", "no msgpack", b"\xc1", desk.receipt(1)))
    assert [halt.scope for halt in of(Halt, effects)] == ["account-mm7"]
    assert [effect.sequence for effect in effects if isinstance(effect, Store)] == [1]
    again = desk.do(desk.risk.on_undecodable("fill.trade.mm7.1", "no msgpack", b"\xc1", desk.receipt(1)))
    assert [type(effect) for effect in again] == [Position]
    assert desk.risk.ledger.disputes == 1


def test_a_disputed_entry_halts_at_the_next_start_unless_a_person_has_lifted_it() -> None:
    before = Desk()
    halt = of(Halt, before.book(a_fill(1, quantity_lots=0)))[0]
    ledger = restore(documents(before.risk.ledger))
    forgotten, remembered = Risk(PLATFORM_LIMITS), Risk(PLATFORM_LIMITS)
    forgotten.recover(ledger)
    remembered.recover(ledger)
    list(remembered.on_halt(a_lift(halt), Receipt(NOW_NS)))
    assert [each.reason for each in of(Halt, forgotten.start(Receipt(NOW_NS)))] == ["disputed-1"]
    assert of(Halt, remembered.start(Receipt(NOW_NS))) == []


def test_an_entry_that_overtakes_another_waits_for_it() -> None:
    desk = Desk()
    assert desk.deliver(a_fill(3), 3) == []
    assert desk.deliver(a_fill(2), 2) == []
    assert desk.risk.unready(desk.now_ns) == ["waits for FILL sequence 1"]
    effects = desk.deliver(a_fill(1), 1)
    assert [store.sequence for store in effects if isinstance(store, Store)] == [1, 2, 3]
    assert of(Position, effects)[-1].lines[0].yes_lots == 300
    assert desk.risk.unready(desk.now_ns) == []


def test_a_gap_that_stays_ends_the_process_so_that_the_next_start_reads_the_stream() -> None:
    desk = Desk()
    desk.deliver(a_fill(2), 2)
    with pytest.raises(LedgerGap, match="sequence 1"):
        desk.wait(4)


def test_a_ledger_that_cannot_be_trusted_deals_out_no_limits_and_folds_nothing() -> None:
    desk = Desk(faults={"ledger_ahead": "FILL ends before it"})
    assert [(halt.scope, halt.reason) for halt in of(Halt, desk.said)] == [("global", "ledger_ahead")]
    assert desk.book(a_fill(1)) == []
    assert desk.risk.ledger.sequence == 0
    state = desk.risk_state()
    assert (state.limits, state.halts) == ({}, ["global:ledger_ahead"])
    assert of(Position, desk.wait(6)) == []
    assert desk.risk.unready(desk.now_ns) == ["ledger_ahead: FILL ends before it"]
    assert desk.risk.state(desk.now_ns)["bots"][0]["limits"] == "withheld: the ledger is frozen"


def test_a_store_that_is_found_ahead_freezes_a_running_ledger() -> None:
    desk = Desk()
    desk.health.ahead = "the positions store is at FILL sequence 9"
    assert [halt.reason for halt in of(Halt, desk.wait(1))] == ["ledger_ahead"]
    assert desk.risk_state().limits == {}


def test_a_store_that_is_away_is_told_and_the_ledger_goes_on() -> None:
    desk = Desk()
    desk.health.away = True
    assert ("critical", "store_away") in kinds(desk.wait(1))
    assert of(Position, desk.book(a_fill(1)))[0].fill_sequence == 1


def test_a_picture_that_agrees_changes_nothing_and_opens_the_cash_once() -> None:
    desk = Desk()
    desk.tell(a_picture(5, "100000.000000"))
    opened = of(Posting, desk.wait(3))
    assert [(posting.kind, posting.cash, posting.algo_id) for posting in opened] == [
        (PostingKind.DEPOSIT, Decimal("100000.000000"), "unassigned")
    ]
    desk.book(a_fill(1))
    desk.wait(3)
    desk.tell(a_picture(10, "99960.000000", {SYMBOL: (100, 0)}))
    quiet = desk.wait(5)
    assert (of(Posting, quiet), of(Halt, quiet)) == ([], [])
    assert desk.risk.reconciliation.state(desk.now_ns)["mm1"]["differences"] == []


def opened_desk() -> Desk:
    desk = Desk()
    desk.tell(a_picture(5, "100000"))
    desk.wait(5)
    return desk


def test_a_fill_the_ledger_never_saw_halts_the_account_naming_both_numbers() -> None:
    desk = opened_desk()
    for _ in range(2):
        desk.tell(a_picture(20, "99960", {SYMBOL: (100, 0)}))
        desk.wait(5)
    halt = of(Halt, desk.said)[0]
    assert (halt.scope, halt.reason) == ("account-mm1", "reconcile")
    assert halt.detail == f"cash in USD: venue 99960, ledger 100000; {SYMBOL} YES: venue 100, ledger 0"
    assert desk.risk.ledger.lines == {}


def test_a_difference_in_one_picture_only_is_not_yet_a_mismatch() -> None:
    desk = opened_desk()
    for cash in ("99960", "100000", "99960", "100000"):
        desk.tell(a_picture(20, cash))
        desk.wait(5)
    assert of(Halt, desk.said) == []


def test_fills_after_the_picture_are_taken_off_before_comparing() -> None:
    desk = opened_desk()
    desk.book(a_fill(1, outcome=Outcome.NO, fee=Decimal("0.25")))
    desk.book(a_fill(2, fee=Decimal("-0.25")))
    desk.wait(5)
    desk.tell(a_picture(15, "99959.75", {SYMBOL: (0, 100)}))
    desk.wait(3)
    account = desk.risk.reconciliation.state(desk.now_ns)["mm1"]
    assert account["differences"] == []
    assert account["agreed_age_ms"] == 1_000


def test_a_picture_during_a_settlement_is_not_judged() -> None:
    desk = opened_desk()
    desk.book(a_fill(1))
    desk.wait(5)
    desk.tell(a_picture(12, "99960", {SYMBOL: (100, 0)}))
    desk.wait(1)
    desk.tell(a_resolved_market("yes"))
    desk.wait(4)
    assert desk.risk.reconciliation.state(desk.now_ns)["mm1"]["differences"] == []
    desk.tell(a_picture(14, "100060"))
    desk.wait(4)
    assert desk.risk.reconciliation.state(desk.now_ns)["mm1"]["differences"] == []
    assert of(Halt, desk.said) == []


def test_after_a_restart_a_picture_from_before_the_newest_fill_says_nothing() -> None:
    before = opened_desk()
    before.book(a_fill(7))
    desk = Desk(ledger=restore(documents(before.risk.ledger)))
    for _ in range(3):
        desk.tell(a_picture(69, "100000"))
        desk.wait(5)
    assert of(Halt, desk.said) == []
    desk.tell(a_picture(70, "99960", {SYMBOL: (100, 0)}))
    desk.wait(5)
    assert desk.risk.reconciliation.state(desk.now_ns)["mm1"]["agreed_age_ms"] is not None


def test_a_picture_read_back_at_a_start_says_nothing_of_an_account_with_a_history() -> None:
    before = Desk()
    before.book(a_fill(1))
    before.tell(a_resolved_market("yes"))
    desk = Desk(ledger=restore(documents(before.risk.ledger)))
    desk.tell(a_picture(10, "99960", {SYMBOL: (100, 0)}), age_ns=20 * S)
    assert of(Posting, desk.wait(5)) == []
    desk.tell(a_picture(12, "100060"))
    assert [posting.cash for posting in of(Posting, desk.wait(5))] == [Decimal(100_000)]


def test_a_finished_market_stays_finished() -> None:
    desk = Desk()
    desk.tell(a_resolved_market("yes"))
    desk.tell(a_market())
    assert of(Position, desk.book(a_fill(1)))[-1].lines == []


def test_events_of_a_sender_whose_lease_has_passed_on_are_dropped() -> None:
    desk = Desk()
    desk.book(a_fill(1))
    desk.tell(a_fair(0.60, epoch=5))
    desk.tell(a_fair(0.10, epoch=4))
    assert desk.risk_state().daily_pnl == {"1": Decimal(20)}
    desk.tell(a_market(epoch=5))
    desk.tell(a_resolved_market(epoch=4))
    assert of(Posting, desk.wait(2)) == []


@pytest.mark.parametrize("fair", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_fair_value_that_is_no_price_marks_nothing(fair: float) -> None:
    desk = Desk()
    desk.book(a_fill(1))
    desk.tell(a_fair(0.60))
    desk.tell(a_fair(fair))
    assert desk.risk_state().daily_pnl == {"1": Decimal(20)}


def test_trouble_with_one_bot_halts_that_bot_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(a_config("1"), a_config("2"))
    whole = desk.risk.watch.positions

    def broken(view, lines, now_ns):  # type: ignore[no-untyped-def]
        if view.config.algo_id == "1":
            raise ZeroDivisionError("planted")
        return whole(view, lines, now_ns)

    monkeypatch.setattr(desk.risk.watch, "positions", broken)
    effects = desk.wait(1)
    assert [(halt.scope, halt.reason, halt.detail) for halt in of(Halt, effects)] == [
        ("bot-1", "exception", "ZeroDivisionError: planted")
    ]
    assert "bot-2" in [statistics.scope for statistics in of(Statistics, effects)]


def test_after_a_break_of_the_bus_positions_and_state_are_said_at_once() -> None:
    desk = Desk()
    effects = desk.do(desk.risk.on_reconnected(desk.receipt()))
    assert [type(effect) for effect in effects] == [Position, RiskState]


def test_a_refused_posting_halts_its_account() -> None:
    desk = Desk()
    posting = a_posting("p", PostingKind.SETTLEMENT)
    effects = desk.do(desk.risk.on_refused(posting, "maximum bytes exceeded", desk.receipt()))
    assert [(halt.scope, halt.reason) for halt in of(Halt, effects)] == [("account-mm1", "posting_refused")]


def test_two_alerts_of_one_instant_have_ids_of_their_own() -> None:
    desk = Desk(a_config("1"))
    desk.book(a_fill(1, quantity_lots=700))
    desk.book(a_fill(2, symbol="ETH-5M-1", quantity_lots=700))
    alerts = [alert for alert in of(Alert, desk.wait(1)) if alert.level is AlertLevel.WARNING]
    assert len({alert.message_id() for alert in alerts}) == len(alerts) == 2


def test_statistics_state_and_samples_tell_what_people_watch() -> None:
    desk = Desk()
    desk.book(a_fill(1, fee=Decimal("-0.5")))
    desk.tell(a_fair(0.50))
    figures = {each.scope: each.figures for each in of(Statistics, desk.wait(1))}
    assert figures["bot-1"]["pnl_unrealized"] == figures["platform"]["pnl_unrealized"] == 10
    assert figures["bot-1"][f"position_yes.{SYMBOL}"] == 100
    assert figures["bot-1"]["daily_pnl"] == 10.5
    samples = {(each.name, each.labels.get("symbol", "")): each.value for each in desk.risk.samples()}
    assert samples["mm_position_yes", SYMBOL] == 100
    assert samples["mm_pnl_realized", ""] == 0.5
    assert samples["mm_pnl_unrealized", SYMBOL] == 10
    assert samples["mm_fills_total", SYMBOL] == 1
    state = desk.risk.state(desk.now_ns)
    assert state["bots"][0]["lines"][0]["cost"] == "40.000000"
    assert state["ledger"]["chain"] == desk.risk.ledger.chain.hex()


def test_the_ledger_reads_the_durable_declared_for_it() -> None:
    core: Core = Risk(PLATFORM_LIMITS)
    assert [each.name for each in core.inputs() if isinstance(each, Durable)] == ["risk-ledger"]
