"""What is said of several venues together: the gravest word on money, every word on prices, and never a guess."""

from __future__ import annotations

import pytest
from common.provenance import provenance


@pytest.mark.parametrize(
    ("money", "prices", "label"),
    [
        ([], [], "UNKNOWN · UNKNOWN"),
        (["paper"], ["replay", "model", "replay"], "PAPER · MODEL, REPLAY"),
        (["paper", "unknown"], ["live"], "UNKNOWN · LIVE"),
        (["paper", "real"], ["live"], "REAL · LIVE"),
        (["paper"], [], "PAPER · UNKNOWN"),
    ],
)
def test_r50_unknown_is_said_as_unknown_and_real_money_outweighs_paper(
    money: list[str], prices: list[str], label: str
) -> None:
    assert provenance(money, prices)["label"] == label
