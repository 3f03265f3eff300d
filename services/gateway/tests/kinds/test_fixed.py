"""What a fixed bot's row says of its configuration."""

from __future__ import annotations

from gateway.kinds.registry import bot_part


def test_its_row_names_series_and_symbols() -> None:
    sections = {"instrument": {"series": ["BTC-5M"], "symbols": ["BTCUSD"]}, "binary": {"max_position": 500}}
    assert bot_part("fixed", sections) == {"series": ["BTC-5M", "BTCUSD"], "max_position": None}
    assert bot_part("fixed", {}) == {"series": [], "max_position": None}
