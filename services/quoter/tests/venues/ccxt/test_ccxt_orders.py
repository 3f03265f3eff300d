"""What became of an order, whatever the order of the news: each trade counts once, and what is over stays over."""

from __future__ import annotations

from decimal import Decimal

from common.events import Liquidity
from common.instruments import Side
from common.orders import OrderState
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.orders.own_orders import Order, Orders
from quoter.testing.ccxt.stages import BinanceStage
from quoter.venues.base import Execution, OrderReport, Placement
from quoter.venues.ccxt.orders import OwnBook
from quoter.venues.ccxt.words import WireOrder, WireTrade

STAGE = BinanceStage()
STAGE.start()
COIN = STAGE.coin
LOTS = 100
ORDER_ID = 77


def book() -> OwnBook:
    orders = Orders()
    orders.add(Order(ORDER_ID, "1", COIN.symbol, COIN.outcome, Side.BUY, 40, LOTS))
    found = OwnBook(orders, STAGE.dialect, lambda: STAGE.now_ns)
    found.add(Placement(ORDER_ID, COIN.symbol, COIN.outcome, Side.BUY, 40, LOTS, True), COIN, STAGE.now_ns)
    return found


def trade(number: int, lots: int, *, named: bool) -> WireTrade:
    client_id = str(ORDER_ID) if named else ""
    return WireTrade(
        *(str(number), "900", client_id, "BTC/USDT", Side.BUY, COIN.price(40), COIN.quantity(lots)),
        *(Liquidity.MAKER, Decimal(0), "", 1_000 + number),
    )


def snapshot(lots: int, *, over: bool) -> WireOrder:
    return WireOrder(
        "900", str(ORDER_ID), "BTC/USDT", COIN.quantity(lots), over=over, reason="canceled" if over else ""
    )


def take(found: OwnBook, news: WireOrder | WireTrade) -> OrderReport | Execution | None:
    if isinstance(news, WireOrder):
        return found.on_order(news)
    return found.on_trade(news, COIN, recovered=False)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_news_in_any_order_and_told_again_come_to_the_same(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=3), label="trades")
    done = sum(sizes)
    over = data.draw(st.booleans(), label="cancelled at last")
    news: list[WireOrder | WireTrade] = [trade(number, lots, named=True) for number, lots in enumerate(sizes, 1)]
    news += [snapshot(sum(sizes[:count]), over=False) for count in range(len(sizes) + 1)]
    news += [snapshot(done, over=True)] if over else []
    told = data.draw(st.permutations(news + news), label="news")
    found, reports, lots = book(), [], 0
    for each in told:
        came = take(found, each)
        if isinstance(came, Execution):
            lots += came.quantity_lots
            assert came.order_id == ORDER_ID
            assert 0 <= came.leaves_lots <= LOTS - lots
        elif came is not None:
            reports.append(came)
    assert lots == done
    assert found.newest_ms == 1_000 + len(sizes)
    assert not found.untraded
    executed = [report.executed_lots for report in reports]
    assert executed == sorted(executed)
    assert executed[-1] <= done
    assert [report.venue_sequence for report in reports] == list(range(1, len(reports) + 1))
    ended = [report.state.terminal for report in reports]
    assert ended == sorted(ended), "what is over stays over"
    assert ended[-1] is over


def test_an_order_filled_whole_is_filled_whatever_word_it_ends_in() -> None:
    report = book().on_order(snapshot(LOTS, over=True))
    assert report is not None and report.state is OrderState.FILLED


def test_an_execution_that_names_the_venues_id_alone_is_its_orders_once_that_is_known() -> None:
    found = book()
    assert found.find("900", "") is None
    found.on_order(snapshot(0, over=False))
    execution = found.on_trade(trade(1, 10, named=False), COIN, recovered=True)
    assert execution is not None and (execution.order_id, execution.recovered) == (ORDER_ID, True)


def test_an_order_executed_further_than_its_trades_say_is_kept_in_mind_until_they_do() -> None:
    found = book()
    found.on_order(snapshot(30, over=False))
    assert list(found.untraded) == [ORDER_ID]
    found.on_trade(trade(1, 30, named=True), COIN, recovered=True)
    assert not found.untraded
