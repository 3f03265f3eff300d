"""Hedging in risk's core: from documents, fills and leases to commands, over restarts and lost news."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.core import Effect, Publish
from common.events import (
    Alert,
    Balance,
    Event,
    FairValue,
    Fill,
    Halt,
    HedgeState,
    HedgeUpdate,
    Lease,
    OrderCommand,
    OrderUpdate,
    OrderUpdates,
)
from common.instruments import Side
from common.orders import OrderState
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.ledger.books import Ledger
from risk.testing.events import a_fill, a_market, a_snapshot
from risk.testing.harness import Harness, kinds
from risk.testing.hedging import answer
from risk.testing.spot import (
    BTCJPY_MARKET,
    BTCUSD_MARKET,
    KRAKEN,
    SPOT_PLATFORM,
    USDJPY_MARKET,
    a_document,
    a_hedge,
    a_quote,
    a_spot_bot,
    a_top,
)

D = Decimal
HEDGER = {
    "running": True,
    "position_max_norm_size": "1 0",
    "execution_style": "LEAN",
    "venues_list": "KRAKEN",
    "hedge_instrument": "BTCUSD",
}


class Desk(Harness):
    """Risk with bot 3, which is hedged at KRAKEN through mm2; what it says reaches ORDER."""

    def __init__(self, *more: Event, held: bool = True, ledger: Ledger | None = None, **hedger: Any) -> None:
        self.order: list[OrderCommand] = []
        self.fills: list[tuple[Fill, int]] = []
        """With their places in FILL."""
        configs = (a_spot_bot(hedger=hedger), BTCJPY_MARKET, BTCUSD_MARKET, USDJPY_MARKET, *more)
        super().__init__(*configs, platform=SPOT_PLATFORM, ledger=ledger)
        self.surround(held=held)

    def surround(self, *, held: bool = True) -> None:
        for market, mid in ((BTCUSD_MARKET, 60_000), (USDJPY_MARKET, 150), (BTCJPY_MARKET, 9_000_000)):
            self.tell(a_top(market.venue, market.symbol, mid))
        if held:
            self.tell(Lease(role="quoter", key="mm2", holder="quoter-1", beat=1, ttl_ms=3_600_000))
        coins = [Balance(currency="BTC", total=D(100), available=D(100))]
        known = "mm2" in self.risk.ledger.accounts
        snapshot = a_snapshot(1, "9000000", account="mm2", venue=KRAKEN, others=coins)
        self.tell(snapshot, age_ns=1 if known else 0)
        if not known:
            # Its books are opened by the first look.
            self.wait(3)

    def do(self, effects: Any) -> list[Effect]:
        done = super().do(effects)
        for effect in [each for each in done if isinstance(each, Publish)]:
            assert isinstance(effect.event, OrderCommand)
            self.order.append(effect.event)
            done += self.do(self.risk.on_published(effect.event, len(self.order), self.receipt()))
        return done

    def fill(self, entry: Fill) -> list[OrderCommand]:
        """Book a fill and let the turn end; return what is said at once."""
        before = len(self.order)
        self.book(entry)
        self.fills.append((entry, self.sequence))
        self.do(self.risk.after_burst(self.receipt()))
        return self.order[before:]

    def hear(self, update: HedgeUpdate) -> None:
        self.tell(update)
        self.do(self.risk.after_burst(self.receipt()))

    def row(self, scope: str = "bot-3") -> dict[str, Any]:
        (found,) = [row for row in self.risk.state(self.now_ns)["hedges"] if row["scope"] == scope]
        return dict(found)

    @classmethod
    def reborn(cls, before: Desk, commands: list[OrderCommand], updates: list[HedgeUpdate]) -> Desk:
        """Risk dies; another begins with its disk and ledger, and what ORDER has last of each subject."""
        desk = cls.__new__(cls)
        desk.order, desk.fills = [], list(before.fills)
        told = [a_spot_bot(), BTCJPY_MARKET, BTCUSD_MARKET, USDJPY_MARKET, *commands, *updates]
        ledger, documents = before.risk.ledger, dict(before.kept)
        Harness.__init__(
            desk, *told, ledger=ledger, now_ns=before.now_ns, platform=SPOT_PLATFORM, documents=documents, epoch=4
        )
        unread = desk.risk.hedges.unread_from()
        for fill, sequence in desk.fills:
            if unread is not None and sequence > unread:
                desk.risk.hedges.recount(fill, sequence)
        desk.surround()
        return desk


def test_a_fill_beyond_the_band_is_hedged_in_the_turn_in_which_it_is_booked() -> None:
    desk = Desk()
    assert desk.fill(a_quote(1, 900)) == []
    (command,) = desk.fill(a_quote(2, 600))
    assert (command.scope, command.account, command.side, command.quantity) == ("bot-3", "mm2", Side.SELL, D("1.5"))
    assert [(each.account, each.venue, each.symbol) for each in command.venues] == [("mm2", KRAKEN, "BTCUSD")]
    assert (command.term_currency, command.term_rate) == ("JPY", D(150))
    assert command.ledger_sequence == desk.sequence
    assert len(desk.kept) == 1, "it was on disk before it was said"
    desk.wait(1)
    assert len(desk.order) == 1, "said once"


def test_what_was_hedged_is_counted_and_the_parent_leaves_the_disk() -> None:
    desk = Desk()
    (command,) = desk.fill(a_quote(1, 1_500))
    desk.fill(a_hedge(2, -1_500, parent_id=command.parent_id))
    desk.hear(answer(command, state=HedgeState.DONE, done=D("1.5")))
    assert (desk.kept, len(desk.order)) == ({}, 1)
    row = desk.row()
    assert (row["figure"], row["open"], row["parents"]) == ("0", "0", [])


def test_what_open_orders_of_the_account_may_take_is_not_there_for_a_hedge() -> None:
    """Of mm2's 100 BTC a quote offers 99.5; of its 9,000,000 USD another bids 8,970,000, 30,000 / 60,121 are left."""
    for side, lots, price, left in ((Side.SELL, 99_500, 70_000, "0.5"), (Side.BUY, 897_000, 10_000, "0.498")):
        desk = Desk()
        quote = OrderUpdate(
            account="mm2",
            algo_id="4",
            venue=KRAKEN,
            symbol="BTCUSD",
            order_id=1,
            order_sequence=1,
            side=side,
            price_ticks=price,
            quantity_lots=lots,
            leaves_lots=lots,
            state=OrderState.LIVE,
            ts_received_ns=desk.now_ns,
        )
        desk.tell(OrderUpdates(account="mm2", algo_id="4", update_sequence=1, orders=[quote]))
        (command,) = desk.fill(a_quote(1, 1_500 * side.opposite.sign))
        assert (command.side, command.quantity) == (side, D(left))
        assert "mm2 at kraken_spot has" in str(desk.row()["why"])


