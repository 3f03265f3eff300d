"""How many messages quoting costs: what is within tolerance stays, rates are kept, and no market is empty between."""

from __future__ import annotations

from typing import Any

from quoter.orders.budget import Budget
from quoter.testing.script import MS, Script, config


def started(**quoting: Any) -> Script:
    script = Script()
    script.start(config(quoting=quoting))
    script.wait(500, fair=0.505)
    return script


def items(script: Script, since: int = 0) -> list[dict[str, Any]]:
    frames = script.venue.received[since:]
    return [item for frame in frames if frame["op"] == "batch" for item in frame["items"]]


def ids(script: Script) -> set[str]:
    return {order.client_order_id for order in script.venue.open_orders()}


def test_b20_what_is_within_tolerance_keeps_its_place_in_the_queue_and_costs_nothing() -> None:
    script = started(price_tolerance_ticks=1, spacing=0.03)
    before, since = ids(script), len(script.venue.received)
    for step in range(200):
        script.now_ns += 10 * MS
        script.feed_inputs()
        script.fair(0.505 + 0.008 * (step % 3 - 1))
    assert ids(script) == before
    assert items(script, since) == []
    script.fair(0.535)
    assert ids(script) != before


def test_b20_a_price_that_moves_all_the_time_costs_a_cancel_and_an_order_per_level_that_moved() -> None:
    script = started()
    since, moves = len(script.venue.received), 50
    for step in range(moves):
        script.now_ns += 10 * MS
        script.feed_inputs()
        script.fair(0.505 + 0.01 * (step % 2 + 1))
    # Cancel-all and replace-all would be twelve a move; a tick needs one level less and one more on either side.
    assert len(items(script, since)) <= 4 * moves
    assert len(ids(script)) == 6


def test_b20_the_market_is_never_empty_between_two_targets() -> None:
    script = started()
    for step in range(100):
        script.wait(50, fair=0.505 + 0.01 * (4 - abs(step % 8 - 4)))
        assert script.venue.prices("yes")
        assert script.venue.prices("no")


def wild(script: Script, seconds: int) -> list[dict[str, Any]]:
    """Let the price jump far every 25 ms, and return everything that was sent."""
    since = len(script.venue.received)
    for step in range(seconds * 40):
        script.now_ns += 25 * MS
        script.feed_inputs()
        script.fair(0.30 if step % 2 else 0.70)
        if step % 2:
            script.carry(script.core.on_timer(script.receipt()))
    return items(script, since)


def test_b20_the_bucket_of_messages_bounds_what_a_wild_price_sends_and_cancels_are_not_starved() -> None:
    free, bounded = started(), started()
    bounded.core.trader.budget = Budget(40, 40)
    unbounded, sent = wild(free, 10), wild(bounded, 10)
    assert len(unbounded) > 1_000
    assert len(sent) <= 40 * 10 + 40
    assert sum(item["op"] == "cancel" for item in sent) >= len(sent) // 3
    # Nothing of the price of a moment ago is left for long.
    bounded.wait(2_000, fair=0.30)
    assert max(bounded.venue.prices("yes")) < "0.30"
    assert max(bounded.venue.prices("no")) < "0.70"
