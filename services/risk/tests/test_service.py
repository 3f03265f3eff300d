"""The core, told events and asked what it does."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from common.core import Core, Durable, Receipt, Store
from common.events import (
    Alert,
    FeedStatus,
    Halt,
    PlatformConfig,
    Position,
    Posting,
    RiskState,
    Statistics,
)
from common.instruments import Outcome
from risk.ledger.snapshot import documents, restore
from risk.service import Risk
from risk.testing.events import NOW_NS, PLATFORM_LIMITS, a_config, a_fair, a_fill, a_market, a_resolved_market
from risk.testing.harness import Harness, fold_of, kinds, of


def test_a_fill_is_folded_published_and_stored_in_one_go() -> None:
    harness = Harness()
    position, store = harness.book(a_fill(1))
    assert isinstance(position, Position)
    assert isinstance(store, Store)
    assert (position.fill_sequence, position.lines[0].lots, position.lines[0].cost) == (1, 100, Decimal(40))
    assert (position.epoch, store.sequence) == (3, 1)


def test_the_stored_changes_add_up_to_the_whole_ledger() -> None:
    harness = Harness()
    for entry in (a_fill(1), a_fill(2, outcome=Outcome.NO), a_fill(1), a_fill(1, price_ticks=5)):
        harness.book(entry)
    harness.tell(a_resolved_market())
    fields: dict[str, bytes] = {}
    for store in [effect for effect in harness.said if isinstance(effect, Store)]:
        fields = {name: data for name, data in {**fields, **store.fields}.items() if data}
    assert fields == documents(harness.risk.ledger)
    assert documents(restore(fields)) == fields


def test_a_repeated_delivery_publishes_the_position_again_and_stores_nothing() -> None:
    harness = Harness()
    first = harness.book(a_fill(1))
    assert harness.deliver(a_fill(1), 1) == [first[0]]


def test_every_configured_bot_has_a_position_at_start_and_every_five_seconds() -> None:
    harness = Harness(a_config("1"), a_config("2"))
    assert [position.algo_id for position in of(Position, harness.said)] == ["1", "2"]
    assert [position.algo_id for position in of(Position, harness.wait(5))] == ["1", "2"]
    assert all(position.lines == [] for position in of(Position, harness.said))


def test_a_bot_configured_later_gets_position_and_limits_at_once() -> None:
    harness = Harness()
    effects = harness.tell(a_config("9"))
    assert [position.algo_id for position in of(Position, effects)] == ["9"]
    assert of(RiskState, effects)[0].config_revisions == {"1": 1, "9": 1}


def test_nothing_is_said_before_everything_known_has_been_handed_in() -> None:
    risk = Risk(PLATFORM_LIMITS)
    risk.recover(fold_of(a_fill(1)))
    early = [*risk.on_bot_config(a_config(), Receipt(NOW_NS)), *risk.on_market(a_resolved_market(), Receipt(NOW_NS))]
    assert early == []
    assert {type(effect) for effect in risk.start(Receipt(NOW_NS))} == {Position, Posting, RiskState}


def test_risk_state_carries_limits_and_the_revision_they_were_made_from() -> None:
    harness = Harness(a_config(revision=7))
    state = harness.risk_state()
    assert state.bot_limits["1"].common.max_daily_loss == 100
    assert (state.config_revisions, state.ledger_sequence, state.shard) == ({"1": 7}, 0, "0")


def test_a_bot_without_risk_limits_is_not_listed_and_people_are_told() -> None:
    harness = Harness(a_config(risk_limits=None))
    assert harness.risk_state().bot_limits == {}
    assert ("warning", "no_limits") in kinds(harness.wait(1))


def test_a_configuration_that_cannot_be_read_takes_the_limits_away() -> None:
    harness = Harness()
    effects = harness.tell(a_config(revision=2, quoting={"spread": -1}))
    assert of(RiskState, effects)[0].bot_limits == {}
    assert [alert.text for alert in of(Alert, effects) if "quoting.spread" in alert.text]


def test_a_bot_of_a_kind_that_is_not_served_is_ignored_without_a_word() -> None:
    harness = Harness()
    effects = harness.tell(msgspec.structs.replace(a_config("9", quoting=7), kind="unheard-of"))
    assert effects == []
    assert harness.risk_state().config_revisions == {"1": 1}


def test_a_market_is_settled_whose_feed_has_been_followed_since_its_last_word() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(FeedStatus(venue="degen", connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True, epoch=5))
    assert of(Posting, harness.tell(a_resolved_market(epoch=4)))


def test_a_market_of_an_older_feed_is_not_listened_to() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_market(epoch=5))
    assert not of(Posting, harness.tell(a_resolved_market(epoch=4)))


def test_an_older_revision_changes_nothing_and_a_removed_bot_is_gone() -> None:
    harness = Harness(a_config(revision=5))
    assert harness.tell(a_config(revision=4, risk_limits=None)) == []
    harness.tell(msgspec.structs.replace(a_config(revision=6), removed=True))
    assert harness.risk_state().bot_limits == {}


def test_new_platform_limits_reach_every_bot_and_refused_ones_change_nothing() -> None:
    harness = Harness()
    document = PLATFORM_LIMITS.model_dump(mode="json")

    def platform(**changed: object) -> PlatformConfig:
        return PlatformConfig(
            type="risk", id="limits", revision=2, document=document | changed, actor="anna", ts_ns=NOW_NS
        )

    harness.tell(platform(max_open_orders=7))
    assert harness.risk_state().bot_limits["1"].common.max_open_orders == 7
    effects = harness.tell(platform(max_open_orders=0))
    assert "max_open_orders" in of(Alert, effects)[0].text
    assert harness.risk_state().bot_limits["1"].common.max_open_orders == 7


def test_events_of_a_sender_whose_lease_has_passed_on_are_dropped() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_fair(0.60, epoch=5))
    harness.tell(a_fair(0.10, epoch=4))
    assert harness.risk_state().daily_pnl == {"1": Decimal(20)}
    harness.tell(a_market(epoch=5))
    harness.tell(a_resolved_market(epoch=4))
    assert of(Posting, harness.wait(2)) == []


@pytest.mark.parametrize("fair", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_fair_value_that_is_no_price_marks_nothing(fair: float) -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_fair(0.60))
    harness.tell(a_fair(fair))
    assert harness.risk_state().daily_pnl == {"1": Decimal(20)}


def test_trouble_with_one_bot_halts_that_bot_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(a_config("1"), a_config("2"))
    whole = harness.risk.watch.positions

    def broken(view, lines, base_of, now_ns):  # type: ignore[no-untyped-def]
        if view.config.algo_id == "1":
            raise ZeroDivisionError("planted")
        return whole(view, lines, base_of, now_ns)

    monkeypatch.setattr(harness.risk.watch, "positions", broken)
    effects = harness.wait(1)
    assert [(halt.scope, halt.reason, halt.detail) for halt in of(Halt, effects)] == [
        ("bot-1", "exception", "ZeroDivisionError: planted")
    ]
    assert "bot-2" in [statistics.scope for statistics in of(Statistics, effects)]


def test_after_a_break_of_the_bus_positions_and_state_are_said_at_once() -> None:
    harness = Harness()
    effects = harness.do(harness.risk.on_reconnected(harness.receipt()))
    assert [type(effect) for effect in effects] == [Position, RiskState]


def test_the_ledger_reads_the_durable_declared_for_it() -> None:
    core: Core = Risk(PLATFORM_LIMITS)
    assert [each.name for each in core.inputs() if isinstance(each, Durable)] == ["risk-ledger"]