def test_nobody_holds_the_account_and_people_hear_of_it() -> None:
    desk = Desk(held=False)
    desk.fill(a_quote(1, 1_500))
    desk.wait(6)
    assert desk.order == []
    assert [each.kind for each in desk.said if isinstance(each, Alert)].count("hedge_forbidden") == 1


def test_a_lease_that_is_not_renewed_is_held_by_nobody() -> None:
    desk = Desk(held=False)
    desk.tell(Lease(role="quoter", key="mm2", holder="quoter-1", beat=1, ttl_ms=1_000))
    desk.wait(4)
    assert desk.fill(a_quote(1, 1_500)) == []


def test_a_hedger_holds_no_more_than_its_own_limit() -> None:
    desk = Desk(a_spot_bot(revision=2, risk_limits={"max_hedger_position_size": "0.4"}))
    (command,) = desk.fill(a_quote(1, 1_500))
    assert command.quantity == D("0.4")
    row = desk.row()
    assert row["why"] == ["max_hedger_position_size leaves 0.4"]


def test_a_currency_is_hedged_under_its_own_name_and_limits() -> None:
    documents = (a_document("risk_currency", "7", {"currency": "BTC"}), a_document("risk_hedger", "7", HEDGER))
    desk = Desk(*documents, running=False)
    (command,) = desk.fill(a_quote(1, 1_500))
    assert (command.scope, command.algo_id, command.quantity) == ("risk-currency-7", "risk-currency-7", D("1.5"))
    limits = desk.risk_state().bot_limits
    assert limits["risk-currency-7"].common.max_messages_per_s == SPOT_PLATFORM.max_messages_per_s


def test_a_hedger_that_is_stopped_takes_its_parent_back_and_leaves_the_bot_alone() -> None:
    desk = Desk()
    (command,) = desk.fill(a_quote(1, 1_500))
    desk.tell(a_spot_bot(revision=2, hedger={"running": False}))
    desk.wait(0.25)
    last = desk.order[-1]
    assert (last.parent_id, last.revision, last.cancelled) == (command.parent_id, 2, True)
    assert desk.risk_state().bot_limits["3"]


def test_a_pricer_that_is_stopped_does_not_stop_the_hedger() -> None:
    desk = Desk(a_spot_bot(revision=2, pricer={"running": False}))
    assert len(desk.fill(a_quote(1, 1_500))) == 1


def test_the_loss_of_the_day_stops_the_hedger_unless_it_may_reduce() -> None:
    for on_day_loss, hedges in (("stop", 0), ("reduce", 1)):
        desk = Desk(a_spot_bot(revision=2, risk_limits={"on_day_loss": on_day_loss, "max_day_loss": 1}))
        desk.fill(a_quote(1, 1_500, price=9_100_000))
        desk.wait(1)
        assert [each for each in desk.risk.halts.listed() if each.startswith("bot-3:")] == ["bot-3:daily_loss"]
        living = [each for each in desk.order if not each.cancelled]
        assert len({each.parent_id for each in living}) == 1
        assert len([each for each in desk.order if each.cancelled]) == 1 - hedges
        assert all(each.spared_halts == (["daily_loss", "drawdown"] if hedges else []) for each in living)


