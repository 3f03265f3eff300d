"""Faults planted into the code under test: each kind of break must be caught by the checker that is there for it."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.core import Receipt
from common.events import BotLimits, Fill, PositionLimits, Posting
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from common.pretrade import Approved, CheckContext, NewOrder, PairInventory, PreTradeCheck
from common.testing.limits import changed
from common.testing.pretrade import (
    ACCOUNT_CURRENCY,
    BINARY_LIMITS,
    BTC,
    PAIR,
    SPOT_LIMITS,
    Before,
    beyond,
    binary_context,
    let_out,
    spot_context,
)
from toolkit.simulation.scenario import Scenario, Trouble, calm
from toolkit.simulation.world import World

from tests.simulation.histories import history

pytestmark = pytest.mark.timeout(900)

RUN_WITH_A_SET = """
from feed.service import Feed
def hashed(self, receipt):
    for name in set(self.venues):
        feed = self.venues[name]
        yield from self._guarded(feed, receipt.now_ns, feed.on_beat)
Feed.on_beat = hashed
from toolkit.simulation.scenario import Scenario
from toolkit.simulation.world import run_scenario
print(run_scenario(Scenario(3, market_s=20, calm_s=10.0, end_s=15.0)).history)
"""


def caught(scenario: Scenario) -> set[str]:
    """Return the kinds of findings of a run."""
    return set(World(scenario).run().findings.kinds)


def short(seed: int) -> Scenario:
    """A run without trouble, of half-minute markets: long enough for each fault that is planted here."""
    return Scenario(seed, market_s=30, calm_s=30.0, end_s=65.0)


def with_trouble(*troubles: Trouble) -> Scenario:
    scenario = short(3)
    scenario.troubles, scenario.calm_s = list(troubles), 45.0
    return scenario


def test_the_unplanted_run_finds_nothing() -> None:
    assert caught(with_trouble(Trouble("kill", 20.0, 0.5, "quoter"), Trouble("prices", 35.0, 6.0))) == set()


def test_a_fill_that_is_never_published_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    blotter = importlib.import_module("quoter.trading.blotter").Blotter
    honest: Callable[..., Iterator[Any]] = blotter._on_execution
    count = itertools.count(1)

    def forgetful(self: Any, execution: Any, now_ns: int) -> Iterator[Any]:
        for effect in honest(self, execution, now_ns):
            if not (isinstance(effect, Fill) and next(count) == 5):
                yield effect

    monkeypatch.setattr(blotter, "_on_execution", forgetful)
    assert "lost_fill" in caught(short(3))


def test_a_fill_that_is_published_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a stable message id, what recovery fetches again is stored again."""
    monkeypatch.setattr(Fill, "message_id", lambda fill: f"{fill.venue_trade_id}:{fill.ts_received_ns}:{fill.epoch}")
    assert "invented_fill" in caught(with_trouble(Trouble("kill", 20.0, 0.5, "quoter")))


def test_a_wrong_fee_in_the_ledger_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = importlib.import_module("risk.ledger.books")
    honest = ledger.Ledger._book_fill
    monkeypatch.setattr(
        ledger.Ledger,
        "_book_fill",
        lambda self, fill: honest(self, msgspec.structs.replace(fill, fee=-fill.fee)),
    )
    assert caught(short(3)) & {"cash", "halted"}


def test_a_merge_that_is_never_booked_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    blotter = importlib.import_module("quoter.trading.blotter").Blotter
    monkeypatch.setattr(blotter, "_book_conversion", lambda *_: iter(()))
    assert caught(calm(3)) & {"cash", "halted"}


def test_a_merge_that_is_booked_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    blotter = importlib.import_module("quoter.trading.blotter").Blotter
    honest: Callable[..., Iterator[Any]] = blotter._book_conversion
    count = itertools.count(1)

    def doubled(self: Any, report: Any, algo_id: str, now_ns: int) -> Iterator[Any]:
        for effect in honest(self, report, algo_id, now_ns):
            yield effect
            if isinstance(effect, Posting):
                yield msgspec.structs.replace(effect, entry_id=f"{effect.entry_id}:{next(count)}")

    monkeypatch.setattr(blotter, "_book_conversion", doubled)
    # Cash and pairs move together, so that the payout makes up for it: only a snapshot taken in between shows it.
    assert caught(calm(1)) & {"cash", "halted"}


