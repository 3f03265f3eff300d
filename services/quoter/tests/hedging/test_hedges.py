"""A process that hedges: from what risk says to orders at the venue, and what others hear of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.events import (
    Alert,
    BasePrice,
    BotConfig,
    ExecutionStyle,
    Fill,
    Halt,
    HedgeState,
    MarketStatus,
    OrderCommand,
    Position,
    RiskState,
    SizedPrices,
    SourcePrice,
)
from common.instruments import Side
from common.orders import child_of
from common.testing.spot import BTCUSD, changed
from quoter.hedging.checking import standing_of
from quoter.testing.hedging import LIMITS, Hedged, here
from quoter.trading.trader import Trader
from quoter.venues.base import CashBalance

D = Decimal
LOT = 10_000
"""Lots of 1 BTC."""


def test_a_parent_goes_to_the_venue_and_its_fill_names_it() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.offer(LOT)
    command = hedged.command()
    (order,) = hedged.children()
    assert (order.side, D(order.price), order.filled, order.post_only) == ("ask", D("59870.02"), LOT, False)
    assert child_of(int(order.client_order_id)) == 1
    (fill,) = hedged.of(Fill)
    assert (fill.algo_id, fill.parent_id, fill.side) == ("3", command.parent_id, Side.SELL)
    last = hedged.hedges_told()[-1]
    assert (last.state, last.done, last.open, last.children) == (HedgeState.DONE, D(1), D(0), 1)
    hedged.wait(50)
    assert hedged.news(command.parent_id)[-1].executed_lots == LOT
    hedged.wait(500)
    assert len(hedged.children()) == 1, "what is done is not done again"


class Quoting(Hedged):
    """Bot 3 quotes where a currency is hedged, better than everybody else there."""

    def feed(self) -> None:
        super().feed()
        known: dict[str, Any] = {"ledger_sequence": 0, "limits": {}, "halts": [], "ts_ns": self.now_ns}
        limits = dict.fromkeys(("3", "risk-currency-7"), LIMITS)
        self.tell(RiskState(shard="0", bot_limits=limits, config_revisions={"3": 1}, **known))
        nothing: dict[str, Any] = {"lines": [], "realized": D(0), "fees": D(0), "fill_sequence": 0, "ts_ns": 0}
        self.tell(Position(algo_id="3", **nothing))
        sizes = SizedPrices(1, [BasePrice(59_990.0, 0.1)], [BasePrice(60_010.0, 0.1)])
        named: dict[str, Any] = {"algo_id": "3", "venue": "degen", "symbol": "BTCUSD", "sizes": sizes}
        self.tell(SourcePrice(bid=59_990.0, ask=60_010.0, age_ns=0, ts_received_ns=self.now_ns, **named))

    def start(self, *accounts: str) -> None:
        sizes = {"pricer__buy_quote_sizes": "0.1", "pricer__sell_quote_sizes": "0.1"}
        sections = changed(BTCUSD, instrument__exchange="DEGEN", **sizes)
        config: dict[str, Any] = {"algo_id": "3", "kind": "spot", "revision": 1, "running": True, "sections": sections}
        self.tell(BotConfig(actor="x", ts_ns=0, **config), 1)
        super().start(*accounts)
        self.wait(1_000)

    def quotes(self) -> list[str]:
        """Return the sides that are quoted."""
        return sorted(order.side for order in self.children() if order.status == "open" and order.post_only)


def test_a_quote_gives_way_to_a_hedge_that_it_keeps_from_its_price_and_comes_back() -> None:
    """Others bid 59,900, bot 3 bids 59,971: who sells across the spread would sell to us."""
    hedged = Quoting()
    hedged.start()
    hedged.book(bid="59900", ask="60100")
    assert hedged.quotes() == ["ask", "bid"]
    hedged.command(scope="risk-currency-7")
    hedged.wait(200)
    assert hedged.quotes() == ["ask"]
    hedged.offer(LOT)
    hedged.wait(200)
    assert (hedged.sold(), hedged.hedges_told()[-1].state) == (D(1), HedgeState.DONE)
    hedged.wait(200)
    assert hedged.quotes() == ["ask", "bid"]


def test_a_parent_is_told_before_its_child_goes_out_and_the_child_behind_it() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.told.clear()
    hedged.command(style=ExecutionStyle.LEAN)
    kinds = [type(event).__name__ for event in hedged.told]
    assert kinds.index("HedgeUpdate") < kinds.index("OrderUpdates")


def test_slices_follow_each_other_until_all_is_done() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.offer(100 * LOT)
    hedged.command(max_order_size=D("0.4"))
    hedged.wait(1_000)
    assert [order.filled for order in hedged.children()] == [4_000, 4_000, 2_000]
    assert hedged.sold() == 1


def test_a_resting_child_is_left_alone_by_everything_that_looks_for_strays() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=10_000)
    hedged.wait(1_200)
    (order,) = hedged.children()
    assert (order.status, D(order.price), order.post_only) == ("open", D("59999.99"), True)


def test_another_life_of_risk_is_told_every_open_order_again() -> None:
    hedged = Hedged()
    hedged.start()
    command = hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=10_000)
    hedged.wait(100)
    (before,) = {each.order_id for each in hedged.news(command.parent_id)}
    hedged.told.clear()
    hedged.wait(1_000)
    assert hedged.news(command.parent_id) == []
    told: dict[str, Any] = {"ledger_sequence": 0, "limits": {}, "bot_limits": {}, "config_revisions": {}, "halts": []}
    hedged.tell(RiskState(shard="0", ts_ns=hedged.now_ns, epoch=9, **told))
    hedged.wait(50)
    assert [each.order_id for each in hedged.news(command.parent_id)] == [before]


def test_a_cancelled_parent_leaves_nothing_at_the_venue() -> None:
    hedged = Hedged()
    hedged.start()
    command = hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=10_000)
    hedged.say(msgspec.structs.replace(command, revision=2, cancelled=True))
    hedged.wait(100)
    assert hedged.resting() == {"mm1": 0, "mm2": 0}
    assert hedged.hedges_told()[-1].state is HedgeState.CANCELLED


def test_a_child_that_is_taken_back_before_it_was_sent_is_followed_by_another() -> None:
    """What is halted in the turn in which it was entered never leaves, and nobody but its batch knows."""
    hedged = Hedged()
    hedged.start()
    hedged.hold = True
    command = hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=100)
    trader = hedged.quoter("mm1").trader
    ((_, first),) = hedged.hedges.parents.children(command.parent_id)
    order = trader.orders.get(first)
    assert order is not None
    trader.orders.withdraw(order)
    hedged.wait(150)
    ((_, second),) = hedged.hedges.parents.children(command.parent_id)
    assert [child_of(each) for each in (first, second)] == [1, 2], "not after a wait, as when a child is refused"


@pytest.mark.parametrize(
    "halt", ["global:manual", "bot-3:manual", "venue-degen:manual", "account-mm1:manual", "currency-BTC:manual"]
)
def test_a_halt_keeps_children_in_and_cancels_what_rests(halt: str) -> None:
    hedged = Hedged()
    hedged.start()
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=100)
    assert hedged.resting()["mm1"] == 1
    hedged.halts = [halt]
    hedged.wait(300)
    assert hedged.resting()["mm1"] == 0
    assert f"halted: {halt}" in hedged.hedges_told()[-1].reason
    hedged.halts = []
    hedged.wait(300)
    assert hedged.resting()["mm1"] == 1


def test_a_halt_that_spares_hedges_does_not_keep_them_in() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.halts = ["bot-3:daily_loss"]
    hedged.wait(100)
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=10_000, spared_halts=["daily_loss"])
    told: dict[str, Any] = {"actor": "risk", "detail": "", "halt_id": "1", "cancels": True, "ts_ns": hedged.now_ns}
    hedged.tell(Halt(scope="bot-3", reason="daily_loss", **told), 9)
    hedged.wait(1_000)
    assert [order.status for order in hedged.children()] == ["open"]
    hedged.tell(Halt(scope="bot-3", reason="manual", **told), 10)
    hedged.wait(200)
    assert hedged.resting()["mm1"] == 0


def test_the_venue_with_the_best_price_after_fees_and_with_coins_is_taken() -> None:
    hedged = Hedged()
    hedged.start()
    for account in ("mm1", "mm2"):
        hedged.offer(LOT, account)
    trader = hedged.quoter("mm1").trader
    trader.collateral.on_money(CashBalance("BTC", D("0.25"), 1_000_000))
    hedged.command(venues=[here("mm1"), here("mm2")], quantity=D("0.5"))
    hedged.wait(500)
    assert hedged.sold() == D("0.5")
    assert hedged.hedges_told()[-1].state is HedgeState.DONE


def test_without_coins_nothing_is_sold_and_the_reason_is_said() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.quoter("mm1").trader.collateral.on_money(CashBalance("BTC", D(0), 1_000_000))
    hedged.command()
    hedged.wait(300)
    assert hedged.children() == []
    assert "funds or limits allow 0" in hedged.hedges_told()[-1].reason


def test_a_child_never_trades_with_an_order_of_ours_in_another_account() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.command(side=Side.BUY, style=ExecutionStyle.PASSIVE, resend_ms=10_000)
    assert hedged.resting()["mm1"] == 1
    bid = D(hedged.children()[0].price)
    hedged.offer(LOT, "mm2")
    hedged.book(bid=f"{bid}", ask="60000")
    hedged.command(scope="bot-4", account="mm2", venues=[here("mm2")])
    hedged.wait(500)
    assert all(D(order.price) > bid for order in hedged.children("mm2"))


def test_a_market_that_closes_takes_its_children_with_it() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=100)
    hedged.tell(hedged.market(MarketStatus.CLOSED), 3)
    hedged.wait(200)
    assert hedged.resting()["mm1"] == 0
    assert hedged.hedges_told()[-1].reason.endswith("the market is closed")


def test_a_command_said_twice_is_worked_once_and_answered_again() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.offer(100 * LOT)
    command = hedged.command()
    before = len(hedged.hedges_told())
    hedged.say(command)
    hedged.wait(500)
    assert hedged.sold() == 1
    assert len(hedged.hedges_told()) == before + 1


def test_an_update_that_the_broker_does_not_take_is_told_again() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.offer(LOT)
    hedged.command()
    done = hedged.hedges_told()[-1]
    hedged.carry(hedged.core.on_refused(done, "the stream is full", hedged.receipt()))
    again = hedged.hedges_told()[-1]
    assert (again.state, again.done, again.update_sequence) == (HedgeState.DONE, D(1), done.update_sequence + 1)


def test_of_a_parent_the_newest_revision_alone_is_there_after_a_death() -> None:
    hedged = Hedged()
    hedged.start()
    command = hedged.command(quantity=D(5), expires_at_ns=hedged.now_ns + 1)
    hedged.die()
    newest = msgspec.structs.replace(
        command, revision=4, quantity=D("0.7"), expires_at_ns=hedged.now_ns + 30_000_000_000, ts_ns=hedged.now_ns
    )
    hedged.commands[newest.scope, newest.account] = newest
    hedged.offer(100 * LOT)
    hedged.start()
    hedged.wait(300)
    assert (hedged.sold(), hedged.hedges_told()[-1].revision) == (D("0.7"), 4)


def test_what_goes_wrong_in_a_scope_cancels_its_hedge_alone_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hedged = Hedged()
    hedged.start()
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=100)
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=100, scope="bot-4", account="mm2", venues=[here("mm2")])
    sound = standing_of

    def fails_for_bot_3(trader: Trader, command: OrderCommand, *rest: Any) -> Any:
        if command.scope == "bot-3":
            raise KeyError("a fault of ours")
        return sound(trader, command, *rest)

    monkeypatch.setattr("quoter.hedging.hedges.standing_of", fails_for_bot_3)
    hedged.wait(2_500)
    assert hedged.resting() == {"mm1": 0, "mm2": 1}
    (told,) = (alert for alert in hedged.of(Alert) if alert.kind == "hedging_failed")
    assert (told.algo_id, told.level.value) == ("3", "critical")
    assert told.text == "bot-3: cancelled, tried again in 1 s: KeyError: 'a fault of ours'"
    assert "our own code failed" in [each for each in hedged.hedges_told() if each.scope == "bot-3"][-1].reason
    assert "account_failed" not in {alert.kind for alert in hedged.of(Alert)}
    monkeypatch.setattr("quoter.hedging.hedges.standing_of", sound)
    hedged.wait(4_100)
    assert hedged.resting() == {"mm1": 1, "mm2": 1}
    assert [each for each in hedged.hedges_told() if each.scope == "bot-3"][-1].reason == ""


def test_what_goes_wrong_in_telling_cancels_all_hedges_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hedged = Hedged()
    hedged.start()
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=100)
    with monkeypatch.context() as broken:
        broken.setattr(hedged.hedges.parents, "updates", None)
        hedged.wait(500)
        assert hedged.resting()["mm1"] == 0
    assert [alert.algo_id for alert in hedged.of(Alert) if alert.kind == "hedging_failed"] == ["platform"]
    hedged.wait(2_000)
    assert hedged.resting()["mm1"] == 1


def test_nothing_is_looked_at_while_no_parent_is_open() -> None:
    hedged = Hedged()
    hedged.start()
    assert not hedged.hedges.due
    hedged.book()
    hedged.wait(100)
    hedged.book()
    assert not hedged.hedges.due
    assert hedged.hedges_told() == []


# --- deaths ---------------------------------------------------------------------------------------------------------


def test_a_process_that_dies_with_a_resting_child_goes_on_with_the_rest() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.command(style=ExecutionStyle.PASSIVE, resend_ms=500)
    (order,) = hedged.children()
    hedged.venues["mm1"].fill(order, 4_000)
    hedged.die()
    hedged.start()
    hedged.wait(700)
    sizes = [each.size for each in hedged.children()]
    assert sizes == [LOT, 6_000]
    assert hedged.hedges_told()[-1].done == D("0.4")


def test_a_child_that_was_sent_in_the_moment_of_a_death_is_known_by_its_id() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.offer(6_000)
    command = hedged.command(resend_ms=500)
    assert hedged.sold() == D("0.6")
    # Nothing of it reached the bus: neither that it was sent, nor what it did.
    hedged.told.clear()
    hedged.die()
    hedged.offer(100 * LOT)
    hedged.start()
    hedged.wait(1_000)
    assert [(fill.algo_id, fill.parent_id) for fill in hedged.of(Fill)] == [("3", command.parent_id)] * 2
    assert hedged.sold() == 1
    assert "unknown_fill" not in [alert.kind for alert in hedged.of(Alert)]


def test_a_process_that_dies_after_everything_was_done_does_it_no_second_time() -> None:
    hedged = Hedged()
    hedged.start()
    hedged.offer(100 * LOT)
    hedged.command()
    hedged.die()
    hedged.offer(100 * LOT)
    hedged.start()
    hedged.wait(500)
    assert hedged.sold() == 1


def test_a_quoter_that_fails_is_followed_by_one_that_knows_the_children() -> None:
    hedged = Hedged()
    hedged.start()
    command = hedged.command(venues=[here("mm1"), here("mm2")], style=ExecutionStyle.PASSIVE, resend_ms=500)
    (order,) = hedged.children()
    hedged.venues["mm1"].fill(order, 4_000)
    hedged.carry(hedged.core.on_lost("mm1", hedged.receipt()))
    hedged.tell(command)
    hedged.read_back("mm1")
    hedged.hold_lease("mm1")
    hedged.wait(1_000)
    assert hedged.sold() == D("0.4")
    assert (
        sum(each.size for each in hedged.children() if each.status == "open")
        + sum(each.size for each in hedged.children("mm2") if each.status == "open")
        == 6_000
    )
