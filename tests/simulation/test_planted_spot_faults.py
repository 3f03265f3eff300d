"""Faults planted into what happens to a coin: each is caught by a checker of money, of fills or of what rests."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.events import Fill, Posting, PostingKind
from common.instruments import Outcome
from quoter.venues.base import Execution, Reversal
from toolkit.simulation import cores
from toolkit.simulation.scenario import Scenario
from toolkit.simulation.world import NS_PER_S, START_NS, World

pytestmark = pytest.mark.timeout(900)

REVERSED_AT_S = 30
Effects = Iterator[Any]


def a_world() -> World:
    return World(Scenario(3, market_s=30, calm_s=20.0, end_s=60.0, spot=True))


def caught(world: World | None = None) -> set[str]:
    """Return the kinds of findings of a run."""
    return set((world or a_world()).run().findings.kinds)


def plant(monkeypatch: pytest.MonkeyPatch, change: Callable[[Fill], list[Fill]]) -> None:
    """Let the quoter publish something else in place of each fill of a coin."""
    blotter = importlib.import_module("quoter.trading.blotter").Blotter
    honest: Callable[..., Effects] = blotter._on_execution

    def faulty(self: Any, execution: Execution, now_ns: int) -> Effects:
        for effect in honest(self, execution, now_ns):
            coin = isinstance(effect, Fill) and effect.outcome is Outcome.NONE
            yield from change(effect) if coin else [effect]

    monkeypatch.setattr(blotter, "_on_execution", faulty)


def test_the_unplanted_run_finds_nothing() -> None:
    assert caught() == set()


def test_a_fee_in_the_coin_instead_of_dollars_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, lambda fill: [msgspec.structs.replace(fill, fee_currency=fill.instrument.base)])
    assert {"lost_fill", "cash"} <= caught()


def test_a_fee_booked_in_the_coin_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = importlib.import_module("risk.ledger.books").Ledger
    honest = ledger._book_fill
    monkeypatch.setattr(
        ledger,
        "_book_fill",
        lambda self, fill: honest(self, msgspec.structs.replace(fill, fee_currency=fill.instrument.base or "USD")),
    )
    assert "cash" in caught()


def test_a_fee_that_is_taken_for_a_rebate_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, lambda fill: [msgspec.structs.replace(fill, fee=-fill.fee)])
    assert {"lost_fill", "cash"} <= caught()


def test_a_fill_of_a_coin_that_is_published_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    count = itertools.count(1)

    def doubled(fill: Fill) -> list[Fill]:
        again = msgspec.structs.replace(fill, venue_trade_id=f"{fill.venue_trade_id}0")
        return [fill, again] if next(count) == 3 else [fill]

    plant(monkeypatch, doubled)
    assert {"invented_fill", "cash"} <= caught()


def test_a_fill_of_a_coin_that_is_never_published_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    count = itertools.count(1)
    plant(monkeypatch, lambda fill: [] if next(count) == 3 else [fill])
    assert {"lost_fill", "cash"} <= caught()


def test_lots_of_a_coin_that_are_taken_for_units_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = importlib.import_module("risk.ledger.books").Ledger
    honest = ledger._book_fill

    def heavier(self: Any, fill: Fill) -> Any:
        terms = msgspec.structs.replace(fill.instrument, lot_size=10 * fill.instrument.lot_size)
        return honest(self, msgspec.structs.replace(fill, instrument=terms) if fill.instrument.base else fill)

    monkeypatch.setattr(ledger, "_book_fill", heavier)
    assert "cash" in caught()


def test_an_order_that_the_quoter_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = importlib.import_module("toolkit.simulation.cores")
    honest = cores.known_orders
    monkeypatch.setattr(cores, "known_orders", lambda *told: set(sorted(honest(*told))[:-1]))
    assert "unknown_order" in caught()


# --- a trade that the venue takes back ------------------------------------------------------------------------------


def taken_back(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a run in which the venue takes back the first trade of a coin, and tells the quoter so."""
    blotter = importlib.import_module("quoter.trading.blotter").Blotter
    honest: Callable[..., Effects] = blotter._on_execution
    seen: list[Execution] = []

    def noting(self: Any, execution: Execution, now_ns: int) -> Effects:
        if execution.outcome is Outcome.NONE:
            seen.append(execution)
        return honest(self, execution, now_ns)

    monkeypatch.setattr(blotter, "_on_execution", noting)
    world = a_world()

    def take_back() -> None:
        execution = seen[0]
        entries = [
            (currency, row)
            for currency in ("USD", "BTC", "ETH")
            for _, row in world.account.statement(currency).rows
            if row["trade_id"] == execution.trade_id
        ]
        assert len(entries) == 3, "coins, dollars and a fee"
        world.network.venue_does(lambda venue: post_back(venue, entries))
        report = Reversal(execution._replace(account_sequence=world.account.sequence), "taken back")
        quoter = world.nodes["quoter"]
        quoter.call(lambda receipt: cores.quoter_of(quoter.core, "mm1")._relay([report], receipt.now_ns))

    def post_back(venue: Any, entries: list[tuple[str, Any]]) -> list[object]:
        for currency, row in entries:
            units = int(-Decimal(row["amount"]).scaleb(6 if currency == "USD" else 8))
            venue.order_entry.spot.books.post(world.account, "trade", currency, units, world.schedule.now_ns)
        outputs: list[object] = venue.outputs()
        return outputs

    world.schedule.at(START_NS + REVERSED_AT_S * NS_PER_S, take_back)
    return world


def test_a_trade_that_is_taken_back_leaves_every_currency_right(monkeypatch: pytest.MonkeyPatch) -> None:
    world = taken_back(monkeypatch)
    assert caught(world) == set()
    assert [True for _ in world.bus.stored("fill.posting.mm1.2")], "the reversal is the bot's"


def test_a_reversal_that_is_lost_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    world = taken_back(monkeypatch)
    blotter = importlib.import_module("quoter.trading.blotter").Blotter
    honest: Callable[..., Effects] = blotter._on_reversal
    monkeypatch.setattr(
        blotter,
        "_on_reversal",
        lambda self, report, now_ns: [
            effect
            for effect in honest(self, report, now_ns)
            if not (isinstance(effect, Posting) and effect.kind is PostingKind.REVERSAL)
        ],
    )
    assert "cash" in caught(world)