# --- deaths and lost news -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard", ["everything", "nothing of the end", "the command alone"])
def test_a_restart_neither_loses_nor_doubles_a_hedge(heard: str) -> None:
    desk = Desk()
    (command,) = desk.fill(a_quote(1, 1_500))
    desk.fill(a_hedge(2, -600, parent_id=command.parent_id))
    working = answer(command, 1, done=D("0.6"), open=D("0.9"))
    desk.hear(working)
    after = Desk.reborn(desk, [command], [] if heard == "the command alone" else [working])
    after.wait(1)
    assert after.order == [], "what is open is enough"
    after.fill(a_hedge(3, -900, parent_id=command.parent_id))
    after.wait(1)
    if heard == "everything":
        after.hear(answer(command, 2, state=HedgeState.DONE, done=D("1.5")))
    after.wait(1)
    assert [each for each in after.order if not each.cancelled] == []
    assert after.row()["figure"] == "0"


def test_a_command_that_never_reached_the_broker_is_said_again_under_the_same_id() -> None:
    desk = Desk()
    (command,) = desk.fill(a_quote(1, 1_500))
    after = Desk.reborn(desk, [], [])
    after.wait(0.25)
    assert [(each.parent_id, each.revision, each.quantity) for each in after.order] == [
        (command.parent_id, 1, D("1.5"))
    ]


def test_a_parent_that_ended_long_ago_waits_for_nothing() -> None:
    desk = Desk()
    (command,) = desk.fill(a_quote(1, 1_500))
    desk.fill(a_hedge(2, -1_500, parent_id=command.parent_id))
    done = answer(command, state=HedgeState.DONE, done=D("1.5"))
    desk.hear(done)
    after = Desk.reborn(desk, [command], [done])
    (again,) = after.fill(a_quote(3, 1_500))
    assert again.parent_id != command.parent_id
    after.wait(61)
    assert "hedge_not_booked" not in {each.kind for each in after.said if isinstance(each, Alert)}


# --- shares of YES/NO markets ---------------------------------------------------------------------------------------


def test_the_delta_of_shares_counts_where_it_is_asked_for() -> None:
    delta = {"binary_delta": True, "binary_position_max_norm_size": "1 0.5", "binary_delta_max": "3"}
    documents = (a_document("risk_currency", "7", {"currency": "BTC"}), a_document("risk_hedger", "7", HEDGER | delta))
    desk = Desk(*documents, a_market(), running=False)
    desk.book(a_fill(1, algo_id="1", quantity_lots=500))
    fair = FairValue(
        algo_id="1",
        venue="degen",
        symbol=a_market().symbol,
        fair=0.5,
        delta=0.004,
        volatility=0.5,
        spot=60_000.0,
        seconds_left=3_000.0,
        ready=True,
        age_ns=0,
    )
    desk.wait(0.25)
    assert desk.row("risk-currency-7")["figure"] is None, "nobody has said a delta"
    desk.tell(fair)
    desk.wait(0.25)
    (command,) = desk.order
    # 500 x 0.004 is 2 BTC, brought to 0.5.
    assert (command.side, command.quantity) == (Side.SELL, D("1.5"))
    desk.wait(3)
    assert desk.row("risk-currency-7")["figure"] is None, "a delta of three seconds ago is too old"
    assert len(desk.order) == 1
    desk.tell(msgspec.structs.replace(fair, delta=0.0))
    desk.wait(0.25)
    assert desk.order[-1].cancelled


@given(
    st.lists(
        st.tuples(st.sampled_from(["quote", "hedged", "halt", "wait", "price", "lease"]), st.integers(-2_000, 2_000))
    )
)
@settings(max_examples=25)
def test_what_stands_since_the_last_decision_is_decided_as_if_it_were_new(steps: list[tuple[str, int]]) -> None:
    desks = Desk(), Desk()
    for number, (what, size) in enumerate(steps, 1):
        for desk in desks:
            if desk is desks[1]:
                hedges = desk.risk.hedges
                hedges._configured_of, hedges._booked_of, hedges.hedging.standings = (), (), {}
            if what == "quote":
                desk.fill(a_quote(number, size or 1))
            elif what == "hedged" and desk.order and not desk.order[-1].cancelled:
                command = desk.order[-1]
                lots = int(command.quantity * 1_000) * command.side.sign
                desk.fill(a_hedge(number, lots, parent_id=command.parent_id))
                desk.hear(answer(command, number, state=HedgeState.DONE, done=command.quantity))
            elif what == "halt":
                halt = Halt(
                    scope=f"venue-{KRAKEN}",
                    reason="manual",
                    actor="anna",
                    halt_id=f"{number}",
                    lifted=size < 0,
                    ts_ns=desk.now_ns,
                )
                desk.tell(halt)
            elif what == "price":
                desk.tell(a_top(KRAKEN, "BTCUSD", 60_000 + size))
            elif what == "lease":
                desk.tell(Lease(role="quoter", key="mm2", holder="quoter-2", beat=number, ttl_ms=abs(size) + 1))
            else:
                desk.wait(1)
    assert desks[0].order == desks[1].order
    assert kinds(desks[0].said) == kinds(desks[1].said)
    assert desks[0].kept == desks[1].kept
