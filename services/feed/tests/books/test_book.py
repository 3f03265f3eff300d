"""The local book against a naive one, and the proofs it has to pass."""

from __future__ import annotations

from feed.books.book import LocalBook
from feed.books.sync import BUFFER_DIFFS_MAX, BookSync, Outcome
from feed.messages import Diff, Levels, Snapshot
from hypothesis import given
from hypothesis import strategies as st

bid_prices = st.integers(1, 40).map(float)
ask_prices = st.integers(41, 80).map(float)
sizes = st.integers(0, 5).map(float)
bid_levels = st.lists(st.tuples(bid_prices, sizes), max_size=12)
ask_levels = st.lists(st.tuples(ask_prices, sizes), max_size=12)
changes = st.lists(st.tuples(bid_levels, ask_levels), max_size=20)


def naive(levels: list[Levels], best_first: int, depth: int = 0) -> Levels:
    """Apply lists of levels one by one to a plain dict and sort it when asked."""
    book: dict[float, float] = {}
    for each in levels:
        book.update(each)
        book = {price: size for price, size in book.items() if size > 0}
        if depth:
            book = dict(sorted(book.items(), key=lambda level: -best_first * level[0])[:depth])
    return sorted(book.items(), key=lambda level: -best_first * level[0])


@given(changes)
def test_it_holds_what_a_naive_book_holds(history: list[tuple[Levels, Levels]]) -> None:
    book = LocalBook()
    for bids, asks in history:
        book.apply(bids, asks)
    assert book.bids.top(100) == naive([bids for bids, _ in history], 1)
    assert book.asks.top(100) == naive([asks for _, asks in history], -1)


@given(changes, st.integers(1, 6))
def test_a_limited_book_forgets_the_far_levels_after_each_change(
    history: list[tuple[Levels, Levels]], depth: int
) -> None:
    book = LocalBook(depth)
    for bids, asks in history:
        book.apply(bids, asks)
    assert book.bids.top(100) == naive([bids for bids, _ in history], 1, depth)
    assert book.asks.top(100) == naive([asks for _, asks in history], -1, depth)


@given(bid_levels, ask_levels, st.integers(0, 8))
def test_the_best_levels_come_best_first(bids: Levels, asks: Levels, count: int) -> None:
    book = LocalBook()
    book.load(bids, asks)
    assert [level.price for level in book.bids.levels(count)] == sorted(book.bids.sizes, reverse=True)[:count]
    assert [level.price for level in book.asks.levels(count)] == sorted(book.asks.sizes)[:count]
    assert book.best()[0] == max(book.bids.sizes, default=0.0)
    assert book.best()[1] == min(book.asks.sizes, default=0.0)


def test_a_level_whose_removal_nobody_expected_is_no_trouble() -> None:
    book = LocalBook()
    book.load([(10.0, 1.0)], [(11.0, 1.0)])
    book.apply([(9.0, 0.0)], [(12.0, 0.0)])
    assert book.best() == (10.0, 11.0, 1.0, 1.0)


def chain(first_id: int, lengths: list[int]) -> list[Diff]:
    """Return changes that follow each other without a gap, each raising the best bid's size."""
    diffs: list[Diff] = []
    for number, length in enumerate(lengths):
        diffs.append(Diff("X", [(10.0, 1.0 + number)], [], first_id, first_id + length - 1))
        first_id += length
    return diffs


WHOLE = Snapshot("X", [(10.0, 0.5)], [(11.0, 1.0)], last_id=100)
lengths = st.lists(st.integers(1, 5), min_size=3, max_size=30)


@given(lengths)
def test_changes_that_follow_each_other_are_all_applied(steps: list[int]) -> None:
    sync = BookSync()
    sync.on_snapshot(WHOLE)
    assert {sync.on_diff(diff) for diff in chain(101, steps)} == {Outcome.APPLIED}
    assert sync.book.bids.best() == (10.0, float(len(steps)))
    assert sync.last_id == 100 + sum(steps)


