"""The profile of spot bots as a person starts it: four bots at named venues, with accounts at five."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from toolkit.testing.spot_trial import SpotTrial

pytestmark = pytest.mark.timeout(600)
SYMBOLS = {"BTCJPY", "ADAETH", "BTCUSD", "ETHUSD"}


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[SpotTrial]:
    found = SpotTrial(tmp_path)
    try:
        yield found
    finally:
        found.close()


def test_spot_bots_quote_at_named_venues_and_every_account_agrees(trial: SpotTrial) -> None:
    trial.start()
    trial.wait("bids and asks of all four bots", trial.two_sided)
    trial.wait("executions", lambda: sum(trial.fills_at_venue().values()) >= 5, 120)
    shown = trial.status()
    assert {bot["symbol"] for bot in shown["bots"] if bot["state"] == "quoting"} == SYMBOLS
    assert shown["halts"] == []
    assert "BTCJPY" in trial.mm("explain", "BTCJPY", "--json")
    half = ("transfer", "mm1-kraken", "mm1-dltxmm", "0.5", "BTC", "--why", "DLTXMM runs out", "--number", "7")
    assert "KRAKEN-DLTXMM-1: 0.50000000 BTC" in trial.mm(*half)
    assert "KRAKEN-DLTXMM-1: 0.50000000 BTC" in trial.mm(*half), "it is sent once"
    assert trial.command("quoter", "halt", {"scope": "global", "reason": "end", "actor": "test"}).is_success
    trial.wait("venues without orders of ours", lambda: not trial.open_orders())
    trial.wait("agreement of the books", lambda: not trial.books_agree())
    trial.stop()
