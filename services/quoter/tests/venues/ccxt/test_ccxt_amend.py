"""Amendments at a venue behind ccxt: one request, and what is told of it when the answer is a refusal or is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.instruments import Side
from common.orders import OrderState
from quoter.testing.ccxt.stages import BinanceStage, KrakenStage
from quoter.venues.base import Amending, Amendment, AmendRejected, OrderReport, Output, Unknown
from quoter.venues.rest_account import FINAL_MS

FROM, TO = 600_000, 600_050


@pytest.fixture
def stage() -> KrakenStage:
    stage = KrakenStage()
    stage.start()
    stage.wait(1_000)
    return stage


class Heard:
    """What the session tells, in order, beside what comes of it."""

    def __init__(self, stage: KrakenStage) -> None:
        self.stage, self.reports = stage, list[Output]()
        relay = stage.core._relay

        def noting(outputs: Any, now_ns: int) -> Any:
            for output in outputs:
                self.reports.append(output)
                yield from relay([output], now_ns)

        stage.core._relay = noting  # type: ignore[method-assign]

    def of(self, *kinds: type) -> list[Any]:
        return [each for each in self.reports if isinstance(each, kinds)]


def amendment(stage: KrakenStage, order_id: int, ticks: int = TO, lots: int = 120) -> Amendment:
    return Amendment(order_id, ticks, lots, stage.coin.tick_size, stage.coin.lot_size)


def amend(stage: KrakenStage, *amendments: Amendment, cancels: tuple[int, ...] = ()) -> None:
    """Send what the quoter's batch sends, which has counted the order at both prices before."""
    session = stage.session
    assert isinstance(session, Amending)
    for each in amendments:
        order = stage.orders.get(each.order_id)
        if order is not None and order.state is OrderState.LIVE:
            stage.orders.amend(order, (each.price_ticks, each.quantity_lots), None)  # type: ignore[arg-type]
    stage.carry(session.send_amended(list(cancels), list(amendments), [], stage.now_ns))
    stage.wait(50)


def stands(stage: KrakenStage, order_id: int) -> tuple[int, int, bool]:
    """Return where the quoter thinks that an order stands, and whether an amendment of it is on its way."""
    order = stage.orders.get(order_id)
    assert order is not None
    return order.price_ticks, order.quantity_lots, order.before is not None


def at_venue(stage: KrakenStage, order_id: int) -> tuple[Decimal, Decimal]:
    order = stage.order(order_id)
    return order.price, order.size


def resting(stage: KrakenStage) -> int:
    order_id = stage.place_coin(Side.BUY, FROM, 100)
    stage.wait(100)
    assert stage.state(order_id) is OrderState.LIVE
    return order_id


def test_an_amended_order_keeps_its_name_and_what_was_executed(stage: KrakenStage) -> None:
    order_id = resting(stage)
    stage.fill(order_id, 30)
    amend(stage, amendment(stage, order_id))
    assert at_venue(stage, order_id) == (stage.coin.price(TO), stage.coin.quantity(120))
    assert stands(stage, order_id) == (TO, 120, False)
    stage.fill(order_id, 90)
    stage.wait(100)
    assert stage.state(order_id) is OrderState.FILLED
    assert stage.filled(order_id) == 120
    assert [route for _, route, _ in stage.venue.requests].count("/AmendOrder") == 1


def test_a_refused_amendment_leaves_the_order_where_it_stood(stage: KrakenStage) -> None:
    order_id = resting(stage)
    heard = Heard(stage)
    stage.offer(TO, 50)
    amend(stage, amendment(stage, order_id))
    (refused,) = heard.of(AmendRejected)
    assert refused.order_id == order_id
    assert stands(stage, order_id) == (FROM, 100, False)
    assert at_venue(stage, order_id) == (stage.coin.price(FROM), stage.coin.quantity(100))
    assert stage.state(order_id) is OrderState.LIVE


def test_an_amendment_whose_answer_was_lost_stands_where_the_venue_says(stage: KrakenStage) -> None:
    order_id = resting(stage)
    heard = Heard(stage)
    stage.fault("answers_lost")
    amend(stage, amendment(stage, order_id))
    stage.fault("answers_lost", on=False)
    stage.wait(2_000)
    assert heard.of(Unknown)
    assert stands(stage, order_id) == (TO, 120, False)
    assert stage.state(order_id) is OrderState.LIVE


