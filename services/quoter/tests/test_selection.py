"""Which markets a bot works on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from quoter.selection import Candidate, select


def market(symbol: str, seconds_left: float, exposure: int = 0, *, managed: bool = False) -> Candidate:
    return Candidate(symbol, seconds_left, 300.0, exposure, managed)


def test_b26_all_are_scored_before_the_best_are_taken() -> None:
    found = select([market("a", 100), market("b", 290), market("c", 200)], 2, 60, 1_000)
    assert found == ["b", "c"]


def test_a_market_with_inventory_or_orders_always_stays() -> None:
    found = select([market("new", 290), market("old", 10, 500, managed=True)], 1, 60, 1_000)
    assert found == ["old"]


def test_a_market_with_too_little_life_is_not_taken_up() -> None:
    assert select([market("late", 59.9)], 5, 60, 1_000) == []


def test_ties_are_broken_by_name_not_by_order_of_arrival() -> None:
    one, two = market("a", 200), market("b", 200)
    assert select([two, one], 1, 60, 1_000) == select([one, two], 1, 60, 1_000) == ["a"]


def test_less_exposure_is_preferred() -> None:
    assert select([market("full", 200, 300), market("empty", 200)], 1, 60, 1_000) == ["empty"]


candidates = st.lists(
    st.builds(
        Candidate,
        st.text("abc", min_size=1, max_size=3),
        st.floats(0, 300),
        st.just(300.0),
        st.integers(0, 500),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda each: each.symbol,
)


@given(candidates, st.integers(1, 5), st.randoms())
def test_selection_is_bounded_stable_and_keeps_what_is_managed(
    found: list[Candidate], most: int, random: object
) -> None:
    chosen = select(found, most, 60, 1_000)
    managed = {each.symbol for each in found if each.managed}
    assert managed <= set(chosen)
    assert len(chosen) <= max(most, len(managed))
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert select(shuffled, most, 60, 1_000) == chosen
