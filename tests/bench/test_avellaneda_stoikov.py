"""The published table comes out of the project's own functions, and a wrong formula would not give it."""

from __future__ import annotations

import avellaneda_stoikov
import pytest
from avellaneda_stoikov import PUBLISHED, Row, simulated


@pytest.mark.parametrize("printed", PUBLISHED, ids=lambda row: f"{row.gamma:g} {row.strategy}")
def test_the_published_table_is_reproduced(printed: Row) -> None:
    ours = simulated(printed.gamma, printed.strategy, paths=6_000, seed=7)
    assert ours.profit == pytest.approx(printed.profit, rel=0.02)
    assert ours.profit_sd == pytest.approx(printed.profit_sd, rel=0.10)
    assert ours.shares_sd == pytest.approx(printed.shares_sd, rel=0.10)


def test_without_the_lean_against_the_inventory_the_table_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avellaneda_stoikov, "avellaneda_stoikov_price", lambda mid, *_: mid)
    ours = simulated(0.1, "inventory", paths=2_000, seed=7)
    assert ours.profit_sd > 1.5 * 6.6