def test_a_market_that_is_never_settled_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    markets = importlib.import_module("risk.binary.settlement").Markets
    monkeypatch.setattr(markets, "due", lambda self, ledger, now_ns: iter(()))
    assert "position" in caught(short(3))


def test_a_store_that_lags_behind_the_ledger_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    booking = importlib.import_module("risk.booking")
    honest = booking.changes

    def forgetful(ledger: Any, folded: Any) -> dict[str, bytes]:
        return {name: data for name, data in honest(ledger, folded).items() if not name.startswith("bot:")}

    monkeypatch.setattr(booking, "changes", forgetful)
    assert "store" in caught(short(3))


def test_an_order_left_resting_after_the_stop_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    degen = importlib.import_module("quoter.venues.degen.session").DegenSession

    def careless(self: Any, now_ns: int) -> list[Any]:
        self._ending = self._nothing_rests = True
        return []

    monkeypatch.setattr(degen, "cancel_all_and_confirm", careless)
    # The dead-man switch would clean up after a while; at the moment of the stop the orders are still there.
    assert "resting" in caught(short(3))


def unchecked(_: PreTradeCheck, order: NewOrder) -> Approved:
    """Approve whatever is wanted."""
    instrument = order.instrument
    on_axis = instrument.on_axis(order.side, order.price_ticks)
    money = instrument.money(order.price_ticks, order.quantity_lots)
    return Approved(order, on_axis, money, money)


def test_orders_beyond_the_limit_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    stance = importlib.import_module("quoter.binary.stance")
    world = importlib.import_module("toolkit.simulation.world")
    headroom = importlib.import_module("quoter.orders.diff").Headroom
    honest = world.bot_sections
    # A ladder that only fits because it is cut to the room there is.
    large = {"quoting": {"spread": 0.04, "size": 200, "levels": 2, "spacing": 0.01}}
    monkeypatch.setattr(world, "bot_sections", lambda market_s: honest(market_s) | large)
    assert caught(short(5)) == set()
    monkeypatch.setattr(stance, "headroom", lambda *_: headroom(100_000, 100_000))
    for name in ("within", "without_loss_beyond"):
        monkeypatch.setattr(stance, name, lambda free, *_: free)
    monkeypatch.setattr(PreTradeCheck, "of", unchecked)
    assert "limit" in caught(short(5))


# --- the instrument of an order, in the pre-trade check -------------------------------------------------------------

LOTS_OF_TEN = dataclasses.replace(BTC, lot_size=Decimal(10), min_lots=1)
IN_EUROS = dataclasses.replace(BTC, currency="EUR")


def let_out_beyond(
    context: CheckContext, limits: BotLimits, side: Side, ticks: int, sizes: Sequence[int], **order: Any
) -> set[str]:
    """Return what orders go beyond, by kind, that are asked for one after another and let out."""
    context.take_limits(limits, ACCOUNT_CURRENCY)
    instrument = order.get("instrument", context.instrument)
    wanted = [
        NewOrder(number, "1", "mm1", instrument, side, ticks + number, lots, 2_000) for number, lots in enumerate(sizes)
    ]
    before = Before(context.instrument)
    return {text.partition(":")[0] for text in beyond(let_out(wanted, context), before, limits)}


def bids_in(traded: Instrument, limits: BotLimits, **order: Any) -> set[str]:
    """Return the same of three bids in a spot market, the last of them beyond the limit on its position."""
    context = spot_context(traded=traded, limits=None)
    return let_out_beyond(context, limits, Side.BUY, 5_990_000, [4, 4, 4], **order)


