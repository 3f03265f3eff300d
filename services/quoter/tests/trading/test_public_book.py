"""What a pass knows of the public book: its best prices for the collar, its middle as the reference for bounds."""

from __future__ import annotations

import pytest
from common.testing.limits import changed
from quoter.testing.ending import Rows, show
from quoter.testing.script import LIMITS, MARKET, Script, config


@pytest.mark.parametrize(
    ("bids", "asks", "reference"),
    [
        ([(0.48, 100.0), (0.47, 9.0)], [(0.56, 1.0)], 0.52),
        ([(0.48, 100.0)], [], None),
        ([], [(0.56, 1.0)], None),
        ([], [], None),
    ],
)
def test_the_reference_is_the_middle_of_a_book_with_both_sides(bids: Rows, asks: Rows, reference: float | None) -> None:
    script = Script()
    script.quoting(0.50)
    assert script.core.bots["1"].quoted[MARKET].context.reference is None, "no book has come yet"
    show(script, bids, asks)
    known = script.core.bots["1"].quoted[MARKET].context.reference
    assert known == (None if reference is None else pytest.approx(reference))


def test_a_new_configuration_does_not_forget_a_quiet_book() -> None:
    """The book collar held nothing back from a change of the configuration to the next change of the book."""
    script = Script()
    limits = changed(LIMITS, book_collar=0.10)
    script.start(config())
    show(script, [(0.90, 500.0)], [(0.95, 500.0)])
    script.carry(script.core.on_config(config(2), script.receipt(2)))
    for _ in range(12):
        script.now_ns += 50_000_000
        script.feed_inputs(limits=limits, revision=2)
        script.fair(0.68)
        script.carry(script.core.on_timer(script.receipt()))
    # Somebody bids 0.90 for what we would sell at 0.70.
    assert script.venue.prices("no") == []
    assert script.venue.prices("yes") == ["0.64", "0.65", "0.66"]
    assert script.core.trader.rejections["book_collar"] > 0
    assert script.core.bots["1"].quoted[MARKET].context.reference == pytest.approx(0.925)
