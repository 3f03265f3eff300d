"""The best policy in thin flow: what it trades off, and that the quoter's bounds are those of it."""

from __future__ import annotations

import pytest
from thin_flow import WEIGHTS, best, main


def test_who_wants_more_volume_at_the_same_risk_pays_for_it() -> None:
    careful, eager = best(*WEIGHTS[0], 0.1), best(*WEIGHTS[3], 0.1)
    assert eager.volume > 1.1 * careful.volume
    assert eager.profit < careful.profit
    assert eager.beyond == pytest.approx(careful.beyond, abs=0.01)


def test_the_dearer_a_rest_the_less_is_held_and_the_more_comes_the_more() -> None:
    cheap, dear, busy = best(0.1, 100.0, 0.1), best(0.1, 1_000.0, 0.1), best(0.1, 1_000.0, 0.3)
    assert dear.beyond < cheap.beyond
    assert dear.volume < cheap.volume < busy.volume
    assert dear.bounds[200] < cheap.bounds[200]
    assert dear.bounds[200] < busy.bounds[200]


def test_r66_the_quoters_bounds_are_those_of_the_best_policy() -> None:
    aimed = [figure for figure in main([]) if figure.aim]
    assert len(aimed) == 4
    assert all(figure.met for figure in aimed)