def test_a_lot_that_is_ignored_in_a_position_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = changed(
        SPOT_LIMITS,
        positions={"BTC": PositionLimits(Decimal(100), Decimal(50))},
        **dict.fromkeys(("max_order_notional", "max_notional", "max_account_notional"), 1e9),
    )
    assert bids_in(LOTS_OF_TEN, limits) == set()
    monkeypatch.setattr(Instrument, "lots_within", lambda _, quantity: int(quantity))
    assert bids_in(LOTS_OF_TEN, limits) == {"position"}


def test_a_lot_that_is_ignored_in_money_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = changed(
        SPOT_LIMITS,
        positions={"BTC": PositionLimits(Decimal(1_000), Decimal(1_000))},
        **dict.fromkeys(("max_order_notional", "max_notional", "max_account_notional"), 3_000_000.0),
    )
    assert bids_in(LOTS_OF_TEN, limits) == set()
    monkeypatch.setattr(Instrument, "money", lambda self, ticks, lots: ticks * lots * float(self.tick_size))
    assert bids_in(LOTS_OF_TEN, limits) == {"notional"}


def test_a_currency_taken_for_the_accounts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bids_in(IN_EUROS, SPOT_LIMITS) == set()
    module = importlib.import_module("common.pretrade.context")
    honest = module.limits_in
    monkeypatch.setattr(module, "limits_in", lambda given, traded, _: honest(given, traded, traded.currency))
    assert bids_in(IN_EUROS, SPOT_LIMITS) == {"currency"}


def test_an_order_that_pays_another_currency_than_its_market_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bids_in(BTC, SPOT_LIMITS, instrument=IN_EUROS) == set()
    monkeypatch.setattr(Instrument, "is_same", lambda self, other: self.symbol == other.symbol)
    assert bids_in(BTC, SPOT_LIMITS, instrument=IN_EUROS) == {"currency"}


def test_no_outcome_taken_for_an_outcome_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    without = dataclasses.replace(PAIR.yes, kind=InstrumentKind.SPOT, outcome=Outcome.NONE, price_max=None)

    def bids() -> set[str]:
        context = binary_context(limits=None)
        return let_out_beyond(context, BINARY_LIMITS, Side.BUY, 44, [100, 100], instrument=without)

    assert bids() == set()
    honest = PairInventory.add_open
    monkeypatch.setattr(PairInventory, "trades", lambda *_: True)
    monkeypatch.setattr(
        PairInventory,
        "add_open",
        lambda self, outcome, side, lots: honest(self, Outcome.YES if outcome is Outcome.NONE else outcome, side, lots),
    )
    assert bids() == {"outcome"}


def test_quotes_from_a_stale_price_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    aggregation = importlib.import_module("pricer.sources.aggregation")
    monkeypatch.setattr(aggregation.Source, "age_ns", lambda self, now_ns: None if self.top is None else 0)
    monkeypatch.setattr(aggregation.Source, "forget", lambda self: None)
    monkeypatch.setattr(aggregation.VenueFeed, "up", lambda self, now_ns: True)
    monkeypatch.setattr(aggregation.VenueFeed, "stale", lambda self, symbol: False)
    assert "stale" in caught(with_trouble(Trouble("prices_and_rest", 20.0, 20.0)))


def test_an_error_in_a_core_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    risk = importlib.import_module("risk.service").Risk
    honest = risk.on_positions_due
    count = itertools.count(1)

    def broken(self: Any, receipt: Receipt) -> Any:
        assert next(count) != 7, "planted"
        return honest(self, receipt)

    monkeypatch.setattr(risk, "on_positions_due", broken)
    assert "crash" in caught(short(3))


def test_a_platform_that_does_not_come_back_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    degen = importlib.import_module("quoter.venues.degen.session").DegenSession
    monkeypatch.setattr(degen, "_connect", lambda self: [])
    assert "idle" in caught(short(3))


def test_an_order_that_depends_on_hashing_shows_in_the_history() -> None:
    """The planted iteration over a set gives another history under another hash seed; the honest code does not."""
    # A small set has few orders, so one pair of hash seeds may agree by chance; eight do not.
    first = history(RUN_WITH_A_SET, 0)
    assert any(history(RUN_WITH_A_SET, seed) != first for seed in range(1, 8))