@given(lengths, st.data())
def test_a_lost_change_is_always_noticed(steps: list[int], data: st.DataObject) -> None:
    diffs = chain(101, steps)
    lost = data.draw(st.integers(0, len(diffs) - 2))
    sync = BookSync()
    sync.on_snapshot(WHOLE)
    outcomes = [sync.on_diff(diff) for number, diff in enumerate(diffs) if number != lost]
    assert outcomes[:lost] == [Outcome.APPLIED] * lost
    assert outcomes[lost] is Outcome.GAP
    assert not sync.synced


@given(lengths, st.data())
def test_buffered_changes_are_joined_to_the_snapshot_wherever_it_falls(steps: list[int], data: st.DataObject) -> None:
    diffs = chain(101, steps)
    last_id = data.draw(st.integers(100, diffs[-1].last_id))
    sync = BookSync(buffered=True)
    assert {sync.on_diff(diff) for diff in diffs} == {Outcome.BUFFERED}
    assert sync.on_snapshot(WHOLE._replace(last_id=last_id)) in (Outcome.APPLIED, Outcome.IGNORED)
    assert sync.synced
    assert sync.last_id == diffs[-1].last_id
    newest_size = 0.5 if last_id == diffs[-1].last_id else float(len(diffs))
    assert sync.book.bids.best() == (10.0, newest_size)


@given(lengths, st.data())
def test_changes_told_twice_by_two_connections_count_once(steps: list[int], data: st.DataObject) -> None:
    diffs = chain(101, steps)
    sync = BookSync()
    sync.on_snapshot(WHOLE)
    for number, diff in enumerate(diffs):
        assert sync.on_diff(diff) is Outcome.APPLIED
        assert sync.on_diff(diffs[data.draw(st.integers(0, number))]) is Outcome.IGNORED
    assert sync.book.bids.best() == (10.0, float(len(diffs)))


def test_a_snapshot_older_than_the_first_change_kept_is_refused() -> None:
    sync = BookSync(buffered=True)
    sync.on_diff(Diff("X", [], [], 105, 107))
    assert sync.on_snapshot(WHOLE) is Outcome.TOO_OLD
    assert not sync.synced
    assert sync.on_snapshot(WHOLE._replace(last_id=104)) is Outcome.APPLIED
    assert sync.last_id == 107


def test_a_gap_among_buffered_changes_keeps_the_later_ones_for_the_next_snapshot() -> None:
    sync = BookSync(buffered=True)
    for first, last in ((101, 101), (103, 104), (105, 106)):
        sync.on_diff(Diff("X", [(10.0, float(last))], [], first, last))
    assert sync.on_snapshot(WHOLE) is Outcome.GAP
    assert sync.waiting == 2
    assert sync.on_snapshot(WHOLE._replace(last_id=103)) is Outcome.APPLIED
    assert sync.book.bids.best() == (10.0, 106.0)


def test_a_crossed_book_is_not_believed() -> None:
    sync = BookSync()
    assert sync.on_snapshot(WHOLE) is Outcome.APPLIED
    assert sync.on_diff(Diff("X", [(11.0, 1.0)], [])) is Outcome.CROSSED
    assert not sync.synced
    assert sync.on_snapshot(Snapshot("X", [(12.0, 1.0)], [(11.0, 1.0)])) is Outcome.CROSSED


def test_a_checksum_that_differs_is_not_believed() -> None:
    sync = BookSync(checksum=lambda book: len(book.bids.prices))
    assert sync.on_snapshot(WHOLE._replace(checksum=1)) is Outcome.APPLIED
    assert sync.on_diff(Diff("X", [(9.0, 1.0)], [], checksum=2)) is Outcome.APPLIED
    assert sync.on_diff(Diff("X", [(8.0, 1.0)], [], checksum=2)) is Outcome.CHECKSUM
    assert not sync.synced


def test_changes_wait_in_a_bounded_buffer() -> None:
    sync = BookSync(buffered=True)
    for number in range(BUFFER_DIFFS_MAX + 10):
        sync.on_diff(Diff("X", [], [], number + 1, number + 1))
    assert sync.waiting == BUFFER_DIFFS_MAX
    assert sync.on_snapshot(WHOLE._replace(last_id=5)) is Outcome.TOO_OLD
