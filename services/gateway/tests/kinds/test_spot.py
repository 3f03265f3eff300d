"""What a spot bot's row says of its configuration, and when its price is ready."""

from __future__ import annotations

from common.events import SourcePrice
from common.testing.spot import ADAETH
from gateway.kinds.registry import bot_part, price_part


def test_its_row_names_its_instrument() -> None:
    assert bot_part("spot", ADAETH) == {"series": ["ADAETH"], "max_position": None}
    assert bot_part("spot", {}) == {"series": [], "max_position": None}


def test_a_price_that_nothing_may_be_quoted_from_is_not_ready() -> None:
    price = SourcePrice(algo_id="4", venue="bittrex_spot", symbol="ADAETH", bid=1.0, ask=2.0, age_ns=0)
    assert price_part(price)["ready"]
    unusable = SourcePrice(
        algo_id="4", venue="bittrex_spot", symbol="ADAETH", bid=1.0, ask=2.0, age_ns=0, unusable="BINANCE is crossed"
    )
    assert not price_part(unusable)["ready"]