def test_an_amendment_that_never_arrived_leaves_the_order_and_another_one_is_taken_later(stage: KrakenStage) -> None:
    order_id = resting(stage)
    stage.fault("requests_lost")
    amend(stage, amendment(stage, order_id))
    stage.fault("requests_lost", on=False)
    stage.wait(2_000)
    assert stands(stage, order_id) == (FROM, 100, False)
    heard = Heard(stage)
    amend(stage, amendment(stage, order_id))
    assert [each.code for each in heard.of(AmendRejected)] == ["busy"], "the first one might still arrive"
    assert stands(stage, order_id) == (FROM, 100, False)
    stage.wait(FINAL_MS + 1_000)
    amend(stage, amendment(stage, order_id))
    assert stands(stage, order_id) == (TO, 120, False)
    assert at_venue(stage, order_id) == (stage.coin.price(TO), stage.coin.quantity(120))


def test_a_fill_that_was_faster_ends_the_order(stage: KrakenStage) -> None:
    order_id = resting(stage)
    heard = Heard(stage)
    stage.fill(order_id, 100, told=False)
    amend(stage, amendment(stage, order_id))
    stage.wait(2_000)
    assert [each.order_id for each in heard.of(AmendRejected)] == [order_id]
    assert stage.state(order_id) is OrderState.FILLED
    assert stage.filled(order_id) == 100


def test_an_amendment_waits_for_cancels_of_its_symbol(stage: KrakenStage) -> None:
    first, second = resting(stage), resting(stage)
    stage.hold = True
    stage.orders.step(stage.orders.get(first) or pytest.fail("it is known"), OrderState.CANCELLING)
    amend(stage, amendment(stage, second), cancels=(first,))
    assert "/AmendOrder" not in [route for _, route, _ in stage.venue.requests]
    stage.let_go()
    stage.wait(200)
    assert stands(stage, second) == (TO, 120, False)
    assert stage.state(first) is OrderState.CANCELLED


@pytest.mark.parametrize(("ticks", "lots"), [(TO, 1), (TO, 0)])
def test_what_the_venue_would_not_take_is_refused_here(stage: KrakenStage, ticks: int, lots: int) -> None:
    order_id = resting(stage)
    heard = Heard(stage)
    amend(stage, amendment(stage, order_id, ticks, lots))
    assert [each.code for each in heard.of(AmendRejected)] == ["invalid_order"]
    assert stands(stage, order_id) == (FROM, 100, False)


def test_what_never_rested_is_not_amended(stage: KrakenStage) -> None:
    heard = Heard(stage)
    amend(stage, amendment(stage, 12_345))
    assert [each.code for each in heard.of(AmendRejected)] == ["unknown_order"]


def test_a_session_that_is_lost_meanwhile_leaves_nothing_resting(stage: KrakenStage) -> None:
    order_id = resting(stage)
    stage.hold = True
    amend(stage, amendment(stage, order_id))
    stage.hold = False
    stage.cut()
    stage.wait(20_000)
    assert stage.session.reconciled
    assert stage.resting() == set()
    assert stage.state(order_id) is OrderState.CANCELLED
    assert not stands(stage, order_id)[2]


def test_where_the_venue_would_rename_an_order_nothing_is_amended() -> None:
    assert not isinstance(BinanceStage().session, Amending)


def test_news_of_before_the_amendment_says_nothing_against_it(stage: KrakenStage) -> None:
    order_id = resting(stage)
    known = stage.session.own_book.by_id(order_id)  # type: ignore[attr-defined]
    amend(stage, amendment(stage, order_id))
    heard = Heard(stage)
    before = at_venue(stage, order_id)
    stage.order(order_id).price = stage.coin.price(FROM)
    stage.venue.tell_order(stage.order(order_id))
    stage.deliver()
    stage.order(order_id).price = before[0]
    assert (known.price_ticks, known.quantity_lots) == (TO, 120)
    assert all(report.price_ticks == TO for report in heard.of(OrderReport))
    assert stands(stage, order_id) == (TO, 120, False)
